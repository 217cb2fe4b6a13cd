#include "admin/manifest.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/mem.h"

#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEAD "rookery-backup 1\nversion 0.1\nepoch 7\nmade_at_us 1700000000000000\n"

static int parse(const char *text, struct manifest *ret)
{
	return manifest_parse(str_z(text), ret);
}

static void what_is_written_is_read_again(void **state)
{
	uint8_t hash[DISK_SHA256];
	struct manifest made = { .epoch = 12345678901ULL, .made_at_us = 1700000000123456 }, read;
	struct buf text;
	char name[64];

	(void)state;
	for (int i = 0; i < DISK_SHA256; i++)
		hash[i] = (uint8_t)(i * 7);
	for (uint32_t i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "files/a b/%u", i);
		manifest_add(&made, name, i * 1000000007ULL, hash);
	}
	manifest_add(&made, "secrets", 32, hash);
	buf_init(&text, MANIFEST_TEXT_MAX);
	manifest_text(&made, "0.1", &text);
	assert_int_equal(manifest_parse(buf_str(&text), &read), 0);
	assert_int_equal(read.epoch, made.epoch);
	assert_int_equal(read.made_at_us, made.made_at_us);
	assert_int_equal(read.count, 101);
	for (uint32_t i = 0; i < 101; i++) {
		assert_string_equal(read.files[i].name, made.files[i].name);
		assert_int_equal(read.files[i].size, made.files[i].size);
		assert_memory_equal(read.files[i].sha256, hash, DISK_SHA256);
	}
	manifest_done(&read);
	/* Cut off anywhere it is none. */
	for (size_t len = 0; len < text.len; len += len < 200 ? 1 : 97) {
		assert_int_equal(manifest_parse((struct str){ text.ptr, len }, &read), -EBADMSG);
		manifest_done(&read);
	}
	buf_done(&text);
	manifest_done(&made);
}

static void names_stay_inside(void **state)
{
	static const char *const good[] = { "secrets",	   "store/CURRENT", "store/000012.sst",
					    "files/a/b/c", "files/a..b",    "files/...",
					    "files/.x" };
	static const char *const bad[] = {
		"",	      "/",	  "/etc/passwd", "store",	  "store/",	"files//a",
		"files/./a",  "files/..", "files/../x",	 "store/../../x", "secrets/x",	"secrets2",
		"other/x",    "files/a/", "files/a\nb",	 "files/a\x7f b", "../store/x", "./store/x",
		"store/x/..", "Store/x",  "files/\tx"
	};
	char longest[MANIFEST_NAME_MAX + 1] = "files/";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(manifest_name_ok(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(manifest_name_ok(bad[i]));
	memset(longest + 6, 'x', sizeof(longest) - 7);
	assert_false(manifest_name_ok(longest));
	longest[MANIFEST_NAME_MAX - 1] = '\0';
	assert_true(manifest_name_ok(longest));
}

static void what_is_no_manifest_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"rookery-backup 2\nversion 0.1\nepoch 7\nmade_at_us 1\nend 0\n",
		"version 0.1\nepoch 7\nmade_at_us 1\nend 0\n",
		HEAD,
		HEAD "end 1\n",
		HEAD "end 0\nmore\n",
		HEAD "end -1\n",
		HEAD HASH " 12\nend 1\n",
		HEAD HASH " x secrets\nend 1\n",
		HEAD HASH " -1 secrets\nend 1\n",
		HEAD HASH " 99999999999999999999 secrets\nend 1\n",
		HEAD HASH "00 12 secrets\nend 1\n",
		HEAD "00 12 secrets\nend 1\n",
		HEAD "zz" HASH " 12 secrets\nend 1\n",
		HEAD HASH " 12 ../secrets\nend 1\n",
		HEAD HASH " 12 secrets\nend 2\n",
		"rookery-backup 1\nversion 0.1\nepoch x\nmade_at_us 1\nend 0\n",
	};
	struct manifest manifest;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(bad[i], &manifest), -EBADMSG);
		manifest_done(&manifest);
	}
	assert_int_equal(parse(HEAD "end 0\n", &manifest), 0);
	manifest_done(&manifest);
	assert_int_equal(parse(HEAD HASH " 12 secrets\nend 1\n", &manifest), 0);
	assert_int_equal(manifest.files[0].size, 12);
	assert_int_equal(manifest.files[0].sha256[31], 31);
	manifest_done(&manifest);
	assert_int_equal(
		manifest_parse((struct str){ HEAD HASH " 12 secr\0ets\nend 1\n",
					     sizeof(HEAD HASH " 12 secr\0ets\nend 1\n") - 1 },
			       &manifest),
		-EBADMSG);
	manifest_done(&manifest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(names_stay_inside),
		cmocka_unit_test(what_is_no_manifest_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
