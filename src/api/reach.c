#include "api/reach.h"

enum { CATEGORY = 4 };

/* A guild may ask its moderators for a second factor: without one (people; whether a bot's owner has one is not known here)
 * the powerful bits count as absent. */
static int check(struct req *req, const struct realm *realm, uint64_t need, uint64_t *perms)
{
	bool had = (*perms & need) == need;

	if (realm->guild && realm->guild->mfa_level && !req->who.bot && !req->who.elevated)
		*perms &= ~PERM_SET_MFA;
	if ((*perms & need) == need)
		return 0;
	return had ? ERR_MFA_REQUIRED : ERR_MISSING_PERMISSIONS;
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
	return check(req, realm, need, &ret->perms);
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
	*ret = (struct reach){ realm, member, channel, perms };
	/* A category is seen for its children. */
	if (!(perms & PERM_VIEW_CHANNEL) &&
	    (channel->row->type != CATEGORY || !perms_sees(realm, member, channel)))
		return ERR_MISSING_ACCESS;
	return check(req, realm, need, &ret->perms);
}

bool reach_timed_out(struct req *req, const struct reach *reach)
{
	return reach->realm->guild && !(reach->perms & PERM_ADMINISTRATOR) &&
		perms_timed_out(reach->member, req_now_us(req));
}

int reach_channel(struct req *req, uint64_t need, struct reach *ret)
{
	return reach_channel_id(req, req->path.channel_id, need, ret);
}
