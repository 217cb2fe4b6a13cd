/* The replay ring of a session, which is its send queue too: references to encoded events,
 * numbered by `s`.
 *
 *     first                cursor              next = first + count
 *       | taken by a socket  | not yet taken      |
 *
 * A cursor says how far the socket has come; RESUME moves it back, nothing is copied. Events
 * leave at the front: those that the client has confirmed some while ago, and the oldest ones
 * that were sent when there are too many. Owned by the session's core. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;

enum event_form { FORM_FULL, FORM_ALT };

struct ring {
	uintptr_t *slots; /* cap of them, circular; an event, its form in the lowest bit */
	uint32_t head, count, cap;
	uint32_t mark_ms; /* when the mark was set */
	uint64_t first; /* `s` of the oldest one held; `s` begins at 1 */
	uint64_t cursor; /* `s` of the next one to send */
	uint64_t taken; /* the highest that was ever taken whole by a socket */
	uint64_t confirmed; /* the highest that the client has said it has */
	uint64_t mark; /* what was confirmed at mark_ms */
	uint32_t bytes; /* of all events held, as if nobody else had them */
	uint32_t unsent_bytes; /* of those from the cursor on */
};

struct ring_limits {
	uint32_t events_max; /* held */
	size_t bytes_max;
	uint32_t keep_events; /* confirmed ones up to this many, and */
	size_t keep_bytes; /* up to this many bytes, stay for */
	uint64_t keep_us; /* at least this long, at most twice as long */
};

void ring_init(struct ring *ring);
/* Gives all references back. */
void ring_done(struct ring *ring);
/* Takes over a reference. False: too many events are unsent (it is in the ring all the same),
 * the session is too slow. */
[[nodiscard]] bool ring_push(struct ring *ring, const struct ring_limits *limits,
			     struct event *event, enum event_form form);
/* Puts @event before all that is held, which moves up by one `s`; as long as nothing was sent. */
void ring_push_front(struct ring *ring, struct event *event, enum event_form form);
/* The `s` that the next event will get; one less is the last one given. */
static inline uint64_t ring_next(const struct ring *ring)
{
	return ring->first + ring->count;
}
static inline bool ring_unsent(const struct ring *ring)
{
	return ring->cursor < ring_next(ring);
}
/* An event that is held: first <= @seq < next. The ring keeps its reference. */
struct event *ring_get(const struct ring *ring, uint64_t seq, enum event_form *ret_form);
/* The event at the cursor was taken whole. */
void ring_advance(struct ring *ring);
/* Can everything after @seq be sent again? TOO_NEW: @seq was never sent. */
enum ring_peek { RING_OK, RING_TOO_OLD, RING_TOO_NEW };
enum ring_peek ring_peek(const struct ring *ring, uint64_t seq);
/* RESUME: it is sent again. Only when ring_peek() says OK. */
void ring_rewind(struct ring *ring, uint64_t seq);
/* The client has @seq (a heartbeat said so); drops what was confirmed long enough ago. */
void ring_confirm(struct ring *ring, const struct ring_limits *limits, uint64_t seq,
		  uint64_t now_us);
/* Drops all up to and with @seq that were taken by the socket. */
void ring_trim(struct ring *ring, uint64_t seq);
/* What an event counts as. */
size_t ring_event_bytes(const struct event *event, enum event_form form);
