/* Threads that nobody spoke in for their time are archived: one timer for each guild that has open ones. */
#pragma once

#include "realm/thread.h"

/* Since when nothing has happened in it. */
int64_t thread_active_at(const struct live_channel *channel);
/* After a load. */
void archiver_begin(struct realm *realm);
/* A thread was made or opened, or its time has changed. */
void archiver_note(struct realm *realm, const struct live_channel *channel);
/* With its timer. */
void archiver_drop(struct realm *realm);
