#include "user/reads.h"

#include <errno.h>
#include <stdlib.h>

#include "codec/enc.h"
#include "model/snowflake.h"
#include "realm/mention_log.h"
#include "store/store.h"
#include "user/relation.h"

enum {
	CAPABILITY_VERSIONED = 1 << 2,
	CAPABILITY_NON_CHANNEL = 1 << 7,
	TEXT_MAX = 8 << 20,
	NEWS_MAX = 10000
};

/* -- marks -- */

struct read_mark read_mark_of(const struct user_state *user, enum read_type type, uint64_t id)
{
	const struct read_mark *mark = map_get(&user->reads[type], id);

	return mark ? *mark : (struct read_mark){ .id = id, .type = type, .viewed = -1 };
}

bool reads_has(const struct user_state *user, enum read_type type, uint64_t id)
{
	return map_get(&user->reads[type], id) != NULL;
}

static void keep(struct user_state *user, const struct read_mark *mark)
{
	struct read_mark *old = map_get(&user->reads[mark->type], mark->id);

	if (!old) {
		old = region_new(user->region, struct read_mark);
		map_set(&user->reads[mark->type], mark->id, old);
		user->reads_count++;
	}
	*old = *mark;
	user->reads_version = MAX(user->reads_version, mark->version);
}

int reads_load_wait(struct user_state *user, struct arena *arena)
{
	struct cell *cell = user->cell;
	struct store_row *rows;
	struct key key;
	uint32_t count;

	int r = store_scan_wait(cell->core, arena, prefix_read_state(&key, cell->id),
				(struct str){}, (struct str){}, false, 0, &rows, &count);
	for (uint32_t i = 0; !r && i < count; i++) {
		struct read_state_row row = {};

		r = row_get(rows[i].value, &desc_read_state_row, arena, &row);
		if (r || row.read_state_type < 0 || row.read_state_type >= READ_TYPES)
			continue;
		struct read_mark mark = { .id = row.id,
					  .last = row.last_message_id,
					  .counted_to = row.counted_to,
					  .pin_us = row.last_pin_timestamp,
					  .version = row.version,
					  .mentions = (uint32_t)row.mention_count,
					  .flags = (uint32_t)row.flags,
					  .viewed = row.null.last_viewed ? -1
									 : (int32_t)row.last_viewed,
					  .type = (enum read_type)row.read_state_type };
		keep(user, &mark);
	}
	return r;
}

/* Makes room: rare, and then a walk through all. */
static void drop_oldest(struct txn *txn)
{
	struct user_state *user = user_of(txn);
	const struct read_mark *oldest = NULL;

	for (uint32_t type = 0; type < READ_TYPES; type++) {
		uint32_t at = 0;
		uint64_t id;
		void *value;

		while (map_next(&user->reads[type], &at, &id, &value)) {
			const struct read_mark *mark = value;

			if (!oldest || mark->version < oldest->version)
				oldest = mark;
		}
	}
	if (oldest)
		reads_del(txn, oldest->type, oldest->id);
}

void reads_put(struct txn *txn, struct read_mark *mark)
{
	struct user_state *user = user_of(txn);
	struct key key;

	if (!reads_has(user, mark->type, mark->id) && user->reads_count >= READS_MAX)
		drop_oldest(txn);
	/* By the clock, so that it does not go back when the newest mark is deleted. */
	mark->version = MAX(user->reads_version + 1, (int64_t)(core_wall_us(txn->core) / 1000000));
	keep(user, mark);
	struct read_state_row row = { .id = mark->id,
				      .read_state_type = mark->type,
				      .last_message_id = mark->last,
				      .mention_count = mark->mentions,
				      .last_pin_timestamp = mark->pin_us,
				      .flags = mark->flags,
				      .last_viewed = mark->viewed < 0 ? 0 : mark->viewed,
				      .version = mark->version,
				      .counted_to = mark->counted_to };
	row.null.last_viewed = mark->viewed < 0;
	txn_put(txn, key_read_state(&key, txn->cell->id, (uint8_t)mark->type, mark->id),
		&desc_read_state_row, &row);
}

void reads_del(struct txn *txn, enum read_type type, uint64_t id)
{
	struct user_state *user = user_of(txn);
	struct key key;

	if (!reads_has(user, type, id))
		return;
	region_free(user->region, map_del(&user->reads[type], id));
	user->reads_count--;
	txn_del(txn, key_read_state(&key, txn->cell->id, (uint8_t)type, id));
}

/* -- as it happens -- */

struct happening {
	uint64_t guild_id, channel_id, message_id, author_id;
};

/* A DM's messages count as mentions while it is not muted. */
static int muted_wait(struct txn *txn, uint64_t channel_id, bool *ret)
{
	struct user_guild_settings settings = {};
	struct key key;
	int64_t now = (int64_t)core_wall_us(txn->core);

	*ret = false;
	int r = txn_get_obj_wait(txn, key_user_guild_settings(&key, txn->cell->id, 0),
				 &desc_user_guild_settings, &settings);
	if (r)
		return r == ENOENT ? 0 : r;
	for (uint32_t i = 0; i < settings.channel_overrides.count; i++) {
		const struct channel_override *override = &settings.channel_overrides.items[i];
		const struct mute_config *config = override->mute_config;

		if (override->channel_id == channel_id)
			*ret = override->muted &&
				!(config && config->end_time && config->end_time <= now);
	}
	return 0;
}

static int run_mention(struct txn *txn, void *arg)
{
	const struct happening *in = arg;
	bool muted = false;

	if (user_of(txn)->account->bot ||
	    relation_of(user_of(txn), in->author_id) == RELATION_BLOCKED)
		return 0;
	int r = in->guild_id ? 0 : muted_wait(txn, in->channel_id, &muted);
	if (r || muted)
		return r;
	struct read_mark mark = read_mark_of(user_of(txn), READ_CHANNEL, in->channel_id);
	if (in->guild_id && !mark.flags)
		mark.flags = READ_FLAG_GUILD_CHANNEL;
	if (read_mentioned(&mark, in->message_id))
		reads_put(txn, &mark);
	return 0;
}

static int run_spoke(struct txn *txn, void *arg)
{
	const struct happening *in = arg;
	struct read_mark mark = read_mark_of(user_of(txn), READ_CHANNEL, in->channel_id);

	if (!user_of(txn)->account->bot && read_spoke(&mark, in->message_id))
		reads_put(txn, &mark);
	return 0;
}

static void tell(struct core *core, uint64_t user_id, const struct happening *what,
		 int (*fn)(struct txn *, void *))
{
	struct happening *copy = mem_alloc(sizeof(*copy));

	*copy = *what;
	cell_tell(core, CELL_USER, user_id, false, fn, copy);
}

void reads_tell_mention(struct core *core, uint64_t user_id, uint64_t guild_id, uint64_t channel_id,
			uint64_t message_id, uint64_t author_id)
{
	struct happening what = { guild_id, channel_id, message_id, author_id };

	if (user_id != author_id)
		tell(core, user_id, &what, run_mention);
}

void reads_tell_spoke(struct core *core, uint64_t user_id, uint64_t channel_id, uint64_t message_id)
{
	struct happening what = { .channel_id = channel_id, .message_id = message_id };

	tell(core, user_id, &what, run_spoke);
}

/* -- READY -- */

static bool is_news(const struct user_state *user, const struct read_news *news)
{
	struct read_mark mark = read_mark_of(user, READ_CHANNEL, news->channel_id);

	return read_is_news(&mark, news->message_id);
}

/* What the guild keeps that may be news to this user: its settings and marks decide here, roles and sight in the guild. */
static int candidates_wait(struct txn *txn, uint64_t guild_id, int64_t joined_us,
			   const struct user_guild_settings *settings, struct mention_query *query)
{
	int r = mention_log_read_wait(txn, guild_id, &query->notes, &query->count);
	uint32_t kept = 0;

	for (uint32_t i = 0; !r && i < query->count; i++) {
		struct mention_note *note = &query->notes[i];
		struct read_news news = { note->channel_id, note->message_id };

		if (settings && settings->suppress_everyone)
			note->everyone = false;
		if (settings && settings->suppress_roles)
			note->role_ids.count = 0;
		if (snowflake_us(note->message_id) >= joined_us && is_news(user_of(txn), &news) &&
		    relation_of(user_of(txn), note->author_id) != RELATION_BLOCKED &&
		    mention_note_concerns(note, txn->cell->id))
			query->notes[kept++] = *note;
	}
	query->count = kept;
	return r;
}

static const struct user_guild_settings *settings_of(const struct user_guild_settings_list *all,
						     uint64_t guild_id)
{
	for (uint32_t i = 0; i < all->count; i++)
		if (all->items[i].guild_id == guild_id)
			return &all->items[i];
	return NULL;
}

static void add_news(struct arena *arena, struct read_news_list *list,
		     const struct mention_query *query)
{
	struct read_news *items = arena_array(arena, struct read_news,
					      list->count + query->count + 1);

	if (list->count)
		memcpy(items, list->items, list->count * sizeof(*items));
	for (uint32_t i = 0; i < query->count; i++)
		if (query->means[i] && list->count < NEWS_MAX)
			items[list->count++] = (struct read_news){ query->notes[i].channel_id,
								   query->notes[i].message_id };
	list->items = items;
}

int reads_news_wait(struct txn *txn, const struct user_guild_settings_list *settings,
		    struct read_news_list *ret)
{
	uint32_t count = user_of(txn)->guilds.count, at = 0, n = 0;
	struct guild_entry_row *entries = arena_array(txn->arena, struct guild_entry_row,
						      count + 1);
	uint64_t id;
	void *value;

	*ret = (struct read_news_list){};
	while (map_next(&user_of(txn)->guilds, &at, &id,
			&value)) /* copies: they move while we wait */
		entries[n++] = *(struct guild_entry_row *)value;
	for (uint32_t i = 0; i < n; i++) {
		struct mention_query query = { .user_id = txn->cell->id };

		int r = candidates_wait(txn, entries[i].guild_id, entries[i].joined_at,
					settings_of(settings, entries[i].guild_id), &query);
		if (r)
			return r;
		if (!query.count)
			continue;
		query.means = arena_array(txn->arena, bool, query.count);
		r = cell_call_wait(txn->core, CELL_GUILD, entries[i].guild_id, mention_query_run,
				   &query);
		if (txn_still(txn))
			return ERR_RESTARTED;
		if (!r)
			add_news(txn->arena, ret, &query);
	}
	return 0;
}

/* Channel → how many are news. */
static void count_news(const struct user_state *user, const struct read_news_list *news,
		       struct map *counts)
{
	for (uint32_t i = 0; i < news->count; i++) {
		uint64_t id = news->items[i].channel_id;

		if (is_news(user, &news->items[i]))
			map_set(counts, id, (void *)((uintptr_t)map_get(counts, id) + 1));
	}
}

static uint32_t count_of(const struct map *counts, uint64_t channel_id)
{
	return (uint32_t)(uintptr_t)map_get(counts, channel_id);
}

static void add_entry(struct read_states *states, const struct read_mark *mark, uint32_t news)
{
	struct read_state *entry = &states->entries.items[states->entries.count++];

	*entry = (struct read_state){ .id = mark->id,
				      .read_state_type = mark->type,
				      .flags = mark->flags,
				      .last_pin_timestamp = mark->pin_us };
	entry->has.flags = mark->flags != 0;
	entry->has.last_viewed = mark->viewed >= 0;
	entry->last_viewed = MAX(mark->viewed, 0);
	if (mark->type == READ_CHANNEL) {
		entry->last_message_id = mark->last;
		entry->mention_count = mark->mentions + news;
		entry->has.last_message_id = entry->has.mention_count = true;
		entry->has.last_pin_timestamp = mark->pin_us != 0;
		return;
	}
	entry->last_acked_id = mark->last;
	entry->badge_count = mark->mentions;
	entry->has.read_state_type = entry->has.last_acked_id = entry->has.badge_count = true;
}

/* Channels that have news and no mark. */
static void add_unmarked(const struct user_state *user, struct read_states *states,
			 const struct map *counts)
{
	uint32_t at = 0;
	uint64_t id;
	void *value;

	while (map_next(counts, &at, &id, &value)) {
		struct read_mark mark = read_mark_of(user, READ_CHANNEL, id);

		if (!reads_has(user, READ_CHANNEL, id))
			add_entry(states, &mark, count_of(counts, id));
	}
}

struct str reads_ready(struct txn *txn, uint32_t capabilities, const struct read_news_list *news)
{
	struct user_state *user = user_of(txn);
	struct read_states states = { .version = user->reads_version };
	struct map counts;
	struct buf text;
	struct enc enc;

	map_init(&counts);
	count_news(user, news, &counts);
	states.entries.items = arena_array(txn->arena, struct read_state,
					   user->reads_count + news->count + 1);
	for (uint32_t type = 0; type < READ_TYPES; type++) {
		uint32_t at = 0;
		uint64_t id;
		void *value;

		if (type != READ_CHANNEL && !(capabilities & CAPABILITY_NON_CHANNEL))
			break;
		while (map_next(&user->reads[type], &at, &id, &value))
			add_entry(&states, value, type == READ_CHANNEL ? count_of(&counts, id) : 0);
	}
	add_unmarked(user, &states, &counts);
	map_done(&counts);
	buf_init(&text, TEXT_MAX);
	enc_init(&enc, &text, ENC_JSON);
	if (capabilities & CAPABILITY_VERSIONED) {
		enc_read_states(&enc, &states);
	} else {
		enc_arr_begin(&enc);
		for (uint32_t i = 0; i < states.entries.count; i++)
			enc_read_state(&enc, &states.entries.items[i]);
		enc_arr_end(&enc);
	}
	struct str ret = arena_str(txn->arena, buf_str(&text));
	buf_done(&text);
	return ret;
}
