#include "realm/member.h"

#include "cdn/image.h"
#include "members/fold.h"
#include "realm/member_heap.h"

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
	char folded[NAME_FOLDED_MAX];
	struct str needle = { folded, name_fold(prefix, folded) };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].len && name_begins(names[i], needle))
			return true;
	return false;
}

struct live_member **members_page(struct realm *realm, struct arena *arena, uint64_t after,
				  uint32_t limit, uint32_t *ret_count)
{
	struct live_member **page = arena_array(arena, struct live_member *, limit + 1);

	*ret_count = member_range(realm, after, page, limit);
	for (uint32_t i = 0; i < *ret_count; i++)
		member_open(realm, page[i]);
	return page;
}

void member_images(struct arena *arena, uint64_t guild_id, const struct member_row *row,
		   struct str ret[MEMBER_IMAGES])
{
	ret[0] = image_name(arena, arena_printf(arena, "member-avatars/%lu", guild_id).ptr,
			    row->user_id, row->avatar);
	ret[1] = image_name(arena, arena_printf(arena, "member-banners/%lu", guild_id).ptr,
			    row->user_id, row->banner);
}
