/* Just enough of protobuf's wire format to merge two messages at the top level: https://protobuf.dev/programming-guides/encoding/ */
#pragma once

#include "base/arena.h"

/* @old with the fields of @change: every field that occurs in @change replaces all of its number. False when either is malformed. */
bool protobuf_merge(struct arena *arena, struct str old, struct str change, struct str *ret);
