#include "message/poll.h"

#include <errno.h>

#include "message/reaction.h"
#include "realm/bucket.h"
#include "store/store.h"

struct poll *poll_make(struct arena *arena, const struct poll_create *in, int64_t now_us)
{
	struct poll *poll = arena_new(arena, struct poll);

	poll->question = in->question;
	poll->answers.items = arena_array(arena, struct poll_answer, in->answers.count);
	for (uint32_t i = 0; i < in->answers.count; i++)
		poll->answers.items[poll->answers.count++] = (struct poll_answer){
			.answer_id = i + 1, .poll_media = in->answers.items[i].poll_media
		};
	poll->expiry = now_us + in->duration * 3600 * 1000000LL;
	poll->allow_multiselect = in->allow_multiselect;
	poll->layout_type = in->layout_type;
	poll->results = arena_new(arena, struct poll_results);
	poll->has.results = true;
	return poll;
}

bool poll_is_over(const struct poll *poll, int64_t now_us)
{
	return (poll->has.results && poll->results->is_finalized) ||
		(poll->expiry && poll->expiry <= now_us);
}

bool poll_has_answer(const struct poll *poll, int64_t answer_id)
{
	for (uint32_t i = 0; i < poll->answers.count; i++)
		if (poll->answers.items[i].answer_id == answer_id)
			return true;
	return false;
}

static struct str row_key(struct key *key, const struct message *message, int64_t answer_id,
			  uint64_t user_id)
{
	return key_poll_vote(key, message->channel_id, bucket_of(message->id), message->id,
			     (uint32_t)answer_id, user_id);
}

int poll_voted_wait(struct txn *txn, const struct message *message, int64_t answer_id,
		    uint64_t user_id, bool *ret)
{
	struct str value;
	struct key key;

	int r = txn_get_wait(txn, row_key(&key, message, answer_id, user_id), &value);
	*ret = r == 0;
	return r == ENOENT ? 0 : r;
}

static struct poll_answer_count *count_of(struct arena *arena, struct poll *poll, int64_t answer_id)
{
	struct poll_answer_count_list *list;

	if (!poll->results)
		poll->results = arena_new(arena, struct poll_results);
	poll->has.results = true;
	list = &poll->results->answer_counts;
	for (uint32_t i = 0; i < list->count; i++)
		if (list->items[i].id == answer_id)
			return &list->items[i];
	struct poll_answer_count *items = arena_array(arena, struct poll_answer_count,
						      list->count + 1);
	if (list->count)
		memcpy(items, list->items, list->count * sizeof(*items));
	list->items = items;
	items[list->count] = (struct poll_answer_count){ .id = answer_id };
	return &items[list->count++];
}

void poll_vote(struct txn *txn, struct message *message, int64_t answer_id, uint64_t user_id,
	       bool on)
{
	struct poll_vote_row row = { .created_at = (int64_t)core_wall_us(txn->core) };
	struct key key;
	struct str at = row_key(&key, message, answer_id, user_id);

	if (on)
		txn_put(txn, at, &desc_poll_vote_row, &row);
	else
		txn_del(txn, at);
	count_of(txn->arena, message->poll, answer_id)->count += on ? 1 : -1;
}

int poll_show_wait(struct txn *txn, struct message *message, uint64_t user_id)
{
	struct poll *poll = message->poll;
	int r = 0;

	if (!poll || !poll->has.results)
		return 0;
	for (uint32_t i = 0; i < poll->results->answer_counts.count && !r; i++) {
		struct poll_answer_count *count = &poll->results->answer_counts.items[i];

		count->me_voted = false;
		if (user_id && count->count)
			r = poll_voted_wait(txn, message, count->id, user_id, &count->me_voted);
	}
	return r;
}

int poll_voters_wait(struct txn *txn, const struct message *message, int64_t answer_id,
		     uint64_t after, uint32_t limit, uint64_t **ret_ids, uint32_t *ret_count)
{
	struct key prefix_key, from_key;
	struct str from = {};
	struct store_row *rows;
	uint32_t count;

	*ret_count = 0;
	if (after == UINT64_MAX)
		return 0;
	if (after)
		from = row_key(&from_key, message, answer_id, after + 1);
	int r = txn_scan_wait(txn,
			      prefix_poll_vote_answer(&prefix_key, message->channel_id,
						      bucket_of(message->id), message->id,
						      (uint32_t)answer_id),
			      from, (struct str){}, false, limit, &rows, &count);
	if (r)
		return r;
	*ret_ids = arena_array(txn->arena, uint64_t, count + 1);
	for (uint32_t i = 0; i < count; i++)
		if (parse_poll_vote(rows[i].key, NULL, NULL, NULL, NULL, &(*ret_ids)[*ret_count]))
			(*ret_count)++;
	return 0;
}

int poll_rows_wait(struct txn *txn, const struct message *message, struct store_row **ret_rows,
		   uint32_t *ret_count)
{
	struct key key;

	int r = settle_wait(txn);
	return r ? r
		 : txn_scan_wait(txn,
				 prefix_poll_vote_message(&key, message->channel_id,
							  bucket_of(message->id), message->id),
				 (struct str){}, (struct str){}, false, 0, ret_rows, ret_count);
}
