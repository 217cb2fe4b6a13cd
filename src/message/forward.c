#include "message/forward.h"

#include <errno.h>

#include "cdn/files.h"
#include "cdn/incoming.h"
#include "codec/dup.h"
#include "message/attach.h"
#include "model/limits.h"
#include "realm/directory.h"
#include "realm/perms.h"
#include "realm/thread.h"

struct reading {
	struct arena *arena; /* of who waits */
	const struct reader *reader;
	uint64_t channel_id, message_id;
	struct forward forward;
};

static int may_read(struct txn *txn, const struct reading *reading)
{
	struct realm *realm = realm_of(txn);
	const struct live_channel *channel = realm_channel(realm, reading->channel_id);
	const struct live_member *member = realm_member(realm, reading->reader->user_id);
	uint64_t need = PERM_VIEW_CHANNEL | PERM_READ_MESSAGE_HISTORY;

	if (!channel)
		return ENOENT;
	if (!member ||
	    (perms_channel(realm, member, channel, (int64_t)core_wall_us(txn->core)) & need) !=
		    need)
		return ERR_MISSING_ACCESS;
	return 0;
}

static int check(const struct message *message, const struct reader *reader, bool guild)
{
	if (message->type != MESSAGE_DEFAULT && message->type != MESSAGE_REPLY &&
	    message->type != MESSAGE_COMMAND && message->type != MESSAGE_CONTEXT_MENU)
		return ERR_INVALID_MESSAGE_TYPE;
	if (message->has.poll)
		return ERR_INVALID_MESSAGE_TYPE;
	if (guild && reader->contentless && message->author_id != reader->user_id)
		return ERR_CANNOT_FORWARD_UNREADABLE;
	return 0;
}

static int run_read(struct txn *txn, void *arg)
{
	struct reading *reading = arg;
	struct message message;

	int r = thread_fetch_wait(txn, reading->channel_id);
	if (!r)
		r = may_read(txn, reading);
	if (!r)
		r = message_get_wait(txn, reading->channel_id, reading->message_id, false,
				     &message);
	if (!r)
		r = may_read(txn, reading);
	if (!r)
		r = check(&message, reading->reader, realm_is_guild(realm_of(txn)));
	if (r)
		return r;
	struct message_snapshot_content content = {
		.type = message.type,
		.content = message.content.ptr ? message.content : S(""),
		.embeds = message.embeds,
		.attachments = message.attachments,
		.timestamp = message.timestamp,
		.edited_timestamp = message.edited_timestamp,
		.flags = message.flags,
		.mention_ids = message.mention_ids,
		.mention_roles = message.mention_roles,
		.sticker_items = message.sticker_items,
		.components = message.components,
	};
	content.has.sticker_items = message.has.sticker_items;
	/* What is forwarded twice is still the first one's. */
	const struct message_snapshot_content *from = message.message_snapshots.count
		? message.message_snapshots.items[0].message
		: &content;
	reading->forward.content = obj_dup_arena(reading->arena, &desc_message_snapshot_content,
						 from);
	reading->forward.guild_id = realm_is_guild(realm_of(txn)) ? txn->cell->id : 0;
	return 0;
}

int forward_read_wait(struct txn *txn, struct arena *arena, const struct reader *reader,
		      uint64_t channel_id, uint64_t message_id, struct forward *ret)
{
	struct reading reading = {
		.arena = arena, .reader = reader, .channel_id = channel_id, .message_id = message_id
	};
	enum cell_kind kind;
	uint64_t id;

	int r = directory_channel_wait(txn->core, channel_id, &kind, &id);
	if (txn->generation != txn->cell->generation)
		return ERR_RESTARTED;
	if (!r)
		r = txn_call_wait(txn, kind, id, run_read, &reading);
	*ret = reading.forward;
	return r;
}

int forward_files_wait(struct txn *txn, struct arena *arena, uint64_t source_channel_id,
		       uint64_t channel_id, struct forward *forward, struct str **ret_names,
		       uint32_t *ret_count)
{
	struct attachment_list *list = &forward->content->attachments;
	struct incoming_place places[LIMIT_ATTACHMENTS] = {};
	uint64_t ids[LIMIT_ATTACHMENTS];
	uint32_t count = MIN(list->count, (uint32_t)LIMIT_ATTACHMENTS), kept = 0;

	*ret_count = 0;
	if (!count)
		return 0;
	int r = attach_ids_wait(txn, channel_id, ids, count);
	if (r)
		return r;
	for (uint32_t i = 0; i < count; i++) {
		places[i].from = files_attachment(arena, source_channel_id, list->items[i].id);
		places[i].to = files_attachment(arena, channel_id, ids[i]);
	}
	r = incoming_place_wait(txn->core, places, count);
	if (txn->generation != txn->cell->generation)
		r = ERR_RESTARTED;
	*ret_names = arena_array(arena, struct str, count);
	for (uint32_t i = 0; i < count; i++) {
		if (places[i].r)
			continue;
		(*ret_names)[(*ret_count)++] = places[i].to;
		list->items[kept] = list->items[i];
		list->items[kept++].id = ids[i];
	}
	list->count = kept;
	return r == ENOENT ? 0 : r;
}
