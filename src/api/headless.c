/* Headless sessions: an application shows what its user does, without a gateway. */
#include "api/req.h"
#include "user/activity.h"
#include "user/headless.h"
#include "user/platform.h"

static void require(struct dec *errors, bool there, const char *field)
{
	if (!there)
		dec_error(errors, "BASE_TYPE_REQUIRED", "This field is required", "activities.0.%s",
			  field);
}

static int check(struct req *req, const struct activity_update *activity)
{
	require(&req->dec, activity->name.len, "name");
	require(&req->dec, activity->application_id, "application_id");
	require(&req->dec, activity->platform.len, "platform");
	if (activity->application_id && activity->application_id != req->who.application_id)
		dec_error(&req->dec, "BASE_TYPE_CHOICES", "That is another application.",
			  "activities.0.application_id");
	if (activity->type == ACTIVITY_CUSTOM)
		dec_error(&req->dec, "BASE_TYPE_CHOICES",
			  "A custom status is no activity of an application.", "activities.0.type");
	return dec_failed(&req->dec) ? ERR_INVALID_FORM_BODY : 0;
}

static int no_such(struct req *req)
{
	return req_form_error(req, "token", "INVALID_HEADLESS_SESSION",
			      "There is no such session.");
}

int api_create_headless_session(struct req *req, const struct headless_session_create *in,
				struct headless_session *out)
{
	char *token = arena_alloc(req->arena, TOKEN_MAX);

	int r = check(req, &in->activities.items[0]);
	if (r)
		return r;
	struct activity *activity = arena_new(req->arena, struct activity);
	*activity = activity_view(req->arena, &in->activities.items[0], false,
				  (int64_t)(core_wall_us(req->core) / 1000));
	if (headless_put(req->txn, req->who.application_id, in->token, activity, token))
		return no_such(req);
	out->token = in->token.ptr ? in->token : str_z(token);
	out->activities.items = activity;
	out->activities.count = 1;
	return 0;
}

int api_delete_headless_session(struct req *req, const struct headless_session_delete *in)
{
	return headless_delete(req->txn, req->who.application_id, in->token) ? no_such(req) : 0;
}
