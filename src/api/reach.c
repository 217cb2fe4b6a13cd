#include "api/reach.h"

#include "realm/thread.h"

enum { CATEGORY = 4 };

uint64_t reach_barred(const struct who *who, const struct realm *realm)
{
	return realm->guild && realm->guild->mfa_level && !who->elevated ? PERM_SET_MFA : 0;
}

int reach_need(const struct reach *reach, uint64_t need)
{
	if ((reach->perms & need) == need)
		return 0;
	return ((reach->perms | reach->barred) & need) == need ? ERR_MFA_REQUIRED
							       : ERR_MISSING_PERMISSIONS;
}

int reach_open(const struct reach *reach)
{
	return thread_is_archived(reach->channel) ? ERR_THREAD_ARCHIVED : 0;
}

static int check(struct req *req, struct reach *reach, uint64_t need)
{
	reach->barred = reach->perms & reach_barred(&req->who, reach->realm);
	reach->perms &= ~reach->barred;
	return reach_need(reach, need);
}

int reach_guild(struct req *req, uint64_t need, struct reach *ret)
{
	struct realm *realm = realm_of(req->txn);
	struct live_member *member = realm_member(realm, req->who.user_id);

	if (!realm->guild || !member)
		return ERR_UNKNOWN_GUILD;
	*ret = (struct reach){ .realm = realm,
			       .member = member,
			       .perms = perms_acting(realm, member, req_now_us(req)) };
	return check(req, ret, need);
}

int reach_channel_id(struct req *req, uint64_t channel_id, uint64_t need, struct reach *ret)
{
	struct realm *realm = realm_of(req->txn);
	struct live_channel *channel = realm_channel(realm, channel_id);
	struct live_member *member = realm_member(realm, req->who.user_id);

	if (!channel)
		return ERR_UNKNOWN_CHANNEL;
	if (!member)
		return ERR_MISSING_ACCESS;
	uint64_t perms = perms_channel(realm, member, channel, req_now_us(req));
	*ret = (struct reach){
		.realm = realm, .member = member, .channel = channel, .perms = perms
	};
	/* A category is seen for its children. */
	if (!(perms & PERM_VIEW_CHANNEL) &&
	    (channel->row->type != CATEGORY || !perms_sees(realm, member, channel)))
		return ERR_MISSING_ACCESS;
	return check(req, ret, need);
}

bool reach_timed_out(struct req *req, const struct reach *reach)
{
	return reach->realm->guild &&
		!(perms_base(reach->realm, reach->member) & PERM_ADMINISTRATOR) &&
		perms_timed_out(reach->member, req_now_us(req));
}

int reach_channel(struct req *req, uint64_t need, struct reach *ret)
{
	return reach_channel_id(req, req->path.channel_id, need, ret);
}
