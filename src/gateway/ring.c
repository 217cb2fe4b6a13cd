#include "gateway/ring.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cell/publish.h"

enum {
	CAP_MIN = 4,
	/* Snapshots may be larger than all that a ring may hold otherwise, and their number is
	 * bounded where they are asked for (guilds.c): they are charged at most this. */
	SNAPSHOT_CHARGE_MAX = 32 << 10,
};

void ring_init(struct ring *ring)
{
	*ring = (struct ring){ .first = 1, .cursor = 1 };
}

static uintptr_t *slot(const struct ring *ring, uint32_t index)
{
	return &ring->slots[(ring->head + index) & (ring->cap - 1)];
}

static struct event *slot_event(uintptr_t value)
{
	return (struct event *)(value & ~(uintptr_t)1);
}

static enum event_form slot_form(uintptr_t value)
{
	return (enum event_form)(value & 1);
}

static uintptr_t slot_value(struct event *event, enum event_form form)
{
	return (uintptr_t)event | form;
}

static bool is_snapshot(const struct event *event)
{
	return event->type == EVENT_GUILD_CREATE || event->type == EVENT_READY ||
		event->type == EVENT_READY_SUPPLEMENTAL;
}

size_t ring_event_bytes(const struct event *event, enum event_form form)
{
	const struct bytes *bytes = form == FORM_ALT ? event->alt : event->full;
	size_t len = bytes ? bytes->len : 0;

	return (is_snapshot(event) ? MIN(len, (size_t)SNAPSHOT_CHARGE_MAX) : len) + sizeof(*event);
}

static size_t slot_bytes(uintptr_t value)
{
	return ring_event_bytes(slot_event(value), slot_form(value));
}

static void resize(struct ring *ring, uint32_t cap)
{
	uintptr_t *slots = cap ? mem_alloc(cap * sizeof(*slots)) : NULL;

	assert(ring->count <= cap);
	for (uint32_t i = 0; i < ring->count; i++)
		slots[i] = *slot(ring, i);
	free(ring->slots);
	ring->slots = slots;
	ring->cap = cap;
	ring->head = 0;
}

static void make_room(struct ring *ring)
{
	if (ring->count == ring->cap)
		resize(ring, ring->cap ? ring->cap * 2 : CAP_MIN);
}

static void shrink(struct ring *ring)
{
	if (ring->count == 0)
		resize(ring, 0);
	else if (ring->cap > CAP_MIN && ring->count <= ring->cap / 8)
		resize(ring, ring->cap / 4);
}

static void drop_first(struct ring *ring)
{
	uintptr_t value = *slot(ring, 0);

	ring->bytes -= (uint32_t)slot_bytes(value);
	event_unref(slot_event(value));
	ring->head = (ring->head + 1) & (ring->cap - 1);
	ring->count--;
	ring->first++;
}

void ring_done(struct ring *ring)
{
	for (uint32_t i = 0; i < ring->count; i++)
		event_unref(slot_event(*slot(ring, i)));
	free(ring->slots);
	ring_init(ring);
}

bool ring_push(struct ring *ring, const struct ring_limits *limits, struct event *event,
	       enum event_form form)
{
	size_t bytes = ring_event_bytes(event, form);

	make_room(ring);
	*slot(ring, ring->count) = slot_value(event, form);
	ring->count++;
	ring->bytes += (uint32_t)bytes;
	ring->unsent_bytes += (uint32_t)bytes;
	while ((ring->count > limits->events_max || ring->bytes > limits->bytes_max) &&
	       ring->first < ring->cursor)
		drop_first(ring);
	return ring->count <= limits->events_max && ring->bytes <= limits->bytes_max;
}

void ring_push_front(struct ring *ring, struct event *event, enum event_form form)
{
	size_t bytes = ring_event_bytes(event, form);

	assert(ring->first == 1 && ring->cursor == 1 && ring->taken == 0);
	make_room(ring);
	ring->head = (ring->head - 1) & (ring->cap - 1);
	ring->count++;
	*slot(ring, 0) = slot_value(event, form);
	ring->bytes += (uint32_t)bytes;
	ring->unsent_bytes += (uint32_t)bytes;
}

struct event *ring_get(const struct ring *ring, uint64_t seq, enum event_form *ret_form)
{
	assert(seq >= ring->first && seq < ring_next(ring));
	uintptr_t value = *slot(ring, (uint32_t)(seq - ring->first));
	*ret_form = slot_form(value);
	return slot_event(value);
}

void ring_advance(struct ring *ring)
{
	assert(ring_unsent(ring));
	ring->unsent_bytes -= (uint32_t)slot_bytes(
		*slot(ring, (uint32_t)(ring->cursor - ring->first)));
	if (ring->taken < ring->cursor)
		ring->taken = ring->cursor;
	ring->cursor++;
}

enum ring_peek ring_peek(const struct ring *ring, uint64_t seq)
{
	if (seq > ring->taken)
		return RING_TOO_NEW;
	return seq + 1 < ring->first ? RING_TOO_OLD : RING_OK;
}

void ring_rewind(struct ring *ring, uint64_t seq)
{
	assert(ring_peek(ring, seq) == RING_OK);
	/* A socket that was replaced in the middle of a replay may stand before what the client
	 * has by now. */
	while (ring->cursor <= seq)
		ring_advance(ring);
	while (ring->cursor > seq + 1) {
		ring->cursor--;
		ring->unsent_bytes += (uint32_t)slot_bytes(
			*slot(ring, (uint32_t)(ring->cursor - ring->first)));
	}
	if (ring->confirmed < seq)
		ring->confirmed = seq;
}

void ring_trim(struct ring *ring, uint64_t seq)
{
	while (ring->count && ring->first <= seq && ring->first < ring->cursor)
		drop_first(ring);
	shrink(ring);
}

void ring_confirm(struct ring *ring, const struct ring_limits *limits, uint64_t seq,
		  uint64_t now_us)
{
	if (seq > ring->taken)
		seq = ring->taken; /* It cannot have more than it was sent. */
	if (seq < ring->confirmed)
		seq = ring->confirmed;
	/* A session begins with what is large and nobody else's. Who has said twice that it has that does not come back for it. */
	while (ring->count && ring->first <= ring->confirmed && ring->first < ring->cursor &&
	       is_snapshot(slot_event(*slot(ring, 0))))
		drop_first(ring);
	ring->confirmed = seq;
	if ((uint32_t)(now_us / 1000) - ring->mark_ms >= limits->keep_us / 1000) {
		ring_trim(ring, ring->mark);
		ring->mark = seq;
		ring->mark_ms = (uint32_t)(now_us / 1000);
	}
	while (ring->count && ring->first <= seq && ring->first < ring->cursor &&
	       (ring->count > limits->keep_events || ring->bytes > limits->keep_bytes))
		drop_first(ring);
	shrink(ring);
}
