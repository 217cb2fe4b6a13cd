/* What the modules keep for each core. core_local() is a pointer to this. */
#pragma once

#include "core/core.h"

struct cell_local;
struct gateway_local;
struct api_local;
struct directory;
struct serve;
struct snowflake;
struct latest;

struct local {
	struct cell_local *cell;
	struct gateway_local *gateway;
	struct api_local *api;
	struct directory *directory;
	struct serve *serve;
	struct snowflake *ids;
	struct latest *latest;
};
static inline struct local *local_of(struct core *core)
{
	return core_local(core);
}
