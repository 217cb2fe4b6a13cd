/* multipart/form-data: what clients send, what attackers send, torn at every place; and forms
 * gathered from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "http/form.h"

/* -- the parser alone: what came out, as text -- */

static int note_part(void *owner, const struct multipart_part *part)
{
	buf_printf(owner, "<%.*s|%.*s|%.*s>", STR_FMT(part->name),
		   part->filename.ptr ? (int)part->filename.len : 1,
		   part->filename.ptr ? part->filename.ptr : "-", STR_FMT(part->content_type));
	return 0;
}

static int note_data(void *owner, struct str data)
{
	assert_true(data.len > 0);
	buf_put_str(owner, data);
	return 0;
}

static int note_end(void *owner)
{
	buf_put_str(owner, S("</>"));
	return 0;
}

static const struct multipart_handler notes = { note_part, note_data, note_end };

static char *parsed(struct str body, struct str boundary, size_t step, struct random *random)
{
	struct multipart multipart;
	struct buf out;
	int r = 0;

	buf_init(&out, 1 << 22);
	multipart_init(&multipart, boundary, &notes, &out);
	for (size_t at = 0; at < body.len && !r;) {
		size_t n = random ? 1 + (size_t)random_below(random, step) : step;

		n = MIN(n, body.len - at);
		char *copy = mem_dup(body.ptr + at, n); /* exactly these bytes, for the sanitizer */
		r = multipart_feed(&multipart, (struct str){ copy, n });
		free(copy);
		at += n;
	}
	int end = multipart_finish(&multipart);
	if (r)
		assert_int_equal(end, r);
	buf_printf(&out, "=%d", end);
	multipart_done(&multipart);
	return out.ptr;
}

static void assert_cut_anywhere(struct str body, struct str boundary)
{
	struct random_seeded seeded;
	char *whole = parsed(body, boundary, body.len + 1, NULL);

	random_seeded_init(&seeded, body.len);
	for (size_t i = 0; i < 8; i++) {
		char *cut = parsed(body, boundary, i ? (size_t)1 << i : 1,
				   i ? &seeded.random : NULL);

		assert_string_equal(whole, cut);
		free(cut);
	}
	free(whole);
}

#define CD "Content-Disposition: form-data; "

static void bodies_give_the_right_parts(void **state)
{
	static const struct {
		const char *body, *expected;
	} cases[] = {
		{ "--b\r\n" CD "name=\"a\"\r\n\r\nhello\r\n--b--\r\n", "<a|-|>hello</>=0" },
		{ "--b\r\n" CD "name=a\r\n\r\nhello\r\n--b--", "<a|-|>hello</>=0" },
		{ "--b\r\n" CD "name=\"a\"\r\n\r\n\r\n--b--", "<a|-|></>=0" },
		{ "--b\r\n" CD
		  "name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\n" CD
		  "name=\"files[0]\"; filename=\"x.png\"\r\nContent-Type: "
		  "image/png\r\n\r\n\r\n\r--b\r\n-\r\n--\r\n--b--\r\n",
		  "<payload_json|-|application/json>{}</><files[0]|x.png|image/"
		  "png>\r\n\r--b\r\n-\r\n--</>=0" },
		{ "\r\n--b\r\n" CD "name=\"a\"\r\n\r\nx\r\n--b--", "<a|-|>x</>=0" },
		{ "preamble\r\n--b\r\n" CD "name=\"a\"\r\n\r\nx\r\n--b--epilogue\r\n--b\r\n",
		  "<a|-|>x</>=0" },
		{ "--b \t\r\n" CD "name=\"a\"\r\n\r\nx\r\n--b--", "<a|-|>x</>=0" },
		{ "--b--", "=0" },
		/* a delimiter that is longer than ours is ours, then junk */
		{ "--b\r\n" CD "name=\"a\"\r\n\r\nx\r\n--bc", "<a|-|>x</>=400" },
		/* names */
		{ "--b\r\n" CD "name=\"a\\\"b\\\\c\"\r\n\r\n\r\n--b--", "<a\"b\\c|-|></>=0" },
		{ "--b\r\n" CD "name=\"a%22b%41\"\r\n\r\n\r\n--b--", "<a\"b%41|-|></>=0" },
		{ "--b\r\n" CD "name=\"a\"; filename=\"C:\\dir\\x.txt\"\r\n\r\n\r\n--b--",
		  "<a|C:\\dir\\x.txt|></>=0" },
		{ "--b\r\n" CD "name=\"a\"; filename=\"x%0d%0Ay\"\r\n\r\n\r\n--b--",
		  "<a|x%0d_y|></>=0" },
		{ "--b\r\n" CD "name=\"a\"; filename=\"\"\r\n\r\n\r\n--b--", "<a||></>=0" },
		{ "--b\r\n" CD "name=a; filename=x y.txt\r\n\r\n\r\n--b--", "<a|x y.txt|></>=0" },
		{ "--b\r\n" CD
		  "name=\"a\"; filename=\"y\"; filename*=utf-8''%e2%82%ac\r\n\r\n\r\n--b--",
		  "<a|\xe2\x82\xac|></>=0" },
		{ "--b\r\n" CD "name=\"a\"; filename*=UTF-8'en'x; filename=\"y\"\r\n\r\n\r\n--b--",
		  "<a|x|></>=0" },
		{ "--b\r\n" CD "name=\"a\"; filename*=latin1''%e2; filename=\"y\"\r\n\r\n\r\n--b--",
		  "<a|y|></>=0" },
		{ "--b\r\n" CD "name*=utf-8''n\r\n\r\n\r\n--b--", "<n|-|></>=0" },
		{ "--b\r\ncontent-disposition: FORM-DATA; NAME=\"a\"\r\n\r\n\r\n--b--",
		  "<a|-|></>=0" },
		{ "--b\r\n" CD "name=\"a;b\"; filename=\"c;d\"\r\n\r\n\r\n--b--",
		  "<a;b|c;d|></>=0" },
		{ "--b\r\nX: y\r\n" CD
		  "name=\"a\";\r\nContent-Transfer-Encoding: binary\r\n\r\n\r\n--b--",
		  "<a|-|></>=0" },
		/* evil */
		{ "", "=400" },
		{ "--b", "=400" },
		{ "--b\r\n" CD "name=\"a\"\r\n\r\nx\r\n--b", "<a|-|>x</>=400" },
		{ "--b\r\n" CD "name=\"a\"\r\n\r\nx", "<a|-|>x=400" },
		{ "--b\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\nContent-Type: a\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\n" CD "name=\"a\"\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\n" CD "name=\"a\"\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\n" CD "name=\"a\"\r\n\nx\r\n--b--", "=400" },
		{ "--b\r\n" CD "filename=\"a\"\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\n" CD "name=\"a\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\n" CD "name=\"\xff\"\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\n" CD "name=\"a\"; filename*=utf-8''%ff\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\n" CD "name=\"a\"; filename*=utf-8''%00\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\n" CD "name=\"a\"\r\n" CD "name=\"b\"\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\nContent-Disposition: form-data, name=\"a\"\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\n" CD "name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--b--",
		  "=400" },
		{ "--b\r\n" CD "name=\"a\"\r\nX : y\r\n\r\nx\r\n--b--", "=400" },
		{ "--b\r\n" CD "name=\"a\"\r\n folded\r\n\r\nx\r\n--b--", "=400" },
		{ "--b-x", "=400" },
		{ "--b\r\r", "=400" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *out = parsed(str_z(cases[i].body), S("b"), 1 << 20, NULL);

		if (strcmp(out, cases[i].expected) != 0)
			fail_msg("%s gives %s, not %s", cases[i].body, out, cases[i].expected);
		free(out);
		assert_cut_anywhere(str_z(cases[i].body), S("b"));
	}
}

static void content_that_looks_like_a_delimiter_is_kept(void **state)
{
	static const char body[] = "--\r\nab\r\n" CD "name=\"a\"\r\n\r\n"
				   "\r\n--\r\r\n\r\n--a\r\n--bb\r\n---ab\r\n--A\r\n--a\r\r\n--\r\n"
				   "\r\n--ab--";
	static const char simple[] =
		"--ab\r\n" CD "name=\"a\"\r\n\r\n"
		"\r\n--\r\r\n\r\n--a\r\n--bb\r\n---ab\r\n--A\r\n--a\r\r\n--\r\n"
		"\r\n--ab--";
	char *out = parsed(str_z(simple), S("ab"), 1 << 20, NULL);

	(void)state;
	assert_string_equal(
		out, "<a|-|>\r\n--\r\r\n\r\n--a\r\n--bb\r\n---ab\r\n--A\r\n--a\r\r\n--\r\n</>=0");
	free(out);
	assert_cut_anywhere(str_z(simple), S("ab"));
	assert_cut_anywhere(str_z(body), S("ab"));
}

static void random_bodies_are_the_same_however_they_are_cut(void **state)
{
	static const char head[] = CD "name=a\r\n", part[] = "\r\n--b\r\n" CD "name=q\r\n\r\n";
	static const char *const words[] = {
		"\r\n", "--",	   "-",	    "\r", "\n",	      "b", "B",
		"--b",	"--b\r\n", "--b--", head, "\r\n\r\n", "x", part
	};
	struct random_seeded seeded;

	(void)state;
	random_seeded_init(&seeded, 11);
	for (int round = 0; round < 300; round++) {
		struct buf body;

		buf_init(&body, 1 << 16);
		buf_put_str(&body, S("--b\r\n" CD "name=a\r\n\r\n"));
		for (uint64_t n = random_below(&seeded.random, 40); n > 0; n--)
			buf_put_str(&body,
				    str_z(words[random_below(&seeded.random, ARRAY_SIZE(words))]));
		assert_cut_anywhere(buf_str(&body), S("b"));
		buf_done(&body);
	}
}

static void boundaries_are_found_in_the_content_type(void **state)
{
	static const struct {
		const char *type, *boundary; /* NULL: none */
	} cases[] = {
		{ "multipart/form-data; boundary=abc", "abc" },
		{ "Multipart/Form-Data;boundary=\"a b\"", "a b" },
		{ "multipart/form-data; charset=utf-8; BOUNDARY=--x", "--x" },
		{ "multipart/form-data; boundary=abc; charset=utf-8", "abc" },
		{ "multipart/form-data; boundary=----WebKitFormBoundaryA1",
		  "----WebKitFormBoundaryA1" },
		{ "multipart/form-data", NULL },
		{ "multipart/form-data; boundary=", NULL },
		{ "multipart/form-data; boundary=\"\"", NULL },
		{ "multipart/form-data; boundary=\"a", NULL },
		{ "multipart/form-data; boundary=\"a \"", NULL },
		{ "multipart/form-data; boundary=a<b", NULL },
		{ "multipart/form-data; boundary", NULL },
		{ "multipart/form-data; =b", NULL },
		{ "multipart/mixed; boundary=abc", NULL },
		{ "multipart/form-data, boundary=abc", NULL },
		{ "multipart/form-data; "
		  "boundary="
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  NULL },
		{ "", NULL },
	};
	struct str boundary;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool found = multipart_boundary(str_z(cases[i].type), &boundary);

		if (found != (cases[i].boundary != NULL) ||
		    (found && !str_eq(boundary, str_z(cases[i].boundary))))
			fail_msg("%s", cases[i].type);
	}
}

static void limits_hold(void **state)
{
	struct buf body;

	(void)state;
	buf_init(&body, 1 << 20);
	for (int parts = 0; parts < MULTIPART_PARTS_MAX; parts++)
		buf_put_str(&body, S("--b\r\n" CD "name=a\r\n\r\nx\r\n"));
	size_t len = body.len;
	buf_put_str(&body, S("--b--"));
	char *out = parsed(buf_str(&body), S("b"), 1 << 20, NULL);
	assert_non_null(strstr(out, "=0"));
	free(out);
	body.len = len;
	buf_put_str(&body, S("--b\r\n"));
	out = parsed(buf_str(&body), S("b"), 1 << 20, NULL);
	assert_non_null(strstr(out, "=413"));
	free(out);
	assert_cut_anywhere(buf_str(&body), S("b"));

	buf_clear(&body);
	buf_put_str(&body, S("--b\r\n" CD "name=a\r\nX: "));
	while (body.len < MULTIPART_HEADER_MAX + 20)
		buf_putc(&body, 'x');
	buf_put_str(&body, S("\r\n\r\n\r\n--b--"));
	out = parsed(buf_str(&body), S("b"), 1 << 20, NULL);
	assert_string_equal(out, "=431");
	free(out);
	assert_cut_anywhere(buf_str(&body), S("b"));

	buf_clear(&body);
	while (body.len < MULTIPART_PREAMBLE_MAX + 20)
		buf_putc(&body, 'x');
	out = parsed(buf_str(&body), S("b"), 1 << 20, NULL);
	assert_string_equal(out, "=400");
	free(out);
	buf_done(&body);
}

/* -- forms -- */

struct sink {
	struct buf file;
	int opened, ended, dropped, fail_write;
	bool pause;
};

static int sink_open(void *owner, const struct form_part *part, void **ret_file)
{
	struct sink *sink = owner;

	assert_non_null(part->filename.ptr);
	sink->opened++;
	*ret_file = &sink->file;
	return 0;
}

static int sink_write(void *owner, void *file, struct str data)
{
	struct sink *sink = owner;

	buf_put_str(file, data);
	return sink->fail_write ? sink->fail_write : sink->pause ? EAGAIN : 0;
}

static int sink_end(void *owner, void *file)
{
	struct sink *sink = owner;

	assert_ptr_equal(file, &sink->file);
	sink->ended++;
	return 0;
}

static void sink_drop(void *owner, void *file)
{
	struct sink *sink = owner;

	assert_ptr_equal(file, &sink->file);
	sink->dropped++;
}

static const struct form_sink sink_ops = { sink_open, sink_write, sink_end, sink_drop };

static const char upload[] =
	"--b\r\n" CD "name=\"payload_json\"\r\n\r\n{\"content\":\"x\"}\r\n--b\r\n" CD
	"name=\"files[0]\"; filename=\"x.bin\"\r\nContent-Type: a/b\r\n\r\n0123456789\r\n--b--\r\n";

static void a_form_without_a_sink_stays_in_memory(void **state)
{
	struct form form;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	form_init(&form, &arena, S("b"), NULL, NULL, NULL);
	for (size_t i = 0; i < sizeof(upload) - 1; i++)
		assert_int_equal(form_feed(&form, (struct str){ upload + i, 1 }), 0);
	assert_int_equal(form_finish(&form), 0);
	assert_int_equal(form.count, 2);
	assert_true(str_eq(form_find(&form, S("payload_json"))->data, S("{\"content\":\"x\"}")));
	struct form_part *file = form_find(&form, S("files[0]"));
	assert_true(str_eq(file->data, S("0123456789")));
	assert_true(str_eq(file->filename, S("x.bin")));
	assert_true(str_eq(file->content_type, S("a/b")));
	assert_int_equal(file->size, 10);
	form_done(&form);
	form_done(&form);
	arena_done(&arena);
}

static void files_go_to_the_sink_and_are_dropped_when_nobody_takes_them(void **state)
{
	struct sink sink = { .pause = true };
	struct form form;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	buf_init(&sink.file, 100);
	for (int take = 0; take < 2; take++) {
		sink.dropped = sink.opened = sink.ended = 0;
		buf_clear(&sink.file);
		form_init(&form, &arena, S("b"), NULL, &sink_ops, &sink);
		assert_int_equal(form_feed(&form, str_z(upload)), 0);
		assert_true(form.paused);
		assert_int_equal(form_finish(&form), 0);
		assert_true(str_eq(buf_str(&sink.file), S("0123456789")));
		assert_int_equal(sink.opened, 1);
		assert_int_equal(sink.ended, 1);
		assert_int_equal(form_find(&form, S("files[0]"))->size, 10);
		if (take)
			form_find(&form, S("files[0]"))->file = NULL;
		form_done(&form);
		assert_int_equal(sink.dropped, take ? 0 : 1);
	}
	buf_done(&sink.file);
	arena_done(&arena);
}

static void a_form_keeps_to_its_limits(void **state)
{
	struct sink sink = { .fail_write = 507 };
	struct form_limits parts = { .parts_max = 1 }, fields = { .field_bytes_max = 14 },
			   file = { .file_max = 9 };
	const struct form_limits *const limits[] = { &parts, &fields, &file };
	struct form form;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		form_init(&form, &arena, S("b"), limits[i], NULL, NULL);
		assert_int_equal(form_feed(&form, str_z(upload)), 413);
		assert_int_equal(form_feed(&form, str_z(upload)), 413);
		form_done(&form);
	}
	buf_init(&sink.file, 100);
	form_init(&form, &arena, S("b"), NULL, &sink_ops, &sink);
	assert_int_equal(form_feed(&form, str_z(upload)), 507);
	form_done(&form);
	assert_int_equal(sink.dropped, 1);
	buf_done(&sink.file);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_give_the_right_parts),
		cmocka_unit_test(content_that_looks_like_a_delimiter_is_kept),
		cmocka_unit_test(random_bodies_are_the_same_however_they_are_cut),
		cmocka_unit_test(boundaries_are_found_in_the_content_type),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(a_form_without_a_sink_stays_in_memory),
		cmocka_unit_test(files_go_to_the_sink_and_are_dropped_when_nobody_takes_them),
		cmocka_unit_test(a_form_keeps_to_its_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
