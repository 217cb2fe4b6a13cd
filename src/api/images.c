#include "api/images.h"

#include <errno.h>

#include "cdn/image.h"
#include "message/attach.h"
#include "model/limits.h"

enum { IMAGES_MAX = 8 };

static int store_wait(struct req *req, struct image_edit *edit)
{
	int r = image_store_wait(req->core, req->arena, edit->kind, edit->owner, edit->data,
				 LIMIT_ASSET_BYTES, &edit->hash);

	if (r == EINVAL)
		return req_form_error(req, edit->field, "IMAGE_INVALID", "Invalid image data");
	if (r == EFBIG)
		return req_form_error(req, edit->field, "BINARY_TYPE_MAX_SIZE",
				      "File cannot be larger than %d.0 kb.",
				      LIMIT_ASSET_BYTES / 1024);
	return r;
}

int images_store_wait(struct req *req, struct image_edit *list, uint32_t count)
{
	bool any = false;
	int r = 0;

	for (uint32_t i = 0; i < count && !r; i++) {
		any |= list[i].given;
		if (list[i].given && list[i].data.ptr)
			r = store_wait(req, &list[i]);
	}
	if (r || !any || !req->txn)
		return r;
	if (req->txn->generation != req->cell->generation)
		return ERR_RESTARTED;
	return txn_outbox_wait(req->txn);
}

void image_take(struct req *req, struct image_edit *edit, struct str *hash)
{
	if (!edit->given)
		return;
	/* The row it points into is about to be replaced. */
	edit->old = arena_str(req->arena, *hash);
	*hash = edit->hash;
}

void images_drop_old(struct req *req, const struct image_edit *list, uint32_t count)
{
	struct str names[IMAGES_MAX] = {};

	for (uint32_t i = 0; i < count && i < IMAGES_MAX; i++)
		if (list[i].given && list[i].old.len && !str_eq(list[i].old, list[i].hash))
			names[i] = image_name(req->arena, list[i].kind, list[i].owner, list[i].old);
	file_drop(req->txn, names, MIN(count, (uint32_t)IMAGES_MAX));
}
