#include "message/mentions.h"

#include "realm/member.h"
#include "user/user.h"

enum { MENTIONS_MAX = 100 };

static bool listed(const struct u64_list *list, uint64_t id)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->items[i] == id)
			return true;
	return false;
}

static void add(struct u64_list *list, uint64_t id)
{
	if (list->count < MENTIONS_MAX && !listed(list, id))
		list->items[list->count++] = id;
}

static bool parses(const struct allowed_mentions *allowed, struct str what)
{
	if (!allowed)
		return true;
	for (uint32_t i = 0; i < allowed->parse.count; i++)
		if (str_eq(allowed->parse.items[i], what))
			return true;
	return false;
}

/* <@id>, <@!id>, <@&id> at @s: the id and whether it is a role; the length, 0 when it is none. */
static size_t tag_at(struct str s, uint64_t *ret_id, bool *ret_role)
{
	size_t from = 2, end;

	if (s.len < 4 || s.ptr[0] != '<' || s.ptr[1] != '@')
		return 0;
	*ret_role = s.ptr[2] == '&';
	if (s.ptr[2] == '&' || s.ptr[2] == '!')
		from = 3;
	for (end = from; end < s.len && s.ptr[end] >= '0' && s.ptr[end] <= '9';)
		end++;
	if (end == s.len || s.ptr[end] != '>' ||
	    !str_u64((struct str){ s.ptr + from, end - from }, ret_id))
		return 0;
	return end + 1;
}

static void read_text(struct str content, struct u64_list *users, struct u64_list *roles,
		      bool *everyone, bool *here)
{
	for (size_t i = 0; i < content.len;) {
		struct str rest = str_skip(content, i);
		uint64_t id;
		bool role;

		if (rest.ptr[0] == '<') {
			size_t n = tag_at(rest, &id, &role);

			if (n)
				add(role ? roles : users, id);
			i += n ? n : 1;
		} else if (rest.ptr[0] == '@') {
			*everyone |= str_starts(rest, S("@everyone"));
			*here |= str_starts(rest, S("@here"));
			i++;
		} else {
			i++;
		}
	}
}

int mentions_find_wait(struct txn *txn, struct str content, const struct allowed_mentions *allowed,
		       uint64_t replied, bool may_everyone, struct mentions *ret)
{
	struct realm *realm = realm_of(txn);
	struct u64_list users = { arena_array(txn->arena, uint64_t, MENTIONS_MAX), 0 };
	struct u64_list roles = { arena_array(txn->arena, uint64_t, MENTIONS_MAX), 0 };
	bool everyone = false, here = false;

	*ret = (struct mentions){};
	ret->users.items = arena_array(txn->arena, uint64_t, MENTIONS_MAX + 1);
	ret->roles.items = arena_array(txn->arena, uint64_t, MENTIONS_MAX + 1);
	ret->strangers.items = arena_array(txn->arena, struct user, MENTIONS_MAX + 1);
	read_text(content, &users, &roles, &everyone, &here);
	/* Bots say replied_user: false when they do not want it; without allowed_mentions a reply
	 * pings. */
	if (replied &&
	    (!allowed || !allowed->has.replied_user ||
	     (!allowed->null.replied_user && allowed->replied_user)))
		if (!allowed || allowed->has.replied_user)
			add(&ret->users, replied);
	for (uint32_t i = 0; i < users.count; i++) {
		uint64_t id = users.items[i];

		if (allowed && !parses(allowed, S("users")) && !listed(&allowed->users, id))
			continue;
		int r = realm_member_fetch_wait(txn, id);
		if (r)
			return r;
		if (realm_member(realm, id)) {
			add(&ret->users, id);
			continue;
		}
		r = user_public_wait(txn->core, txn->arena, id,
				     &ret->strangers.items[ret->strangers.count]);
		if (txn->generation != txn->cell->generation)
			return ERR_RESTARTED;
		if (r == ERR_UNKNOWN_USER)
			continue;
		if (r)
			return r;
		ret->strangers.count++;
		add(&ret->users, id);
	}
	for (uint32_t i = 0; i < roles.count; i++) {
		const struct live_role *role = realm_role(realm, roles.items[i]);

		if (!role ||
		    (allowed && !parses(allowed, S("roles")) &&
		     !listed(&allowed->roles, roles.items[i])))
			continue;
		if (role->row->mentionable || may_everyone)
			add(&ret->roles, roles.items[i]);
	}
	if (realm_is_guild(realm) && may_everyone && parses(allowed, S("everyone"))) {
		ret->everyone = everyone || here;
		ret->here = here && !everyone;
	}
	return 0;
}
