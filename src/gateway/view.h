/* What this core's sessions may see of a cell: gateway/view.c says how. For the files of
 * gateway/ only; the public call is view_apply() in gateway/gateway.h. */
#pragma once

#include "base/list.h"
#include "cell/publish.h"

struct gateway_local;
struct interest;
struct session;
struct view;
struct view_class;

/* A session in a view. */
struct sub {
	struct view *view;
	struct session *session;
	struct view_class
		*class; /* NULL: in an account; or the cell was restarted, and is asked anew */
	struct sub *next; /* of the same user */
	struct sub *also; /* of the same session, the account's last */
	const struct interest *interest; /* op 14, 37; NULL: it has said nothing of this guild */
	uint32_t index : 30; /* in class->subs */
	bool bot : 1;
	bool returned : 1; /* a stray that has its class, but not yet what it missed */
	uint32_t intents;
};

/* NULL when @session has not subscribed to the guild or account @cell_id. */
struct sub *session_sub(const struct session *session, uint64_t cell_id);
/* In that guild, or about to be. An id that a client names may be anything, its own account's
 * too. */
bool session_in_guild(const struct session *session, uint64_t guild_id);
/* The sessions of an account, linked by sub->next. */
struct sub *view_account(struct gateway_local *gateway, uint64_t user_id);
/* Which cell a session is subscribed to. */
uint64_t sub_cell(const struct sub *sub, enum cell_kind *ret_kind);
/* Takes the session out; @tell: a guild is told so. Frees @sub. */
void sub_leave(struct sub *sub, bool tell);
/* Tells a guild that a session is gone, of which there is no sub (any more). */
void view_leave_guild(struct gateway_local *gateway, uint64_t guild_id, uint64_t session_id,
		      uint64_t user_id);
/* Somebody here has asked the cell something that makes it publish to this core; until the
 * answer has come. */
void view_hold(struct gateway_local *gateway, uint64_t cell_id, enum cell_kind kind);
void view_release(struct gateway_local *gateway, uint64_t cell_id);
void view_drop_all(struct gateway_local *gateway);
