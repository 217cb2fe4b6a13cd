/* What most handlers begin with: the caller's member, the channel, what may be done there. All pointers are good until the next wait. */
#pragma once

#include "api/req.h"
#include "realm/perms.h"
#include "realm/realm.h"

struct reach {
	struct realm *realm;
	struct live_member *member; /* the caller */
	struct live_channel *channel;
	uint64_t perms; /* in the channel, or in the guild without one */
	uint64_t barred; /* held, but void: the guild asks for a second factor */
};

/* The guild of the path and the caller in it, holding all of @need (0: none). ERR_UNKNOWN_GUILD, ERR_MISSING_PERMISSIONS. */
int reach_guild(struct req *req, uint64_t need, struct reach *ret);
/* The channel of the path. ERR_UNKNOWN_CHANNEL; ERR_MISSING_ACCESS when the caller is not in its guild or may not see it;
 * ERR_MISSING_PERMISSIONS when some of @need is missing. */
int reach_channel(struct req *req, uint64_t need, struct reach *ret);
/* The same for another channel of the same realm. */
int reach_channel_id(struct req *req, uint64_t channel_id, uint64_t need, struct reach *ret);
/* Holding all of @need? 0, ERR_MFA_REQUIRED when a second factor is all that lacks, ERR_MISSING_PERMISSIONS. */
int reach_need(const struct reach *reach, uint64_t need);
/* ERR_THREAD_ARCHIVED when the channel is a thread that is. */
int reach_open(const struct reach *reach);
/* The bits that the guild keeps from @who for want of a second factor: a person's own, of a bot that of its owner. */
uint64_t reach_barred(const struct who *who, const struct realm *realm);
/* Timed out, by one who is not an administrator? Reading is left to them, no more. */
bool reach_timed_out(struct req *req, const struct reach *reach);
static inline int64_t req_now_us(const struct req *req)
{
	return (int64_t)core_wall_us(req->core);
}
