/* PATCH of a channel that is a thread. */
#pragma once

#include "api/reach.h"

/* The whole handler; the channel of the path is a thread. Waits. */
int thread_edit(struct req *req, const struct channel_edit *in, struct channel *out);
