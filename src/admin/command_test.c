#include "admin/command.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"

static int parse(const char *text, const struct admin_command **command, json_t **args,
		 char why[256])
{
	*args = NULL;
	why[0] = '\0';
	return admin_request_parse(str_z(text), command, args, why, 256);
}

static void a_request_names_its_command_and_arguments(void **state)
{
	const struct admin_command *command;
	char why[256];
	json_t *args;

	(void)state;
	assert_int_equal(
		parse("{\"command\":\"users.create\",\"args\":{\"name\":\"ann\",\"password\":\"x\",\"owner\":true}}",
		      &command, &args, why),
		0);
	assert_string_equal(command->name, "users.create");
	assert_string_equal(json_string_value(json_object_get(args, "name")), "ann");
	assert_true(json_is_true(json_object_get(args, "owner")));
	json_decref(args);
	assert_int_equal(parse("{\"command\":\"status\"}", &command, &args, why), 0);
	assert_int_equal(json_object_size(args), 0);
	json_decref(args);
	assert_int_equal(
		parse("{\"command\":\"users.list\",\"args\":{\"after\":1574812551244414976,\"limit\":3}}",
		      &command, &args, why),
		0);
	assert_true(json_integer_value(json_object_get(args, "after")) == 1574812551244414976);
	json_decref(args);
}

static void whatever_does_not_fit_is_refused_with_a_sentence(void **state)
{
	static const char *const bad[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"command\":7}",
		"{\"command\":\"\"}",
		"{\"command\":\"users\"}",
		"{\"command\":\"users.create\"}",
		"{\"command\":\"status\",\"args\":null}",
		"{\"command\":\"status\",\"args\":[]}",
		"{\"command\":\"status\",\"args\":{\"x\":1}}",
		"{\"command\":\"users.show\",\"args\":{\"name\":1}}",
		"{\"command\":\"users.show\",\"args\":{\"name\":\"\"}}",
		"{\"command\":\"users.show\",\"args\":{\"name\":null}}",
		"{\"command\":\"users.show\",\"args\":{\"name\":[\"ann\"]}}",
		"{\"command\":\"users.list\",\"args\":{\"limit\":-1}}",
		"{\"command\":\"users.list\",\"args\":{\"limit\":1.5}}",
		"{\"command\":\"users.list\",\"args\":{\"limit\":\"1\"}}",
		("{\"command\":\"users.create\",\"args\":{\"name\":\"ann\",\"password\":\"x\","
		 "\"owner\":1}}"),
		"{\"command\":\"status\"} more",
	};
	const struct admin_command *command;
	char why[256], text[8192];
	json_t *args;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(bad[i], &command, &args, why), -EINVAL);
		assert_true(why[0]);
	}
	/* Endless texts, endless requests. */
	char *x = mem_zalloc(5000);
	memset(x, 'x', 4999);
	snprintf(text, sizeof(text), "{\"command\":\"users.show\",\"args\":{\"name\":\"%s\"}}", x);
	assert_int_equal(parse(text, &command, &args, why), -EINVAL);
	snprintf(text, sizeof(text), "{\"command\":\"%s\"}", x);
	assert_int_equal(parse(text, &command, &args, why), -EINVAL);
	free(x);
	x = mem_zalloc(ADMIN_REQUEST_MAX + 2);
	memset(x, ' ', ADMIN_REQUEST_MAX + 1);
	memcpy(x, "{\"command\":\"status\"}", 20);
	assert_int_equal(parse(x, &command, &args, why), -EINVAL);
	free(x);
}

static void every_command_is_found_by_its_name_and_takes_each_argument_once(void **state)
{
	(void)state;
	for (const struct admin_command *command = admin_commands; command->name; command++) {
		assert_ptr_equal(admin_command_find(command->name), command);
		assert_non_null(command->run);
		assert_true(command->help && command->help[0]);
		for (int i = 0; i < ADMIN_ARGS_MAX && command->args[i].name; i++)
			for (int n = 0; n < i; n++)
				assert_string_not_equal(command->args[i].name,
							command->args[n].name);
	}
	assert_null(admin_command_find("no.such"));
}

static void a_refusal_says_why(void **state)
{
	json_t *answer = admin_refusal("because");

	(void)state;
	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_string_equal(json_string_value(json_object_get(answer, "error")), "because");
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_names_its_command_and_arguments),
		cmocka_unit_test(whatever_does_not_fit_is_refused_with_a_sentence),
		cmocka_unit_test(every_command_is_found_by_its_name_and_takes_each_argument_once),
		cmocka_unit_test(a_refusal_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
