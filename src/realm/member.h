/* Members as others see them. */
#pragma once

#include "realm/realm.h"

/* The public view of a member's user; strings shared with the row. */
struct user member_user(const struct member_row *row);
/* The member object; @user (may be NULL: none inside) is the caller's storage for its user. Strings and arrays are shared. */
struct member member_view(const struct member_row *row, struct user *user);
/* A fresh row of @user, who joins now. */
struct member_row member_new(const struct user *user, int64_t joined_at_us);
/* Copies what a user shows of itself into its member row. */
void member_set_user(struct member_row *row, const struct user *user);
/* The name shown: nick, global name, username. */
struct str member_name(const struct member_row *row);
bool member_has_role(const struct member_row *row, uint64_t role_id);
/* Does one of its names begin with @prefix, whatever the case and the accents of letters? */
bool member_matches(const struct member_row *row, struct str prefix);
/* The @limit members with the lowest ids above @after, ascending, with their rows; in @arena. */
struct live_member **members_page(struct realm *realm, struct arena *arena, uint64_t after,
				  uint32_t limit, uint32_t *ret_count);

/* Names of the files of one's avatar and banner in this guild; null views where there is none. */
enum { MEMBER_IMAGES = 2 };
void member_images(struct arena *arena, uint64_t guild_id, const struct member_row *row,
		   struct str ret[MEMBER_IMAGES]);
