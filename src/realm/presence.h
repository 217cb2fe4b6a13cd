/* A member's presence as its guild shows it. */
#pragma once

#include "realm/realm.h"

/* For cell_tell(); @arg is a struct presence, of its user only the id, in one malloc block. */
int realm_presence_run(struct txn *txn, void *arg);
/* So many are there that presences only go to who looks at somebody (member lists, op 14's `members`). */
bool realm_presence_lazy(const struct realm *realm);
/* A session watches these from now on: it is told who of them is there. */
void realm_presence_watch(struct txn *txn, struct subscriber *subscriber, const uint64_t *ids,
			  uint32_t count);
