#include "message/attach.h"

#include <errno.h>

#include "cdn/files.h"
#include "cell/ids.h"
#include "codec/row.h"
#include "realm/bucket.h"
#include "store/store.h"

int attach_ids_wait(struct txn *txn, uint64_t channel_id, uint64_t *ret_ids, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		ret_ids[i] = id_next(txn->core, 0);
		if (!realm_channel(realm_of(txn), channel_id))
			return ERR_UNKNOWN_CHANNEL;
		int r = bucket_open_wait(txn, channel_id, ret_ids[i]);
		if (r)
			return r;
	}
	return 0;
}

bool attach_any(const struct message *message)
{
	if (message->attachments.count)
		return true;
	for (uint32_t i = 0; i < message->message_snapshots.count; i++)
		if (message->message_snapshots.items[i].message->attachments.count)
			return true;
	return false;
}

void attach_put(struct txn *txn, uint64_t channel_id, uint64_t message_id,
		const struct attachment *list, uint32_t count)
{
	struct key key;

	for (uint32_t i = 0; i < count; i++) {
		struct attachment_row row = { .message_id = message_id,
					      .filename = list[i].filename,
					      .content_type = list[i].content_type,
					      .size = list[i].size };

		txn_put(txn, key_attachment(&key, channel_id, bucket_of(list[i].id), list[i].id),
			&desc_attachment_row, &row);
	}
}

void file_drop(struct txn *txn, const struct str *names, uint32_t count)
{
	struct str *kept = arena_array(txn->arena, struct str, count + 1);
	struct file_drop_row row = {};

	for (uint32_t i = 0; i < count; i++)
		if (names[i].ptr)
			kept[row.names.count++] = names[i];
	row.names.items = kept;
	if (row.names.count)
		txn_intent(txn, INTENT_FILE_DROP, txn->cell->kind, txn->cell->id,
			   &desc_file_drop_row, &row);
}

void attach_drop(struct txn *txn, uint64_t channel_id, const struct attachment *list,
		 uint32_t count)
{
	struct str *names = arena_array(txn->arena, struct str, count + 1);
	struct key key;

	for (uint32_t i = 0; i < count; i++) {
		txn_del(txn, key_attachment(&key, channel_id, bucket_of(list[i].id), list[i].id));
		names[i] = files_attachment(txn->arena, channel_id, list[i].id);
	}
	file_drop(txn, names, count);
}

void attach_drop_all(struct txn *txn, const struct message *message)
{
	attach_drop(txn, message->channel_id, message->attachments.items,
		    message->attachments.count);
	for (uint32_t i = 0; i < message->message_snapshots.count; i++) {
		const struct message_snapshot_content *content =
			message->message_snapshots.items[i].message;

		attach_drop(txn, message->channel_id, content->attachments.items,
			    content->attachments.count);
	}
}

int attach_get_wait(struct core *core, struct arena *arena, uint64_t channel_id, uint64_t id,
		    struct attachment_row *ret)
{
	struct str value;
	struct key key;

	*ret = (struct attachment_row){};
	int r = store_get_wait(core, arena, key_attachment(&key, channel_id, bucket_of(id), id),
			       &value);
	return r ? r : row_get(value, &desc_attachment_row, arena, ret);
}

/* Done twice it does no harm, so it keeps no note. */
int file_intent_drop(struct txn *txn, const struct intent *intent)
{
	struct file_drop_row row = {};

	if (row_get(intent->payload, &desc_file_drop_row, txn->arena, &row))
		return EINVAL;
	return files_remove_wait(txn->core, row.names.items, row.names.count);
}
