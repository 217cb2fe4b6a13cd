/* The pictures of those who have none. */
#pragma once

#include "base/arena.h"

enum { AVATARS = 6 };
/* A PNG of 256 × 256, one colour for each @index below AVATARS, in @arena. */
struct str avatar_default(struct arena *arena, uint32_t index);
