#include "realm/guild_view.h"

#include "model/limits.h"
#include "realm/channel.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "realm/perms.h"
#include "realm/presence.h"
#include "realm/sharing.h"
#include "realm/thread_list.h"

enum { LAZY_FROM = 75000 };

struct guild guild_view(struct realm *realm, struct arena *arena)
{
	struct guild view = *realm->guild;
	uint32_t count, at = 0;
	uint64_t id;
	void *value;

	struct live_role **roles = realm_roles_sorted(realm, arena, &count);
	view.roles.items = arena_array(arena, struct role, count + 1);
	view.roles.count = count;
	for (uint32_t i = 0; i < count; i++)
		view.roles.items[i] = *roles[i]->row;
	view.emojis.items = arena_array(arena, struct emoji, realm->emojis.count + 1);
	while (map_next(&realm->emojis, &at, &id, &value))
		view.emojis.items[view.emojis.count++] = *(struct emoji *)value;
	return view;
}

bool guild_view_alone(const struct realm *realm, const struct guild_show *show)
{
	return !show->bot || !show->presences || realm->members.count > LAZY_FROM ||
		realm_presence_lazy(realm);
}

/* Which members GUILD_CREATE carries (reference: "Which members"). Without opening their rows: in a guild of many most of the time
 * would go there. */
bool guild_view_carries(const struct realm *realm, const struct guild_show *show,
			const struct live_member *member)
{
	uint64_t role;

	if (member == show->member || realm->members.count <= show->large_threshold)
		return true;
	return member->presence || member_roles(realm, member, &role, 1) ||
		member_name_of(realm, member, MEMBER_NICK).len;
}

static struct live_member **choose_members(struct realm *realm, struct arena *arena,
					   const struct guild_show *show, uint32_t *ret_count)
{
	bool only_self = guild_view_alone(realm, show);
	struct live_member **chosen = arena_array(arena, struct live_member *,
						  only_self ? 1 : realm->members.count + 1);
	struct live_member *member;
	uint32_t count = 0, at = 0;

	if (only_self)
		chosen[count++] = (struct live_member *)show->member;
	while (!only_self && (member = member_next(realm, &at)))
		if (guild_view_carries(realm, show, member))
			chosen[count++] = member;
	*ret_count = count;
	return chosen;
}

static void add_members(struct realm *realm, struct arena *arena, const struct guild_show *show,
			struct guild *view)
{
	uint32_t count;
	struct live_member **chosen = choose_members(realm, arena, show, &count);
	struct user *users = arena_array(arena, struct user, count + 1);
	struct user_partial *partials = arena_array(arena, struct user_partial, count + 1);

	struct sharing sharing;
	sharing_init(&sharing, realm, arena, show->member);
	view->members.items = arena_array(arena, struct member, count + 1);
	view->presences.items = arena_array(arena, struct presence, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		const struct live_member *member = chosen[i];
		const struct member_row *row = member_read(realm, member, arena);

		view->members.items[view->members.count++] = member_view(row, &users[i]);
		if (!member->presence || !show->presences ||
		    (member != show->member && !sharing_with(&sharing, member)))
			continue;
		struct presence *presence = &view->presences.items[view->presences.count++];
		*presence = *member->presence;
		partials[i].id = row->user_id;
		presence->user = &partials[i];
	}
}

static void add_channels(struct realm *realm, struct arena *arena, const struct guild_show *show,
			 struct guild *view)
{
	uint32_t count;
	struct live_channel **channels = realm_channels_sorted(realm, arena, &count);
	struct overwrite *nobody = arena_new(arena, struct overwrite);

	*nobody = (struct overwrite){ .id = realm->guild->id, .deny = PERM_VIEW_CHANNEL };
	view->channels.items = arena_array(arena, struct channel, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		struct channel *item = &view->channels.items[view->channels.count++];

		if (perms_sees(realm, show->member, channels[i])) {
			*item = channel_view(realm, channels[i]);
		} else {
			*item = channel_hidden(realm, channels[i]);
			item->permission_overwrites.items = nobody;
			item->permission_overwrites.count = 1;
		}
	}
}

struct guild guild_view_create(struct realm *realm, struct arena *arena,
			       const struct guild_show *show)
{
	struct guild view = guild_view(realm, arena);

	view.joined_at = show->member->row->joined_at;
	view.member_count = realm->members.count;
	view.large = realm->members.count > show->large_threshold;
	view.has.joined_at = view.has.member_count = view.has.large = true;
	view.has.unavailable = !show->joined;
	view.has.members = view.has.presences = !show->apart;
	view.has.channels = view.has.threads = view.has.voice_states = true;
	view.has.stage_instances = view.has.guild_scheduled_events = view.has.soundboard_sounds =
		true;
	if (!show->bot) {
		view.lazy = true;
		view.has.lazy = true;
	}
	if (!show->apart)
		add_members(realm, arena, show, &view);
	add_channels(realm, arena, show, &view);
	view.threads = threads_shown(realm, arena, show);
	return view;
}
