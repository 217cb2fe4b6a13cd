#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mem.h"
#include "main/figures.h"

/* Two cores, a histogram of turns in three steps each: @fast up to 100 us, @slow up to 5 ms, @stuck above 1 s. */
static struct str text_of(struct buf *buf, double uptime, int count, int fast, int slow, int stuck)
{
	static const char *const les[] = { "0.0001", "0.00025", "0.0005", "0.001", "0.0025",
					   "0.005",  "0.01",	"0.025",  "0.05",  "0.1",
					   "0.25",   "0.5",	"1",	  "+Inf" };

	buf_clear(buf);
	buf_printf(buf,
		   "# HELP rookery_build_info What runs.\n# TYPE rookery_build_info "
		   "gauge\nrookery_build_info{version=\"9.9\"} 1\n");
	buf_printf(buf, "rookery_uptime_seconds %g\nrookery_ready 1\n", uptime);
	for (int core = 0; core < 2; core++) {
		for (int n = 0; n < 14; n++)
			buf_printf(
				buf, "rookery_core_turn_seconds_bucket{core=\"%d\",le=\"%s\"} %d\n",
				core, les[n],
				core ? fast : fast + (n >= 5 ? slow : 0) + (n == 13 ? stuck : 0));
		buf_printf(buf, "rookery_http_requests_total{core=\"%d\"} %d\n", core, count);
		buf_printf(buf, "rookery_gateway_sessions{core=\"%d\"} %d\n", core, count + core);
		buf_printf(buf, "rookery_message_cache_hits_total{core=\"%d\"} %d\n", core,
			   3 * count);
		buf_printf(buf, "rookery_message_cache_misses_total{core=\"%d\"} %d\n", core,
			   count);
	}
	for (int route = 0; route < 7; route++) {
		buf_printf(buf, "rookery_route_seconds_sum{route=\"r%d\"} %g\n", route,
			   count * route / 1000.0);
		buf_printf(buf, "rookery_route_seconds_count{route=\"r%d\"} %d\n", route, count);
	}
	return buf_str(buf);
}

static json_t *between(double up_a, int a, double up_b, int b, int fast, int slow, int stuck)
{
	struct reading *readings = mem_zalloc(2 * sizeof(*readings));
	struct buf buf;

	buf_init(&buf, 1 << 20);
	assert_int_equal(reading_parse(text_of(&buf, up_a, a, 10, 0, 0), &readings[0]), 0);
	assert_int_equal(
		reading_parse(text_of(&buf, up_b, b, 10 + fast, slow, stuck), &readings[1]), 0);
	json_t *figures = figures_new(&readings[0], &readings[1]);
	buf_done(&buf);
	free(readings);
	return figures;
}

static double number(const json_t *figures, const char *key)
{
	assert_true(json_is_number(json_object_get(figures, key)));
	return json_number_value(json_object_get(figures, key));
}

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

static void what_cores_count_is_added_up_and_divided_by_the_daemons_own_time(void **state)
{
	json_t *figures = between(10, 100, 14, 200, 100, 0, 0);

	(void)state;
	assert_true(near(number(figures, "requests_per_s"), 50));
	assert_true(near(number(figures, "sessions"), 401));
	assert_true(near(number(figures, "cache_hit_rate"), 0.75));
	assert_true(near(number(figures, "cache_reads_per_s"), 200));
	assert_true(json_is_true(json_object_get(figures, "ready")));
	json_decref(figures);
}

static void the_slow_turns_of_one_core_are_not_hidden_by_an_idle_one(void **state)
{
	static const struct {
		int fast, slow, stuck;
		double p99;
	} cases[] = {
		{ 100, 0, 0, 0.000099 },
		{ 90, 10, 0, 0.0025 + 0.0025 * 0.9 },
		{ 90, 0, 10, 1 }, /* the last bound: longer, who knows how much */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *figures = between(10, 1, 11, 1, cases[i].fast, cases[i].slow,
					  cases[i].stuck);

		assert_true(near(number(figures, "turn_p99_s"), cases[i].p99));
		json_decref(figures);
	}
}

static void five_routes_with_the_longest_mean_come_first(void **state)
{
	json_t *figures = between(10, 100, 12, 200, 0, 0, 0),
	       *list = json_object_get(figures, "slowest");

	(void)state;
	assert_int_equal(json_array_size(list), FIGURES_SLOWEST);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "route")),
			    "r6");
	assert_true(near(number(json_array_get(list, 0), "mean_s"), 0.006));
	assert_true(near(number(json_array_get(list, 0), "calls_per_s"), 50));
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 4), "route")),
			    "r2");
	assert_true(json_is_null(json_object_get(figures, "turn_p99_s")));
	json_decref(figures);
}

static void a_daemon_started_anew_counts_from_its_start(void **state)
{
	json_t *figures = between(1000, 5000, 2, 10, 0, 0, 0);

	(void)state;
	assert_true(near(number(figures, "requests_per_s"), 10));
	assert_true(near(number(figures, "seconds"), 2));
	json_decref(figures);
}

static void other_text_is_refused(void **state)
{
	static const char *const texts[] = { "",
					     "\n\n",
					     "rookery_",
					     "rookery_build_info{version=\"",
					     "# HELP x y\nx 1\n",
					     ("rookery_core_turn_seconds_bucket{core=\"999\",le="
					      "\"1\"} 1\nrookery_uptime_seconds 1\n") };
	struct reading *reading = mem_zalloc(sizeof(*reading));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(reading_parse(str_z(texts[i]), reading), -EPROTO);
	free(reading);
}

static void lines_are_for_a_terminal_of_80_columns(void **state)
{
	json_t *figures = between(10, 100, 12, 2000000, 90, 10, 0);
	struct buf buf;
	size_t lines = 0;

	(void)state;
	buf_init(&buf, 1 << 16);
	figures_write(&buf, figures);
	assert_false(buf.full);
	for (struct str text = buf_str(&buf); text.len; lines++) {
		size_t len = str_find(text, '\n');

		assert_true(len < 80);
		text = str_skip(text, len + 1);
	}
	assert_in_range(lines, 12, 22);
	buf_done(&buf);
	json_decref(figures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cores_count_is_added_up_and_divided_by_the_daemons_own_time),
		cmocka_unit_test(the_slow_turns_of_one_core_are_not_hidden_by_an_idle_one),
		cmocka_unit_test(five_routes_with_the_longest_mean_come_first),
		cmocka_unit_test(a_daemon_started_anew_counts_from_its_start),
		cmocka_unit_test(other_text_is_refused),
		cmocka_unit_test(lines_are_for_a_terminal_of_80_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
