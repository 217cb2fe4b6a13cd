/* What the parts of `check` share: what was found, and how rows are read. Everything runs on the command's fiber. */
#pragma once

#include "admin/command.h"
#include "base/arena.h"

struct suspect;

struct checking {
	struct admin_call *call;
	struct arena page; /* of the rows at hand */
	struct suspect *suspects;
	uint32_t suspects_count;
	uint64_t users, guilds, members, channels, dms, attachments, strays, faults;
	json_t *problems;
};

/* Counts a fault, and says it among the first. */
__attribute__((format(printf, 2, 3))) void check_fault(struct checking *c, const char *format, ...);
int check_exists_wait(struct checking *c, struct str key, bool *ret);
/* All rows with a prefix, in pages: @on_row for each. */
int check_each_wait(struct checking *c, struct str prefix,
		    int (*on_row)(struct checking *c, struct str key, struct str value));

/* -- files (admin/check_files.c) -- */
/* Each attachment that a row of this realm names is there. Waits; no fault where this process keeps no files. */
int check_attachments_wait(struct checking *c, uint64_t realm_id);
/* Counts files that no row names: the server's sweep removes them (cdn/sweep.h), so they are no fault. */
int check_strays_wait(struct checking *c);
