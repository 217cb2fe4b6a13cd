/* What a transaction shows to the world: events and changes of who sees what, in the cell's order.
 *
 * A cell publishes to each core that has a view of it one message with all effects of a transaction. The core's
 * view (gateway/view.h) holds the sessions grouped by audience class, and moves only by these effects: so
 * an audience is decided at publish time, in realm order, and never by looking into another core's memory. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/bytes.h"
#include "cell/cell.h"
#include "model/events.h"

/* An encoded event, shared by all who get it. Immutable but for the caches at the end. */
struct event {
	_Atomic uint32_t refs;
	enum event_type type;
	uint32_t intents;	  /* any of these; 0: always sent */
	struct bytes *full; /* JSON of `d` */
	struct bytes *
		alt; /* JSON for those who may have less: message without content (no MESSAGE_CONTENT intent), hidden channel (no
			     * sight of the slot); NULL: they get nothing (hidden) or full (content) */
	uint64_t author; /* gets full content whatever its intents */
	uint32_t mentions_count;
	uint64_t *mentions; /* these users too */
	/* What decides for people's sessions, which are not told all of a guild (gateway/want.h). */
	uint64_t about; /* the member that comes, changes, goes; then @author is who did it */
	struct bytes *watchers; /* these sessions, in order, asked for what happens to @about */
	uint64_t answers; /* who wrote the message that this one answers */
	bool everyone; /* is mentioned */
	uint32_t classes_count;
	uint32_t *classes; /* of those who hold a role that is mentioned */
	struct bytes *joined; /* THREAD_*: those in the thread, as audience.members */
	uint64_t channel_id; /* whose newest message, or newest pin, this is; 0: neither */
	uint64_t message_id; /* 0: a pin */
	int64_t pin_at;
	_Atomic(struct bytes *)
		etf[2]; /* full, alt in ETF, made by the first session that needs it */
};
struct event *event_ref(struct event *event);
void event_unref(struct event *event);

/* Who gets an event. Conditions are joined by AND; zero means no condition. */
struct audience {
	uint32_t
		channel_slot; /* slot + 1: only classes that see it (others: alt when alt_for_hidden) */
	bool alt_for_hidden; /* CHANNEL_*: those without sight get event->alt */
	bool only_hidden; /* only those without sight */
	bool manage; /* and hold MANAGE_CHANNELS in that channel (INVITE_*) */
	uint64_t perms_any; /* any of these guild-wide permissions (or ADMINISTRATOR) */
	uint64_t user; /* only this user's sessions */
	uint64_t session; /* only this session */
	uint64_t not_user; /* but not these */
	uint32_t class_id; /* class + 1: only this class */
	uint64_t
		always_user; /* this user's sessions get it whatever their intents (own GUILD_MEMBER_UPDATE) */
	bool bots; /* only bots' sessions */
	const struct bytes *
		shares; /* only classes that see one of these channels (bits as in CLASS); belongs to the effect */
	struct bytes *
		members; /* a private thread (@channel_slot: its parent): these users, an array of uint64_t in order, when they see the
			  * parent, and classes that hold MANAGE_THREADS there. The effect has a reference of its own */
	bool content; /* message content rules: event->alt to bots without the MESSAGE_CONTENT intent */
};

enum effect_kind {
	EFFECT_EVENT,
	EFFECT_CLASS, /* defines or replaces a class */
	EFFECT_USER_CLASS, /* a user's sessions move to a class */
	EFFECT_SUBSCRIBE, /* a session joins, with its snapshot: the first thing it gets of this cell */
	EFFECT_UNSUBSCRIBE, /* a session (or all of a user) leaves, silently */
	EFFECT_GUILD_JOIN, /* user cells: the user's sessions shall subscribe to this guild */
	EFFECT_GUILD_LEAVE, /* user cells: drop this guild's subscription if it is still there */
	EFFECT_LOGOUT, /* user cells: sessions of this token hash (zero: all) are closed with 4004, and cores forget it */
	EFFECT_FORGET, /* user cells: what cores remember of this user's tokens is out of date */
	EFFECT_SIZE, /* how many members a guild has now; said while it is small */
	EFFECT_RELOADED, /* the cell was restarted: subscribe again, silently; or (away) say that it is gone for now, and ask anew */
};
struct effect {
	enum effect_kind kind;
	struct audience to; /* EVENT */
	struct event *event; /* EVENT */
	struct bytes *
		sessions; /* EVENT: only to these (an array of uint64_t), whatever `to` says; NULL: by `to` */
	uint64_t session, user; /* SUBSCRIBE, UNSUBSCRIBE (one of them 0), USER_CLASS */
	uint32_t core; /* SUBSCRIBE: the session's core; others ignore it */
	uint32_t class_id; /* CLASS, USER_CLASS, SUBSCRIBE */
	uint32_t members; /* SUBSCRIBE, SIZE */
	uint64_t guild_id; /* GUILD_JOIN, GUILD_LEAVE */
	bool away; /* RELOADED */
	uint64_t perms; /* CLASS: guild-wide permissions */
	struct bytes *see, *manage,
		*threads; /* CLASS: bit n of byte n/8: channel slot n is visible / MANAGE_CHANNELS / MANAGE_THREADS held; EVENT, see:
			   * to.shares */
	struct bytes *
		snapshot; /* SUBSCRIBE: JSON of GUILD_CREATE's d (bots), of READY's guild entry (people); NULL: silent */
	struct bytes *own_member; /* SUBSCRIBE, people: JSON array for merged_members */
	struct bytes *
		presences; /* SUBSCRIBE, people: JSON {"voice_states":[…],"presences":[…]} for READY_SUPPLEMENTAL */
	uint8_t token_hash[32]; /* LOGOUT */
};

struct publication {
	_Atomic uint32_t refs;
	uint64_t cell_id;
	enum cell_kind kind;
	struct flow *flow; /* of a cell that may have a crowd; NULL: it is not counted */
	uint32_t count;
	struct effect effects[];
};
void publication_unref(struct publication *publication);

/* Set once at start by the gateway: applies a publication to this core's view. Called on every core in the cell's
 * mask, in the cell's order; takes a reference when it keeps it. */
/* (LOGOUT and FORGET go to all cores, and the transaction is answered when all have applied them.) */
extern void (*publish_apply)(struct core *core, struct publication *publication);
/* Set once at start by user/: what a DM publishes goes to its recipients' user cells, which know their sessions. */
extern void (*publish_forward)(struct cell *cell, struct publication *publication);
