/* A cache of each channel's latest messages, as rows, for whoever opens it: kept by the core that owns the channel's realm, bounded in
 * bytes, the longest unread goes first. Every write to a message of a channel forgets what is kept of it. Owner core only. */
#pragma once

#include "realm/realm.h"

struct latest;
struct latest_stats {
	_Atomic uint64_t hits, misses, bytes;
};
struct latest *latest_new(void);
/* NULL does nothing. */
void latest_free(struct latest *latest);
/* Any thread. */
const struct latest_stats *latest_stats(struct core *core);
/* Gives up all of it: memory is short. Bytes. */
uint64_t latest_shed(struct core *core);

/* The newest @limit undeleted rows of a channel, newest first, copied into @arena; fewer only when the channel has no more.
 * False: not kept. */
bool latest_get(struct realm *realm, struct arena *arena, uint64_t channel_id, uint32_t limit,
		struct str **ret_rows, uint32_t *ret_count);
/* Keeps @rows, which were read while realm->message_writes was @writes (otherwise they may be old, and are not kept).
 * @whole: the channel has no more. */
void latest_set(struct realm *realm, uint64_t channel_id, uint64_t writes, const struct str *rows,
		uint32_t count, bool whole);
/* A row of the channel is written. */
void latest_forget(struct realm *realm, uint64_t channel_id);
