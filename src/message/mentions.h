/* Whom a message mentions: what its text says, and what allowed_mentions and permissions leave of
 * it. */
#pragma once

#include "message/message.h"

struct mentions {
	/* In the order of the text, each once; users include the replied-to author when pinged. */
	struct u64_list users, roles;
	struct user_list strangers; /* mentioned users who are no members here */
	bool everyone, here;
};

/* @allowed NULL: everything that the text says. @replied: author of the message replied to, 0
 * none. @may_everyone: holds MENTION_EVERYONE there. Parses @content only; user ids that name
 * nobody are left out. May wait (for strangers). */
int mentions_find_wait(struct txn *txn, struct str content, const struct allowed_mentions *allowed,
		       uint64_t replied, bool may_everyone, struct mentions *ret);
