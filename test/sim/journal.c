/* What was written and what may be read: registers, whose writes may be under way together, in any order among those; a value may
 * be read unless a write that was acknowledged began after it had ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

enum { LINE_MAX_BYTES = 400 };

void trace(struct world *world, const char *format, ...)
{
	struct buf *tail = &world->journal.tail;
	char line[LINE_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (world->options->tracing) {
		printf("%7lu %9.3f ms  %s\n", world->tick, (double)world->now_us / 1e3, line);
		return;
	}
	if (tail->len > (1 << 19))
		buf_consume(tail, 1 << 18);
	buf_printf(tail, "%7lu %9.3f ms  %s\n", world->tick, (double)world->now_us / 1e3, line);
}

void fail(struct world *world, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	trace(world, "FAILED: %s", line);
	if (world->failed)
		return;
	world->failed = true;
	world->failure = mem_strdup(line);
}

struct reg *reg_find(struct world *world, const char *key)
{
	for (uint32_t i = 0; i < world->journal.count; i++)
		if (!strcmp(world->journal.regs[i].key, key))
			return &world->journal.regs[i];
	return NULL;
}

struct reg *reg_get(struct world *world, const char *key)
{
	struct journal *journal = &world->journal;
	struct reg *reg = reg_find(world, key);

	if (reg)
		return reg;
	if (journal->count % 64 == 0)
		journal->regs = mem_realloc(journal->regs, (journal->count + 64) * sizeof(*reg));
	reg = &journal->regs[journal->count++];
	*reg = (struct reg){};
	snprintf(reg->key, sizeof(reg->key), "%s", key);
	return reg;
}

static struct write *add(struct reg *reg, const char *value)
{
	if ((reg->count & (reg->count - 1)) == 0)
		reg->writes = mem_realloc(reg->writes,
					  MAX(reg->count * 2, 1u) * sizeof(struct write));
	struct write *write = &reg->writes[reg->count++];
	*write = (struct write){};
	snprintf(write->value, sizeof(write->value), "%s", value);
	return write;
}

void reg_begin(struct world *world, const char *key, const char *value, bool absorbing)
{
	struct reg *reg = reg_get(world, key);
	struct write *write = add(reg, value);

	reg->absorbing = absorbing;
	write->outcome = ACKED;
	write->end = write->start = world->tick;
}

void reg_try(struct world *world, struct request *call, const char *key, const char *value,
	     bool absorbing)
{
	struct reg *reg = reg_get(world, key);
	struct write *write = add(reg, value);

	reg->absorbing |= absorbing;
	write->start = world->tick;
	write->end = UINT64_MAX;
	if (call->tries_count == ARRAY_SIZE(call->tries)) {
		fail(world, "the simulator's own: too many writes in a call");
		return;
	}
	call->tries[call->tries_count].reg = (uint32_t)(reg - world->journal.regs);
	call->tries[call->tries_count++].write = reg->count - 1;
}

void reg_seen(struct world *world, const char *key, const char *value)
{
	struct reg *reg = reg_find(world, key);
	uint32_t from = 0;

	/* Of several tries to end it one did, and nobody knows which: it was so at the latest when the last of them was asked for. */
	for (uint32_t i = 0; reg && reg->absorbing && i < reg->count; i++)
		if (strcmp(reg->writes[i].value, value) == 0)
			from = reg->writes[i].outcome == ACKED || from == reg->count ? reg->count
										     : i;
	for (uint32_t i = from; reg && i < reg->count; i++) {
		struct write *write = &reg->writes[i];

		if (strcmp(write->value, value) == 0 && write->outcome != ACKED) {
			write->outcome = ACKED;
			write->end = MIN(write->end, world->tick);
		}
	}
}

static bool superseded(const struct reg *reg, const struct write *old, uint64_t start)
{
	for (uint32_t i = 0; i < reg->count; i++) {
		const struct write *write = &reg->writes[i];

		if (write->outcome != ACKED || write == old || write->end > start)
			continue;
		if (write->start > old->end)
			return true;
		if (reg->absorbing && !strcmp(write->value, ABSENT) && strcmp(old->value, ABSENT))
			return true;
	}
	return false;
}

bool reg_allows(const struct reg *reg, const char *value, uint64_t start)
{
	bool any = false;

	for (uint32_t i = 0; i < reg->count; i++) {
		const struct write *write = &reg->writes[i];

		if (write->outcome == REFUSED)
			continue;
		any |= write->outcome == ACKED;
		if (!strcmp(write->value, value) && !superseded(reg, write, start))
			return true;
	}
	/* Nothing was surely written yet: it may not be there. */
	return !any && !strcmp(value, ABSENT);
}

void said(struct world *world, const char *content, const char *id)
{
	char key[64];

	snprintf(key, sizeof(key), "say:%.50s", content);
	struct reg *reg = reg_find(world, key);
	if (!reg)
		fail(world, "message %s says what nobody said: %s", id, content);
	else if (!reg->count)
		reg_begin(world, key, id, false);
	else if (strcmp(reg->writes[0].value, id))
		fail(world, "said twice, by %s and %s: %s", reg->writes[0].value, id, content);
}

bool reg_sure(const struct reg *reg, const char *value)
{
	bool any = false;

	for (uint32_t i = 0; i < reg->count; i++) {
		const struct write *write = &reg->writes[i];

		if (write->outcome == REFUSED || superseded(reg, write, UINT64_MAX))
			continue;
		if (strcmp(write->value, value))
			return false;
		any |= write->outcome == ACKED;
	}
	return any;
}

void reg_check(struct world *world, const char *key, const char *value, uint64_t start,
	       const char *where)
{
	static const char *const outcomes[] = { "under way", "acknowledged", "refused",
						"unanswered" };
	struct reg *reg = reg_find(world, key);

	if (world->failed || !reg || reg_allows(reg, value, start))
		return;
	for (uint32_t i = 0; i < reg->count; i++)
		trace(world, "  %s = %s from %lu to %ld %s", key, reg->writes[i].value,
		      reg->writes[i].start, (long)reg->writes[i].end,
		      outcomes[reg->writes[i].outcome]);
	fail(world, "%s: %s cannot be %s", where, key, value);
}

void journal_done(struct journal *journal)
{
	for (uint32_t i = 0; i < journal->count; i++)
		free(journal->regs[i].writes);
	free(journal->regs);
	buf_done(&journal->tail);
}
