/* Tags of a forum, one at a time. */
#include <errno.h>

#include "api/channel_body.h"
#include "model/limits.h"
#include "realm/channel.h"
#include "realm/channel_audit.h"

static int reach_forum(struct req *req, struct reach *reach)
{
	int r = reach_channel(req, 0, reach);

	if (r)
		return r;
	if (!channel_is_forum(reach->channel->row))
		return ERR_CANNOT_EXECUTE_ON_CHANNEL_TYPE;
	return reach_need(reach, PERM_MANAGE_CHANNELS);
}

/* The tag of the path, its index in the list. */
static int find_tag(const struct req *req, const struct channel *row, uint32_t *ret_at)
{
	for (uint32_t i = 0; i < row->available_tags.count; i++) {
		if (row->available_tags.items[i].id != req->path.tag_id)
			continue;
		*ret_at = i;
		return 0;
	}
	return ERR_UNKNOWN_TAG;
}

static bool name_taken(const struct forum_tag_list *list, uint32_t but, struct str name)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (i != but && str_eq(list->items[i].name, name))
			return true;
	return false;
}

static struct forum_tag_list copy_tags(struct arena *arena, const struct channel *row)
{
	struct forum_tag_list list = {
		arena_array(arena, struct forum_tag, row->available_tags.count + 1), 0
	};

	for (uint32_t i = 0; i < row->available_tags.count; i++)
		list.items[list.count++] = row->available_tags.items[i];
	return list;
}

static int finish(struct req *req, const struct reach *reach, const struct forum_tag_list *list,
		  struct channel *out)
{
	struct channel row = *reach->channel->row;

	row.available_tags = *list;
	struct audit audit = audit_channel(req->txn, req->who.user_id, AUDIT_CHANNEL_UPDATE,
					   reach->channel->row, &row, req_reason(req));
	realm_put_channel(req->txn, &row);
	channel_event(req->txn, EVENT_CHANNEL_UPDATE, reach->channel);
	audit_put(&audit);
	*out = channel_view(reach->realm, reach->channel);
	return 0;
}

int api_create_forum_tag(struct req *req, const struct forum_tag_create *in, struct channel *out)
{
	struct reach reach;

	int r = reach_forum(req, &reach);
	if (r)
		return r;
	struct forum_tag_list list = copy_tags(req->arena, reach.channel->row);
	if (list.count >= LIMIT_FORUM_TAGS)
		return ERR_MAX_FORUM_TAGS;
	r = channel_body_tag(req, reach.realm, in, NULL, &list.items[list.count]);
	if (r)
		return r;
	if (name_taken(&list, list.count, in->name))
		return ERR_TAG_NAMES_MUST_BE_UNIQUE;
	list.count++;
	return finish(req, &reach, &list, out);
}

int api_update_forum_tag(struct req *req, const struct forum_tag_create *in, struct channel *out)
{
	struct reach reach;
	uint32_t at;

	int r = reach_forum(req, &reach);
	if (!r)
		r = find_tag(req, reach.channel->row, &at);
	if (r)
		return r;
	struct forum_tag_list list = copy_tags(req->arena, reach.channel->row);
	r = channel_body_tag(req, reach.realm, in, &reach.channel->row->available_tags.items[at],
			     &list.items[at]);
	if (r)
		return r;
	if (name_taken(&list, at, in->name))
		return ERR_TAG_NAMES_MUST_BE_UNIQUE;
	return finish(req, &reach, &list, out);
}

int api_delete_forum_tag(struct req *req, struct channel *out)
{
	struct reach reach;
	uint32_t at;

	int r = reach_forum(req, &reach);
	if (!r)
		r = find_tag(req, reach.channel->row, &at);
	if (r)
		return r;
	struct forum_tag_list list = copy_tags(req->arena, reach.channel->row);
	for (list.count--; at < list.count; at++)
		list.items[at] = list.items[at + 1];
	return finish(req, &reach, &list, out);
}
