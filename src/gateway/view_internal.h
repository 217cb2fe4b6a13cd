/* A view from the inside: for view.c, which keeps it, and those beside it that say what goes to whom (want.c, unread.c). */
#pragma once

#include <string.h>

#include "gateway/fanout.h"
#include "gateway/internal.h"
#include "gateway/unread.h"
#include "gateway/walk.h"

struct view_class {
	uint32_t id;
	uint32_t at; /* in view->classes */
	uint64_t perms;
	struct bytes *see, *manage, *threads;
	struct sub **subs;
	uint32_t count, cap;
	uint32_t bots; /* of subs */
};

struct view {
	struct gateway_local *gateway;
	uint64_t cell_id;
	enum cell_kind kind;
	uint32_t held; /* by questions under way */
	uint32_t subs;
	struct sub *account; /* an account's sessions */
	/* NULL: an account. There are as many of these as sessions, so they are kept small. */
	struct guild_view *guild;
};

struct guild_view {
	struct map users; /* user id → first struct sub */
	struct map class_ids; /* id + 1 → struct view_class */
	struct view_class **classes; /* the same, to walk */
	uint32_t classes_count, classes_cap;
	bool sweep; /* some have nobody */
	uint32_t strays; /* sessions without a class */
	struct publication **missed; /* by strays, which get them when they have a class again */
	uint32_t missed_count;
	uint32_t members; /* of the guild, exact while they are few */
	uint32_t people; /* sessions that are no bots' */
	struct unread unread;
	struct walk *walk; /* NULL: all that was published is with its sessions */
};

static inline bool has_bit(const struct bytes *bits, uint32_t bit)
{
	return bits && bit / 8 < bits->len && ((uint8_t)bits->data[bit / 8] >> (bit % 8) & 1);
}
/* Is @id in these, an array in order (audience.members)? */
static inline bool ids_have(const struct bytes *ids, uint64_t id)
{
	size_t low = 0, high = ids ? ids->len / sizeof(id) : 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		uint64_t there;

		memcpy(&there, ids->data + mid * sizeof(there), sizeof(there));
		if (there == id)
			return true;
		if (there < id)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}
static inline uint64_t sub_user(const struct sub *sub)
{
	return sub->session->user_id;
}
/* view.c */

struct view *view_find(struct gateway_local *gateway, uint64_t cell_id);
/* The first session of a user, linked by sub->next. */
struct sub *user_subs(const struct view *view, uint64_t user_id);
struct sub *sub_find(const struct view *view, const struct session *session);
/* Frees it if nobody is here and the cell knows that. */
void view_settle(struct view *view);
/* A user's sessions here are to come into a guild, or out of it if they still are in it. */
void view_member(struct gateway_local *gateway, uint64_t guild_id, uint64_t user_id, bool in);
/* Goes on with what @publication does from @at on. False: @budget is used up, and there is more. */
bool view_apply_some(struct view *view, const struct publication *publication, struct apply_at *at,
		     struct fan_budget *budget);
