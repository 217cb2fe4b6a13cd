/* Relationships: friends, requests, blocks, each one's own row about the other.
 *
 * What both sides are is decided in one place, the cell of the one with the smaller id: its row says what it calls the other, and
 * (by the rule, and `blocks_me`) what the other calls it. The other's row follows by an intent that says what it is now, so that
 * acts of both, however they cross, leave sides that fit. A nickname, and whether somebody is ignored, are everybody's own. */
#pragma once

#include "user/relation_rule.h"
#include "user/user.h"

/* What this user calls @other. */
enum relation relation_of(const struct user_state *user, uint64_t other);
/* In @arena, in no order. */
struct u64_list relation_friends(const struct user_state *user, struct arena *arena);
uint32_t relation_count(const struct user_state *user, enum relation type);

struct relation_change {
	enum relation_act act;
	uint64_t other;
	/* both for the events; copies that outlive waits */
	struct user me, them;
	struct str note; /* of a request */
};
/* In the cell of the one who acts. Waits, puts (in the one cell or the other). 0; what relation_decide() says; ERR_MAX_FRIENDS. */
int relation_change_wait(struct txn *txn, const struct relation_change *change);

/* Would @other_id take a request of this user? 0; ERR_UNKNOWN_USER, ERR_CANNOT_FRIEND_BOT, ERR_FRIEND_REQUEST_BLOCKED, ERR_MAX_FRIENDS. */
int relation_welcome_wait(struct txn *txn, uint64_t other_id);

/* Own things; @user is the other. 0, ERR_UNKNOWN_USER: no friend, not ignored; ERR_MAX_FRIENDS. */
int relation_nickname(struct txn *txn, uint64_t other, struct str nickname, struct user *user);
int relation_ignore(struct txn *txn, uint64_t other, bool ignored, struct user *user);

/* All that its owner may see, with their users. Views into the cell: nothing may wait after it. */
int relation_list_wait(struct txn *txn, struct relationship_list *ret);
