#include "user/presence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/dec.h"
#include "codec/dup.h"
#include "codec/enc.h"
#include "codec/json.h"
#include "realm/presence.h"

enum { ACTIVITIES_MAX = 16, TEXT_MAX = 256 << 10 };

void presence_set(struct txn *txn, struct user_session *session, struct str json)
{
	struct user_state *user = user_of(txn);
	struct presence_update update = {};
	struct dec dec;

	if (!json.ptr)
		return;
	json_t *tree = json_parse(json);
	dec_init(&dec, txn->arena);
	if (tree && !dec_object(&dec, &desc_presence_update, tree, &update)) {
		region_free(user->region, session->presence);
		session->presence = obj_dup_region(user->region, &desc_presence_update, &update);
	}
	if (tree)
		json_decref(tree);
}

static struct activity to_activity(const struct activity_update *in, int64_t now_ms)
{
	struct activity out = {
		.name = in->name.ptr ? in->name : S(""),
		.type = in->type,
		.url = in->url,
		.created_at = now_ms, /* the server's clock: some clients send text here, and cannot read it back */
		.session_id = in->session_id,
		.platform = in->platform,
		.timestamps = in->timestamps,
		.application_id = in->application_id,
		.details = in->details,
		.state = in->state,
		.sync_id = in->sync_id,
		.emoji = in->emoji,
		.party = in->party,
		.assets = in->assets,
		.secrets = in->secrets,
		.instance = in->instance,
		.flags = in->flags,
	};

	out.has.url = in->url.ptr;
	out.has.session_id = in->session_id.ptr;
	out.has.platform = in->platform.ptr;
	out.has.timestamps = in->timestamps != NULL;
	out.has.application_id = in->application_id != 0;
	out.has.details = in->details.ptr;
	out.has.state = in->state.ptr;
	out.has.sync_id = in->sync_id.ptr;
	out.has.emoji = in->emoji != NULL;
	out.has.party = in->party != NULL;
	out.has.assets = in->assets != NULL;
	out.has.secrets = in->secrets != NULL;
	out.has.instance = in->has.instance && !in->null.instance;
	out.has.flags = in->has.flags && !in->null.flags;
	return out;
}

/* online > idle > dnd is not an order of the protocol; explicit dnd and invisible from any session win, then online. */
static struct str fold(struct str a, struct str b)
{
	static const struct str order[] = { { "invisible", 9 }, { "dnd", 3 }, { "online", 6 }, { "idle", 4 } };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (str_eq(a, order[i]) || str_eq(b, order[i]))
			return order[i];
	return S("offline");
}

static void set_client(struct client_status *status, struct str os, struct str client, struct str value)
{
	(void)os;
	if (str_ieq(client, S("Discord Android")) || str_ieq(client, S("Discord iOS"))) {
		status->mobile = value;
		status->has.mobile = true;
	} else if (str_ieq(client, S("Discord Client"))) {
		status->desktop = value;
		status->has.desktop = true;
	} else {
		status->web = value;
		status->has.web = true;
	}
}

static bool same(const struct presence *a, const struct presence *b)
{
	struct buf x, y;
	struct enc enc;

	if (!a || !b)
		return a == b;
	buf_init(&x, TEXT_MAX);
	buf_init(&y, TEXT_MAX);
	enc_init(&enc, &x, ENC_JSON);
	enc_presence(&enc, a);
	enc_init(&enc, &y, ENC_JSON);
	enc_presence(&enc, b);
	bool equal = str_eq(buf_str(&x), buf_str(&y));
	buf_done(&x);
	buf_done(&y);
	return equal;
}

static void tell(struct txn *txn, uint64_t guild_id)
{
	struct user_state *user = user_of(txn);
	struct realm_presence_arg *arg = mem_zalloc(sizeof(*arg));

	arg->user_id = txn->cell->id;
	arg->presence = user->presence ? obj_dup(&desc_presence, user->presence) : NULL;
	cell_tell(txn->core, CELL_GUILD, guild_id, true, realm_presence_run, arg);
}

void presence_merge(struct txn *txn)
{
	struct user_state *user = user_of(txn);
	struct user_partial who = { .id = txn->cell->id };
	struct client_status client = {};
	struct presence merged = { .user = &who, .client_status = &client, .status = S("offline") };
	int64_t now_ms = (int64_t)(core_wall_us(txn->core) / 1000);
	uint32_t at = 0;
	uint64_t id;
	void *value;

	merged.activities.items = arena_array(txn->arena, struct activity, ACTIVITIES_MAX);
	while (map_next(&user->sessions, &at, &id, &value)) {
		const struct user_session *session = value;
		const struct presence_update *update = session->presence;
		struct str status = update && update->status.len ? update->status : S("online");

		if (str_eq(status, S("unknown")))
			status = user->account->status.len ? user->account->status : S("online");
		merged.status = fold(merged.status, status);
		set_client(&client, session->os, session->client, status);
		if (!update)
			continue;
		if (!update->activities.count && update->game && merged.activities.count < ACTIVITIES_MAX)
			merged.activities.items[merged.activities.count++] = to_activity(update->game, now_ms);
		for (uint32_t i = 0; i < update->activities.count && merged.activities.count < ACTIVITIES_MAX; i++)
			merged.activities.items[merged.activities.count++] =
				to_activity(&update->activities.items[i], now_ms);
	}
	bool there = !str_eq(merged.status, S("offline")) && !str_eq(merged.status, S("invisible"));
	/* An activity that goes on keeps the time it began. */
	for (uint32_t i = 0; user->presence && i < merged.activities.count; i++)
		for (uint32_t k = 0; k < user->presence->activities.count; k++) {
			const struct activity *old = &user->presence->activities.items[k];

			if (old->type == merged.activities.items[i].type && str_eq(old->name, merged.activities.items[i].name))
				merged.activities.items[i].created_at = old->created_at;
		}
	if (there ? same(user->presence, &merged) : !user->presence)
		return;
	region_free(user->region, user->presence);
	user->presence = there ? obj_dup_region(user->region, &desc_presence, &merged) : NULL;
	at = 0;
	while (map_next(&user->guilds, &at, &id, &value))
		tell(txn, id);
}

int user_tell_presence(struct txn *txn, void *arg)
{
	tell(txn, *(uint64_t *)arg);
	return 0;
}
