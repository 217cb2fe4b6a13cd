/* The files of a message that is sent or edited: those of the request, those uploaded before,
 * those it had. */
#pragma once

#include "api/reach.h"
#include "model/objects.h"

struct message_files {
	struct attachment_list all; /* as the message will have them */
	/* -- what message_files_put() does -- */
	struct attachment_list added, gone;
	struct str *uploads; /* names of rows that are used up */
	uint32_t uploads_count;
	struct str *names; /* of files in their places, below DATA/files */
	uint32_t names_count;
};

/* @list: the body's attachments, NULL when it says nothing of them. @old: what the message has,
 * NULL in sending. Checks, gives new files their places, and waits for all that. 0;
 * ERR_MAX_ATTACHMENTS, ERR_MISSING_PERMISSIONS, ERR_UPLOADED_FILE_NOT_FOUND,
 * ERR_INVALID_FORM_BODY, ERR_UNAVAILABLE. */
int message_files_wait(struct req *req, uint64_t perms, const struct attachment_create_list *list,
		       const struct attachment_list *old, struct message_files *ret);
/* In the message's transaction: rows come and go. */
void message_files_put(struct req *req, const struct message_files *files, uint64_t message_id);
/* The message is not going to be: what was placed for it goes again. Harmless on zeros. */
void message_files_undo(struct req *req, const struct message_files *files);

/* How long a file that was sent ahead waits for its message. */
enum { UPLOAD_KEEP_S = 24 * 3600 };
/* The name of an upload and back. */
struct str upload_name(struct arena *arena, uint64_t channel_id, uint64_t id, struct str filename);
bool upload_name_parse(struct str name, uint64_t *ret_channel_id, uint64_t *ret_id,
		       struct str *ret_filename);
