#include "user/read_rule.h"

enum { MENTIONS_MAX = 1000000 };

bool read_ack(struct read_mark *mark, const struct read_ack *ack)
{
	if (ack->message_id < mark->last && !ack->manual)
		return false;
	mark->last = ack->message_id;
	mark->mentions = 0;
	mark->counted_to = 0;
	if (ack->manual && ack->has_mentions) {
		mark->mentions = ack->mentions < MENTIONS_MAX ? ack->mentions : MENTIONS_MAX;
		mark->counted_to = ack->now_id;
	}
	return true;
}

bool read_is_news(const struct read_mark *mark, uint64_t message_id)
{
	return message_id > mark->last && message_id > mark->counted_to;
}

bool read_mentioned(struct read_mark *mark, uint64_t message_id)
{
	if (!read_is_news(mark, message_id) || mark->mentions >= MENTIONS_MAX)
		return false;
	mark->mentions++;
	return true;
}

bool read_spoke(struct read_mark *mark, uint64_t message_id)
{
	if (message_id <= mark->last)
		return false;
	mark->last = message_id;
	mark->mentions = 0;
	mark->counted_to = 0;
	return true;
}
