/* Oneself and others. */
#include <errno.h>

#include "api/req.h"
#include "codec/dup.h"
#include "user/user.h"

int api_get_my_user(struct req *req, struct user_self *out)
{
	*out = user_self_view(user_of(req->txn));
	return 0;
}

int api_get_user(struct req *req, struct user *out)
{
	return user_public_wait(req->core, req->arena, req->path.user_id, out);
}
