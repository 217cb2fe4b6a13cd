#include "http/form.h"

#include <errno.h>

#include "base/url.h"
#include "http/token.h"

static struct form_part *current(struct form *form)
{
	return &form->parts[form->count - 1];
}

/* EAGAIN of a sink is no error. */
static int sunk(struct form *form, int r)
{
	if (r != EAGAIN)
		return r;
	form->paused = true;
	return 0;
}

static int on_part(void *owner, const struct multipart_part *head)
{
	struct form *form = owner;
	struct form_part *part = &form->parts[form->count++];

	/* Counted by the multipart parser, which knows parts_max. */
	*part = (struct form_part){
		.name = arena_str(form->arena, head->name),
		.filename = arena_str(form->arena, head->filename),
		.content_type = arena_str(form->arena, head->content_type),
		.data = S(""),
	};
	return part->filename.ptr && form->sink
		? form->sink->open(form->sink_owner, part, &part->file)
		: 0;
}

static int on_data(void *owner, struct str data)
{
	struct form *form = owner;
	struct form_part *part = current(form);

	part->size += data.len;
	if (!part->filename.ptr) {
		form->field_bytes += data.len;
		if (form->field_bytes > form->limits.field_bytes_max)
			return 413;
	} else if (form->limits.file_max && part->size > form->limits.file_max) {
		return 413;
	}
	if (part->file)
		return sunk(form, form->sink->write(form->sink_owner, part->file, data));
	buf_put_str(&form->content, data);
	return form->content.full ? 413 : 0;
}

static int on_part_end(void *owner)
{
	struct form *form = owner;
	struct form_part *part = current(form);

	if (part->file)
		return sunk(form, form->sink->end(form->sink_owner, part->file));
	part->data = arena_str(form->arena, buf_str(&form->content));
	if (!part->data.ptr)
		part->data = S("");
	buf_done(&form->content);
	return 0;
}

static const struct multipart_handler handler = { on_part, on_data, on_part_end };

void form_init(struct form *form, struct arena *arena, struct str boundary,
	       const struct form_limits *limits, const struct form_sink *sink, void *sink_owner)
{
	*form = (struct form){ .arena = arena, .sink = sink, .sink_owner = sink_owner };
	if (limits)
		form->limits = *limits;
	if (!form->limits.parts_max)
		form->limits.parts_max = MULTIPART_PARTS_MAX;
	if (!form->limits.field_bytes_max)
		form->limits.field_bytes_max = FORM_FIELD_BYTES_MAX;
	form->parts = arena_array(arena, struct form_part, form->limits.parts_max);
	multipart_init(&form->multipart, boundary, &handler, form);
	form->multipart.parts_max = form->limits.parts_max;
	/* The body's own limit holds for files in memory. */
	buf_init(&form->content, SIZE_MAX);
}

void form_done(struct form *form)
{
	for (uint32_t i = 0; form->sink && i < form->count; i++)
		if (form->parts[i].file)
			form->sink->drop(form->sink_owner, form->parts[i].file);
	multipart_done(&form->multipart);
	buf_done(&form->content);
	*form = (struct form){};
}

int form_feed(struct form *form, struct str data)
{
	return multipart_feed(&form->multipart, data);
}

int form_finish(struct form *form)
{
	return multipart_finish(&form->multipart);
}

bool form_is_urlencoded(struct str content_type)
{
	content_type.len = str_find(content_type, ';');
	return str_ieq(http_trim(content_type), S("application/x-www-form-urlencoded"));
}

int form_parse_urlencoded(struct form *form, struct arena *arena, struct str body)
{
	struct str rest = body, name, value;
	uint32_t pairs = 0;

	while (url_query_next(&rest, &name, &value))
		if (++pairs > FORM_PAIRS_MAX)
			return 413;
	form->arena = arena;
	form->parts = arena_array(arena, struct form_part, pairs);
	for (rest = body; url_query_next(&rest, &name, &value);) {
		name = url_decode_arena(arena, name, URL_FORM | URL_LENIENT);
		value = url_decode_arena(arena, value, URL_FORM | URL_LENIENT);
		if (!str_utf8_valid(name) || !str_utf8_valid(value))
			return 400;
		form->parts[form->count++] =
			(struct form_part){ .name = name, .data = value, .size = value.len };
	}
	return 0;
}

struct form_part *form_find(const struct form *form, struct str name)
{
	for (uint32_t i = 0; i < form->count; i++)
		if (str_eq(form->parts[i].name, name))
			return &form->parts[i];
	return NULL;
}
