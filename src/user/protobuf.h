/* Just enough of protobuf's wire format to merge two messages at the top level: https://protobuf.dev/programming-guides/encoding/ */
#pragma once

#include "base/arena.h"

/* @old with the fields of @change: every field that occurs in @change replaces all of its number. False when either is malformed. */
bool protobuf_merge(struct arena *arena, struct str old, struct str change, struct str *ret);
/* The last field of that number, as a string (or a message in it), or as a fixed64. False when there is none, or it is of another
 * type, or @message is malformed before it. */
bool protobuf_bytes(struct str message, uint64_t number, struct str *ret);
bool protobuf_fixed64(struct str message, uint64_t number, uint64_t *ret);
