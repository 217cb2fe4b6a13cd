#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/random.h"
#include "model/routes.h"

static const struct route *find(enum http_method method, const char *path,
				struct route_params *params, struct arena *arena, int expected)
{
	const struct route *route = NULL;
	int r = route_find(method, str_z(path), &route, params, arena);

	if (r != expected)
		fail_msg("%s: %d, not %d", path, r, expected);
	return route;
}

/* The template with each parameter replaced by a number of its own. */
static struct str filled(struct arena *arena, const char *template)
{
	char path[512];
	size_t len = 0;
	uint32_t number = 1;

	for (const char *c = template; *c; c++) {
		if (*c == '{') {
			path[len++] = '7';
			path[len++] = (char)('0' + number++);
			c = strchr(c, '}');
		} else {
			path[len++] = *c;
		}
	}
	return arena_str(arena, (struct str){ path, len });
}

static void every_route_is_found_by_its_own_template(void **state)
{
	(void)state;
	for (int i = 0; i < ROUTE_COUNT; i++) {
		const struct route *route = &routes[i];
		struct route_params params;
		struct arena arena;

		arena_init(&arena);
		struct str path = filled(&arena, route->template);
		assert_ptr_equal(find(route->method, path.ptr, &params, &arena, 0), route);
		assert_int_equal(route->id, i);
		assert_null(params.bad.ptr);
		assert_true(params.allow & 1u << route->method);
		assert_true(route->bucket < BUCKET_COUNT && route->auth != 0 &&
			    route->status >= 200);
		assert_int_equal(route->served, route->run != NULL);
		arena_done(&arena);
	}
	assert_null(routes[ROUTE_COUNT].name);
}

static void parameters_are_taken_from_their_places(void **state)
{
	struct route_params params;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	const struct route *route = find(HTTP_PUT,
					 "/channels/12/messages/34/reactions/%F0%9F%98%80/@me",
					 &params, &arena, 0);
	assert_non_null(strstr(route->template, "/@me"));
	assert_int_equal(params.channel_id, 12);
	assert_int_equal(params.message_id, 34);
	assert_true(str_eq(params.emoji_name, S("\xf0\x9f\x98\x80")));

	find(HTTP_DELETE, "/guilds/1311000000000000001/members/18446744073709551615", &params,
	     &arena, 0);
	assert_int_equal(params.guild_id, 1311000000000000001);
	assert_true(params.user_id == UINT64_MAX);
	assert_int_equal(params.channel_id, 0);
	arena_done(&arena);
}

static void a_literal_wins_over_a_parameter(void **state)
{
	struct route_params params;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	assert_string_equal(find(HTTP_GET, "/users/@me", &params, &arena, 0)->template,
			    "/users/@me");
	assert_string_equal(find(HTTP_GET, "/users/%40me", &params, &arena, 0)->template,
			    "/users/@me");
	assert_string_equal(find(HTTP_GET, "/users/5", &params, &arena, 0)->template,
			    "/users/{user_id}");
	assert_int_equal(params.user_id, 5);
	arena_done(&arena);
}

static void a_malformed_parameter_is_named_but_keeps_no_route_from_being_found(void **state)
{
	struct route_params params;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	static const char *const bad[] = {
		"/channels/abc", "/channels/-1", "/channels/18446744073709551616",
		"/channels/%ff", "/channels/1%", "/channels/%20",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct route *route = find(HTTP_GET, bad[i], &params, &arena, 0);

		assert_string_equal(route->template, "/channels/{channel_id}");
		assert_string_equal(params.bad_name, "channel_id");
		assert_true(str_eq(params.bad, str_z(bad[i] + strlen("/channels/"))));
	}
	arena_done(&arena);
}

static void other_paths_and_methods_are_told_apart(void **state)
{
	static const char *const unknown[] = {
		"",
		"/",
		"channels/1",
		"/channels/1/",
		"/channels//messages",
		"/nothing",
		"/users/@me/nothing",
		"//users/@me",
		"/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z",
		"/USERS/@me",
		"/users/%40me/guilds/1/2/3",
	};
	struct route_params params;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		find(HTTP_GET, unknown[i], &params, &arena, 404);
	find(HTTP_PUT, "/users/@me", &params, &arena, 405);
	assert_true(params.allow & 1u << HTTP_GET && params.allow & 1u << HTTP_PATCH);
	assert_false(params.allow & 1u << HTTP_PUT);
	assert_int_equal(find(HTTP_HEAD, "/users/@me", &params, &arena, 0)->method, HTTP_GET);
	arena_done(&arena);
}

static void any_bytes_may_be_asked_for(void **state)
{
	static const char *const pieces[] = { "/",	  "users",    "@me",	 "channels",
					      "1",	  "%",	      "%41",	 "guilds",
					      "messages", "webhooks", "\xff",	 "",
					      "members",  "%00",      "invites", "bulk-delete" };
	struct random_seeded random;
	uint32_t found = 0;

	(void)state;
	random_seeded_init(&random, 6);
	for (int i = 0; i < 100000; i++) {
		const struct route *route;
		struct route_params params;
		struct arena arena;
		char path[256];
		size_t len = 0;

		for (uint64_t n = random_below(&random.random, 10); n; n--) {
			const char *piece =
				pieces[random_below(&random.random, ARRAY_SIZE(pieces))];

			path[len++] = '/';
			memcpy(path + len, piece, strlen(piece));
			len += strlen(piece);
		}
		arena_init(&arena);
		enum http_method method = (enum http_method)random_below(&random.random,
									 HTTP_METHOD_COUNT);
		found += route_find(method, (struct str){ path, len }, &route, &params, &arena) ==
			0;
		arena_done(&arena);
	}
	assert_true(found > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_found_by_its_own_template),
		cmocka_unit_test(parameters_are_taken_from_their_places),
		cmocka_unit_test(a_literal_wins_over_a_parameter),
		cmocka_unit_test(
			a_malformed_parameter_is_named_but_keeps_no_route_from_being_found),
		cmocka_unit_test(other_paths_and_methods_are_told_apart),
		cmocka_unit_test(any_bytes_may_be_asked_for),
	};

	return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
