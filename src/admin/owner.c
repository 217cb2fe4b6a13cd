#include "admin/owner.h"

#include <errno.h>
#include <stdio.h>

#include "admin/command.h"
#include "base/buf.h"
#include "codec/row.h"
#include "config/config.h"
#include "model/objects.h"
#include "model/tables.h"
#include "store/store.h"

int owner_load_wait(struct core *core, uint64_t *ret_user_id)
{
	struct instance_setting row = {};
	struct arena arena;
	struct str value;
	struct key key;

	arena_init(&arena);
	int r = store_get_wait(core, &arena, key_instance_setting(&key, S("owner")), &value);
	if (!r)
		r = row_get(value, &desc_instance_setting, &arena, &row);
	/* A JSON text: "123". */
	if (!r &&
	    (row.value.len < 3 ||
	     !str_u64((struct str){ row.value.ptr + 1, row.value.len - 2 }, ret_user_id)))
		r = -EBADMSG;
	arena_done(&arena);
	if (!r)
		atomic_store(&app_of(core)->has_owner, true);
	return r;
}

int owner_set_wait(struct core *core, uint64_t user_id)
{
	struct instance_setting row = {};
	struct buf value;
	struct key key;
	char text[32];

	snprintf(text, sizeof(text), "\"%lu\"", user_id);
	row.value = str_z(text);
	buf_init(&value, 256);
	row_put(&value, &desc_instance_setting, &row);
	int r = admin_put_wait(core, key_instance_setting(&key, S("owner")), buf_str(&value));
	buf_done(&value);
	if (!r)
		atomic_store(&app_of(core)->has_owner, true);
	return r;
}
