/* A member's presence as its guild shows it. */
#pragma once

#include "realm/realm.h"

/* For cell_tell(); the presence is a malloc block, freed here. */
struct realm_presence_arg {
	uint64_t user_id;
	struct presence *presence; /* NULL: offline */
};
int realm_presence_run(struct txn *txn, void *arg);
