/* The asking side of the control socket. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/control.h"
#include "base/buf.h"

static int connect_to(const char *data)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r = 0;

	int dir = open(data, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		r = -errno;
		close(dir);
		return r;
	}
	/* By way of the directory's descriptor, as the path itself may be longer than a socket's may. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control.sock", dir);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		r = -errno;
	close(dir);
	if (r)
		close(fd);
	return r ? r : fd;
}

static int send_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int recv_all(int fd, struct buf *ret)
{
	for (;;) {
		char *room = buf_reserve(ret, 1 << 16);
		if (!room)
			return -EPROTO;
		ssize_t n = recv(fd, room, 1 << 16, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		ret->len += (size_t)n;
	}
}

int control_ask(const char *data, const json_t *request, json_t **ret_answer)
{
	int fd = connect_to(data);
	struct buf in;

	if (fd < 0)
		return fd;
	char *text = json_dumps(request, JSON_COMPACT);
	buf_init(&in, ADMIN_REPLY_MAX + (1 << 17));
	int r = send_all(fd, text, strlen(text));
	if (!r)
		r = send_all(fd, "\n", 1);
	if (!r)
		r = recv_all(fd, &in);
	close(fd);
	free(text);
	if (!r) {
		*ret_answer = json_loadb(in.ptr ? in.ptr : "", in.len, JSON_ALLOW_NUL, NULL);
		if (!json_is_object(*ret_answer)) {
			json_decref(*ret_answer);
			r = -EPROTO;
		}
	}
	buf_done(&in);
	return r;
}
