/* What an act does to both sides of a relationship. No state, no cells. */
#pragma once

/* As on the wire. */
enum relation {
	RELATION_NONE,
	RELATION_FRIEND,
	RELATION_BLOCKED,
	RELATION_INCOMING,
	RELATION_OUTGOING
};
/* ASK: to become friends, or yes to who has asked. END: no friend any more, a request taken back or refused, a block lifted. */
enum relation_act { RELATION_ASK, RELATION_BLOCK, RELATION_END };

/* @actor: what the one who acts calls the other; @other: what that one calls the actor. 0; ERR_ALREADY_FRIENDS,
 * ERR_FRIEND_REQUEST_BLOCKED (the other blocks the actor), ERR_UNKNOWN_USER (there is nothing to end); then both are as before. */
int relation_decide(enum relation_act act, enum relation *actor, enum relation *other);
