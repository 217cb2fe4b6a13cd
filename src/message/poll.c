#include "message/poll.h"

struct poll *poll_make(struct arena *arena, const struct poll_create *in, int64_t now_us)
{
	struct poll *poll = arena_new(arena, struct poll);

	poll->question = in->question;
	poll->answers.items = arena_array(arena, struct poll_answer, in->answers.count);
	for (uint32_t i = 0; i < in->answers.count; i++)
		poll->answers.items[poll->answers.count++] =
			(struct poll_answer){ .answer_id = i + 1, .poll_media = in->answers.items[i].poll_media };
	poll->expiry = now_us + in->duration * 3600 * 1000000LL;
	poll->allow_multiselect = in->allow_multiselect;
	poll->layout_type = in->layout_type;
	poll->results = arena_new(arena, struct poll_results);
	poll->has.results = true;
	return poll;
}

bool poll_is_over(const struct poll *poll, int64_t now_us)
{
	return (poll->has.results && poll->results->is_finalized) || (poll->expiry && poll->expiry <= now_us);
}
