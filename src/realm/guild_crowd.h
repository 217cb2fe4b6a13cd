/* Members and presences of a GUILD_CREATE that has many of them (to bots with the intent GUILD_PRESENCES, in guilds of up to
 * 75,000): some tens of megabytes, which nobody else may wait for. They are written in slices. Who changes after being written
 * is blanked out and written anew at the end, white space being as good as nothing in JSON; so what comes out is true at one
 * moment, that of guild_crowd_end(). */
#pragma once

#include "base/buf.h"
#include "realm/guild_view.h"

struct guild_crowd;

/* So many are few: written at once, by guild_view_create(). */
enum { GUILD_CROWD_FROM = 256 };
/* Does GUILD_CREATE for this one have a crowd now? */
bool guild_crowd_is(const struct realm *realm, const struct guild_show *show);

/* Begins. show->member is looked up anew by each slice. The caller's until guild_crowd_end() or _drop(). */
struct guild_crowd *guild_crowd_begin(struct realm *realm, const struct guild_show *show);
/* A slice: some 200 µs. False: nothing is left but what the end does, or the receiver is gone, which the caller looks up. Between two
 * slices the realm may be restarted: then only _drop() may follow. */
bool guild_crowd_step(struct guild_crowd *crowd);
/* All of GUILD_CREATE: @head is an object without `members` and `presences`. Nothing may have changed since the last step without
 * the hooks below. Frees the crowd. NULL when it is too long. */
struct bytes *guild_crowd_end(struct guild_crowd *crowd, struct str head);
/* @restarted: the realm's memory is gone. */
void guild_crowd_drop(struct guild_crowd *crowd, bool restarted);

/* Hooks: something of this member, its row or its presence, changes or has changed; it may come or go. Cost nothing while no
 * crowd is being written. */
void guild_crowds_touch(struct realm *realm, const struct live_member *member);
/* Who sees what has changed. */
void guild_crowds_stale(struct realm *realm);
