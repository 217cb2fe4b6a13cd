/* Is the store whole? First every row by itself (store_ops.check), then what refers to what: members and the guild lists of users,
 * channels and the directory, names and accounts.
 *
 * Each such rule has the form "where there is row A there is row B". While the server runs an intent may be on its way between
 * the two, so what is found amiss is looked at again a while later before it is called a fault. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin/check.h"
#include "codec/row.h"
#include "core/fiber.h"
#include "model/objects.h"
#include "model/tables.h"
#include "store/store.h"
#include "user/name.h"

enum { PAGE = 256, SHOWN_MAX = 50, SUSPECTS_MAX = 10000, SETTLE_MS = 3000 };

struct suspect {
	struct str there, missing; /* keys, in the call's arena */
	struct str guild; /* the guild's row, when a deletion explains it */
	const char *what;
	uint64_t a, b;
};

void check_fault(struct checking *c, const char *format, ...)
{
	char text[256];
	va_list args;

	c->faults++;
	if (json_array_size(c->problems) >= SHOWN_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_array_append_new(c->problems, json_string(text));
}

int check_exists_wait(struct checking *c, struct str key, bool *ret)
{
	struct arena arena;
	struct str value;

	arena_init(&arena);
	int r = store_get_wait(c->call->core, &arena, key, &value);
	arena_done(&arena);
	*ret = r == 0;
	return r == ENOENT ? 0 : r;
}

/* Where @there is, @wanted has to be. */
static int want_wait(struct checking *c, struct str there, struct str wanted, struct str guild,
		     const char *what, uint64_t a, uint64_t b)
{
	bool found;

	int r = check_exists_wait(c, wanted, &found);
	if (r || found)
		return r;
	if (c->suspects_count == SUSPECTS_MAX) {
		c->faults++;
		return 0;
	}
	struct arena *keep = c->call->arena;
	c->suspects[c->suspects_count++] = (struct suspect){ arena_str(keep, there),
							     arena_str(keep, wanted),
							     guild.len ? arena_str(keep, guild)
								       : guild,
							     what,
							     a,
							     b };
	return 0;
}

int check_each_wait(struct checking *c, struct str prefix,
		    int (*on_row)(struct checking *c, struct str key, struct str value))
{
	struct str from = {};
	char room[STORE_KEY_MAX + 1];
	struct store_row *rows;
	uint32_t count = PAGE;
	int r = 0;

	while (!r && count == PAGE) {
		struct arena arena;

		arena_init(&arena);
		r = store_scan_wait(c->call->core, &arena, prefix, from, (struct str){}, false,
				    PAGE, &rows, &count);
		for (uint32_t i = 0; !r && i < count; i++)
			r = on_row(c, rows[i].key, rows[i].value);
		if (!r && count == PAGE) {
			memcpy(room, rows[count - 1].key.ptr, rows[count - 1].key.len);
			room[rows[count - 1].key.len] = '\0';
			from = (struct str){ room, rows[count - 1].key.len + 1 };
		}
		arena_done(&arena);
	}
	return r;
}

/* -- realms -- */

static int on_member(struct checking *c, struct str key, struct str value)
{
	uint64_t guild_id, user_id;
	struct key wanted, guild;

	(void)value;
	c->members++;
	if (!parse_member(key, &guild_id, &user_id))
		return 0;
	return want_wait(c, key, key_guild_entry(&wanted, user_id, guild_id),
			 key_guild(&guild, guild_id),
			 "guild %lu has the member %lu, whose list lacks it", guild_id, user_id);
}

static int on_channel(struct checking *c, struct str key, struct str value)
{
	uint64_t realm_id, channel_id;
	struct key wanted, guild;

	(void)value;
	c->channels++;
	if (!parse_channel(key, &realm_id, &channel_id))
		return 0;
	return want_wait(
		c, key, key_channel_entry(&wanted, channel_id), key_guild(&guild, realm_id),
		"the channel %2$lu of %1$lu is not in the directory", realm_id, channel_id);
}

static int check_guild(struct checking *c, uint64_t id, struct str key, struct str value)
{
	struct guild guild = {};
	struct key wanted, prefix;

	if (row_get(value, &desc_guild, &c->page, &guild)) {
		check_fault(c, "the row of guild %lu does not decode", id);
		return 0;
	}
	if (guild.deleted_at)
		return 0; /* being swept away */
	c->guilds++;
	int r = want_wait(c, key, key_member(&wanted, id, guild.owner_id), key,
			  "the owner of guild %lu, %lu, is not in it", id, guild.owner_id);
	if (!r)
		r = check_each_wait(c, prefix_member(&prefix, id), on_member);
	return r;
}

static int check_realms(struct checking *c)
{
	uint64_t next = 1, id;
	struct admin_first *rows;
	uint32_t count;
	int r = 0;

	while (!r && next) {
		struct key prefix;

		arena_init(&c->page);
		r = admin_walk_wait(c->call->core, &c->page, 32, next, PAGE, &rows, &count, &next);
		for (uint32_t i = 0; !r && i < count; i++) {
			bool is_guild = parse_guild(rows[i].key, &id);

			if (is_guild)
				r = check_guild(c, id, rows[i].key, rows[i].value);
			else
				c->dms++;
			if (!r)
				r = check_each_wait(c, prefix_channel(&prefix, rows[i].id),
						    on_channel);
			if (!r)
				r = check_attachments_wait(c, rows[i].id);
		}
		arena_done(&c->page);
	}
	return r;
}

/* -- users -- */

static int on_guild_entry(struct checking *c, struct str key, struct str value)
{
	uint64_t user_id, guild_id;
	struct key wanted, guild;

	(void)value;
	if (!parse_guild_entry(key, &user_id, &guild_id))
		return 0;
	return want_wait(c, key, key_member(&wanted, guild_id, user_id),
			 key_guild(&guild, guild_id),
			 "user %lu lists the guild %lu, but is not in it", user_id, guild_id);
}

static int on_dm_entry(struct checking *c, struct str key, struct str value)
{
	uint64_t user_id, channel_id;
	struct key wanted;

	(void)value;
	if (!parse_dm_entry(key, &user_id, &channel_id))
		return 0;
	return want_wait(c, key, key_channel(&wanted, channel_id, channel_id), (struct str){},
			 "user %lu lists the DM %lu, which is not there", user_id, channel_id);
}

static int check_user(struct checking *c, uint64_t id, struct str value)
{
	struct account account = {};
	struct key prefix;
	uint64_t found = 0;

	if (row_get(value, &desc_account, &c->page, &account)) {
		check_fault(c, "the account %lu does not decode", id);
		return 0;
	}
	c->users++;
	if (!account.bot && !account.delete_at) {
		struct str name = username_canonical(&c->page, account.username);
		int r = name.ptr ? name_find_wait(c->call->core, NAME_USERNAME, name, &found)
				 : ENOENT;

		if (r && r != ENOENT)
			return r;
		if (found != id)
			check_fault(c, "the name of user %lu leads to %lu", id, found);
	}
	int r = check_each_wait(c, prefix_guild_entry(&prefix, id), on_guild_entry);
	return r ? r : check_each_wait(c, prefix_dm_entry(&prefix, id), on_dm_entry);
}

static int check_users(struct checking *c)
{
	uint64_t next = 1, id;
	struct admin_first *rows;
	uint32_t count;
	int r = 0;

	while (!r && next) {
		arena_init(&c->page);
		r = admin_walk_wait(c->call->core, &c->page, 48, next, PAGE, &rows, &count, &next);
		for (uint32_t i = 0; !r && i < count; i++)
			if (parse_account(rows[i].key, &id))
				r = check_user(c, id, rows[i].value);
		arena_done(&c->page);
	}
	return r;
}

/* -- a second look -- */

static int is_gone_wait(struct checking *c, struct str guild_key, bool *ret)
{
	struct guild guild = {};
	struct arena arena;
	struct str value;

	*ret = false;
	if (!guild_key.len)
		return 0;
	arena_init(&arena);
	int r = store_get_wait(c->call->core, &arena, guild_key, &value);
	if (!r)
		r = row_get(value, &desc_guild, &arena, &guild);
	*ret = !r && guild.deleted_at;
	arena_done(&arena);
	return r == ENOENT ? 0 : r;
}

static int look_again(struct checking *c)
{
	if (c->suspects_count)
		fiber_sleep(c->call->core, SETTLE_MS);
	for (uint32_t i = 0; i < c->suspects_count; i++) {
		const struct suspect *s = &c->suspects[i];
		bool there, found, gone;

		int r = check_exists_wait(c, s->there, &there);
		if (!r)
			r = check_exists_wait(c, s->missing, &found);
		if (!r)
			r = is_gone_wait(c, s->guild, &gone);
		if (r)
			return r;
		if (there && !found && !gone) {
			char text[200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(text, sizeof(text), s->what, s->a,
				 s->b); /* a literal of this file */
#pragma GCC diagnostic pop
			check_fault(c, "%s", text);
		}
	}
	return 0;
}

struct row_check {
	struct store *store;
	uint64_t rows, bad;
	int r;
};

static void check_rows(void *arg)
{
	struct row_check *check = arg;

	check->r = check->store->ops->check(check->store, &check->rows, &check->bad);
}

static int check_wait(struct checking *c)
{
	struct row_check rows = { .store = core_cores(c->call->core)->store };

	int r = fiber_offload_wait(c->call->core, check_rows, &rows);
	if (r)
		return admin_result(c->call, r, "check");
	admin_set_int(c->call->result, "rows", rows.rows);
	admin_set_int(c->call->result, "bad_rows", rows.bad);
	if (rows.r)
		return admin_fail(c->call, "the store cannot be read to its end: %s",
				  strerror(-rows.r));
	if (rows.bad)
		return admin_fail(c->call, "%lu of %lu rows are bad", rows.bad, rows.rows);
	r = check_realms(c);
	if (!r)
		r = check_users(c);
	if (!r)
		r = check_strays_wait(c);
	if (!r)
		r = look_again(c);
	return admin_result(c->call, r, "reading the store");
}

int admin_check(struct admin_call *call)
{
	struct checking c = { .call = call, .problems = json_array() };

	if (call->admin->busy) {
		json_decref(c.problems);
		return admin_fail(call, "another long command runs");
	}
	call->admin->busy = true;
	c.suspects = arena_array(call->arena, struct suspect, SUSPECTS_MAX);
	int r = check_wait(&c);
	call->admin->busy = false;
	admin_set_int(call->result, "users", c.users);
	admin_set_int(call->result, "guilds", c.guilds);
	admin_set_int(call->result, "members", c.members);
	admin_set_int(call->result, "channels", c.channels);
	admin_set_int(call->result, "dms", c.dms);
	admin_set_int(call->result, "attachments", c.attachments);
	admin_set_int(call->result, "files_without_rows", c.strays);
	admin_set_int(call->result, "faults", c.faults);
	json_object_set_new(call->result, "problems", c.problems);
	if (!r && c.faults)
		return admin_fail(call, "%lu faults", c.faults);
	return r;
}
