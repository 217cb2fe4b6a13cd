#include "api/message_files.h"

#include <errno.h>
#include <stdio.h>

#include "cdn/filename.h"
#include "cdn/incoming.h"
#include "message/attach.h"
#include "model/limits.h"

enum {
	FLAG_CLIP = 1 << 0,
	FLAG_THUMBNAIL = 1 << 1,
	FLAG_REMIX = 1 << 2,
	FLAG_SPOILER = 1 << 3,
	FLAG_ANIMATED = 1 << 5
};

/* -- names of uploads: CHANNEL-ID-FILENAME -- */

struct str upload_name(struct arena *arena, uint64_t channel_id, uint64_t id, struct str filename)
{
	return arena_printf(arena, "%lu-%lu-%.*s", channel_id, id, STR_FMT(filename));
}

bool upload_name_parse(struct str name, uint64_t *ret_channel_id, uint64_t *ret_id,
		       struct str *ret_filename)
{
	size_t dash = str_find(name, '-');
	struct str rest = str_skip(name, dash + 1);
	size_t second = str_find(rest, '-');

	*ret_filename = str_skip(rest, second + 1);
	return str_u64((struct str){ name.ptr, dash }, ret_channel_id) &&
		str_u64((struct str){ rest.ptr, second }, ret_id) && ret_filename->len > 0;
}

/* -- which files -- */

/* One attachment to be: from the request, from an upload, or one that stays. */
struct source {
	const struct attachment_create *said; /* NULL: the body says nothing of it */
	const struct req_file *file;
	struct str upload;
	uint64_t upload_id;
	const struct attachment *old;
};

struct matching {
	struct req *req;
	const struct attachment_list *old;
	struct source sources[LIMIT_ATTACHMENTS];
	uint32_t count;
	bool *used; /* files */
};

static int add(struct matching *matching, struct source source)
{
	if (matching->count == LIMIT_ATTACHMENTS)
		return ERR_MAX_ATTACHMENTS;
	matching->sources[matching->count++] = source;
	return 0;
}

/* files[n], or the nth file when the names have no numbers. */
static const struct req_file *find_file(struct matching *matching, uint64_t n)
{
	struct req *req = matching->req;

	for (uint32_t i = 0; i < req->files_count; i++)
		if (!matching->used[i] &&
		    (req->files[i].index >= 0 ? (uint64_t)req->files[i].index : i) == n) {
			matching->used[i] = true;
			return &req->files[i];
		}
	return NULL;
}

static const struct attachment *find_old(const struct matching *matching, uint64_t id)
{
	for (uint32_t i = 0; matching->old && i < matching->old->count; i++)
		if (matching->old->items[i].id == id)
			return &matching->old->items[i];
	return NULL;
}

static int match(struct matching *matching, const struct attachment_create *said, uint32_t at)
{
	struct source source = { .said = said };
	struct req *req = matching->req;
	uint64_t channel_id;
	struct str filename;

	if (said->uploaded_filename.len) {
		source.upload = said->uploaded_filename;
		if (!upload_name_parse(source.upload, &channel_id, &source.upload_id, &filename) ||
		    channel_id != req->path.channel_id)
			return ERR_UPLOADED_FILE_NOT_FOUND;
		return add(matching, source);
	}
	if (said->has.id)
		source.old = find_old(matching, said->id);
	if (!source.old)
		source.file = find_file(matching, said->has.id ? said->id : at);
	if (!source.old && !source.file) {
		char path[64];

		snprintf(path, sizeof(path), "attachments.%u.id", at);
		return req_form_error(req, path, "ATTACHMENT_NOT_FOUND",
				      "There is no file for this attachment.");
	}
	return add(matching, source);
}

static int match_all(struct matching *matching, const struct attachment_create_list *list)
{
	struct req *req = matching->req;
	int r = 0;

	matching->used = arena_array(req->arena, bool, req->files_count + 1);
	for (uint32_t i = 0; !list && matching->old && !r && i < matching->old->count; i++)
		r = add(matching, (struct source){ .old = &matching->old->items[i] });
	for (uint32_t i = 0; list && !r && i < list->count; i++)
		r = match(matching, &list->items[i], i);
	for (uint32_t i = 0; !r && i < req->files_count; i++)
		if (!matching->used[i])
			r = add(matching, (struct source){ .file = &req->files[i] });
	return r;
}

/* -- uploads -- */

static int check_upload_wait(struct req *req, struct source *source)
{
	struct upload_row row = {};
	struct key key;

	int r = txn_get_obj_wait(req->txn, key_upload(&key, req->cell->id, source->upload),
				 &desc_upload_row, &row);
	if (r)
		return r == ENOENT ? ERR_UPLOADED_FILE_NOT_FOUND : r;
	if (row.user_id != req->who.user_id || row.channel_id != req->path.channel_id ||
	    row.created_at + UPLOAD_KEEP_S * 1000000LL < req_now_us(req))
		return ERR_UPLOADED_FILE_NOT_FOUND;
	return 0;
}

/* -- what they become -- */

static bool is_type(struct str s)
{
	size_t slash = str_find(s, '/');

	if (!slash || slash + 1 >= s.len || s.len > 100)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e || s.ptr[i] == '"' || s.ptr[i] == ',')
			return false;
	return true;
}

static struct str type_of(const struct source *source, struct str filename,
			  const struct incoming_facts *facts)
{
	const char *by_name = sniff_name(filename);

	if (facts->sniffed.type)
		return str_z(facts->sniffed.type);
	if (by_name)
		return str_z(by_name);
	if (source->file && is_type(source->file->content_type) &&
	    !str_starts(source->file->content_type, S("application/octet-stream")))
		return source->file->content_type;
	return facts->text ? S("text/plain; charset=utf-8") : (struct str){};
}

static int64_t flags_of(const struct attachment_create *said, const struct sniffed *sniffed)
{
	int64_t flags = sniffed->animated ? FLAG_ANIMATED : 0;

	if (!said)
		return flags;
	return flags | (said->is_clip ? FLAG_CLIP : 0) | (said->is_thumbnail ? FLAG_THUMBNAIL : 0) |
		(said->is_remix ? FLAG_REMIX : 0) | (said->is_spoiler ? FLAG_SPOILER : 0);
}

/* What the body says of one, new or old. */
static void describe(struct attachment *attachment, const struct attachment_create *said)
{
	if (!said)
		return;
	if (said->has.description) {
		attachment->description = said->description;
		attachment->has.description = said->description.len > 0;
	}
	if (said->title.len) {
		attachment->title = said->title;
		attachment->has.title = true;
	}
	if (said->has.duration_secs && !said->null.duration_secs) {
		attachment->duration_secs = said->duration_secs;
		attachment->has.duration_secs = true;
	}
	if (said->waveform.len) {
		attachment->waveform = said->waveform;
		attachment->has.waveform = true;
	}
}

static struct str name_of(struct req *req, const struct source *source, struct str *ret_title)
{
	struct str name = source->file ? source->file->filename : S("");
	uint64_t channel_id, id;

	if (source->upload.len)
		upload_name_parse(source->upload, &channel_id, &id, &name);
	if (source->said && source->said->filename.len)
		name = source->said->filename;
	struct str clean = filename_clean(req->arena, name, ret_title);
	return source->said && source->said->is_spoiler ? filename_spoiler(req->arena, clean)
							: clean;
}

static struct attachment make(struct req *req, const struct source *source, uint64_t id,
			      const struct incoming_facts *facts)
{
	struct attachment attachment = { .id = id, .size = (int64_t)facts->size };
	struct str title;

	attachment.filename = name_of(req, source, &title);
	attachment.title = title;
	attachment.has.title = title.len > 0;
	attachment.content_type = type_of(source, attachment.filename, facts);
	attachment.has.content_type = attachment.content_type.len > 0;
	if (facts->sniffed.width && facts->sniffed.height) {
		attachment.width = facts->sniffed.width;
		attachment.height = facts->sniffed.height;
		attachment.has.width = attachment.has.height = true;
	}
	attachment.flags = flags_of(source->said, &facts->sniffed);
	attachment.has.flags = attachment.flags != 0;
	describe(&attachment, source->said);
	return attachment;
}

/* Gives the new ones ids and places; @ids by source. Waits. */
static int place_wait(struct req *req, struct matching *matching, uint64_t *ids,
		      struct incoming_facts *facts, struct message_files *ret)
{
	struct incoming_place list[LIMIT_ATTACHMENTS] = {};
	uint32_t of[LIMIT_ATTACHMENTS], count = 0;

	for (uint32_t i = 0; i < matching->count; i++)
		if (!matching->sources[i].old)
			of[count++] = i;
	if (!count)
		return 0;
	uint64_t fresh[LIMIT_ATTACHMENTS];
	int r = attach_ids_wait(req->txn, req->path.channel_id, fresh, count);
	if (r)
		return r;
	for (uint32_t i = 0; i < count; i++) {
		const struct source *source = &matching->sources[of[i]];

		ids[of[i]] = fresh[i];
		list[i].to = files_attachment(req->arena, req->path.channel_id, fresh[i]);
		if (source->file)
			list[i].incoming = source->file->incoming;
		else
			list[i].from = files_upload(req->arena, source->upload_id);
	}
	r = incoming_place_wait(req->core, list, count);
	if (!r && req->txn->generation != req->cell->generation)
		r = ERR_RESTARTED;
	ret->names = arena_array(req->arena, struct str, count);
	for (uint32_t i = 0; i < count; i++) {
		facts[of[i]] = list[i].facts;
		if (!list[i].r)
			ret->names[ret->names_count++] = list[i].to;
	}
	return r == ENOENT ? ERR_UPLOADED_FILE_NOT_FOUND : r;
}

static void collect(struct req *req, const struct matching *matching, const uint64_t *ids,
		    const struct incoming_facts *facts, struct message_files *ret)
{
	ret->all.items = arena_array(req->arena, struct attachment, LIMIT_ATTACHMENTS);
	ret->added.items = arena_array(req->arena, struct attachment, LIMIT_ATTACHMENTS);
	ret->uploads = arena_array(req->arena, struct str, LIMIT_ATTACHMENTS);
	for (uint32_t i = 0; i < matching->count; i++) {
		const struct source *source = &matching->sources[i];
		struct attachment attachment;

		if (source->old) {
			attachment = *source->old;
			describe(&attachment, source->said);
		} else {
			attachment = make(req, source, ids[i], &facts[i]);
			ret->added.items[ret->added.count++] = attachment;
		}
		if (source->upload.len)
			ret->uploads[ret->uploads_count++] = source->upload;
		ret->all.items[ret->all.count++] = attachment;
	}
}

static void find_gone(struct req *req, const struct attachment_list *old, struct message_files *ret)
{
	ret->gone.items = arena_array(req->arena, struct attachment, old->count + 1);
	for (uint32_t i = 0; i < old->count; i++) {
		bool stays = false;

		for (uint32_t k = 0; k < ret->all.count; k++)
			stays |= ret->all.items[k].id == old->items[i].id;
		if (!stays)
			ret->gone.items[ret->gone.count++] = old->items[i];
	}
}

int message_files_wait(struct req *req, uint64_t perms, const struct attachment_create_list *list,
		       const struct attachment_list *old, struct message_files *ret)
{
	struct matching *matching = arena_new(req->arena, struct matching);
	struct incoming_facts facts[LIMIT_ATTACHMENTS] = {};
	uint64_t ids[LIMIT_ATTACHMENTS] = {};
	bool fresh = false;
	int r;

	*ret = (struct message_files){};
	matching->req = req;
	matching->old = old;
	r = match_all(matching, list);
	for (uint32_t i = 0; !r && i < matching->count; i++) {
		fresh |= !matching->sources[i].old;
		if (matching->sources[i].upload.len)
			r = check_upload_wait(req, &matching->sources[i]);
	}
	if (!r && fresh && !(perms & PERM_ATTACH_FILES))
		r = ERR_MISSING_PERMISSIONS;
	if (!r)
		r = place_wait(req, matching, ids, facts, ret);
	if (!r) {
		collect(req, matching, ids, facts, ret);
		if (old)
			find_gone(req, old, ret);
		if (ret->gone.count || ret->uploads_count)
			r = txn_outbox_wait(req->txn);
	}
	if (r)
		message_files_undo(req, ret);
	return r;
}

void message_files_put(struct req *req, const struct message_files *files, uint64_t message_id)
{
	struct str *used = arena_array(req->arena, struct str, files->uploads_count + 1);
	uint64_t channel_id, id;
	struct str filename;
	struct key key;

	attach_put(req->txn, req->path.channel_id, message_id, files->added.items,
		   files->added.count);
	attach_drop(req->txn, req->path.channel_id, files->gone.items, files->gone.count);
	for (uint32_t i = 0; i < files->uploads_count; i++) {
		txn_del(req->txn, key_upload(&key, req->cell->id, files->uploads[i]));
		if (upload_name_parse(files->uploads[i], &channel_id, &id, &filename))
			used[i] = files_upload(req->arena, id);
	}
	file_drop(req->txn, used, files->uploads_count);
}

void message_files_undo(struct req *req, const struct message_files *files)
{
	files_remove_later(req->core, files->names, files->names_count);
}
