#include "user/sessions.h"

#include "codec/enc.h"
#include "gateway/domain.h"
#include "model/limits.h"
#include "user/activity.h"
#include "user/platform.h"
#include "user/presence.h"

static void show(struct arena *arena, struct session_info *info, struct str id, struct str client,
		 struct str os, enum user_status status, const struct presence *said)
{
	struct session_client *shown = arena_new(arena, struct session_client);

	*shown = (struct session_client){ .client = client, .os = os };
	*info = (struct session_info){ .session_id = id,
				       .client_info = shown,
				       .status = presence_status_text(status) };
	if (said)
		info->activities = said->activities;
}

/* Its own activities, and the custom status of the settings when it says none itself. */
static void add_custom(struct txn *txn, struct session_info *info)
{
	struct activity custom,
		*items = arena_array(txn->arena, struct activity, info->activities.count + 1);
	struct partial_emoji *emoji = arena_new(txn->arena, struct partial_emoji);

	for (uint32_t i = 0; i < info->activities.count; i++) {
		items[i] = info->activities.items[i];
		if (items[i].type == ACTIVITY_CUSTOM)
			return;
	}
	if (!presence_custom(user_of(txn), (int64_t)core_wall_us(txn->core), &custom, emoji))
		return;
	items[info->activities.count++] = custom;
	info->activities.items = items;
}

static void add_all(struct txn *txn, struct session_info_list *list)
{
	struct session_info *all = &list->items[list->count];
	enum user_status *statuses = arena_array(txn->arena, enum user_status, list->count);
	struct activity_list together = {
		arena_array(txn->arena, struct activity, LIMIT_ACTIVITIES), 0
	};

	for (uint32_t i = 0; i < list->count; i++) {
		presence_status_read(list->items[i].status, &statuses[i]);
		for (uint32_t a = 0;
		     a < list->items[i].activities.count && together.count < LIMIT_ACTIVITIES;
		     a++) {
			bool known = false;

			for (uint32_t k = 0; k < together.count && !known; k++)
				known = activity_same(&together.items[k],
						      &list->items[i].activities.items[a]);
			if (!known)
				together.items[together.count++] =
					list->items[i].activities.items[a];
		}
	}
	show(txn->arena, all, S("all"), S("unknown"), S("unknown"),
	     presence_fold(statuses, list->count), NULL);
	all->activities = together;
	all->active = all->has.active = true;
	list->count++;
}

struct session_info_list sessions_list(struct txn *txn)
{
	struct user_state *user = user_of(txn);
	uint32_t count, headless_count;
	struct user_session **sessions = presence_sessions(user, txn->arena, &count);
	struct headless **headless = presence_headless(user, txn->arena, &headless_count);
	struct session_info_list list = {
		arena_array(txn->arena, struct session_info, LIMIT_SESSIONS_PER_USER + 1), 0
	};

	for (uint32_t i = 0; i < count && list.count < LIMIT_SESSIONS_PER_USER; i++) {
		struct session_info *info = &list.items[list.count++];
		enum user_status status = presence_status(user, sessions[i]->status);

		char name[SESSION_NAME_LEN + 1];
		session_name(sessions[i]->id, sessions[i]->id2, name);
		show(txn->arena, info, arena_str(txn->arena, str_z(name)),
		     platform_text((enum platform)sessions[i]->platform), str_z(sessions[i]->os),
		     status, sessions[i]->said);
		info->active = !sessions[i]->afk && status != STATUS_IDLE;
		info->has.active = true;
		add_custom(txn, info);
	}
	for (uint32_t i = 0; i < headless_count && list.count < LIMIT_SESSIONS_PER_USER; i++)
		show(txn->arena, &list.items[list.count++], headless[i]->session_id,
		     platform_text(platform_of_activity(&headless[i]->said->activities.items[0])),
		     S("unknown"), presence_status(user, STATUS_FOLLOW), headless[i]->said);
	if (list.count > 1)
		add_all(txn, &list);
	return list;
}

void sessions_tell(struct txn *txn)
{
	struct user_state *user = user_of(txn);
	struct buf text;
	struct enc enc;

	if (user->account->bot || !user->sessions.count ||
	    user->sessions.count > LIMIT_SESSIONS_PER_USER)
		return;
	struct session_info_list list = sessions_list(txn);
	buf_init(&text, 1 << 20);
	enc_init(&enc, &text, ENC_JSON);
	enc_arr_begin(&enc);
	for (uint32_t i = 0; i < list.count; i++)
		enc_session_info(&enc, &list.items[i]);
	enc_arr_end(&enc);
	txn_event_raw(txn, EVENT_SESSIONS_REPLACE, aud_self(), bytes_from(buf_str(&text)), NULL);
	buf_done(&text);
}
