/* TLS over a descriptor, with OpenSSL.
 *
 * OpenSSL wants a write that found no room to be repeated with the same bytes, and may need to write in order to
 * read. Owners should know of neither. So its output goes through a BIO of ours that always takes
 * everything: to the kernel, or what does not fit there into @out, which is sent when there is room; until
 * then sock_send() takes nothing more. At most a record and a handshake's flight wait there. */
#include <assert.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/slab.h"
#include "net/internal.h"

enum {
	OUT_MAX = 256 << 10,
	RECORD_SIZE = 16 << 10, /* RFC 8446 5.1 */
};

struct sock_tls {
	struct sock sock;
	SSL *ssl;
	struct buf out;
	bool more;	   /* OpenSSL may hold input that it has not given us */
	bool send_needs_input; /* the handshake waits for the peer */
	bool ending;	     /* close_notify is made; after it the FIN */
	int error;	   /* negative errno, for good */
};

static struct sock_tls *tls_of(struct sock *sock)
{
	return container_of(sock, struct sock_tls, sock);
}

/* -- the BIO -- */

static int bio_read(BIO *bio, char *dst, int size)
{
	struct sock_tls *t = BIO_get_data(bio);
	ssize_t n = sock_fd_recv(t->sock.watch.fd, dst, (size_t)size);

	BIO_clear_retry_flags(bio);
	if (n > 0)
		return (int)n;
	if (n == -EAGAIN) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n < 0)
		t->error = (int)n;
	else
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return (int)MAX(n, -1);
}

static int bio_write(BIO *bio, const char *src, int size)
{
	struct sock_tls *t = BIO_get_data(bio);
	size_t sent = 0;

	BIO_clear_retry_flags(bio);
	if (t->out.len == 0) {
		ssize_t n = sock_fd_send(t->sock.watch.fd, src, (size_t)size);

		if (n < 0 && n != -EAGAIN) {
			t->error = (int)n;
			return -1;
		}
		sent = (size_t)MAX(n, 0);
	}
	buf_put(&t->out, src + sent, (size_t)size - sent);
	if (t->out.full) {
		/* A peer that makes us answer (key updates) and reads nothing. */
		t->error = -ENOBUFS;
		return -1;
	}
	return size;
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
	(void)number, (void)ptr;
	if (command == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

/* Made once and never changed afterwards. */
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *bio_method;

static void bio_method_make(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sock");
	assert(bio_method);
	BIO_meth_set_read(bio_method, bio_read);
	BIO_meth_set_write(bio_method, bio_write);
	BIO_meth_set_ctrl(bio_method, bio_ctrl);
	BIO_meth_set_create(bio_method, bio_create);
}

/* -- the sock -- */

/* What the kernel should tell, given what the owner waits for. */
static void tls_rearm(struct core *core, struct sock *sock)
{
	struct sock_tls *t = tls_of(sock);
	uint32_t events = sock->events & EPOLLIN;

	if (sock->events & EPOLLOUT)
		events |= t->send_needs_input ? EPOLLIN : EPOLLOUT;
	if (t->out.len)
		events |= EPOLLOUT;
	sock_arm(core, sock, events);
}

/* After any work of OpenSSL's: its output may wait now, its needs may have changed. */
static void tls_worked(struct sock_tls *t)
{
	struct sock *sock = &t->sock;

	tls_rearm(sock->core, sock);
	if (sock->ops->ready(sock))
		core_defer(sock->core, &sock->again);
}

/* A negative errno, or 0 for the end of the stream. */
static int tls_failure(struct sock_tls *t, int ret)
{
	int r = -EPROTO;

	switch (SSL_get_error(t->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN: r = 0; break;
	case SSL_ERROR_SYSCALL:
		/* No error of the descriptor: the stream ended in the middle of something. */
		r = t->error;
		break;
	default:
		if (t->error)
			r = t->error;
		break;
	}
	ERR_clear_error();
	return r;
}

static ssize_t tls_recv(struct sock *sock, void *dst, size_t size)
{
	struct sock_tls *t = tls_of(sock);
	size_t got = 0;
	ssize_t result;
	int r;

	if (t->error)
		return t->error;
	ERR_clear_error();
	r = SSL_read_ex(t->ssl, dst, size, &got);
	t->send_needs_input = false;
	t->more = r == 1 && SSL_has_pending(t->ssl);
	if (r == 1) {
		result = (ssize_t)got;
	} else {
		result = tls_failure(t, r);
		if (result < 0 && result != -EAGAIN)
			t->error = (int)result;
	}
	tls_worked(t);
	return result;
}

static void tls_flush(struct sock_tls *t)
{
	ssize_t n;

	if (t->out.len == 0)
		return;
	n = sock_fd_send(t->sock.watch.fd, t->out.ptr, t->out.len);
	if (n == -EAGAIN)
		return;
	if (n < 0) {
		t->error = (int)n;
		n = (ssize_t)t->out.len;
	}
	buf_consume(&t->out, (size_t)n);
	if (t->out.len)
		return;
	buf_done(&t->out); /* an idle connection holds no memory for it */
	if (t->ending)
		shutdown(t->sock.watch.fd, SHUT_WR);
}

static ssize_t tls_send(struct sock *sock, const void *src, size_t size)
{
	struct sock_tls *t = tls_of(sock);
	size_t sent = 0;
	int failed = 0;

	tls_flush(t);
	t->send_needs_input = false;
	ERR_clear_error();
	while (sent < size && t->out.len == 0 && !t->error) {
		size_t part = MIN(size - sent, RECORD_SIZE), took = 0;
		int r = SSL_write_ex(t->ssl, (const char *)src + sent, part, &took);

		if (r != 1) {
			failed = tls_failure(t, r);
			/* The stream ended before there could be a session. */
			if (failed == 0)
				failed = -EPIPE;
			break;
		}
		sent += took;
	}
	if (failed == -EAGAIN)
		t->send_needs_input = true;
	else if (failed && !t->error)
		t->error = failed;
	tls_worked(t);
	if (sent)
		return (ssize_t)sent;
	return t->error ? t->error : -EAGAIN;
}

static uint32_t tls_ready(struct sock *sock)
{
	struct sock_tls *t = tls_of(sock);

	if (t->error || (sock->events && !sock->watch.events))
		return sock->events;
	return t->more ? sock->events & EPOLLIN : 0;
}

static void on_tls_watch(struct core *core, struct watch *watch, uint32_t events)
{
	struct sock_tls *t = container_of(watch, struct sock_tls, sock.watch);
	uint32_t tell = events & EPOLLIN;

	if (events & (EPOLLERR | EPOLLHUP))
		events |= EPOLLIN | EPOLLOUT, tell = EPOLLIN | EPOLLOUT;
	if (events & EPOLLOUT)
		tls_flush(t);
	if (t->send_needs_input ? events & EPOLLIN : (events & EPOLLOUT) && t->out.len == 0)
		tell |= EPOLLOUT;
	tls_rearm(core, &t->sock);
	sock_tell(core, &t->sock, t->error ? EPOLLIN | EPOLLOUT : tell);
}

static void tls_end(struct sock *sock, bool closing)
{
	struct sock_tls *t = tls_of(sock);

	tls_flush(t);
	if (!t->error && !SSL_in_init(t->ssl)) {
		ERR_clear_error();
		SSL_shutdown(t->ssl); /* only says close_notify; the peer's is not waited for */
		ERR_clear_error();
	}
	t->ending = !closing;
	if (t->ending && t->out.len == 0)
		shutdown(sock->watch.fd, SHUT_WR);
}

static bool tls_unsent(struct sock *sock)
{
	struct sock_tls *t = tls_of(sock);

	return t->out.len > 0 && !t->error;
}

static ssize_t tls_drain(struct sock *sock, void *scratch, size_t size)
{
	struct sock_tls *t = tls_of(sock);

	t->more = false;
	return t->error ? t->error : sock_fd_recv(sock->watch.fd, scratch, size);
}

static void tls_detach(struct core *core, struct sock *sock)
{
	sock_arm(core, sock, 0);
}

static void tls_attach(struct core *core, struct sock *sock)
{
	(void)core, (void)sock;
}

static void tls_free(struct sock *sock)
{
	struct sock_tls *t = tls_of(sock);

	SSL_free(t->ssl);
	buf_done(&t->out);
	sock_done(sock);
}

static const struct sock_ops tls_ops = {
	.recv = tls_recv,
	.send = tls_send,
	.rearm = tls_rearm,
	.ready = tls_ready,
	.end = tls_end,
	.unsent = tls_unsent,
	.drain = tls_drain,
	.detach = tls_detach,
	.attach = tls_attach,
	.free = tls_free,
};

struct sock *sock_tls_new(struct core *core, int fd, struct tls *tls)
{
	struct sock_tls *t = slab_alloc(sizeof(*t));
	BIO *bio;

	pthread_once(&bio_once, bio_method_make);
	sock_init(&t->sock, &tls_ops, core, fd);
	t->sock.watch.run = on_tls_watch;
	t->sock.tls = true;
	buf_init(&t->out, OUT_MAX);
	t->ssl = tls_connection(tls);
	bio = BIO_new(bio_method);
	assert(t->ssl); /* as any small allocation: without memory the process ends */
	assert(bio);
	BIO_set_data(bio, t);
	SSL_set_bio(t->ssl, bio, bio);
	return &t->sock;
}
