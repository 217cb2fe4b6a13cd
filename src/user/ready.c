#include "user/ready.h"

#include <errno.h>

#include "codec/enc.h"
#include "store/store.h"
#include "user/friends.h"
#include "user/relation.h"
#include "user/sessions.h"
#include "user/settings.h"

enum {
	READY_MAX = 64 << 20,
	CAPABILITY_PRIORITIZED_READY = 1 << 5, /* READY_SUPPLEMENTAL has them */
	CAPABILITY_SETTINGS_PROTO = 1 << 6,
	PRELOADED = 1 /* kind of settings */
};

static struct bytes *finish(struct buf *text)
{
	struct bytes *bytes = bytes_from(buf_str(text));

	buf_done(text);
	return bytes;
}

struct bytes *ready_bot(struct txn *txn, const struct user_open *open)
{
	struct user_state *user = user_of(txn);
	struct user_self self = user_self_view(user);
	struct application application = user->application
		? application_view(user, NULL)
		: (struct application){ .id = txn->cell->id };
	struct guild_unavailable *stubs = arena_array(txn->arena, struct guild_unavailable,
						      open->guilds_count + 1);
	int64_t shard[2] = { open->shard_id, open->shard_count };
	struct buf text;
	struct enc enc;

	for (uint32_t i = 0; i < open->guilds_count; i++) {
		stubs[i].id = open->guilds[i];
		stubs[i].unavailable = true;
		stubs[i].has.unavailable = true;
	}
	struct ready ready = {
		.v = open->version,
		.user = &self,
		.session_id = open->session_id,
		.session_type = S("normal"),
		.resume_gateway_url = open->resume_url,
		.application = &application,
		.user_settings = S("{}"),
		.auth = S("{}"),
	};
	ready.guilds.items = stubs;
	ready.guilds.count = open->guilds_count;
	if (open->shard_count) {
		ready.has.shard = true;
		ready.shard.items = shard;
		ready.shard.count = 2;
	}
	buf_init(&text, READY_MAX);
	enc_init(&enc, &text, ENC_JSON);
	enc_ready(&enc, &ready);
	return finish(&text);
}

/* What one wants to hear of guilds: those that were changed once. */
static int read_guild_settings_wait(struct txn *txn, struct user_guild_settings_list *ret)
{
	struct store_row *rows;
	struct key key;
	uint32_t count;

	int r = txn_scan_wait(txn, prefix_user_guild_settings(&key, txn->cell->id), (struct str){},
			      (struct str){}, false, 0, &rows, &count);
	if (r)
		return r;
	ret->items = arena_array(txn->arena, struct user_guild_settings, count + 1);
	for (uint32_t i = 0; i < count; i++)
		if (!row_get(rows[i].value, &desc_user_guild_settings, txn->arena,
			     &ret->items[ret->count]))
			ret->count++;
	return 0;
}

int ready_rows_wait(struct txn *txn, struct ready_rows *ret)
{
	struct settings_row proto = {};
	struct key key;

	*ret = (struct ready_rows){};
	int r = ready_recipients_wait(txn, &ret->recipients);
	if (!r)
		r = settings_read_wait(txn, &ret->settings);
	if (!r)
		r = read_guild_settings_wait(txn, &ret->guild_settings);
	if (!r)
		r = reads_news_wait(txn, &ret->guild_settings, &ret->news);
	if (!r)
		r = txn_get_obj_wait(txn, key_settings(&key, txn->cell->id, PRELOADED),
				     &desc_settings_row, &proto);
	ret->proto = proto.data.ptr ? proto.data : S("");
	/* The last: these are views into the cell. */
	return r && r != ENOENT ? r : relation_list_wait(txn, &ret->relations);
}

/* With `users` their users go there, once. */
static void ready_relationships(struct txn *txn, const struct ready_rows *rows,
				struct ready_user *ready)
{
	struct user_list users = { arena_array(txn->arena, struct user,
					       ready->users.count + rows->relations.count + 1),
				   ready->users.count };
	struct map seen;

	ready->relationships.items = rows->relations.items;
	ready->relationships.count = rows->relations.count;
	if (!ready->has.users)
		return;
	map_init(&seen);
	for (uint32_t i = 0; i < users.count; i++) {
		users.items[i] = ready->users.items[i];
		map_set(&seen, users.items[i].id, &users.items[i]);
	}
	for (uint32_t i = 0; i < rows->relations.count; i++) {
		struct relationship *relation = &rows->relations.items[i];

		relation->has.user = false;
		relation->has.user_id = true;
		relation->user_id = relation->id;
		if (!map_get(&seen, relation->id))
			users.items[users.count++] = *relation->user;
	}
	map_done(&seen);
	ready->users.items = users.items;
	ready->users.count = users.count;
}

struct bytes *ready_person(struct txn *txn, const struct user_open *open,
			   const struct ready_rows *rows)
{
	struct user_state *user = user_of(txn);
	struct user_self self = user_self_view(user);
	struct user_settings settings = rows->settings;
	struct ready_user_guild_settings guild_settings = {
		.entries.items = rows->guild_settings.items,
		.entries.count = rows->guild_settings.count
	};
	struct ready_auth auth = {};
	struct notification_settings notifications = {};
	struct session_info_list sessions = sessions_list(txn);
	struct buf text;
	struct enc enc;

	struct ready_user ready = {
		.v = open->version,
		.user = &self,
		.user_settings = &settings,
		.user_guild_settings = &guild_settings,
		.read_state = reads_ready(txn, open->capabilities, &rows->news),
		.session_id = open->session_id,
		.session_type = S("normal"),
		.sessions = sessions,
		.resume_gateway_url = open->resume_url,
		.auth_session_id_hash = S(""),
		.static_client_session_id = open->session_id,
		.analytics_token = S(""),
		.auth = &auth,
		.country_code = S("US"),
		.consents = S("{\"personalization\":{\"consented\":false}}"),
		.experiments = S("[]"),
		.guild_experiments = S("[]"),
		.guild_join_requests = S("[]"),
		.notification_settings = &notifications,
		.linked_users = S("[]"),
		.broadcaster_user_ids = S("[]"),
		.api_code_version = 1,
	};
	ready.has.user_guild_settings = ready.has.read_state = true;
	ready.has.user_settings_proto = open->capabilities & CAPABILITY_SETTINGS_PROTO;
	ready.has.user_settings = !ready.has.user_settings_proto;
	ready.user_settings_proto = rows->proto;
	ready.has.users = ready.has.presences = true;
	ready_private_channels(txn, open, &rows->recipients, &ready);
	ready_relationships(txn, rows, &ready);
	if (!(open->capabilities & CAPABILITY_PRIORITIZED_READY)) {
		struct presence_list friends = friends_list(txn);

		ready.presences.items = friends.items;
		ready.presences.count = friends.count;
	}
	buf_init(&text, READY_MAX);
	enc_init(&enc, &text, ENC_JSON);
	enc_ready_user(&enc, &ready);
	return finish(&text);
}
