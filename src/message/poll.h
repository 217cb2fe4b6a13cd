/* Polls: made with a message, counted in its row, one row for each vote beside it. */
#pragma once

#include "message/message.h"

/* A fresh poll of @in, which ends @in->duration hours after @now_us, in @arena. Emoji are standard ones, or as the caller resolved them in @in. */
struct poll *poll_make(struct arena *arena, const struct poll_create *in, int64_t now_us);
/* Over, by time or by its author's word? */
bool poll_is_over(const struct poll *poll, int64_t now_us);
