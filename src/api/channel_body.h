/* What bodies say of guild channels, checked and laid over a row. Nothing here waits or puts. */
#pragma once

#include "api/reach.h"

/* @row: a copy of the channel's, or a blank one of its type (reach->channel NULL); strings of @in and arrays in the arena are shared with it.
 * 0, ERR_INVALID_FORM_BODY, ERR_MISSING_PERMISSIONS, ERR_TAG_NAMES_MUST_BE_UNIQUE. */
int channel_body_apply(struct req *req, const struct reach *reach, const struct channel_edit *in,
		       struct channel *row);
/* May the channel be in this category (0: in none)? Complaints go to @path. */
int channel_body_parent(struct req *req, const struct reach *reach, const struct channel *row,
			uint64_t parent_id, const char *path);
/* May the caller (@reach: in the channel, or without one while it is made) turn the overwrites of @row into @list? 0,
 * ERR_MISSING_PERMISSIONS, ERR_MFA_REQUIRED. */
int channel_body_may_overwrite(const struct reach *reach, const struct channel *row,
			       const struct overwrite_list *list);
/* One tag of a forum as a body gives it; @old (NULL: new) keeps its id. */
int channel_body_tag(struct req *req, const struct realm *realm, const struct forum_tag_create *in,
		     const struct forum_tag *old, struct forum_tag *ret);
