/* Messages: rows in, views out. */
#pragma once

#include "realm/realm.h"

enum message_type {
	MESSAGE_DEFAULT = 0,
	MESSAGE_RECIPIENT_ADD = 1,
	MESSAGE_RECIPIENT_REMOVE = 2,
	MESSAGE_CALL = 3,
	MESSAGE_NAME_CHANGE = 4,
	MESSAGE_ICON_CHANGE = 5,
	MESSAGE_PINNED = 6,
	MESSAGE_JOIN = 7,
	MESSAGE_FOLLOW = 12,
	MESSAGE_THREAD_CREATED = 18,
	MESSAGE_REPLY = 19,
	MESSAGE_COMMAND = 20,
	MESSAGE_THREAD_STARTER = 21,
	MESSAGE_CONTEXT_MENU = 23,
	MESSAGE_AUTOMOD = 24,
	MESSAGE_POLL_RESULT = 46,
};
enum message_flag {
	MESSAGE_CROSSPOSTED = 1 << 0,
	MESSAGE_IS_CROSSPOST = 1 << 1,
	MESSAGE_SUPPRESS_EMBEDS = 1 << 2,
	MESSAGE_HAS_THREAD = 1 << 5,
	MESSAGE_EPHEMERAL = 1 << 6,
	MESSAGE_SUPPRESS_NOTIFICATIONS = 1 << 12,
	MESSAGE_IS_VOICE = 1 << 13,
	MESSAGE_HAS_SNAPSHOT = 1 << 14,
	MESSAGE_COMPONENTS_V2 = 1 << 15,
	MESSAGE_FLAGS_CREATE = MESSAGE_SUPPRESS_EMBEDS | MESSAGE_SUPPRESS_NOTIFICATIONS |
		MESSAGE_IS_VOICE | MESSAGE_COMPONENTS_V2,
};

/* Who reads: fills in what depends on them. */
struct reader {
	uint64_t user_id;
	bool contentless; /* a bot without MESSAGE_CONTENT */
};

/* Rows to what REST shows, in place: authors, mentions, pins, links, the reader's own reactions,
 * referenced messages. May wait; strings and arrays in txn->arena. Deleted rows must be left out
 * before. 0 or an error. */
int message_hydrate_wait(struct txn *txn, uint64_t channel_id, const struct reader *reader,
			 struct message *messages, uint32_t count);
/* The same for a message just made, without waiting: @users are those that are no members. */
void message_hydrate(struct txn *txn, const struct live_channel *channel, struct message *message,
		     const struct user_list *users);
/* Takes away what needs MESSAGE_CONTENT. */
void message_mask(struct message *message);

/* MESSAGE_CREATE or MESSAGE_UPDATE of a hydrated message. */
void message_event(struct txn *txn, enum event_type type, const struct live_channel *channel,
		   const struct message *message);
/* Writes the row (fields that are derived are not stored). */
void message_put(struct txn *txn, const struct message *message);
/* One row; ENOENT when absent or deleted. @lock: it will be changed. Waits. */
int message_get_wait(struct txn *txn, uint64_t channel_id, uint64_t message_id, bool lock,
		     struct message *ret);

/* Who wrote it, as they are now: kept for when they are no member any more. Strings shared. */
struct message_author *message_author_copy(struct arena *arena, const struct member_row *row);

/* The next id of a channel, its bucket open. Waits at most once in ten days; the channel must be
 * looked up again. It is to be the last thing that waits: the id is only good until then. */
int message_id_wait(struct txn *txn, uint64_t channel_id, uint64_t *ret_id);
/* Takes the id: the newest of its channel from now on. */
void message_take_id(struct live_channel *channel, uint64_t id);

/* Pages through a channel, newest first, deleted ones left out. Exactly one of before, after,
 * around may be set. */
struct history {
	uint64_t before, after, around;
	uint32_t limit;
};
int message_history_wait(struct txn *txn, uint64_t channel_id, const struct history *history,
			 struct message **ret_messages, uint32_t *ret_count);
