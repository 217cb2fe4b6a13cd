/* The parts of a form, gathered: multipart/form-data with its fields in memory and its files in
 * memory or in a sink, or application/x-www-form-urlencoded. Belongs to its request and moves with
 * it. */
#pragma once

#include "http/multipart.h"

struct form_part {
	struct str name;
	struct str filename; /* null: a field */
	struct str content_type; /* null when not given */
	struct str data; /* the content; empty when it went to the sink */
	void *file; /* what the sink opened, NULL without one. Take it (TAKE()) to keep it */
	uint64_t size; /* of the content */
};

/* Where the content of files goes while it arrives, so that it needs no memory. Called on the core
 * where the connection lives. */
struct form_sink {
	/* A file begins; @part holds its names. 0 and something not NULL, or an HTTP status, or
	 * negative errno. */
	int (*open)(void *owner, const struct form_part *part, void **ret_file);
	/* Takes all of @data. 0; EAGAIN: taken, but stop reading until http_request_continue(); or
	 * an HTTP status, or negative errno. */
	int (*write)(void *owner, void *file, struct str data);
	/* The file is complete. As write(). */
	int (*end)(void *owner, void *file);
	/* Nobody took it: the connection broke, the form was malformed, or the handler left it in
	 * the part. */
	void (*drop)(void *owner, void *file);
};

struct form_limits {
	uint32_t parts_max; /* 413; 0: MULTIPART_PARTS_MAX */
	size_t field_bytes_max; /* all fields together: 413; 0: FORM_FIELD_BYTES_MAX */
	uint64_t file_max; /* each file: 413; 0: no limit but the body's */
};
enum { FORM_FIELD_BYTES_MAX = 1 << 20, FORM_PAIRS_MAX = 256 };

struct form {
	struct form_part *parts; /* in @arena; count of them */
	uint32_t count;
	/* private */
	struct arena *arena;
	const struct form_sink *sink;
	void *sink_owner;
	struct form_limits limits;
	struct multipart multipart;
	struct buf content; /* of the part that arrives, when it stays in memory */
	size_t field_bytes;
	bool paused; /* the sink asked to stop reading; cleared by whoever goes on */
};

/* Ready for form_feed(). Everything gathered is allocated in @arena. @sink may be NULL: files stay
 * in memory then, so bound the body. @limits may be NULL. */
void form_init(struct form *form, struct arena *arena, struct str boundary,
	       const struct form_limits *limits, const struct form_sink *sink, void *sink_owner);
/* Drops files that nobody took. The arena is not touched. Harmless on a zeroed form. */
void form_done(struct form *form);
/* The next bytes of the body: 0, or a positive HTTP status, or negative errno. */
int form_feed(struct form *form, struct str data);
/* After the last: 0 or 400. */
int form_finish(struct form *form);

/* Is it application/x-www-form-urlencoded? */
bool form_is_urlencoded(struct str content_type);
/* Parses a whole such body into a zeroed @form: keys and values decoded, each a part. 0; 400 when a
 * name or a value is not UTF-8; 413 more than FORM_PAIRS_MAX. */
int form_parse_urlencoded(struct form *form, struct arena *arena, struct str body);

/* The first part @name, NULL when there is none. */
struct form_part *form_find(const struct form *form, struct str name);
