#include "api/message_body.h"

#include "message/validate.h"
#include "model/limits.h"

int legacy_field_error(struct req *req, const char *field)
{
	return req_form_error(
		req, field, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
		"The '%s' field cannot be used when using MessageFlags.IS_COMPONENTS_V2", field);
}

int message_body_check(struct req *req, const struct reach *reach, const struct message_body *body)
{
	size_t chars = body->content.ptr ? str_utf8_len(body->content) : 0;
	uint32_t embeds = body->embeds ? body->embeds->count : 0;
	uint32_t components = body->components ? body->components->count : 0;

	if (req->who.bot && chars > LIMIT_MESSAGE_CONTENT_BOT)
		return req_form_error(req, "content", "BASE_TYPE_MAX_LENGTH",
				      "Must be %d or fewer in length.", LIMIT_MESSAGE_CONTENT_BOT);
	if (body->v2 && chars)
		return legacy_field_error(req, "content");
	if (body->v2 && embeds)
		return legacy_field_error(req, "embeds");
	bool fine = !body->embeds || validate_embeds(&req->dec, body->embeds);
	if (body->components)
		fine &= validate_components(&req->dec, body->components, body->v2);
	if (!fine)
		return ERR_INVALID_FORM_BODY;
	if (!chars && !embeds && !components && !body->other && !body->keeps)
		return ERR_EMPTY_MESSAGE;
	if (embeds && !(reach->perms & PERM_EMBED_LINKS) && !chars && !components && !body->other)
		return ERR_MISSING_PERMISSIONS;
	return 0;
}

static bool parses(const struct allowed_mentions *allowed, struct str what)
{
	for (uint32_t i = 0; i < allowed->parse.count; i++)
		if (str_eq(allowed->parse.items[i], what))
			return true;
	return false;
}

int allowed_mentions_check(struct req *req, const struct allowed_mentions *allowed)
{
	if (!allowed)
		return 0;
	if (allowed->users.count && parses(allowed, S("users")))
		return req_form_error(
			req, "allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
			"parse:[\"users\"] and users: [ids...] are mutually exclusive.");
	if (allowed->roles.count && parses(allowed, S("roles")))
		return req_form_error(
			req, "allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
			"parse:[\"roles\"] and roles: [ids...] are mutually exclusive.");
	return 0;
}

struct reader reader_of(const struct req *req)
{
	enum { CONTENT_FLAGS = 1 << 18 | 1 << 19 };

	return (struct reader){ req->who.user_id,
				req->who.bot && !(req->who.app_flags & CONTENT_FLAGS) };
}

void reader_mask(const struct reader *reader, const struct reach *reach, struct message *message)
{
	if (!reader->contentless || !realm_is_guild(reach->realm) ||
	    message->author_id == reader->user_id)
		return;
	for (uint32_t i = 0; i < message->mention_ids.count; i++)
		if (message->mention_ids.items[i] == reader->user_id)
			return;
	message_mask(message);
}
