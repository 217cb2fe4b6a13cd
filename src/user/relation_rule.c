#include "user/relation_rule.h"

#include "model/errors.h"

static int ask(enum relation *actor, enum relation *other)
{
	if (*actor == RELATION_FRIEND)
		return ERR_ALREADY_FRIENDS;
	if (*other == RELATION_BLOCKED)
		return ERR_FRIEND_REQUEST_BLOCKED;
	if (*actor == RELATION_OUTGOING)
		return 0; /* asked already */
	if (*actor == RELATION_INCOMING) {
		*actor = *other = RELATION_FRIEND;
		return 0;
	}
	*actor = RELATION_OUTGOING;
	*other = RELATION_INCOMING;
	return 0;
}

int relation_decide(enum relation_act act, enum relation *actor, enum relation *other)
{
	switch (act) {
	case RELATION_ASK: return ask(actor, other);
	case RELATION_BLOCK: *actor = RELATION_BLOCKED; break;
	case RELATION_END:
		if (*actor == RELATION_NONE)
			return ERR_UNKNOWN_USER;
		*actor = RELATION_NONE;
		break;
	}
	/* A block is the blocker's own, and outlives what the other does. */
	if (*other != RELATION_BLOCKED)
		*other = RELATION_NONE;
	return 0;
}
