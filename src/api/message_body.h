/* What messages are made of, checked the same way when they are sent and when they are edited. */
#pragma once

#include "api/reach.h"
#include "message/message.h"

/* A message as it would be. */
struct message_body {
	struct str content;
	struct embed_list *embeds;	   /* NULL: not given, not checked */
	struct component_list *components; /* the same */
	bool v2;	 /* MESSAGE_COMPONENTS_V2 */
	bool other; /* it has something else: files, stickers, a poll, a forwarded message */
	bool keeps; /* it has embeds or components already, which stay */
};
/* 0; ERR_INVALID_FORM_BODY, ERR_EMPTY_MESSAGE, ERR_MISSING_PERMISSIONS. Does not wait. */
int message_body_check(struct req *req, const struct reach *reach, const struct message_body *body);
/* The form error of a @field that does not go with components v2. */
int legacy_field_error(struct req *req, const char *field);
/* No word is said twice: `parse` and a list of the same kind. May be NULL. */
int allowed_mentions_check(struct req *req, const struct allowed_mentions *allowed);
/* Who asks, as a reader. */
struct reader reader_of(const struct req *req);
/* After the events of a message were made: what this reader may have of it. */
void reader_mask(const struct reader *reader, const struct reach *reach, struct message *message);
