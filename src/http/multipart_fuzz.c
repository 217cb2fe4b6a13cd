/* multipart/form-data: the first line is the Content-Type, the rest the body. Cut in two ways it
 * must give the same. */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "http/form.h"

static int fuzz_part(void *owner, const struct multipart_part *part)
{
	buf_printf(owner, "<%.*s|%.*s|%.*s>", STR_FMT(part->name), STR_FMT(part->filename),
		   STR_FMT(part->content_type));
	return 0;
}

static int fuzz_data(void *owner, struct str data)
{
	buf_put_str(owner, data);
	return 0;
}

static int fuzz_end(void *owner)
{
	buf_put_str(owner, S("</>"));
	return 0;
}

static const struct multipart_handler handler = { fuzz_part, fuzz_data, fuzz_end };

static struct buf outcome(struct str boundary, struct str body, size_t step, struct random *random)
{
	struct multipart multipart;
	struct buf out;
	int r = 0;

	buf_init(&out, 1 << 24);
	multipart_init(&multipart, boundary, &handler, &out);
	while (body.len && !r) {
		size_t n = random ? 1 + (size_t)random_below(random, step) : step;

		n = MIN(n, body.len);
		r = multipart_feed(&multipart, (struct str){ body.ptr, n });
		body = str_skip(body, n);
	}
	buf_printf(&out, "=%d", multipart_finish(&multipart));
	multipart_done(&multipart);
	return out;
}

int fuzz_multipart(const uint8_t *data, size_t size);
int fuzz_multipart(const uint8_t *data, size_t size)
{
	struct str input = { (const char *)data, size };
	struct str type = { input.ptr, str_find(input, '\n') }, boundary;
	struct str body = str_skip(input, type.len + 1);
	struct random_seeded seeded;
	struct arena arena;
	struct form form;

	if (!multipart_boundary(type, &boundary))
		return 0;
	random_seeded_init(&seeded, size);
	struct buf whole = outcome(boundary, body, body.len + 1, NULL);
	struct buf cut = outcome(boundary, body, 1 + size % 32, &seeded.random);
	assert(str_eq(buf_str(&whole), buf_str(&cut)));
	buf_done(&whole);
	buf_done(&cut);

	arena_init(&arena);
	form_init(&form, &arena, boundary, NULL, NULL, NULL);
	if (!form_feed(&form, body))
		form_finish(&form);
	form_done(&form);
	arena_done(&arena);
	return 0;
}
