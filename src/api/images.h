/* Images in bodies: avatars, icons, banners.
 *
 *	struct image_edit images[] = { image_edit("icon", "icons", id, in->has.icon, in->icon) };
 *	r = images_store_wait(req, images, ARRAY_SIZE(images)); after the first checks
 *	image_take(&images[0], &row.icon);                          the row's field
 *	…put the row…
 *	images_drop_old(req, images, ARRAY_SIZE(images));           what the row named before */
#pragma once

#include "api/req.h"

struct image_edit {
	const char *field; /* of the body, for its errors */
	const char *kind;  /* cdn/image.h */
	uint64_t owner;
	bool given;
	struct str data; /* a data: URI; the null view takes the image away */
	/* out */
	struct str hash, old;
};

static inline struct image_edit image_edit(const char *field, const char *kind, uint64_t owner,
					   bool given, struct str data)
{
	return (struct image_edit){
		.field = field, .kind = kind, .owner = owner, .given = given, .data = data
	};
}
/* Checks and stores those that are given; also makes sure of the outbox. Waits when there are
 * any. ERR_INVALID_FORM_BODY, ERR_UNAVAILABLE. */
int images_store_wait(struct req *req, struct image_edit *list, uint32_t count);
/* Lays what was given into *@hash; what stood there is kept in @edit->old (it must live until
 * images_drop_old()). */
void image_take(struct req *req, struct image_edit *edit, struct str *hash);
/* In the transaction, when its rows are put: files that are no longer named go after it. */
void images_drop_old(struct req *req, const struct image_edit *list, uint32_t count);
