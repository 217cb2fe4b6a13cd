/* A file on its way in: in memory while it is small, else in a temporary file that pool threads
 * write, with the socket paused when they fall behind. Belongs to its request and moves with it;
 * once it is complete, the core that runs the request may place it. */
#pragma once

#include "cdn/files.h"
#include "http/form.h"

struct http_request;

enum { INCOMING_SMALL = 64 << 10 }; /* bytes that stay in memory */

struct incoming {
	uint64_t size; /* so far; all of it once complete */
	int error; /* negative errno: what was written is not to be trusted */
	bool placed; /* it has its name: nothing is left to be removed */
	uint64_t id; /* of its temporary file */
	/* private */
	struct core *core;
	struct http_request *request;
	const char *dir;
	uint64_t reserve;
	struct buf small, pending, out;
	struct job job;
	bool spilled, writing, paused, ended, dropped;
	bool syncing; /* this job is the last one */
	int fd, job_error; /* the job's while @writing */
};

/* For http_request.sink; the owner is the request. */
extern const struct form_sink incoming_sink;

/* What a placed file is. */
struct incoming_facts {
	uint64_t size;
	struct sniffed sniffed;
	bool text; /* its beginning is */
};
struct incoming_place {
	struct incoming *incoming; /* or a name below DATA/files to link: */
	struct str from;
	struct str to;
	struct incoming_facts facts; /* out */
	int r; /* out: 0, ENOENT (@from), negative errno */
};
/* On a fiber: gives @count files their places, durably, all in one job. 0 when all are; ENOENT,
 * ERR_UNAVAILABLE (no room), negative errno: then none is promised, and those whose r is 0 are
 * the caller's to remove. */
int incoming_place_wait(struct core *core, struct incoming_place *list, uint32_t count);
/* All bytes of a small one; the null view when it is in a file. */
struct str incoming_bytes(const struct incoming *incoming);
