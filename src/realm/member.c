#include "realm/member.h"

#include "cdn/image.h"

#include <stdlib.h>
#include <strings.h>

struct user member_user(const struct member_row *row)
{
	struct user user = {
		.id = row->user_id,
		.username = row->username,
		.global_name = row->global_name,
		.avatar = row->user_avatar,
		.discriminator = row->discriminator.len ? row->discriminator : S("0"),
		.public_flags = row->public_flags,
		.bot = row->bot,
		.avatar_decoration_data = row->avatar_decoration_data,
		.primary_guild = row->primary_guild,
	};

	user.has.bot = row->bot;
	return user;
}

struct member member_view(const struct member_row *row, struct user *user)
{
	struct member member = {
		.user = user,
		.nick = row->nick,
		.avatar = row->avatar,
		.banner = row->banner,
		.roles = row->roles,
		.joined_at = row->joined_at,
		.premium_since = row->premium_since,
		.deaf = row->deaf,
		.mute = row->mute,
		.flags = row->flags,
		.pending = row->pending,
		.communication_disabled_until = row->communication_disabled_until,
	};

	if (user) {
		*user = member_user(row);
		member.has.user = true;
	}
	return member;
}

void member_set_user(struct member_row *row, const struct user *user)
{
	row->user_id = user->id;
	row->username = user->username;
	row->global_name = user->global_name;
	row->discriminator = user->discriminator;
	row->user_avatar = user->avatar;
	row->bot = user->has.bot && user->bot;
	row->public_flags = user->public_flags;
	row->avatar_decoration_data = user->avatar_decoration_data;
	row->primary_guild = user->primary_guild;
}

struct member_row member_new(const struct user *user, int64_t joined_at_us)
{
	struct member_row row = { .joined_at = joined_at_us };

	member_set_user(&row, user);
	return row;
}

struct str member_name(const struct member_row *row)
{
	return row->nick.len ? row->nick : row->global_name.len ? row->global_name : row->username;
}

bool member_has_role(const struct member_row *row, uint64_t role_id)
{
	for (uint32_t i = 0; i < row->roles.count; i++)
		if (row->roles.items[i] == role_id)
			return true;
	return false;
}

bool member_matches(const struct member_row *row, struct str prefix)
{
	struct str names[] = { row->username, row->nick, row->global_name };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].len >= prefix.len &&
		    strncasecmp(names[i].ptr, prefix.ptr, prefix.len) == 0)
			return true;
	return false;
}

/* A heap with the highest id on top keeps the lowest @limit of them: no need to sort a big guild for a small page. */
static void sift_down(uint64_t *heap, uint32_t count, uint32_t at)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= count)
			return;
		if (child + 1 < count && heap[child + 1] > heap[child])
			child++;
		if (heap[at] >= heap[child])
			return;
		uint64_t swap = heap[at];
		heap[at] = heap[child];
		heap[child] = swap;
		at = child;
	}
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct live_member **members_page(struct realm *realm, struct arena *arena, uint64_t after,
				  uint32_t limit, uint32_t *ret_count)
{
	struct live_member **page = arena_array(arena, struct live_member *, limit + 1);
	uint64_t *heap = arena_array(arena, uint64_t, limit + 1);
	uint32_t at = 0, count = 0;
	uint64_t id;
	void *value;

	while (map_next(&realm->members, &at, &id, &value)) {
		if (id <= after)
			continue;
		if (count < limit) {
			heap[count++] = id;
			for (uint32_t i = count / 2; count == limit && i > 0; i--)
				sift_down(heap, count, i - 1);
		} else if (limit && id < heap[0]) {
			heap[0] = id;
			sift_down(heap, count, 0);
		}
	}
	qsort(heap, count, sizeof(*heap), by_id);
	for (uint32_t i = 0; i < count; i++)
		page[i] = realm_member(realm, heap[i]);
	*ret_count = count;
	return page;
}

void member_images(struct arena *arena, uint64_t guild_id, const struct member_row *row, struct str ret[MEMBER_IMAGES])
{
	ret[0] = image_name(arena, arena_printf(arena, "member-avatars/%lu", guild_id).ptr, row->user_id, row->avatar);
	ret[1] = image_name(arena, arena_printf(arena, "member-banners/%lu", guild_id).ptr, row->user_id, row->banner);
}
