/* Friends, requests, blocks, whom one ignores. */
#include <errno.h>

#include "api/req.h"
#include "codec/dup.h"
#include "user/name.h"
#include "user/relation.h"

enum { TYPE_FROM_BODY_NONE = -1 };

int api_list_relationships(struct req *req, struct relationship_list *out)
{
	return relation_list_wait(req->txn, out);
}

/* Both users, as the events show them. */
static int change_wait(struct req *req, uint64_t other, enum relation_act act, struct str note)
{
	struct relation_change change = { .act = act, .other = other, .note = note };

	int r = user_public_wait(req->core, req->arena, other, &change.them);
	if (r && !(r == ERR_UNKNOWN_USER && act == RELATION_END))
		return r;
	r = txn_still(req->txn);
	if (r)
		return r;
	struct user me = user_public(user_of(req->txn)->account);
	change.me = *(struct user *)obj_dup_arena(req->arena, &desc_user, &me);
	return relation_change_wait(req->txn, &change);
}

static int ask_wait(struct req *req, uint64_t other, struct str note)
{
	if (other == req->who.user_id)
		return ERR_CANNOT_FRIEND_SELF;
	if (relation_of(user_of(req->txn), other) == RELATION_FRIEND)
		return ERR_ALREADY_FRIENDS;
	int r = relation_welcome_wait(req->txn, other);
	return r ? r : change_wait(req, other, RELATION_ASK, note);
}

int api_send_friend_request(struct req *req, const struct friend_request *in)
{
	struct str name = username_canonical(req->arena, in->username);
	uint64_t other = 0;

	if (!name.ptr)
		return ERR_NO_SUCH_USERNAME;
	int r = name_find_wait(req->core, NAME_USERNAME, name, &other);
	if (r)
		return r == ENOENT ? ERR_NO_SUCH_USERNAME : r;
	r = txn_still(req->txn);
	if (!r)
		r = ask_wait(req, other, in->note);
	return r == ERR_UNKNOWN_USER ? ERR_NO_SUCH_USERNAME : r;
}

int api_create_relationship(struct req *req, const struct relationship_put *in)
{
	int64_t type = in->has.type && !in->null.type ? in->type : TYPE_FROM_BODY_NONE;
	uint64_t other = req->path.user_id;

	switch (type) {
	case TYPE_FROM_BODY_NONE:
	case RELATION_FRIEND: return ask_wait(req, other, in->note);
	case RELATION_BLOCKED:
		return other == req->who.user_id
			? ERR_UNKNOWN_USER
			: change_wait(req, other, RELATION_BLOCK, (struct str){});
	default:
		return req_form_error(req, "type", "BASE_TYPE_CHOICES",
				      "Value must be one of (-1, 1, 2).");
	}
}

int api_delete_relationship(struct req *req)
{
	if (req->path.user_id == req->who.user_id)
		return ERR_UNKNOWN_USER;
	return change_wait(req, req->path.user_id, RELATION_END, (struct str){});
}

int api_update_relationship(struct req *req, const struct relationship_edit *in)
{
	struct user user;

	int r = user_public_wait(req->core, req->arena, req->path.user_id, &user);
	if (!r)
		r = txn_still(req->txn);
	if (r)
		return r;
	if (!in->has.nickname)
		return relation_of(user_of(req->txn), user.id) == RELATION_FRIEND
			? 0
			: ERR_UNKNOWN_USER;
	return relation_nickname(req->txn, user.id, in->nickname, &user);
}

static int ignore_wait(struct req *req, bool ignored)
{
	struct user user;

	if (req->path.user_id == req->who.user_id)
		return ERR_UNKNOWN_USER;
	int r = user_public_wait(req->core, req->arena, req->path.user_id, &user);
	if (!r)
		r = txn_still(req->txn);
	return r ? r : relation_ignore(req->txn, user.id, ignored, &user);
}

int api_ignore_user(struct req *req)
{
	return ignore_wait(req, true);
}

int api_unignore_user(struct req *req)
{
	return ignore_wait(req, false);
}
