#include "net/peercred.h"

#include <errno.h>
#include <sys/socket.h>

#include "net/sock.h"

int peercred_of(const struct sock *sock, struct peercred *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (!addr_is_unix(sock_peer(sock)) || sock_fd(sock) < 0)
		return -ENOTSOCK;
	if (getsockopt(sock_fd(sock), SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	*ret = (struct peercred){ cred.uid, cred.gid, cred.pid };
	return 0;
}
