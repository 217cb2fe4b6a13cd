/* Guilds: make, read. */
#include <errno.h>

#include "api/images.h"
#include "api/reach.h"
#include "cell/ids.h"
#include "codec/dup.h"
#include "config/config.h"
#include "model/limits.h"
#include "realm/directory.h"
#include "realm/guild_view.h"
#include "realm/make.h"
#include "user/user.h"

int api_create_guild(struct req *req, const struct guild_new *in, struct guild *out)
{
	struct user_state *user = user_of(req->txn);
	struct guild_making making = { .id = id_next(req->core, 0),
				       .body = in,
				       .arena = req->arena };

	if (user->guilds.count >= LIMIT_GUILDS)
		return ERR_MAX_GUILDS;
	if (config_of(req->core)->guilds == CREATE_OPERATORS && !user->account->operator)
		return ERR_MISSING_ACCESS;
	making.owner = user_public(user->account);
	making.owner = *(struct user *)obj_dup_arena(req->arena, &desc_user, &making.owner);
	making.channel_ids_count = in->channels.count ? in->channels.count : GUILD_PLAIN_CHANNELS;
	making.channel_ids = arena_array(req->arena, uint64_t, making.channel_ids_count);
	struct store_batch *batch = store_batch_new(req->core, NULL);
	for (uint32_t i = 0; i < making.channel_ids_count; i++) {
		making.channel_ids[i] = id_next(req->core, 0);
		directory_put_channel(batch, making.channel_ids[i], CELL_GUILD, making.id);
	}
	struct image_edit icon = image_edit("icon", "icons", making.id, in->has.icon, in->icon);
	int r = txn_before_wait(req->txn, batch);
	if (!r)
		r = images_store_wait(req, &icon, 1);
	making.icon = icon.hash;
	if (!r)
		r = cell_create_wait(req->core, CELL_GUILD, making.id, realm_make_run, &making);
	if (r)
		return r;
	*out = making.view;
	return 0;
}

int api_get_guild(struct req *req, const struct guild_query *query, struct guild *out)
{
	struct reach reach;

	int r = reach_guild(req, 0, &reach);
	if (r)
		return r;
	*out = guild_view(reach.realm, req->arena);
	if (query->with_counts) {
		out->approximate_member_count = reach.realm->members.count;
		out->approximate_presence_count = reach.realm->online_count;
		out->has.approximate_member_count = out->has.approximate_presence_count = true;
	}
	return 0;
}
