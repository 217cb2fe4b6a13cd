#include "core/internal.h"

enum { DIGIT = 6 };
/* Far enough for anything, small enough that no sum overflows. */
#define AFTER_MAX_MS (1ULL << 50)

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
	*wheel = (struct wheel){ .elapsed_ms = now_ms };
	for (int level = 0; level < WHEEL_LEVELS; level++)
		for (int slot = 0; slot < WHEEL_SLOTS; slot++)
			list_init(&wheel->slot[level][slot]);
}

static void wheel_put(struct wheel *wheel, struct timer *timer)
{
	uint64_t differs = (wheel->elapsed_ms ^ timer->at_ms) | (WHEEL_SLOTS - 1);
	unsigned level = (63 - (unsigned)__builtin_clzll(differs)) / DIGIT;
	unsigned slot = (timer->at_ms >> (level * DIGIT)) & (WHEEL_SLOTS - 1);

	list_add_tail(&wheel->slot[level][slot], &timer->node);
	wheel->occupied[level] |= 1ULL << slot;
}

void wheel_add(struct wheel *wheel, struct timer *timer)
{
	/* Never the present millisecond: a timer that sets itself with 0 would keep the turn for ever. */
	timer->at_ms = MAX(timer->at_ms, wheel->elapsed_ms + 1);
	wheel_put(wheel, timer);
}

/* The first slot in time that holds a timer. Of two that begin together the higher level comes
 * first: it may hold the older timer, and is to be moved down before anything fires. */
static bool wheel_find(struct wheel *wheel, unsigned *ret_level, unsigned *ret_slot,
		       uint64_t *ret_ms)
{
	bool found = false;

	for (unsigned level = WHEEL_LEVELS; level-- > 0;) {
		if (!wheel->occupied[level])
			continue; /* most are empty, and this is asked twice a turn */
		unsigned shift = level * DIGIT;
		uint64_t above = shift + DIGIT < 64
			? wheel->elapsed_ms >> (shift + DIGIT) << (shift + DIGIT)
			: 0;

		while (wheel->occupied[level]) {
			/* No slot below the present one is occupied: time does not pass one without emptying it. */
			unsigned slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
			uint64_t at_ms = MAX(above | (uint64_t)slot << shift, wheel->elapsed_ms);

			if (list_empty(&wheel->slot[level][slot])) {
				wheel->occupied[level] &= ~(1ULL << slot);
				continue;
			}
			if (!found || at_ms < *ret_ms) {
				*ret_level = level;
				*ret_slot = slot;
				*ret_ms = at_ms;
				found = true;
			}
			break;
		}
	}
	return found;
}

struct timer *wheel_pop(struct wheel *wheel, uint64_t now_ms, uint32_t *budget)
{
	while (*budget) {
		unsigned level, slot;
		uint64_t at_ms;
		struct list *node;

		if (!wheel_find(wheel, &level, &slot, &at_ms) || at_ms > now_ms) {
			wheel->elapsed_ms = MAX(wheel->elapsed_ms, now_ms);
			return NULL;
		}
		wheel->elapsed_ms = at_ms;
		if (level == 0) {
			--*budget;
			return list_entry(list_pop(&wheel->slot[0][slot]), struct timer, node);
		}
		while (*budget && (node = list_pop(&wheel->slot[level][slot]))) {
			--*budget;
			wheel_put(wheel, list_entry(node, struct timer, node));
		}
	}
	return NULL;
}

uint64_t wheel_next_ms(struct wheel *wheel)
{
	unsigned level, slot;
	uint64_t at_ms;

	return wheel_find(wheel, &level, &slot, &at_ms) ? at_ms : UINT64_MAX;
}

void timer_init(struct timer *timer, void (*run)(struct core *, struct timer *))
{
	list_init(&timer->node);
	timer->at_ms = 0;
	timer->run = run;
}

void timer_set(struct core *core, struct timer *timer, uint64_t after_ms)
{
	list_del(&timer->node);
	/* Rounded up: it may be late by a millisecond, never early. */
	timer->at_ms = (core->now_us + MIN(after_ms, AFTER_MAX_MS) * 1000 + 999) / 1000;
	wheel_add(&core->wheel, timer);
}

void timer_clear(struct timer *timer)
{
	list_del(&timer->node);
}

bool timer_is_set(const struct timer *timer)
{
	return !list_empty(&timer->node);
}
