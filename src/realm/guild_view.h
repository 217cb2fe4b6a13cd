/* A guild as it is shown: REST, GUILD_CREATE, READY of people. */
#pragma once

#include "realm/realm.h"

/* The guild object with roles, emojis and stickers; arrays in @arena, strings shared with the rows. */
struct guild guild_view(struct realm *realm, struct arena *arena);
/* The same with all that GUILD_CREATE adds for @member: channels as it may see them, members and presences by the rules. */
struct guild_show {
	struct live_member *member; /* the receiver */
	bool bot, presences; /* presences: the intent GUILD_PRESENCES (people: true) */
	bool joined; /* just now: no `unavailable` */
	bool apart; /* members and presences are somebody else's affair (realm/guild_crowd.h) */
	uint32_t large_threshold;
};
struct guild guild_view_create(struct realm *realm, struct arena *arena,
			       const struct guild_show *show);
/* Does it have only the receiver of all members? */
bool guild_view_alone(const struct realm *realm, const struct guild_show *show);
/* If not: does it have this one? */
bool guild_view_carries(const struct realm *realm, const struct guild_show *show,
			const struct live_member *member);
