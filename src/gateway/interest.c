/* What a person's client wants to know of a guild (op 14, 37): kept here for each session,
 * bounded; member lists and the choice of events go by it. Sub-objects merge field by field,
 * absent fields stay as they are. */
#include <stdlib.h>

#include "gateway/internal.h"
#include "gateway/unread.h"

enum {
	GUILDS_MAX = 200,
	MEMBERS_MAX = 100,
	CHANNELS_MAX = REALM_LISTS_CHANNELS_MAX,
	THREAD_LISTS_MAX = REALM_THREAD_LISTS_MAX,
};

struct interest *interest_find(const struct session *session, uint64_t guild_id)
{
	for (struct interest *interest = session->interest; interest; interest = interest->next)
		if (interest->guild_id == guild_id)
			return interest;
	return NULL;
}

static struct interest *interest_make(struct session *session, uint64_t guild_id)
{
	struct interest *interest = interest_find(session, guild_id);
	uint32_t count = 0;

	if (interest)
		return interest;
	for (interest = session->interest; interest; interest = interest->next)
		count++;
	if (count == GUILDS_MAX)
		return NULL;
	interest = mem_zalloc(sizeof(*interest));
	interest->guild_id = guild_id;
	interest->next = session->interest;
	session->interest = interest;
	return interest;
}

static void interest_free(struct interest *interest)
{
	free(interest->members);
	free(interest->thread_lists);
	free(interest->channels);
	free(interest);
}

void interests_free(struct session *session)
{
	while (session->interest) {
		struct interest *interest = session->interest;

		session->interest = interest->next;
		interest_free(interest);
	}
}

/* The flags: absent leaves them, anything but a boolean is wrong. */
static bool merge_flag(const json_t *from, const char *key, bool *flag)
{
	const json_t *value = json_object_get(from, key);

	if (json_absent(value))
		return true;
	*flag = json_is_true(value);
	return json_is_boolean(value);
}

static bool merge_ids(const json_t *from, const char *key, uint32_t max, uint64_t **ids,
		      uint32_t *count)
{
	const json_t *list = json_object_get(from, key);
	uint64_t *fresh;
	uint32_t used = 0;

	if (json_absent(list))
		return true;
	if (!json_is_array(list))
		return false;
	uint32_t size = (uint32_t)MIN(json_array_size(list), max);
	fresh = mem_alloc(size * sizeof(*fresh));
	for (uint32_t i = 0; i < size; i++)
		used += json_id(json_array_get(list, i), &fresh[used]);
	free(*ids);
	*ids = fresh;
	*count = used;
	return true;
}

/* One hundred rows, aligned; any other range is passed over. */
static void read_ranges(const json_t *list, struct interest_channel *channel)
{
	for (size_t i = 0; i < json_array_size(list) && channel->ranges_count < INTEREST_RANGES_MAX;
	     i++) {
		const json_t *range = json_array_get(list, i);
		json_int_t low = json_integer_value(json_array_get(range, 0));
		json_int_t high = json_integer_value(json_array_get(range, 1));

		if (json_array_size(range) != 2 || low < 0 || low % LIMIT_MEMBER_LIST_RANGE ||
		    low > INT32_MAX || high != low + LIMIT_MEMBER_LIST_RANGE - 1)
			continue;
		channel->ranges[channel->ranges_count][0] = (uint32_t)low;
		channel->ranges[channel->ranges_count++][1] = (uint32_t)high;
	}
}

static void merge_channel(struct interest *interest, uint64_t channel_id, const json_t *ranges)
{
	struct interest_channel fresh = { .channel_id = channel_id, .again = true };
	uint32_t at = 0;

	read_ranges(ranges, &fresh);
	while (at < interest->channels_count && interest->channels[at].channel_id != channel_id)
		at++;
	if (at == interest->channels_count) {
		if (at == CHANNELS_MAX) { /* The one asked for first is left. */
			memmove(interest->channels, interest->channels + 1,
				(CHANNELS_MAX - 1) * sizeof(*interest->channels));
			at--;
		} else {
			interest->channels = mem_realloc(interest->channels,
							 (at + 1) * sizeof(*interest->channels));
			interest->channels_count++;
		}
	}
	interest->channels[at] = fresh;
}

static bool merge_channels(const json_t *from, struct interest *interest)
{
	json_t *map = json_object_get(from, "channels");
	const char *key;
	json_t *ranges;
	uint64_t channel_id;

	if (json_absent(map))
		return true;
	if (!json_is_object(map))
		return false;
	if (json_object_size(map) == 0)
		interest->channels_count = 0;
	json_object_foreach(map, key, ranges) if (str_u64(str_z(key), &channel_id) && channel_id)
		merge_channel(interest, channel_id, ranges);
	return true;
}

/* -- the guild is told -- */

struct lists_ask {
	struct ask ask;
	struct realm_lists lists;
	uint64_t members[MEMBERS_MAX], thread_lists[THREAD_LISTS_MAX];
};

static void on_answer(struct gateway_local *gateway, struct ask *base, int r)
{
	(void)gateway;
	(void)r; /* A guild that is not in memory, or forgot us, hears of it again when we are in it. */
	free(container_of(base, struct lists_ask, ask));
}

static void tell_guild(struct session *session, struct interest *interest)
{
	struct lists_ask *ask = mem_zalloc(sizeof(*ask));
	struct realm_lists *lists = &ask->lists;

	ask->ask.answered = on_answer;
	lists->work = (struct cell_work){ .kind = CELL_GUILD,
					  .id = interest->guild_id,
					  .if_loaded = true,
					  .run = realm_lists_run };
	lists->session = session->id;
	lists->user_id = session->user_id;
	lists->members_again = interest->members_again;
	lists->members_count = interest->members_count;
	lists->members = ask->members;
	if (interest->members_count)
		memcpy(ask->members, interest->members, interest->members_count * sizeof(uint64_t));
	lists->threads_now = interest->threads_now;
	lists->thread_lists_again = interest->thread_lists_again;
	lists->thread_lists_count = interest->thread_lists_count;
	lists->thread_lists = ask->thread_lists;
	if (interest->thread_lists_count)
		memcpy(ask->thread_lists, interest->thread_lists,
		       interest->thread_lists_count * sizeof(uint64_t));
	lists->channels_count = interest->channels_count;
	for (uint32_t i = 0; i < interest->channels_count; i++) {
		const struct interest_channel *from = &interest->channels[i];
		struct realm_lists_channel *to = &lists->channels[i];

		to->channel_id = from->channel_id;
		to->again = from->again;
		to->ranges_count = from->ranges_count;
		for (uint32_t k = 0; k < from->ranges_count; k++)
			to->ranges[k] = from->ranges[k][0];
	}
	ask_post(session->gateway, &ask->ask, &lists->work);
}

void interest_renew(struct session *session, uint64_t guild_id)
{
	struct interest *interest = interest_find(session, guild_id);

	if (!interest ||
	    (!interest->channels_count && !interest->members_count &&
	     !interest->thread_lists_count && !interest->threads))
		return;
	interest->members_again = true;
	interest->threads_now = interest->threads;
	interest->thread_lists_again = interest->thread_lists_count > 0;
	for (uint32_t i = 0; i < interest->channels_count; i++)
		interest->channels[i].again = true;
	tell_guild(session, interest);
}

int interest_merge(struct session *session, uint64_t guild_id, const json_t *from)
{
	if (!json_is_object(from))
		return CLOSE_DECODE_ERROR;
	/* Only guilds that it is in, so that nobody fills the table with others. */
	if (!session_in_guild(session, guild_id))
		return 0;
	struct interest *interest = interest_make(session, guild_id);
	if (!interest)
		return 0;
	for (uint32_t i = 0; i < interest->channels_count; i++)
		interest->channels[i].again = false;
	struct sub *sub = session_sub(session, guild_id);
	bool good = merge_flag(from, "typing", &interest->typing) &&
		merge_flag(from, "threads", &interest->threads) &&
		merge_flag(from, "activities", &interest->activities) &&
		merge_flag(from, "member_updates", &interest->member_updates) &&
		merge_ids(from, "members", MEMBERS_MAX, &interest->members,
			  &interest->members_count) &&
		merge_ids(from, "thread_member_lists", THREAD_LISTS_MAX, &interest->thread_lists,
			  &interest->thread_lists_count) &&
		merge_channels(from, interest);
	if (sub)
		sub->interest = interest;
	if (sub && !interest->opened && (interest->typing || interest->channels_count))
		unread_tell(sub);
	interest->opened |= interest->typing || interest->channels_count > 0;
	if (!good)
		return CLOSE_DECODE_ERROR;
	interest->members_again = json_is_array(json_object_get(from, "members"));
	interest->threads_now = json_is_true(json_object_get(from, "threads"));
	interest->thread_lists_again = json_is_array(json_object_get(from, "thread_member_lists"));
	bool lists = json_is_object(json_object_get(from, "channels"));
	if ((lists || interest->members_again || interest->threads_now ||
	     interest->thread_lists_again) &&
	    sub)
		tell_guild(session, interest);
	return 0;
}
