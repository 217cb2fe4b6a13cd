/* A member's presence as its guild shows it. */
#pragma once

#include "realm/realm.h"

/* For cell_tell(); @arg is a struct presence, of its user only the id, in one malloc block. */
int realm_presence_run(struct txn *txn, void *arg);
