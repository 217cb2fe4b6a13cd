/* What is unread in guilds that people's sessions have not opened: the newest message and pin of each channel, gathered for
 * LIMIT_PASSIVE_UPDATE_MS on each core and then sent to those who see the channel: CHANNEL_UNREAD_UPDATE, or PASSIVE_UPDATE_V1 or _V2 to
 * clients that say they know it. Part of a guild's view; costs nothing while nobody here is such a session. */
#pragma once

#include "cell/publish.h"
#include "core/core.h"

struct news;
struct sub;
struct view;

struct unread {
	struct view *view;
	struct news *news; /* one for each channel that has some */
	uint32_t count;
	struct timer timer;
};
void unread_init(struct view *view);
void unread_done(struct view *view);
/* An event is published to @to. */
void unread_note(struct view *view, const struct audience *to, const struct event *event);
/* The guild has so many members now. */
void unread_size(struct view *view, uint32_t members);
/* A session is about to open the guild, and from then on gets messages: it is told what it has missed. */
void unread_tell(struct sub *sub);
