/* Making guilds. */
#pragma once

#include "realm/realm.h"

struct guild_making {
	uint64_t id;
	const struct guild_new *body; /* decoded, alive while the caller waits */
	struct user owner;
	struct str icon;	 /* its hash, null: none */
	struct arena *arena;	     /* for the result */
	uint64_t *
		channel_ids; /* of the body's channels, or the two categories and two channels of a plain guild */
	uint32_t channel_ids_count;
	struct guild view; /* out: the REST form */
};
/* The channels that a body without any gets. */
enum { GUILD_PLAIN_CHANNELS = 4 };
/* For cell_create_wait() on the new guild's cell. */
int realm_make_run(struct txn *txn, void *arg);
/* A channel's row with the keys that its type has, and their defaults. */
struct channel channel_blank(uint64_t id, int64_t type, struct str name, int64_t position,
			     uint64_t parent_id);
