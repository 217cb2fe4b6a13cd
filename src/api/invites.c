/* Invites: links into guilds. Unknown, expired, used up and banned-from are one answer, in about the same time. */
#include <errno.h>

#include "api/reach.h"
#include "realm/invite.h"
#include "realm/join.h"
#include "realm/member.h"
#include "user/user.h"

enum { INVITES_MAX = 1000, WRONG_CODES = 20, MINUTE_MS = 60000 };

static void view_of(struct req *req, struct realm *realm, const struct invite_row *row,
		    bool metadata, struct invite *out)
{
	struct live_channel *channel = realm_channel(realm, row->channel_id);
	struct live_member *inviter = realm_member(realm, row->inviter_id);
	struct user *user = arena_new(req->arena, struct user);
	struct invite_channel *shown = arena_new(req->arena, struct invite_channel);
	struct guild *guild = arena_new(req->arena, struct guild);

	*guild = *realm->guild;
	*out = (struct invite){ .code = row->code,
				.expires_at = row->expires_at,
				.guild = guild,
				.guild_id = guild->id };
	out->has.guild = out->has.guild_id = true;
	if (channel) {
		shown->id = channel->row->id;
		shown->name = channel->row->name;
		shown->type = channel->row->type;
		out->channel = shown;
	}
	if (inviter) {
		*user = member_user(inviter->row);
		out->inviter = user;
		out->has.inviter = true;
	}
	out->flags = row->flags;
	out->has.flags = true;
	if (!metadata)
		return;
	out->created_at = row->created_at;
	out->max_age = row->max_age;
	out->max_uses = row->max_uses;
	out->uses = row->uses;
	out->temporary = row->temporary;
	out->has.created_at = out->has.max_age = out->has.max_uses = out->has.uses =
		out->has.temporary = true;
}

/* -- on the guild's or channel's cell -- */

int api_create_channel_invite(struct req *req, const struct invite_create *in, struct invite *out)
{
	struct txn *txn = req->txn;
	struct invite_row row = {};
	struct invite_row *rows;
	struct reach reach;
	uint32_t count;
	char code[INVITE_CODE_MAX];

	int r = reach_channel(req, PERM_CREATE_INSTANT_INVITE, &reach);
	if (r)
		return r;
	if (!reach.realm->guild || reach.channel->row->type == 4 || reach.channel->thread)
		return ERR_CANNOT_EXECUTE_ON_CHANNEL_TYPE;
	r = invite_list_wait(txn, 0, &rows, &count);
	if (r)
		return r;
	if (count >= INVITES_MAX)
		return ERR_MAX_INVITES;
	int64_t now = req_now_us(req);
	/* The same person, channel and terms: the same link, unless another is asked for. */
	for (uint32_t i = 0; !in->unique && i < count; i++) {
		if (rows[i].channel_id != req->path.channel_id ||
		    rows[i].inviter_id != req->who.user_id || rows[i].max_age != in->max_age ||
		    rows[i].max_uses != in->max_uses || rows[i].temporary != in->temporary)
			continue;
		view_of(req, reach.realm, &rows[i], true, out);
		return 0;
	}
	r = invite_code_wait(txn, req->path.channel_id, code);
	if (!r)
		r = reach_channel(req, PERM_CREATE_INSTANT_INVITE, &reach);
	if (r)
		return r;
	row = (struct invite_row){ .code = arena_str(req->arena, str_z(code)),
				   .channel_id = req->path.channel_id,
				   .inviter_id = req->who.user_id,
				   .created_at = now,
				   .max_age = in->max_age,
				   .max_uses = in->max_uses,
				   .expires_at = in->max_age ? now + in->max_age * 1000000 : 0,
				   .temporary = in->temporary };
	row.null.target_type = true;
	invite_put(txn, &row, req_reason(req), true);
	view_of(req, reach.realm, &row, true, out);
	return 0;
}

static int list(struct req *req, uint64_t channel_id, struct invite_list *out)
{
	struct invite_row *rows;
	uint32_t count;

	int r = invite_list_wait(req->txn, channel_id, &rows, &count);
	if (r)
		return r;
	out->items = arena_array(req->arena, struct invite, count + 1);
	for (uint32_t i = 0; i < count; i++)
		view_of(req, realm_of(req->txn), &rows[i], true, &out->items[out->count++]);
	return 0;
}

int api_list_channel_invites(struct req *req, struct invite_list *out)
{
	struct reach reach;

	int r = reach_channel(req, PERM_MANAGE_CHANNELS, &reach);
	return r ? r : list(req, req->path.channel_id, out);
}

int api_list_guild_invites(struct req *req, struct invite_list *out)
{
	struct reach reach;

	int r = reach_guild(req, PERM_MANAGE_GUILD, &reach);
	return r ? r : list(req, 0, out);
}

/* -- by code: on the guild's cell, found through the directory -- */

struct by_code {
	struct req *req;
	struct invite *out;
	struct realm_join join;
	bool counts;
};

static int run_resolve(struct txn *txn, void *arg)
{
	struct by_code *in = arg;
	struct realm *realm = realm_of(txn);
	struct invite_row row;
	struct str value;
	struct key key;

	int r = invite_get_wait(txn, in->req->arena, in->req->path.code, false, &row);
	if (r)
		return r;
	if (in->req->who.user_id && !realm_member(realm, in->req->who.user_id)) {
		r = txn_get_wait(txn, key_ban(&key, txn->cell->id, in->req->who.user_id), &value);
		if (r != ENOENT)
			return r ? r : ERR_UNKNOWN_INVITE;
	}
	view_of(in->req, realm, &row, false, in->out);
	/* The guild's strings stay behind in this cell: copy what is shown. */
	invite_detach(in->req->arena, in->out);
	if (in->counts) {
		in->out->approximate_member_count = realm->members.count;
		in->out->approximate_presence_count = realm->online_count;
		in->out->has.approximate_member_count = in->out->has.approximate_presence_count =
			true;
	}
	return 0;
}

/* Finds the guild and runs @fn there. */
static int at_guild_wait(struct req *req, int (*fn)(struct txn *, void *), void *arg)
{
	uint64_t guild_id;

	int r = invite_find_wait(req->core, req->arena, req->path.code, &guild_id);
	if (!r)
		r = cell_call_wait(req->core, CELL_GUILD, guild_id, fn, arg);
	if (r == ENOENT || r == ERR_USER_BANNED)
		r = ERR_UNKNOWN_INVITE;
	if (r == ERR_UNKNOWN_INVITE &&
	    req_throttled(req, S("invite"), req->address, WRONG_CODES, MINUTE_MS))
		return ERR_RATE_LIMITED; /* guessing codes */
	return r;
}

int api_invite_resolve(struct req *req, const struct invite_query *query, struct invite *out)
{
	return at_guild_wait(
		req, run_resolve,
		&(struct by_code){ .req = req, .out = out, .counts = query->with_counts });
}

static int run_accept(struct txn *txn, void *arg)
{
	struct by_code *in = arg;
	struct invite_row row;

	int r = invite_get_wait(txn, in->req->arena, in->req->path.code, true, &row);
	if (r)
		return r;
	in->join.invite_code = row.code;
	in->join.inviter = row.inviter_id;
	view_of(in->req, realm_of(txn), &row, false, in->out);
	invite_detach(in->req->arena, in->out);
	r = realm_join_wait(txn, &in->join);
	if (!r && !in->join.was_member)
		invite_use(txn, &row);
	return r;
}

int api_accept_invite(struct req *req, const struct invite_accept *body, struct invite *out)
{
	struct by_code in = { .req = req, .out = out };

	(void)body;
	int r = user_public_wait(req->core, req->arena, req->who.user_id, &in.join.user);
	if (!r)
		r = at_guild_wait(req, run_accept, &in);
	if (r)
		return r;
	out->new_member = !in.join.was_member;
	out->has.new_member = true;
	return 0;
}

static int run_revoke(struct txn *txn, void *arg)
{
	struct by_code *in = arg;
	struct realm *realm = realm_of(txn);
	struct invite_row row;

	int r = invite_get_wait(txn, in->req->arena, in->req->path.code, true, &row);
	if (r)
		return r;
	struct live_member *member = realm_member(realm, in->req->who.user_id);
	if (!member)
		return ERR_UNKNOWN_INVITE;
	struct live_channel *channel = realm_channel(realm, row.channel_id);
	/* The channel's word counts there, not the guild's. */
	uint64_t perms = perms_acting(realm, member, req_now_us(in->req)), managing = perms;
	if (channel)
		managing = perms_channel(realm, member, channel, req_now_us(in->req));
	struct reach reach = { .perms = (perms & PERM_MANAGE_GUILD) |
				       (managing & PERM_MANAGE_CHANNELS) };
	reach.barred = reach.perms & reach_barred(&in->req->who, realm);
	if (!(reach.perms & ~reach.barred) && row.inviter_id != in->req->who.user_id)
		return reach.barred ? ERR_MFA_REQUIRED : ERR_MISSING_PERMISSIONS;
	view_of(in->req, realm, &row, false, in->out);
	invite_detach(in->req->arena, in->out);
	invite_del(txn, &row, in->req->who.user_id, req_reason(in->req));
	return 0;
}

int api_invite_revoke(struct req *req, struct invite *out)
{
	return at_guild_wait(req, run_revoke, &(struct by_code){ .req = req, .out = out });
}
