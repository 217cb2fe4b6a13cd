/* Users by their ids, as lists of them are shown: reactions, votes. */
#pragma once

#include "api/req.h"

/* In the order of @ids, those that are no more left out; members of this realm from memory,
 * others are asked for. Waits. */
int people_wait(struct req *req, const uint64_t *ids, uint32_t count, struct user_list *ret);
