/* An object with a field of every kind, described by hand as the generator would, for the codec's own tests. */
#pragma once

#include "codec/obj.h"

struct thing;
struct thing_list {
	struct thing *items;
	uint32_t count;
};
struct thing {
	uint64_t id;
	struct str name;
	int64_t count;
	bool on;
	double ratio;
	uint64_t perms;
	int64_t at;
	struct str extra;
	struct str nonce;
	bool nonce_is_int;
	struct u64_list ids;
	struct str_list tags;
	struct thing *child;
	struct thing_list children;
	struct str_map texts;
	int64_t level;
	union {
		struct {
			bool name : 1;
			bool count : 1;
			bool on : 1;
			bool ratio : 1;
			bool perms : 1;
			bool at : 1;
			bool extra : 1;
			bool nonce : 1;
			bool ids : 1;
			bool tags : 1;
			bool child : 1;
			bool children : 1;
			bool texts : 1;
		};
		uint32_t words[1];
	} has;
	union {
		struct {
			bool count : 1;
		};
		uint32_t words[1];
	} null;
	struct str unknown_fields;
};
extern const struct obj_desc desc_thing;
/* The first three fields only: what an older version knew. */
extern const struct obj_desc desc_old_thing;
