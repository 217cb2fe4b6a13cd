#include "api/reach.h"

int reach_guild(struct req *req, uint64_t need, struct reach *ret)
{
	struct realm *realm = realm_of(req->txn);
	struct live_member *member = realm_member(realm, req->who.user_id);

	if (!realm->guild || !member)
		return ERR_UNKNOWN_GUILD;
	*ret = (struct reach){ .realm = realm, .member = member,
			       .perms = perms_acting(realm, member, req_now_us(req)) };
	return (ret->perms & need) == need ? 0 : ERR_MISSING_PERMISSIONS;
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
	if (!(perms & PERM_VIEW_CHANNEL))
		return ERR_MISSING_ACCESS;
	return (perms & need) == need ? 0 : ERR_MISSING_PERMISSIONS;
}

int reach_channel(struct req *req, uint64_t need, struct reach *ret)
{
	return reach_channel_id(req, req->path.channel_id, need, ret);
}
