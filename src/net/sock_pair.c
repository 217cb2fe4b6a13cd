/* The in-memory pair: two socks that behave like the ends of a TCP connection, kernel included.
 *
 * Bytes that one end sends lie in @under_way of the other until a message of its core delivers them to
 * @arrived. Both ends may be on different threads, hence the lock; every change that the other end should
 * notice is followed by its message, which goes after an end that has moved. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/random.h"
#include "base/slab.h"
#include "net/internal.h"

enum { CAPACITY_DEFAULT = 64 << 10 };

struct pair_end {
	struct pair *pair;
	struct msg msg; /* at most one is posted, and holds a reference to the pair */
	bool posted;
	struct core *core; /* where it is attached; NULL: detached or closed */
	struct sock_pair_end *sock; /* NULL: closed */
	struct buf under_way, arrived; /* what this end is to read */
	bool end_under_way, end_arrived; /* the peer's FIN, behind the bytes */
	bool reset;
};

struct pair {
	pthread_mutex_t lock;
	uint32_t refs; /* under the lock */
	size_t capacity;
	struct random *random;
	struct pair_end ends[2];
};

struct sock_pair_end {
	struct sock sock;
	struct pair_end *end;
};

static struct pair_end *end_of(struct sock *sock)
{
	return container_of(sock, struct sock_pair_end, sock)->end;
}

static struct pair_end *other_of(struct pair_end *end)
{
	return &end->pair->ends[end == &end->pair->ends[0]];
}

static void lock(struct pair *pair)
{
	pthread_mutex_lock(&pair->lock);
}

static void unlock(struct pair *pair)
{
	pthread_mutex_unlock(&pair->lock);
}

/* Unlocks, and frees it when @drop was the last reference. */
static void unlock_drop(struct pair *pair, uint32_t drop)
{
	bool last;

	pair->refs -= drop;
	last = pair->refs == 0;
	unlock(pair);
	if (!last)
		return;
	for (int i = 0; i < 2; i++) {
		buf_done(&pair->ends[i].under_way);
		buf_done(&pair->ends[i].arrived);
	}
	pthread_mutex_destroy(&pair->lock);
	free(pair);
}

/* Of @size bytes, how many this time: torn at random when that is wanted; 0 now and then. */
static size_t tear(struct pair *pair, size_t size)
{
	if (!pair->random || size == 0)
		return size;
	if (random_below(pair->random, 8) == 0)
		return 0;
	/* Often a single byte, the hardest case for a parser. */
	return random_below(pair->random, 4) == 0 ? 1
						  : 1 + (size_t)random_below(pair->random, size);
}

static size_t room_at(const struct pair_end *end)
{
	size_t used = end->under_way.len + end->arrived.len;

	return used < end->pair->capacity ? end->pair->capacity - used : 0;
}

/* Locked: lets the end's core look at it. */
static void notify(struct pair_end *end)
{
	if (end->posted || !end->core)
		return;
	end->posted = true;
	end->pair->refs++;
	core_post(end->core, &end->msg);
}

/* Locked: moves what is under way to where it can be read. True when some is left for later. */
static bool deliver(struct pair_end *end)
{
	size_t n = tear(end->pair, end->under_way.len);

	buf_put(&end->arrived, end->under_way.ptr, n);
	buf_consume(&end->under_way, n);
	if (end->under_way.len)
		return true;
	end->end_arrived |= end->end_under_way;
	return false;
}

static void on_deliver(struct core *core, struct msg *msg)
{
	struct pair_end *end = container_of(msg, struct pair_end, msg);
	struct pair *pair = end->pair;

	lock(pair);
	end->posted = false;
	if (end->core == core) {
		if (deliver(end))
			notify(end);
		/* The pair's handlers all run from here: at the end of the turn, once. */
		core_defer(core, &end->sock->sock.again);
	} else {
		notify(end); /* it has moved: the message goes after it */
	}
	unlock_drop(pair, 1);
}

static ssize_t pair_recv(struct sock *sock, void *dst, size_t size)
{
	struct pair_end *end = end_of(sock);
	ssize_t result = -EAGAIN;

	lock(end->pair);
	if (end->arrived.len) {
		bool was_full = room_at(end) == 0;
		size_t n = tear(end->pair, MIN(size, end->arrived.len));

		memcpy(dst, end->arrived.ptr, n);
		buf_consume(&end->arrived, n);
		if (was_full && n)
			notify(other_of(end));
		if (n)
			result = (ssize_t)n;
	} else if (end->reset) {
		result = -ECONNRESET;
	} else if (end->end_arrived) {
		result = 0;
	}
	unlock(end->pair);
	return result;
}

static ssize_t pair_send(struct sock *sock, const void *src, size_t size)
{
	struct pair_end *end = end_of(sock), *other = other_of(end);
	ssize_t result = -EAGAIN;

	lock(end->pair);
	if (end->reset) {
		result = -ECONNRESET;
	} else if (!other->sock || other->end_under_way) {
		result = -EPIPE; /* the peer is gone, or we have ended our direction */
	} else {
		size_t n = tear(end->pair, MIN(size, room_at(other)));

		buf_put(&other->under_way, src, n);
		if (n) {
			notify(other);
			result = (ssize_t)n;
		}
	}
	unlock(end->pair);
	return result;
}

static uint32_t pair_ready(struct sock *sock)
{
	struct pair_end *end = end_of(sock), *other = other_of(end);
	uint32_t events = 0;

	lock(end->pair);
	if (end->arrived.len || end->end_arrived || end->reset)
		events |= EPOLLIN;
	if (end->reset || !other->sock || other->end_under_way || room_at(other) > 0)
		events |= EPOLLOUT;
	unlock(end->pair);
	return events & sock->events;
}

static void pair_rearm(struct core *core, struct sock *sock)
{
	(void)core, (void)sock; /* sock.c asks ->ready() whenever it matters */
}

static void pair_end_direction(struct sock *sock, bool closing)
{
	struct pair_end *other = other_of(end_of(sock));

	(void)closing;
	lock(other->pair);
	if (other->sock && !other->end_under_way) {
		other->end_under_way = true;
		notify(other);
	}
	unlock(other->pair);
}

static bool pair_unsent(struct sock *sock)
{
	(void)sock;
	return false;
}

static void pair_detach(struct core *core, struct sock *sock)
{
	struct pair_end *end = end_of(sock);

	(void)core;
	lock(end->pair);
	end->core = NULL;
	unlock(end->pair);
}

static void pair_attach(struct core *core, struct sock *sock)
{
	struct pair_end *end = end_of(sock);

	lock(end->pair);
	end->core = core;
	notify(end); /* what came meanwhile; harmless if nothing did */
	unlock(end->pair);
}

/* Locked. What is under way to @end is lost; what has arrived can still be read, as with the kernel. */
static void reset(struct pair_end *end)
{
	buf_done(&end->under_way);
	end->reset = true;
	notify(end);
}

static void pair_free(struct sock *sock)
{
	struct pair_end *end = end_of(sock), *other = other_of(end);
	struct pair *pair = end->pair;

	lock(pair);
	end->sock = NULL;
	/* Unread bytes: the kernel answers with RST (RFC 9293 3.10.4, RFC 2525 2.17). */
	if (other->sock && end->under_way.len + end->arrived.len > 0)
		reset(other);
	else
		notify(other); /* its writes fail now */
	buf_done(&end->under_way);
	buf_done(&end->arrived);
	unlock_drop(pair, 1);
	sock_done(sock);
}

static const struct sock_ops pair_ops = {
	.recv = pair_recv,
	.send = pair_send,
	.rearm = pair_rearm,
	.ready = pair_ready,
	.end = pair_end_direction,
	.unsent = pair_unsent,
	.drain = pair_recv,
	.detach = pair_detach,
	.attach = pair_attach,
	.free = pair_free,
};

static struct sock *end_new(struct pair *pair, int side, struct core *core, const struct addr *peer)
{
	static const struct addr loopback = { .family = ADDR_IP4,
					      .ip = { 127, 0, 0, 1 },
					      .port = 1 };
	struct sock_pair_end *sock = slab_alloc(sizeof(*sock));
	struct pair_end *end = &pair->ends[side];

	sock_init(&sock->sock, &pair_ops, core, -1);
	sock->sock.peer = peer->family == ADDR_NONE ? loopback : *peer;
	sock->end = end;
	end->pair = pair;
	end->msg.run = on_deliver;
	end->core = core;
	end->sock = sock;
	buf_init(&end->under_way, pair->capacity);
	buf_init(&end->arrived, pair->capacity);
	return &sock->sock;
}

void sock_pair(struct core *core_a, struct core *core_b, const struct sock_pair_config *config,
	       struct sock **ret_a, struct sock **ret_b)
{
	static const struct sock_pair_config plain;
	struct pair *pair = mem_zalloc(sizeof(*pair));

	if (!config)
		config = &plain;
	pthread_mutex_init(&pair->lock, NULL);
	pair->refs = 2;
	pair->capacity = config->capacity ? config->capacity : CAPACITY_DEFAULT;
	pair->random = config->random;
	*ret_a = end_new(pair, 0, core_a, &config->peer_a);
	*ret_b = end_new(pair, 1, core_b, &config->peer_b);
}

void sock_pair_reset(struct sock *sock)
{
	struct pair_end *end = end_of(sock);

	assert(sock->ops == &pair_ops);
	lock(end->pair);
	for (int i = 0; i < 2; i++) {
		buf_done(&end->pair->ends[i].arrived);
		reset(&end->pair->ends[i]);
	}
	unlock(end->pair);
}
