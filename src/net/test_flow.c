#include "net/test_flow.h"

#include <errno.h>
#include <stdlib.h>

#include "core/core.h"

uint8_t flow_byte(size_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static void on_flow(struct core *core, struct sock *sock, uint32_t events);

struct move {
	struct msg msg;
	struct flow *flow;
};

static void watch_flow(struct core *core, struct flow *flow)
{
	sock_watch(core, flow->sock, EPOLLIN | (flow->sent < flow->to_send ? EPOLLOUT : 0),
		   on_flow);
}

static void on_moved(struct core *core, struct msg *msg)
{
	struct move *move = container_of(msg, struct move, msg);

	move->flow->moved_to = core;
	sock_attach(core, move->flow->sock);
	watch_flow(core, move->flow);
	free(move);
}

static void flow_over(struct core *core, struct flow *flow, int error)
{
	flow->error = error;
	sock_close(core, flow->sock);
	flow->closed = true;
	atomic_store(&flow->over, true);
}

static size_t piece(struct flow *flow)
{
	return 1 + (size_t)random_below(flow->random, flow->piece_max);
}

/* False when it is over. */
static bool receive(struct core *core, struct flow *flow)
{
	uint8_t bytes[32768];
	size_t size = piece(flow);
	ssize_t n = sock_recv(flow->sock, bytes, size < sizeof(bytes) ? size : sizeof(bytes));

	if (n == -EAGAIN)
		return true;
	if (n < 0 || (n == 0 && flow->received < flow->to_receive)) {
		flow_over(core, flow, n < 0 ? (int)n : -EPIPE);
		return false;
	}
	if (n == 0) {
		flow_over(core, flow, 0);
		return false;
	}
	for (ssize_t i = 0; i < n; i++)
		if (bytes[i] != flow_byte(flow->received++)) {
			flow_over(core, flow, -EILSEQ);
			return false;
		}
	return true;
}

static bool send_some(struct core *core, struct flow *flow)
{
	uint8_t bytes[32768];
	size_t size = piece(flow);
	ssize_t n;

	size = MIN(MIN(size, sizeof(bytes)), flow->to_send - flow->sent);
	for (size_t i = 0; i < size; i++)
		bytes[i] = flow_byte(flow->sent + i);
	n = sock_send(flow->sock, bytes, size);
	if (n == -EAGAIN)
		return true;
	if (n < 0) {
		flow_over(core, flow, (int)n);
		return false;
	}
	flow->sent += (size_t)n;
	if (flow->sent == flow->to_send)
		watch_flow(core, flow);
	return true;
}

static void on_flow(struct core *core, struct sock *sock, uint32_t events)
{
	struct flow *flow = sock_owner(sock);

	flow->calls++;
	if ((events & EPOLLIN) && !receive(core, flow))
		return;
	if ((events & EPOLLOUT) && flow->sent < flow->to_send && !send_some(core, flow))
		return;
	if (flow->closes && flow->sent == flow->to_send && flow->received == flow->to_receive) {
		flow_over(core, flow, 0);
		return;
	}
	if (flow->move_to && flow->received >= flow->move_after) {
		struct move *move = mem_zalloc(sizeof(*move));

		move->msg.run = on_moved;
		move->flow = flow;
		sock_detach(core, sock);
		core_post(TAKE(flow->move_to), &move->msg);
	}
}

void flow_start(struct core *core, struct flow *flow, struct sock *sock, struct random *random)
{
	flow->sock = sock;
	flow->random = random;
	sock_set_owner(sock, flow);
	watch_flow(core, flow);
}
