/* Files sent ahead of their message, and links that have run out. */
#include <errno.h>

#include "api/message_files.h"
#include "cdn/filename.h"
#include "cdn/files.h"
#include "cdn/link.h"
#include "cdn/serve.h"
#include "cell/ids.h"
#include "config/config.h"
#include "message/attach.h"
#include "realm/directory.h"

enum { OLD_MAX = 100 };

/* Those of this channel that nobody has used in their time: they go when new ones are made. */
static int find_old_wait(struct req *req, struct store_row **ret_rows, uint32_t *ret_count)
{
	struct key prefix, from, to;
	struct store_row *rows;
	uint32_t count;

	*ret_count = 0;
	int r = txn_scan_wait(req->txn, prefix_upload(&prefix, req->cell->id),
			      key_upload(&from, req->cell->id,
					 arena_printf(req->arena, "%lu-", req->path.channel_id)),
			      key_upload(&to, req->cell->id,
					 arena_printf(req->arena, "%lu.", req->path.channel_id)),
			      false, OLD_MAX, &rows, &count);
	if (r)
		return r;
	for (uint32_t i = 0; i < count; i++) {
		struct upload_row row = {};

		if (row_get(rows[i].value, &desc_upload_row, req->arena, &row) ||
		    row.created_at + UPLOAD_KEEP_S * 1000000LL < req_now_us(req))
			rows[(*ret_count)++] = rows[i];
	}
	*ret_rows = rows;
	return 0;
}

int api_create_attachment_upload_urls(struct req *req, const struct uploads_create *in,
				      struct uploads *out)
{
	struct store_row *old;
	struct reach reach;
	uint32_t old_count;

	int r = reach_channel(req, PERM_SEND_MESSAGES | PERM_ATTACH_FILES, &reach);
	if (!r)
		r = find_old_wait(req, &old, &old_count);
	if (!r)
		r = reach_channel(req, PERM_SEND_MESSAGES | PERM_ATTACH_FILES, &reach);
	if (r)
		return r;
	for (uint32_t i = 0; i < in->files.count; i++)
		if ((uint64_t)in->files.items[i].file_size > config_of(req->core)->file_max)
			return ERR_REQUEST_ENTITY_TOO_LARGE;
	for (uint32_t i = 0; i < old_count; i++)
		txn_del(req->txn, old[i].key);
	out->attachments.items = arena_array(req->arena, struct upload, in->files.count);
	for (uint32_t i = 0; i < in->files.count; i++) {
		const struct upload_file *file = &in->files.items[i];
		struct upload *upload = &out->attachments.items[out->attachments.count++];
		uint64_t id = id_next(req->core, 0), size = (uint64_t)file->file_size;
		struct str title, filename = filename_clean(req->arena, file->filename, &title);
		struct upload_row row = { .filename = file->filename,
					  .size = file->file_size,
					  .user_id = req->who.user_id,
					  .channel_id = req->path.channel_id,
					  .created_at = req_now_us(req) };
		struct key key;

		upload->id = file->id;
		upload->id_is_int = file->id_is_int;
		upload->has.id = file->id.ptr != NULL;
		upload->upload_filename = upload_name(req->arena, req->path.channel_id, id,
						      filename);
		upload->upload_url = cdn_upload_url(req->core, req->arena, req->path.channel_id, id,
						    size, filename);
		txn_put(req->txn, key_upload(&key, req->cell->id, upload->upload_filename),
			&desc_upload_row, &row);
	}
	return 0;
}

struct forgetting {
	struct str name;
	uint64_t user_id;
};

static int run_forget(struct txn *txn, void *arg)
{
	const struct forgetting *forgetting = arg;
	struct upload_row row = {};
	struct key key;
	struct str at = key_upload(&key, txn->cell->id, forgetting->name);

	int r = txn_get_obj_wait(txn, at, &desc_upload_row, &row);
	if (r)
		return r;
	if (row.user_id != forgetting->user_id)
		return ENOENT;
	txn_del(txn, at);
	return 0;
}

int api_delete_attachment_upload(struct req *req)
{
	struct forgetting forgetting = { req->path.upload_filename, req->who.user_id };
	uint64_t channel_id, id, realm_id;
	struct str filename;
	enum cell_kind kind;

	if (!upload_name_parse(forgetting.name, &channel_id, &id, &filename))
		return ERR_UPLOADED_FILE_NOT_FOUND;
	int r = directory_channel_wait(req->core, channel_id, &kind, &realm_id);
	if (!r)
		r = cell_call_wait(req->core, kind, realm_id, run_forget, &forgetting);
	if (r)
		return r == ENOENT ? ERR_UPLOADED_FILE_NOT_FOUND : r;
	struct str file = files_upload(req->arena, id);
	return files_remove_wait(req->core, &file, 1);
}

/* -- links -- */

struct looking {
	uint64_t user_id, channel_id;
	bool sees;
};

static int run_look(struct txn *txn, void *arg)
{
	struct looking *looking = arg;
	struct realm *realm = realm_of(txn);
	const struct live_channel *channel = realm_channel(realm, looking->channel_id);
	const struct live_member *member = realm_member(realm, looking->user_id);

	looking->sees = channel && member &&
		perms_channel(realm, member, channel, (int64_t)core_wall_us(txn->core)) &
			PERM_VIEW_CHANNEL;
	return 0;
}

static int sees_wait(struct req *req, uint64_t channel_id, bool *ret)
{
	struct looking looking = { req->who.user_id, channel_id, false };
	enum cell_kind kind;
	uint64_t id;

	int r = directory_channel_wait(req->core, channel_id, &kind, &id);
	if (!r)
		r = cell_call_wait(req->core, kind, id, run_look, &looking);
	*ret = looking.sees;
	return r == ENOENT ? 0 : r;
}

/* The path of an address, whoever's host it names: clients hand back what they were given,
 * through proxies too. */
static struct str path_of(struct str url)
{
	const struct str mark = S("/attachments/");

	url.len = str_find(url, '?');
	for (size_t i = 0; i + mark.len <= url.len; i++)
		if (memcmp(url.ptr + i, mark.ptr, mark.len) == 0)
			return str_skip(url, i);
	return (struct str){};
}

static int refresh_wait(struct req *req, struct str url, struct str *ret)
{
	struct str path = path_of(url), name;
	struct attachment_row row;
	uint64_t channel_id, id;
	bool sees;

	*ret = url;
	if (!path.ptr || !link_parse(path, &channel_id, &id, &name))
		return 0;
	int r = sees_wait(req, channel_id, &sees);
	if (r || !sees)
		return r;
	r = attach_get_wait(req->core, req->arena, channel_id, id, &row);
	if (r || !str_eq(row.filename, name))
		return r == ENOENT ? 0 : r;
	struct attachment attachment = { .id = id, .filename = row.filename };
	link_attachment(req->core, req->arena, channel_id, &attachment);
	*ret = attachment.url;
	return 0;
}

int api_refresh_attachment_urls(struct req *req, const struct refresh_urls *in,
				struct refreshed_urls *out)
{
	out->refreshed_urls.items = arena_array(req->arena, struct refreshed_url,
						in->attachment_urls.count);
	for (uint32_t i = 0; i < in->attachment_urls.count; i++) {
		struct refreshed_url *url = &out->refreshed_urls.items[out->refreshed_urls.count++];

		url->original = in->attachment_urls.items[i];
		int r = refresh_wait(req, url->original, &url->refreshed);
		if (r)
			return r;
	}
	return 0;
}
