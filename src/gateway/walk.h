/* Publications that reach a crowd are carried out in pieces, so that nobody else waits long: not the answers and heartbeats of this
 * core, and not what other cells publish. What a cell says behind such a one, and its answers, wait for it in their order; the cells
 * take turns. The cell knows how much waits (cell/flow.h), and lets its writers wait too. For the files of gateway/ only. */
#pragma once

#include "base/list.h"
#include "core/core.h"
#include "gateway/fanout.h"

struct ask;
struct publication;
struct walk;

/* Where the work on a publication stands. All zero: it has not begun. */
struct apply_at {
	bool begun;
	bool missed; /* strays were there when it began (view.c) */
	uint32_t effect;
	struct fan_at fan; /* in that effect, an event */
	bool entered; /* in that effect, a reload: what is done only once is done */
};

struct walks {
	struct list waiting; /* of struct walk: the next one's turn is first */
	struct deferred deferred;
};
void walks_init(struct walks *walks);
/* Does all of it now: for a core that stops. */
void walks_finish(struct gateway_local *gateway);
/* Takes a reference to what it does not do at once. */
void walk_apply(struct view *view, struct publication *publication);
/* An answer of a cell comes behind what that cell has published. True: it will be given then. */
bool walk_holds_answer(struct gateway_local *gateway, struct ask *ask);
/* So does what an account hears of its coming into a guild, or leaving it. True: view_member() is called then. */
bool walk_holds_member(struct gateway_local *gateway, uint64_t guild_id, uint64_t user_id, bool in);
/* Where the walk through a view's sessions stands, or NULL. */
struct fan_at *walk_at(const struct view *view);
/* The view ends. */
void walk_drop(struct walk *walk);
