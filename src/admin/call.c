/* What the commands share: arguments, results, users by name, walks over the store. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin/command.h"
#include "cell/cell.h"
#include "core/fiber.h"
#include "model/errors.h"
#include "store/store.h"
#include "user/account.h"
#include "user/name.h"

int admin_fail(struct admin_call *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->error, sizeof(call->error), format, args);
	va_end(args);
	return -ECANCELED;
}

int admin_result(struct admin_call *call, int r, const char *what)
{
	if (r == 0 || r == -ECANCELED)
		return r;
	if (r == ENOENT)
		return admin_fail(call, "%s: there is no such thing", what);
	if (r == ERR_NAME_TAKEN)
		return admin_fail(call, "%s: the name is taken", what);
	if (r == ERR_EMAIL_TAKEN)
		return admin_fail(call, "%s: the mail address is taken", what);
	if (r == ERR_RESTARTED || r == ERR_UNAVAILABLE || r == -EAGAIN)
		return admin_fail(call, "%s: not possible just now, try again", what);
	if (r > 0) {
		const struct error_desc *desc = error_find(r);

		return admin_fail(call, "%s: %s", what, desc ? desc->message : "refused");
	}
	return admin_fail(call, "%s: %s", what, strerror(-r));
}

struct str admin_text(const struct admin_call *call, const char *name)
{
	const json_t *value = json_object_get(call->args, name);

	return (struct str){ json_string_value(value), json_string_length(value) };
}

uint64_t admin_number(const struct admin_call *call, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(call->args, name));
}

bool admin_flag(const struct admin_call *call, const char *name)
{
	return json_is_true(json_object_get(call->args, name));
}

void admin_set_str(json_t *object, const char *key, struct str value)
{
	json_t *text = value.ptr ? json_stringn(value.ptr, value.len) : json_null();

	json_object_set_new(object, key,
			    text ? text : json_null()); /* no UTF-8: cannot come from a row */
}

void admin_set_id(json_t *object, const char *key, uint64_t id)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", id);
	json_object_set_new(object, key, id ? json_string(text) : json_null());
}

void admin_set_int(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

void admin_set_bool(json_t *object, const char *key, bool value)
{
	json_object_set_new(object, key, json_boolean(value));
}

void admin_set_time(json_t *object, const char *key, int64_t us)
{
	time_t seconds = us / 1000000;
	char text[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_set_new(object, key, us ? json_string(text) : json_null());
}

int admin_find_user_wait(struct admin_call *call, struct str typed, uint64_t *ret_id)
{
	bool mail = str_find(typed, '@') < typed.len;
	int r = ENOENT;

	if (mail) {
		r = name_find_wait(call->core, NAME_EMAIL, typed, ret_id);
	} else {
		struct str name = username_canonical(call->arena, typed);

		if (name.ptr)
			r = name_find_wait(call->core, NAME_USERNAME, name, ret_id);
		if (r == ENOENT && str_u64(typed, ret_id)) /* a bot has no name in the directory */
			r = *ret_id ? 0 : ENOENT;
	}
	if (r == ENOENT)
		return admin_fail(call, "there is no user \"%.*s\"", STR_FMT(typed));
	return admin_result(call, r, "looking the user up");
}

struct putting {
	struct fiber *fiber;
	bool done;
	int result;
};

static void on_put(struct core *core, struct store_batch *batch, int r)
{
	struct putting *putting = batch->owner;

	store_batch_free(batch);
	putting->result = r;
	putting->done = true;
	fiber_wake(core, putting->fiber);
}

int admin_put_wait(struct core *core, struct str key, struct str value)
{
	struct putting putting = { .fiber = fiber_self(core) };
	struct store_batch *batch = store_batch_new(core, NULL);

	store_batch_put(batch, key, value);
	batch->done = on_put;
	batch->owner = &putting;
	store_commit(core_cores(core)->store, batch);
	while (!putting.done)
		fiber_park(core);
	return putting.result;
}

static struct str partition(char room[9], uint8_t table, uint64_t id)
{
	uint64_t big = __builtin_bswap64(id);

	room[0] = (char)table;
	memcpy(room + 1, &big, sizeof(big));
	return (struct str){ room, 9 };
}

int admin_walk_wait(struct core *core, struct arena *arena, uint8_t table, uint64_t from,
		    uint32_t limit, struct admin_first **ret_list, uint32_t *ret_count,
		    uint64_t *ret_next)
{
	struct admin_first *list = arena_array(arena, struct admin_first, limit);
	uint32_t count = 0, found = 1;
	char room[9];

	for (; count < limit; count++) {
		struct store_row *rows;

		int r = store_scan_wait(core, arena, (struct str){ (const char *)&table, 1 },
					partition(room, table, from), (struct str){}, false, 1,
					&rows, &found);
		if (r)
			return r;
		if (!found || rows[0].key.len < 9)
			break;
		uint64_t big;
		memcpy(&big, rows[0].key.ptr + 1, sizeof(big));
		list[count] = (struct admin_first){ __builtin_bswap64(big), rows[0].key,
						    rows[0].value };
		from = list[count].id + 1;
		if (!from) { /* the last id there can be */
			count++;
			break;
		}
	}
	*ret_list = list;
	*ret_count = count;
	*ret_next = found && count == limit ? from : 0;
	return 0;
}
