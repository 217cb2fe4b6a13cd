/* A realm in memory for unit tests: no cores, no store. */
#pragma once

#include "codec/dup.h"
#include "realm/realm.h"

enum { TEST_GUILD = 100, TEST_OWNER = 1 };

struct test_realm {
	struct cell cell;
	struct realm *realm;
};

static inline void test_realm_init(struct test_realm *test, uint64_t everyone)
{
	struct guild guild = { .id = TEST_GUILD, .owner_id = TEST_OWNER };
	struct role_colors colors = role_colors_of(0);
	struct role role = { .id = TEST_GUILD, .permissions = everyone, .colors = &colors };

	*test = (struct test_realm){ .cell = { .id = TEST_GUILD, .kind = CELL_GUILD } };
	region_init(&test->cell.region);
	test->realm = realm_new(&test->cell);
	test->realm->guild = obj_dup_region(test->realm->region, &desc_guild, &guild);
	realm_add_role(test->realm, &role);
}

static inline void test_realm_done(struct test_realm *test)
{
	region_drop(&test->cell.region);
}

static inline struct live_role *test_role(struct test_realm *test, uint64_t id, int64_t position,
					  uint64_t permissions)
{
	struct role_colors colors = role_colors_of(0);
	struct role role = {
		.id = id, .position = position, .permissions = permissions, .colors = &colors
	};

	return realm_add_role(test->realm, &role);
}

static inline struct live_member *test_member(struct test_realm *test, uint64_t id,
					      const uint64_t *roles, uint32_t count)
{
	struct member_row row = { .user_id = id,
				  .username = S("somebody"),
				  .discriminator = S("0") };

	row.roles.items = (uint64_t *)roles;
	row.roles.count = count;
	return realm_add_member(test->realm, &row);
}

static inline struct live_channel *test_channel(struct test_realm *test, uint64_t id, int64_t type,
						uint64_t parent_id,
						const struct overwrite *overwrites, uint32_t count)
{
	struct channel row = { .id = id, .type = type, .parent_id = parent_id };

	row.has.permission_overwrites = true;
	row.permission_overwrites.items = (struct overwrite *)overwrites;
	row.permission_overwrites.count = count;
	return realm_add_channel(test->realm, &row);
}
