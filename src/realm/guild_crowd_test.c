#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "codec/enc.h"
#include "codec/json.h"
#include "realm/guild_crowd.h"
#include "realm/member_heap.h"
#include "realm/member_lists.h"
#include "realm/test_realm.h"

/* As many that a slice is a small part, and ids that come and go. */
enum { IDS = 1500, ME = 5, LOWER = 200, UPPER = 201, SECRET = 300, COMMON = 301, HALL = 302 };

struct world {
	struct test_realm test;
	struct realm *realm;
	struct random_seeded random;
	struct guild_show show;
};

static uint32_t dice(struct world *w, uint32_t below)
{
	return (uint32_t)random_below(&w->random.random, below);
}

static void come(struct world *w, uint64_t id)
{
	char name[32], nick[32];
	uint64_t roles[] = { LOWER, UPPER };
	struct member_row row = { .user_id = id, .discriminator = S("0") };

	snprintf(name, sizeof(name), "user%lu", id);
	snprintf(nick, sizeof(nick), "\"%u\"", dice(w, 1000));
	row.username = str_z(name);
	if (dice(w, 2))
		row.nick = str_z(nick);
	row.roles.items = roles + dice(w, 2);
	row.roles.count = dice(w, 2);
	realm_add_member(w->realm, &row);
}

static void go(struct world *w, struct live_member *member, uint64_t id)
{
	member_lists_out(w->realm, member);
	w->realm->online_count -= member->presence != NULL;
	member_del_live(w->realm, id);
}

static void be(struct world *w, struct live_member *member, struct str status)
{
	struct client_status client = { .desktop = status };
	struct presence presence = { .status = status, .client_status = &client };
	bool there = !str_eq(status, S("offline")), moves = there != (member->presence != NULL);

	client.has.desktop = true;
	if (moves)
		member_lists_out(w->realm, member);
	w->realm->online_count += there - (member->presence != NULL);
	member_set_presence(w->realm, member, there ? &presence : NULL);
	if (moves)
		member_lists_in(w->realm, member);
	else
		member_lists_touch(w->realm, member);
}

/* A channel which only one of the roles sees; @closed: that one neither. */
static void channel(struct world *w, uint64_t id, uint64_t role, bool closed)
{
	struct overwrite overwrites[] = { { .id = TEST_GUILD, .deny = PERM_VIEW_CHANNEL },
					  { .id = role, .allow = closed ? 0 : PERM_VIEW_CHANNEL } };

	test_channel(&w->test, id, 0, 0, overwrites, 2);
	member_lists_stale(w->realm);
}

static void something(struct world *w)
{
	uint64_t id = 1 + dice(w, IDS);
	struct live_member *member = member_find(w->realm, id);

	switch (dice(w, 40)) {
	case 0: channel(w, SECRET, LOWER, dice(w, 2)); break;
	case 1: channel(w, COMMON, UPPER, dice(w, 2)); break;
	case 2: come(w, ME); break;
	default:
		if (!member)
			come(w, id);
		else if (id != ME && dice(w, 5) == 0)
			go(w, member, id);
		else if (dice(w, 3))
			be(w, member, dice(w, 2) ? S("idle") : S("offline"));
		else
			come(w, id);
	}
}

static int by_id(const void *a, const void *b)
{
	const char *ids[2];

	for (int i = 0; i < 2; i++) {
		const json_t *item = *(json_t *const *)(i ? b : a);

		ids[i] = json_string_value(json_object_get(json_object_get(item, "user"), "id"));
		assert_non_null(ids[i]);
	}
	return strcmp(ids[0], ids[1]);
}

/* The order says nothing. */
static void sort(json_t *all, const char *key)
{
	json_t *array = json_object_get(all, key), *item;
	size_t count = json_array_size(array), i;
	json_t **items = calloc(count + 1, sizeof(json_t *));

	assert_true(json_is_array(array));
	json_array_foreach(array, i, item) items[i] = json_incref(item);
	qsort(items, count, sizeof(json_t *), by_id);
	for (i = 0; i < count; i++)
		json_array_set_new(array, i, items[i]);
	free(items);
}

static json_t *parse(struct str text)
{
	json_t *all = json_loadb(text.ptr, text.len, 0, NULL);

	assert_non_null(all);
	sort(all, "members");
	sort(all, "presences");
	return all;
}

static struct buf encode(struct world *w, bool apart)
{
	struct arena arena;
	struct buf text;
	struct enc enc;

	arena_init(&arena);
	w->show.member = member_find(w->realm, ME);
	w->show.apart = apart;
	struct guild view = guild_view_create(w->realm, &arena, &w->show);
	buf_init(&text, 64 << 20);
	enc_init(&enc, &text, ENC_JSON);
	enc_guild_create(&enc, &view);
	arena_done(&arena);
	return text;
}

static void finish(struct world *w, struct guild_crowd *crowd)
{
	struct buf head = encode(w, true), whole = encode(w, false);
	struct bytes *bytes = guild_crowd_end(crowd, buf_str(&head));
	json_t *want = parse(buf_str(&whole)), *got = parse(bytes_str(bytes));

	assert_true(json_equal(want, got));
	assert_true(json_array_size(json_object_get(got, "members")) > 100);
	json_decref(want);
	json_decref(got);
	bytes_unref(bytes);
	buf_done(&head);
	buf_done(&whole);
	assert_true(list_empty(&w->realm->crowds));
}

static void begin(struct world *w, uint64_t seed)
{
	*w = (struct world){ .show = { .bot = true, .presences = true, .large_threshold = 50 } };
	random_seeded_init(&w->random, seed);
	test_realm_init(&w->test, 0);
	w->realm = w->test.realm;
	test_role(&w->test, LOWER, 1, 0);
	test_role(&w->test, UPPER, 2, 0);
	channel(w, SECRET, LOWER, false);
	channel(w, COMMON, UPPER, false);
	channel(w, HALL, TEST_GUILD, true);
	for (uint64_t id = 1; id <= IDS; id++) {
		come(w, id);
		if (dice(w, 2))
			be(w, member_find(w->realm, id), S("online"));
	}
	w->show.member = member_find(w->realm, ME);
	assert_true(guild_crowd_is(w->realm, &w->show));
}

static void what_slices_write_is_what_is_written_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct world w;

		begin(&w, seed);
		/* From nothing that happens meanwhile to more than can be written again. */
		for (uint32_t rate = 0; rate <= 64; rate = rate ? rate * 4 : 1) {
			struct guild_crowd *crowd = guild_crowd_begin(w.realm, &w.show);
			uint32_t slices = 0;

			while (guild_crowd_step(crowd) && slices++ < 200)
				for (uint32_t i = 0; i < rate; i++)
					something(&w);
			finish(&w, crowd);
			w.show.member = member_find(w.realm, ME);
		}
		test_realm_done(&w.test);
	}
}

static void two_at_once_do_not_disturb_each_other(void **state)
{
	struct world w;
	struct guild_crowd *crowds[2];
	bool more[2] = { true, true };

	(void)state;
	begin(&w, 77);
	for (int i = 0; i < 2; i++)
		crowds[i] = guild_crowd_begin(w.realm, &w.show);
	while (more[0] || more[1]) {
		int which = (int)dice(&w, 2);

		if (more[which])
			more[which] = guild_crowd_step(crowds[which]);
		be(&w, member_find(w.realm, 9), dice(&w, 2) ? S("dnd") : S("offline"));
	}
	guild_crowd_drop(crowds[0], false);
	finish(&w, crowds[1]);
	test_realm_done(&w.test);
}

static void few_members_or_nobody_to_see_are_no_crowd(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 3);
	w.show.presences = false;
	assert_false(guild_crowd_is(w.realm, &w.show));
	w.show.presences = true;
	w.show.bot = false;
	assert_false(guild_crowd_is(w.realm, &w.show));
	w.show.bot = true;
	for (uint64_t id = IDS; w.realm->members.count > GUILD_CROWD_FROM; id--)
		go(&w, member_find(w.realm, id), id);
	assert_false(guild_crowd_is(w.realm, &w.show));
	test_realm_done(&w.test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_slices_write_is_what_is_written_at_once),
		cmocka_unit_test(two_at_once_do_not_disturb_each_other),
		cmocka_unit_test(few_members_or_nobody_to_see_are_no_crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
