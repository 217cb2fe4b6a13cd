/* What the audit log says of a channel that is made, changed or deleted. */
#pragma once

#include "realm/audit.h"

/* The differences of two rows (NULL: none), for audit_put(). */
struct audit audit_channel(struct txn *txn, uint64_t actor_id, enum audit_action action,
			   const struct channel *before, const struct channel *after,
			   struct str reason);
