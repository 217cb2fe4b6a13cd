#include "message/message.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "cell/ids.h"
#include "codec/dup.h"
#include "codec/enc.h"
#include "message/latest.h"
#include "message/media.h"
#include "message/poll.h"
#include "message/reaction.h"
#include "realm/bucket.h"
#include "realm/class.h"
#include "realm/member.h"
#include "realm/pins.h"
#include "realm/thread_event.h"
#include "user/user.h"

enum { EVENT_MAX = 32 << 20 };

/* -- rows -- */

void message_put(struct txn *txn, const struct message *message)
{
	struct key key;

	realm_of(txn)->message_writes++;
	latest_forget(realm_of(txn), message->channel_id);
	txn_put(txn, key_message(&key, message->channel_id, bucket_of(message->id), message->id),
		&desc_message, message);
}

int message_get_wait(struct txn *txn, uint64_t channel_id, uint64_t message_id, bool lock,
		     struct message *ret)
{
	struct key key;
	struct str at = key_message(&key, channel_id, bucket_of(message_id), message_id);

	if (lock) {
		int r = txn_lock_wait(txn, at);

		if (r)
			return r;
	}
	*ret = (struct message){};
	int r = txn_get_obj_wait(txn, at, &desc_message, ret);
	return !r && ret->deleted ? ENOENT : r;
}

int message_id_wait(struct txn *txn, uint64_t channel_id, uint64_t *ret_id)
{
	for (;;) {
		struct live_channel *channel = realm_channel(realm_of(txn), channel_id);

		if (!channel)
			return ERR_UNKNOWN_CHANNEL;
		uint64_t id = id_next(txn->core, channel->last_message_id);
		if (bucket_of(id) <= channel->bucket) {
			*ret_id = id;
			return 0;
		}
		int r = bucket_open_wait(txn, channel_id, id);
		if (r)
			return r;
	}
}

void message_take_id(struct live_channel *channel, uint64_t id)
{
	assert(id > channel->last_message_id);
	channel->last_message_id = id;
}

struct message_author *message_author_copy(struct arena *arena, const struct member_row *row)
{
	struct message_author *author = arena_new(arena, struct message_author);

	*author = (struct message_author){ .username = row->username,
					   .global_name = row->global_name,
					   .discriminator = row->discriminator,
					   .avatar = row->user_avatar,
					   .bot = row->bot,
					   .public_flags = row->public_flags };
	return author;
}

/* -- views -- */

static struct user author_of(struct realm *realm, const struct message *message)
{
	struct live_member *member = realm_member(realm, message->author_id);

	if (message->has.webhook_id) {
		struct user user = { .id = message->webhook_id,
				     .username = message->webhook_name,
				     .avatar = message->webhook_avatar,
				     .discriminator = S("0000"),
				     .bot = true };
		user.has.bot = true;
		return user;
	}
	if (member)
		return member_user(member->row);
	const struct message_author *copy = message->author_copy;
	struct user user = { .id = message->author_id,
			     .username = S("Deleted User"),
			     .discriminator = S("0") };
	if (copy) {
		user.username = copy->username;
		user.global_name = copy->global_name;
		user.discriminator = copy->discriminator;
		user.avatar = copy->avatar;
		user.bot = user.has.bot = copy->bot;
		user.public_flags = copy->public_flags;
	}
	return user;
}

static const struct user *find_user(const struct user_list *users, uint64_t id)
{
	for (uint32_t i = 0; users && i < users->count; i++)
		if (users->items[i].id == id)
			return &users->items[i];
	return NULL;
}

static struct user_list mentioned(struct txn *txn, const struct u64_list *ids,
				  const struct user_list *users)
{
	struct realm *realm = realm_of(txn);
	struct user_list ret = { arena_array(txn->arena, struct user, ids->count + 1), 0 };

	for (uint32_t i = 0; i < ids->count; i++) {
		struct live_member *member = realm_member(realm, ids->items[i]);
		const struct user *stranger = find_user(users, ids->items[i]);

		if (member) {
			struct user user = member_user(member->row);

			ret.items[ret.count++] = *(struct user *)obj_dup_arena(txn->arena,
									       &desc_user, &user);
		} else if (stranger) {
			ret.items[ret.count++] = *stranger;
		}
	}
	return ret;
}

/* A copy: the member's row may be replaced before this is encoded. */
static struct user *author_copied(struct txn *txn, const struct message *message)
{
	struct user author = author_of(realm_of(txn), message);

	return obj_dup_arena(txn->arena, &desc_user, &author);
}

/* @authors: of the page so far, by id: what is sent of somebody is copied once, however much they said. */
static struct user *author_shared(struct txn *txn, struct map *authors,
				  const struct message *message)
{
	struct user *user;

	if (message->has.webhook_id || !realm_member(realm_of(txn), message->author_id))
		return author_copied(txn, message); /* as each message says it */
	user = map_get(authors, message->author_id);
	if (!user) {
		user = author_copied(txn, message);
		map_set(authors, message->author_id, user);
	}
	return user;
}

/* What was started from it, if it is still there (and in memory: message_hydrate_wait sees to that). */
static void fill_thread(struct txn *txn, struct message *message)
{
	const struct live_channel *thread = realm_channel(realm_of(txn), message->id);

	if (!thread || !thread->thread)
		return;
	struct channel view = thread_view(realm_of(txn), thread);
	message->thread = obj_dup_arena(txn->arena, &desc_channel, &view);
	message->has.thread = true;
}

static void fill(struct txn *txn, const struct live_channel *channel, struct message *message,
		 const struct user_list *users)
{
	if (message->has.poll && message->poll->has.results)
		message->poll->results->is_finalized = poll_is_over(
			message->poll, (int64_t)core_wall_us(txn->core));
	if (message->flags & MESSAGE_HAS_THREAD)
		fill_thread(txn, message);
	message->mentions = mentioned(txn, &message->mention_ids, users);
	message->pinned = channel && pins_has(channel->pins, message->id);
	if (message->flags & MESSAGE_SUPPRESS_EMBEDS)
		message->embeds.count = 0; /* the row keeps them */
	if (message->attachments.count || message->message_snapshots.count)
		media_resolve(txn, message);
	for (uint32_t i = 0; i < message->message_snapshots.count; i++) {
		struct message_snapshot_content *content =
			message->message_snapshots.items[i].message;

		content->mentions = mentioned(txn, &content->mention_ids, users);
	}
}

void message_hydrate(struct txn *txn, const struct live_channel *channel, struct message *message,
		     const struct user_list *users)
{
	message->author = author_copied(txn, message);
	fill(txn, channel, message, users);
}

void message_mask(struct message *message)
{
	message->content = S("");
	message->embeds.count = message->attachments.count = message->components.count = 0;
	message->has.poll = false;
	for (uint32_t i = 0; i < message->message_snapshots.count; i++) {
		struct message_snapshot_content *content =
			message->message_snapshots.items[i].message;

		content->content = S("");
		content->embeds.count = content->attachments.count = content->components.count = 0;
	}
}

static int add_strangers_wait(struct txn *txn, const struct u64_list *ids, struct user_list *ret,
			      uint32_t *cap)
{
	for (uint32_t k = 0; k < ids->count; k++) {
		uint64_t id = ids->items[k];

		int r = realm_member_fetch_wait(txn, id);
		if (r)
			return r;
		if (realm_member(realm_of(txn), id) || find_user(ret, id))
			continue;
		if (ret->count == *cap) {
			struct user *more = arena_array(txn->arena, struct user, *cap * 2 + 8);

			if (ret->count)
				memcpy(more, ret->items, ret->count * sizeof(*more));
			ret->items = more;
			*cap = *cap * 2 + 8;
		}
		r = user_public_wait(txn->core, txn->arena, id, &ret->items[ret->count]);
		if (txn->generation != txn->cell->generation)
			return ERR_RESTARTED;
		if (!r)
			ret->count++;
		else if (r != ERR_UNKNOWN_USER)
			return r;
	}
	return 0;
}

/* Users that messages (and what they forward) mention and that are no members here. */
static int gather_strangers_wait(struct txn *txn, const struct message *messages, uint32_t count,
				 struct user_list *ret)
{
	uint32_t cap = 0;
	int r = 0;

	*ret = (struct user_list){};
	for (uint32_t i = 0; !r && i < count; i++) {
		r = realm_member_fetch_wait(txn, messages[i].author_id);
		if (!r)
			r = add_strangers_wait(txn, &messages[i].mention_ids, ret, &cap);
		for (uint32_t k = 0; !r && k < messages[i].message_snapshots.count; k++)
			r = add_strangers_wait(
				txn, &messages[i].message_snapshots.items[k].message->mention_ids,
				ret, &cap);
	}
	return r;
}

/* The reader's own reactions: one look-up for each emoji that the message has. */
static int fill_reactions_wait(struct txn *txn, const struct reader *reader,
			       struct message *message)
{
	for (uint32_t i = 0; i < message->reactions.count; i++) {
		struct reaction *reaction = &message->reactions.items[i];

		reaction->me = reaction->me_burst = false;
		if (!reader->user_id)
			continue;
		int r = reaction_has_wait(txn, message, reaction->emoji, REACTION_NORMAL,
					  reader->user_id, &reaction->me);
		if (!r && reaction->count_details->burst)
			r = reaction_has_wait(txn, message, reaction->emoji, REACTION_BURST,
					      reader->user_id, &reaction->me_burst);
		if (r)
			return r;
	}
	return 0;
}

static int fill_reference_wait(struct txn *txn, const struct reader *reader,
			       struct message *message)
{
	const struct message_reference *reference = message->message_reference;

	if (!message->has.message_reference || !reference || !reference->message_id ||
	    (message->type != MESSAGE_REPLY && message->type != MESSAGE_CONTEXT_MENU &&
	     message->type != MESSAGE_THREAD_STARTER) ||
	    (reference->channel_id != message->channel_id &&
	     message->type != MESSAGE_THREAD_STARTER))
		return 0;
	struct message *target = arena_new(txn->arena, struct message);
	int r = message_get_wait(txn, reference->channel_id, reference->message_id, false, target);
	if (r && r != ENOENT)
		return r;
	message->has.referenced_message = true;
	message->referenced_message = NULL;
	if (r)
		return 0; /* deleted: null */
	struct user_list strangers;
	r = gather_strangers_wait(txn, target, 1, &strangers);
	if (r)
		return r;
	message_hydrate(txn, realm_channel(realm_of(txn), target->channel_id), target, &strangers);
	if (reader->contentless && target->author_id != reader->user_id)
		message_mask(target);
	message->referenced_message = target;
	return 0;
}

static bool mentions_user(const struct message *message, uint64_t user_id)
{
	for (uint32_t i = 0; i < message->mention_ids.count; i++)
		if (message->mention_ids.items[i] == user_id)
			return true;
	return false;
}

int message_hydrate_wait(struct txn *txn, uint64_t channel_id, const struct reader *reader,
			 struct message *messages, uint32_t count)
{
	struct user_list strangers;

	int r = pins_load_wait(txn, channel_id);
	if (!r)
		r = gather_strangers_wait(txn, messages, count, &strangers);
	if (r)
		return r;
	for (uint32_t i = 0; i < count; i++) {
		r = fill_reactions_wait(txn, reader, &messages[i]);
		if (!r && messages[i].flags & MESSAGE_HAS_THREAD)
			r = thread_fetch_wait(txn, messages[i].id);
		if (!r && messages[i].has.poll)
			r = poll_show_wait(txn, &messages[i], reader->user_id);
		if (!r)
			r = fill_reference_wait(txn, reader, &messages[i]);
		if (r)
			return r;
	}
	const struct live_channel *channel = realm_channel(realm_of(txn), channel_id);
	if (!channel)
		return ERR_UNKNOWN_CHANNEL;
	struct map authors;
	map_init(&authors);
	for (uint32_t i = 0; i < count; i++) {
		messages[i].author = author_shared(txn, &authors, &messages[i]);
		fill(txn, channel, &messages[i], &strangers);
		if (reader->contentless && realm_is_guild(realm_of(txn)) &&
		    messages[i].author_id != reader->user_id &&
		    !mentions_user(&messages[i], reader->user_id))
			message_mask(&messages[i]);
	}
	map_done(&authors);
	return 0;
}

/* -- events -- */

static struct bytes *encode(const struct message *message,
			    void (*enc_h)(struct enc *, const struct message *))
{
	struct buf text;
	struct enc enc;

	buf_init(&text, EVENT_MAX);
	enc_init(&enc, &text, ENC_JSON);
	enc_h(&enc, message);
	struct bytes *bytes = bytes_from(buf_str(&text));
	buf_done(&text);
	return bytes;
}

void message_event(struct txn *txn, enum event_type type, const struct live_channel *channel,
		   const struct message *message)
{
	struct realm *realm = realm_of(txn);
	struct message view = *message;
	struct member member;
	struct member *mentioned = arena_array(txn->arena, struct member, view.mentions.count + 1);

	view.has.channel_type = true;
	view.channel_type = channel->row->type;
	if (realm->guild) {
		struct live_member *author = realm_member(realm, view.author_id);

		view.guild_id = realm->guild->id;
		view.has.guild_id = true;
		if (author && !view.has.webhook_id) {
			member = member_view(author->row, NULL);
			view.member = &member;
			view.has.member = true;
		}
		/* Mentioned users carry their member, the other way round than elsewhere. */
		view.mentions.items = arena_dup(txn->arena, message->mentions.items,
						message->mentions.count * sizeof(struct user));
		for (uint32_t i = 0; i < view.mentions.count; i++) {
			struct live_member *who = realm_member(realm, view.mentions.items[i].id);

			if (!who)
				continue;
			mentioned[i] = member_view(who->row, NULL);
			view.mentions.items[i].member = &mentioned[i];
			view.mentions.items[i].has.member = true;
		}
	}
	struct audience to = aud_channel(channel);
	to.content = realm->guild != NULL;
	/* A restarted realm does not know all who watch it: they come back and get what they
	 * missed. */
	bool bare = realm->contentless || txn->cell->generation;
	struct event *event = txn_event_raw(txn, type, to, encode(&view, enc_message_event),
					    bare ? encode(&view, enc_message_event_bare) : NULL);
	event->author = view.author_id;
	event->mentions_count = message->mention_ids.count;
	if (event->mentions_count)
		event->mentions = mem_dup(message->mention_ids.items,
					  event->mentions_count * sizeof(uint64_t));
	if (type != EVENT_MESSAGE_CREATE || !realm->guild)
		return;
	event->everyone = view.mention_everyone;
	event->answers = view.referenced_message ? view.referenced_message->author_id : 0;
	event->classes = class_with_roles(realm, &view.mention_roles, &event->classes_count);
	event->channel_id = channel->row->id;
	event->message_id = view.id;
}
