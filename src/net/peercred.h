/* Who is at the other end of a unix socket: for the operator's socket. */
#pragma once

#include <sys/types.h>

struct sock;

struct peercred {
	uid_t uid;
	gid_t gid;
	pid_t pid; /* may be another process by now; for the log only */
};
/* As the kernel noted them at connect(). -ENOTSOCK for anything but a unix socket, or negative errno. */
int peercred_of(const struct sock *sock, struct peercred *ret);
