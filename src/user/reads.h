/* Read states: a person's marks of how far channels (and a few other things) are read, in memory with the user, a row each.
 * Direct mentions are counted in them as they happen; those of roles and everyone only when READY is made, from what each guild keeps
 * of them (realm/mention_log.h, docs/adr/0016-read-states.md). */
#pragma once

#include "user/read_rule.h"
#include "user/user.h"

enum { READS_MAX = 20000 };

/* While a user loads. */
int reads_load_wait(struct user_state *user, struct arena *arena);
/* The mark, or one of nothing read. */
struct read_mark read_mark_of(const struct user_state *user, enum read_type type, uint64_t id);
bool reads_has(const struct user_state *user, enum read_type type, uint64_t id);
/* Memory and row, with a fresh version, which is also @mark's then. Of too many, the one that has been left alone longest goes. */
void reads_put(struct txn *txn, struct read_mark *mark);
void reads_del(struct txn *txn, enum read_type type, uint64_t id);

/* From any core, about a person whose cell may be elsewhere; nothing is lost but the count when it cannot be told. Bots have no read
 * states: nothing happens. @guild_id 0: a DM. */
void reads_tell_mention(struct core *core, uint64_t user_id, uint64_t guild_id, uint64_t channel_id,
			uint64_t message_id, uint64_t author_id);
void reads_tell_spoke(struct core *core, uint64_t user_id, uint64_t channel_id,
		      uint64_t message_id);

/* Mentions of roles and everyone that are not read, as (channel, message). */
struct read_news {
	uint64_t channel_id, message_id;
};
struct read_news_list {
	struct read_news *items;
	uint32_t count;
};
/* Waits. A guild that cannot answer now has none. */
int reads_news_wait(struct txn *txn, const struct user_guild_settings_list *settings,
		    struct read_news_list *ret);
/* JSON of READY's read_state, by the session's capabilities; in the arena. */
struct str reads_ready(struct txn *txn, uint32_t capabilities, const struct read_news_list *news);
