/* How far somebody has read something, and how acks, mentions and own messages move it. No state, no cells. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What is read, as on the wire. All but channels are told only with a capability. */
enum read_type {
	READ_CHANNEL,
	READ_GUILD_EVENT,
	READ_NOTIFICATION_CENTER,
	READ_GUILD_HOME,
	READ_GUILD_ONBOARDING,
	READ_MESSAGE_REQUESTS,
	READ_TYPES
};
enum { READ_FLAG_GUILD_CHANNEL = 1, READ_FLAG_THREAD = 2 };

struct read_mark {
	uint64_t id; /* of the channel, the guild, oneself */
	uint64_t last; /* the message read last; it need not exist */
	/* Mentions up to this message are in @mentions, whatever @last says: the client has counted them (an ack back to an older
	 * message). */
	uint64_t counted_to;
	int64_t pin_us; /* time of the newest pin that was seen; 0: none */
	int64_t version;
	uint32_t mentions, flags;
	int32_t viewed; /* days since 2015; -1: not said */
	enum read_type type;
};

struct read_ack {
	uint64_t message_id;
	bool manual, has_mentions;
	uint32_t mentions;
	uint64_t now_id; /* above all messages that there are */
};
/* False: nothing changes (an older message, not manual). */
bool read_ack(struct read_mark *mark, const struct read_ack *ack);
/* Is a mention in this message still to be counted? */
bool read_is_news(const struct read_mark *mark, uint64_t message_id);
/* Somebody is mentioned by it. False: that was read, or counted, before. */
bool read_mentioned(struct read_mark *mark, uint64_t message_id);
/* Wrote it oneself: all before is read. False: nothing changes. */
bool read_spoke(struct read_mark *mark, uint64_t message_id);
