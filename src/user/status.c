#include "user/status.h"

#include "codec/dup.h"
#include "user/activity.h"
#include "user/presence.h"
#include "user/protobuf.h"

/* Numbers of the settings' fields. */
enum { STATUS_SETTINGS = 11, STATUS_TEXT = 1, CUSTOM_STATUS = 2, STRING_VALUE = 1 };
enum { CUSTOM_TEXT = 1, CUSTOM_EMOJI_ID = 2, CUSTOM_EMOJI_NAME = 3, CUSTOM_EXPIRES_MS = 4 };
enum { TEXT_MAX = 128, EMOJI_NAME_MAX = 100 };

void status_choose(struct txn *txn, struct str status)
{
	struct user_state *user = user_of(txn);
	struct account row = *user->account;
	enum user_status chosen;
	uint32_t at = 0;
	uint64_t id;
	void *value;

	if (!presence_status_read(status, &chosen) || chosen == STATUS_FOLLOW)
		return;
	if (!str_eq(row.status, presence_status_text(chosen))) {
		row.status = presence_status_text(chosen);
		user_put_account(txn, &row);
	}
	while (map_next(&user->sessions, &at, &id, &value)) {
		struct user_session *session = value;
		bool idle = session->status == STATUS_IDLE && session->since;

		if (!idle || chosen != STATUS_ONLINE)
			session->status = STATUS_FOLLOW;
	}
	presence_merge(txn);
}

/* A session says no custom status of its own any more. */
static void forget_custom(struct user_state *user, struct user_session *session)
{
	struct presence *said = session->said;
	uint32_t kept = 0;

	for (uint32_t i = 0; said && i < said->activities.count; i++)
		if (said->activities.items[i].type != ACTIVITY_CUSTOM)
			said->activities.items[kept++] = said->activities.items[i];
	if (said)
		said->activities.count = kept;
	if (said && !kept) {
		region_free(user->region, said);
		session->said = NULL;
	}
}

void status_choose_custom(struct txn *txn, const struct custom_status *custom)
{
	struct user_state *user = user_of(txn);
	struct account row = *user->account;
	uint32_t at = 0;
	uint64_t id;
	void *value;

	row.custom_text = custom ? custom->text : (struct str){};
	row.custom_emoji_id = custom ? custom->emoji_id : 0;
	row.custom_emoji_name = custom ? custom->emoji_name : (struct str){};
	row.custom_expires_at = custom ? custom->expires_at : 0;
	user_put_account(txn, &row);
	while (map_next(&user->sessions, &at, &id, &value))
		forget_custom(user, value);
	presence_merge(txn);
}

static bool fits(struct str text, size_t max)
{
	return str_utf8_valid(text) && str_utf8_len(text) <= max;
}

bool status_read_proto(struct str message, struct chosen *ret)
{
	struct str settings, part;
	uint64_t ms;

	*ret = (struct chosen){};
	if (!protobuf_bytes(message, STATUS_SETTINGS, &settings))
		return true;
	if (protobuf_bytes(settings, STATUS_TEXT, &part) &&
	    protobuf_bytes(part, STRING_VALUE, &part))
		ret->status = part;
	ret->has_custom = true; /* sub-messages are replaced whole: without one there is none */
	if (!protobuf_bytes(settings, CUSTOM_STATUS, &part))
		return true;
	protobuf_bytes(part, CUSTOM_TEXT, &ret->custom.text);
	protobuf_bytes(part, CUSTOM_EMOJI_NAME, &ret->custom.emoji_name);
	protobuf_fixed64(part, CUSTOM_EMOJI_ID, &ret->custom.emoji_id);
	if (protobuf_fixed64(part, CUSTOM_EXPIRES_MS, &ms) && ms < INT64_MAX / 1000)
		ret->custom.expires_at = (int64_t)ms * 1000;
	if (!fits(ret->custom.text, TEXT_MAX) || !fits(ret->custom.emoji_name, EMOJI_NAME_MAX))
		return false;
	return true;
}

struct custom_status *status_custom(const struct user_state *user, struct arena *arena)
{
	const struct account *account = user->account;
	struct custom_status *custom = arena_new(arena, struct custom_status);

	if (!account->custom_text.len && !account->custom_emoji_id &&
	    !account->custom_emoji_name.len)
		return NULL;
	*custom = (struct custom_status){ .text = account->custom_text,
					  .expires_at = account->custom_expires_at,
					  .emoji_id = account->custom_emoji_id,
					  .emoji_name = account->custom_emoji_name };
	custom->has.text = custom->has.expires_at = custom->has.emoji_id = custom->has.emoji_name =
		true;
	return custom;
}
