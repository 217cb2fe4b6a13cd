/* Reactions: counts in the message's row, one row each of who reacted, all in one partition. */
#pragma once

#include "message/message.h"

/* The key of an emoji in the table: a custom one's id, or a hash of a standard one's name with the top bit set. */
uint64_t reaction_emoji_key(const struct partial_emoji *emoji);
