#include "net/listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "net/internal.h"
#include "net/tls.h"

enum {
	BACKLOG = 4096, /* the kernel takes the smaller of this and net.core.somaxconn */
	TURN_ACCEPTS = 64,
	PAUSE_MS = 100, /* when the kernel is out of something */
	SAY_AGAIN_US = 60 * 1000 * 1000,
};

/* One core's share. */
struct port {
	struct listener *listener;
	struct core *core;
	struct watch watch; /* fd -1: closed */
	bool watching;
	int reserve_fd; /* given up for a moment when no descriptor is left; -1: lost */
	uint64_t said_us; /* when the log last heard that there is none; 0: never */
	struct timer pause;
	struct msg stop;
};

struct listener {
	struct listener_config config;
	struct addr address;
	char *unix_path;
	struct port *ports;
	uint32_t count;
};

static void on_accept_ready(struct core *core, struct watch *watch, uint32_t events);

/* -- the reserve: a descriptor of each port's, for the moment when there is no other -- */

/* Ports of the process whose reserve is given up just now, or lost. What comes free is theirs first: a connection that another
 * core accepts meanwhile would take it for good, and nobody who waits at the port without it would ever hear anything. */
static _Atomic uint32_t reserves_missing;

static void reserve_give_up(struct port *port)
{
	atomic_fetch_add(&reserves_missing, 1);
	close(port->reserve_fd);
	port->reserve_fd = -1;
}

/* False: something else has taken it. */
static bool reserve_take_back(struct port *port)
{
	port->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (port->reserve_fd < 0)
		return false;
	atomic_fetch_sub(&reserves_missing, 1);
	return true;
}

static void reserve_done(struct port *port)
{
	if (port->reserve_fd >= 0)
		reserve_give_up(port);
	atomic_fetch_sub(&reserves_missing, 1); /* a closed port misses none */
}

/* -- accepting -- */

static void on_pause_over(struct core *core, struct timer *timer)
{
	struct port *port = container_of(timer, struct port, pause);

	if (port->reserve_fd < 0)
		reserve_take_back(port);
	if (watch_add(core, &port->watch))
		timer_set(core, &port->pause, PAUSE_MS);
	else
		port->watching = true;
}

/* A listening socket stays readable while accept() fails: without a pause the core would turn idly. */
static void port_pause(struct core *core, struct port *port)
{
	watch_del(core, &port->watch);
	port->watching = false;
	timer_set(core, &port->pause, PAUSE_MS);
}

static void say_exhausted(struct core *core, struct port *port)
{
	if (port->said_us && core_now_us(core) - port->said_us < SAY_AGAIN_US)
		return;
	port->said_us = core_now_us(core);
	log_error("no descriptor left for connections, closing new ones at once: raise the limit "
		  "of open files core=%u",
		  core_index(core));
}

/* No descriptor left: the reserve is given up for the one connection that waits longest, which is closed at once. So
 * clients hear soon that there is no room, and the queue does not fill with dead ones. 0: one is closed.
 * -EAGAIN: none waits (accept() looks for a descriptor before it looks at the queue). Others: not even this works. */
static int accept_and_close(struct core *core, struct port *port)
{
	int fd, r;

	if (port->reserve_fd < 0)
		return -EMFILE;
	reserve_give_up(port);
	fd = accept4(port->watch.fd, NULL, NULL, SOCK_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	if (fd >= 0) {
		close(fd);
		say_exhausted(core, port);
	}
	return reserve_take_back(port) ? r : -EMFILE;
}

static void refuse(struct core *core, struct listener *listener, int fd, const struct addr *peer,
		   enum quota_answer why)
{
	struct sock *sock;
	char scratch[4096];

	if (listener->config.tls || !listener->config.on_refuse) {
		close(fd);
		return;
	}
	sock = sock_plain_new(core, fd);
	sock->peer = *peer;
	listener->config.on_refuse(core, sock, why, listener->config.owner);
	/* A request that is here already would turn the close into a reset, which may overtake the answer. There is no time for
	 * more: this happens when there is too much to do. */
	sock->ops->drain(sock, scratch, sizeof(scratch));
	sock_close(core, sock);
}

static void accepted(struct core *core, struct listener *listener, int fd, const struct addr *peer)
{
	const struct listener_config *config = &listener->config;
	enum quota_answer answer = config->quota ? quota_take(config->quota, peer) : QUOTA_OK;
	struct sock *sock;

	if (answer != QUOTA_OK) {
		refuse(core, listener, fd, peer, answer);
		return;
	}
	sock = config->tls ? sock_tls_new(core, fd, config->tls) : sock_plain_new(core, fd);
	sock->peer = *peer;
	if (config->quota)
		sock_hold_quota(sock, config->quota);
	config->on_accept(core, sock, config->owner);
}

/* Takes one connection. False: enough for this turn. */
static bool accept_one(struct core *core, struct port *port)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	struct addr peer;
	int fd = accept4(port->watch.fd, (struct sockaddr *)&address, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC),
	    r;

	if (fd >= 0 && atomic_load(&reserves_missing)) {
		close(fd);
		say_exhausted(core, port);
		return true;
	}
	if (fd >= 0) {
		addr_from_sockaddr(&address, &peer);
		if (port->listener->unix_path)
			peer.family = ADDR_UNIX; /* an unnamed peer has no family to read */
		accepted(core, port->listener, fd, &peer);
		return port->watching; /* the handler may have stopped us */
	}
	switch (errno) {
	case EAGAIN: return false;
	case EMFILE:
	case ENFILE:
		r = accept_and_close(core, port);
		if (r == 0)
			return true;
		if (r != -EAGAIN)
			port_pause(core, port);
		return false;
	case ENOMEM:
	case ENOBUFS: port_pause(core, port); return false;
	default:
		/* The connection's own trouble (ECONNABORTED, EPERM from a firewall, pending network errors: accept(2)). */
		return true;
	}
}

static void on_accept_ready(struct core *core, struct watch *watch, uint32_t events)
{
	struct port *port = container_of(watch, struct port, watch);

	(void)events;
	for (int i = 0; i < TURN_ACCEPTS && accept_one(core, port); i++)
		;
}

/* -- opening and closing -- */

static void port_close(struct core *core, struct port *port)
{
	if (port->watch.fd < 0)
		return;
	timer_clear(&port->pause);
	if (port->watching)
		watch_del(core, &port->watch);
	port->watching = false;
	close(port->watch.fd);
	port->watch.fd = -1;
	reserve_done(port);
}

static void on_stop(struct core *core, struct msg *msg)
{
	port_close(core, container_of(msg, struct port, stop));
}

/* -errno, keeping it over the close. */
static int fail_closed(int fd)
{
	int error = errno;

	close(fd);
	return -error;
}

static int listen_inet(const struct addr *addr, bool shared, int *ret_fd)
{
	struct sockaddr_storage address;
	socklen_t len = addr_to_sockaddr(addr, &address);
	static const int on = 1, off = 0;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Inherited by what is accepted, which saves a call for each connection. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (addr->family == ADDR_IP6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)))
		return fail_closed(fd);
	if (bind(fd, (struct sockaddr *)&address, len) || (shared && listen(fd, BACKLOG)))
		return fail_closed(fd);
	*ret_fd = fd;
	return 0;
}

static int port_add(struct listener *listener, struct core *core, int fd)
{
	struct port *port = &listener->ports[listener->count];
	int r;

	*port = (struct port){
		.listener = listener,
		.core = core,
		.watch = { .fd = fd, .events = EPOLLIN, .run = on_accept_ready },
		.stop.run = on_stop,
	};
	timer_init(&port->pause, on_pause_over);
	listener->count++;
	atomic_fetch_add(&reserves_missing, 1);
	if (!reserve_take_back(port))
		return -errno;
	r = watch_add(core, &port->watch);
	port->watching = r == 0;
	return r;
}

static int open_inet(struct cores *cores, struct listener *listener)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	int r, fd;

	/* First without sharing: two servers of one user on one port would each get some of the connections, silently. */
	if (listener->address.port) {
		r = listen_inet(&listener->address, false, &fd);
		if (r)
			return r;
		close(fd);
	}
	for (uint32_t i = 0; i < cores->count; i++) {
		r = listen_inet(&listener->address, true, &fd);
		if (r)
			return r;
		if (i == 0 && getsockname(fd, (struct sockaddr *)&bound, &len) == 0) {
			struct addr real;

			addr_from_sockaddr(&bound, &real);
			listener->address.port = real.port;
		}
		r = port_add(listener, cores->core[i], fd);
		if (r)
			return r;
	}
	return 0;
}

/* A socket that nobody listens on any more is in the way; any other file is not ours to remove. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat info;
	int fd, r;

	if (lstat(address->sun_path, &info))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(info.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	if (r != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) ? -errno : 0;
}

static int open_unix(struct cores *cores, struct listener *listener)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mode = listener->config.unix_mode ? listener->config.unix_mode : 0600, before;
	int r, fd;

	if (strlen(listener->unix_path) >= sizeof(address.sun_path)) {
		free(TAKE(listener->unix_path));
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, listener->unix_path, strlen(listener->unix_path)); /* zeroed */
	r = remove_stale(&address);
	fd = r ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		r = r ? r : -errno;
		free(TAKE(listener->unix_path)); /* not ours to remove */
		return r;
	}
	/* Never wider than asked, not for a moment. */
	before = umask(0777 & ~mode);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, BACKLOG) ? -errno
											  : 0;
	umask(before);
	if (r) {
		close(fd);
		return r;
	}
	return port_add(listener, cores->core[0], fd);
}

int listener_open(struct cores *cores, const struct listener_config *config,
		  struct listener **ret_listener)
{
	struct listener *listener = mem_zalloc(sizeof(*listener));
	struct str text = str_z(config->address);
	int r;

	listener->config = *config;
	listener->config.address = NULL;
	if (config->tls)
		tls_ref(config->tls);
	if (config->quota)
		quota_ref(config->quota);
	listener->ports = mem_zalloc(sizeof(*listener->ports) * cores->count);
	if (str_starts(text, S("unix:")) || str_starts(text, S("/"))) {
		listener->address.family = ADDR_UNIX;
		listener->unix_path = mem_strdup(config->address + (text.ptr[0] == '/' ? 0 : 5));
		r = open_unix(cores, listener);
	} else if (addr_parse(text, &listener->address)) {
		r = open_inet(cores, listener);
		if (r == -EAFNOSUPPORT && !str_starts(text, S("["))) {
			/* "*" on a machine without IPv6. */
			listener->address.family = ADDR_IP4;
			r = open_inet(cores, listener);
		}
	} else {
		r = -EINVAL;
	}
	if (r) {
		listener_free(listener);
		return r;
	}
	*ret_listener = listener;
	return 0;
}

const struct addr *listener_address(const struct listener *listener)
{
	return &listener->address;
}

void listener_stop(struct listener *listener)
{
	for (uint32_t i = 0; i < listener->count; i++)
		core_post(listener->ports[i].core, &listener->ports[i].stop);
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	for (uint32_t i = 0; i < listener->count; i++)
		port_close(listener->ports[i].core, &listener->ports[i]);
	if (listener->unix_path)
		unlink(listener->unix_path);
	tls_unref(listener->config.tls);
	quota_unref(listener->config.quota);
	free(listener->unix_path);
	free(listener->ports);
	free(listener);
}
