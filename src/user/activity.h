/* Activities: as clients say them (op 2, 3, headless sessions) and as others see them. */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "model/objects.h"

enum activity_type { ACTIVITY_STREAMING = 1, ACTIVITY_CUSTOM = 4 };

/* As others see it; strings shared with @in. What only its maker may know (secrets, addresses of buttons) is left out.
 * Of a bot's only name, type, url and state are listened to. */
struct activity activity_view(struct arena *arena, const struct activity_update *in, bool bot,
			      int64_t now_ms);
/* Those of @list (anything) that make sense, at most LIMIT_ACTIVITIES, in @arena: one that does not is left out alone. */
struct activity_list activities_read(struct arena *arena, json_t *list, bool bot, int64_t now_ms);
/* The same thing said by two sessions. A custom status is always the same: there is one. */
bool activity_same(const struct activity *a, const struct activity *b);
