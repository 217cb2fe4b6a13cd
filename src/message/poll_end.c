/* The end of a poll: its row says so, everybody is told, and a notice (type 46) says who has won. */
#include <errno.h>

#include "base/mem.h"
#include "message/poll.h"
#include "realm/polls.h"
#include "realm/thread.h"

enum { RESULT_FIELDS = 8 };

static const struct poll_answer *answer_of(const struct poll *poll, int64_t id)
{
	for (uint32_t i = 0; i < poll->answers.count; i++)
		if (poll->answers.items[i].answer_id == id)
			return &poll->answers.items[i];
	return NULL;
}

static void add(struct embed *embed, struct str name, struct str value)
{
	if (value.len)
		embed->fields.items[embed->fields.count++] = (struct embed_field){ .name = name,
										   .value = value };
}

/* What clients make the text of the notice from: names as Discord has them. Nobody has won when two have as many votes. */
static struct embed result_of(struct arena *arena, const struct poll *poll)
{
	struct embed embed = { .type = S("poll_result") };
	const struct poll_answer_count *best = NULL;
	int64_t total = 0;
	bool tie = false;

	for (uint32_t i = 0; poll->has.results && i < poll->results->answer_counts.count; i++) {
		const struct poll_answer_count *count = &poll->results->answer_counts.items[i];

		total += count->count;
		tie = best && count->count == best->count ? true
							  : tie && !(count->count > best->count);
		if (!best || count->count > best->count)
			best = count;
	}
	const struct poll_answer *winner = best && best->count && !tie ? answer_of(poll, best->id)
								       : NULL;
	embed.has.type = embed.has.fields = true;
	embed.fields.items = arena_array(arena, struct embed_field, RESULT_FIELDS);
	add(&embed, S("poll_question_text"), poll->question->text);
	add(&embed, S("victor_answer_votes"), arena_printf(arena, "%ld", best ? best->count : 0));
	add(&embed, S("total_votes"), arena_printf(arena, "%ld", total));
	if (!winner)
		return embed;
	const struct poll_media *media = winner->poll_media;
	add(&embed, S("victor_answer_id"), arena_printf(arena, "%ld", winner->answer_id));
	add(&embed, S("victor_answer_text"), media->text);
	if (media->has.emoji && media->emoji) {
		if (media->emoji->id)
			add(&embed, S("victor_answer_emoji_id"),
			    arena_printf(arena, "%lu", media->emoji->id));
		add(&embed, S("victor_answer_emoji_name"), media->emoji->name);
		if (media->emoji->id)
			add(&embed, S("victor_answer_emoji_animated"),
			    media->emoji->animated ? S("true") : S("false"));
	}
	return embed;
}

static void notice(struct txn *txn, const struct message *ended)
{
	const struct realm *realm = realm_of(txn);
	struct message_reference reference = { .message_id = ended->id,
					       .channel_id = ended->channel_id,
					       .guild_id = realm->guild ? realm->guild->id : 0 };
	struct embed embed = result_of(txn->arena, ended->poll);
	uint64_t author_id = ended->author_id;
	struct message message = { .channel_id = ended->channel_id,
				   .type = MESSAGE_POLL_RESULT,
				   .content = S(""),
				   .author_id = author_id,
				   .author_copy = ended->author_copy,
				   .message_reference = &reference };

	reference.has.message_id = reference.has.channel_id = reference.has.type = true;
	reference.has.guild_id = reference.guild_id != 0;
	message.has.message_reference = true;
	message.embeds.items = &embed;
	message.embeds.count = 1;
	message.mention_ids.items = &author_id;
	message.mention_ids.count = 1;
	txn_intent(txn, INTENT_SYSTEM_MESSAGE, txn->cell->kind, txn->cell->id, &desc_message,
		   &message);
}

void poll_finish(struct message *message, int64_t now_us)
{
	struct poll *poll = message->poll;

	poll->expiry = poll->expiry ? MIN(poll->expiry, now_us) : now_us;
	poll->results->is_finalized = true;
}

void poll_end_put(struct txn *txn, const struct live_channel *channel, const struct message *row,
		  const struct message *view)
{
	message_put(txn, row);
	realm_polls_del(txn, row->id);
	message_event(txn, EVENT_MESSAGE_UPDATE, channel, view);
	notice(txn, row);
}

/* The message, ended in @ret and as it is shown in @ret_view; false in @ret_open: nothing is left to end. */
static int read_wait(struct txn *txn, const struct poll_ending *ending, struct message *ret,
		     struct message *ret_view, bool *ret_open)
{
	*ret_open = false;
	int r = thread_fetch_wait(txn, ending->channel_id);
	if (r || !realm_channel(realm_of(txn), ending->channel_id))
		return r;
	r = message_get_wait(txn, ending->channel_id, ending->message_id, true, ret);
	if (r == ENOENT ||
	    (!r && (!ret->has.poll || !ret->poll->has.results || ret->poll->results->is_finalized)))
		return 0;
	if (!r)
		r = txn_outbox_wait(txn);
	if (r)
		return r;
	poll_finish(ret, (int64_t)core_wall_us(txn->core));
	*ret_view = *ret;
	r = message_hydrate_wait(txn, ending->channel_id, &(struct reader){}, ret_view, 1);
	*ret_open = r == 0;
	return r == ERR_UNKNOWN_CHANNEL ? 0 : r;
}

int poll_end_run(struct txn *txn, void *arg)
{
	const struct poll_ending *ending = arg;
	struct message row, view;
	bool open;

	int r = read_wait(txn, ending, &row, &view, &open);
	if (r)
		return r;
	const struct live_channel *channel = realm_channel(realm_of(txn), ending->channel_id);
	if (open && channel)
		poll_end_put(txn, channel, &row, &view);
	else
		realm_polls_del(txn, ending->message_id);
	return 0;
}
