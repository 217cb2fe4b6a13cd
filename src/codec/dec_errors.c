/* The tree of form errors: built as complaints come, in the arena, written once. */
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "codec/enc.h"
#include "codec/internal.h"

struct dec_leaf {
	struct dec_leaf *next;
	const char *code;
	struct str message;
};

struct dec_node {
	struct dec_node *next, *children, *last_child;
	struct dec_leaf *leaves, *last_leaf;
	struct str name;
};

void dec_init(struct dec *dec, struct arena *arena)
{
	*dec = (struct dec){ .arena = arena };
}

static struct dec_node *child(struct dec *dec, struct dec_node *parent, struct str name)
{
	for (struct dec_node *node = parent->children; node; node = node->next)
		if (str_eq(node->name, name))
			return node;
	struct dec_node *node = arena_new(dec->arena, struct dec_node);
	node->name = arena_str(dec->arena, name);
	if (parent->last_child)
		parent->last_child->next = node;
	else
		parent->children = node;
	parent->last_child = node;
	return node;
}

/* The root, or NULL when there are enough complaints. */
static struct dec_node *root(struct dec *dec)
{
	if (dec->error_count >= DEC_ERRORS_MAX)
		return NULL;
	dec->error_count++;
	if (!dec->errors)
		dec->errors = arena_new(dec->arena, struct dec_node);
	return dec->errors;
}

static void add_leaf(struct dec *dec, struct dec_node *node, const char *code, struct str message)
{
	struct dec_leaf *leaf = arena_new(dec->arena, struct dec_leaf);

	leaf->code = code;
	leaf->message = arena_str(dec->arena, message);
	if (node->last_leaf)
		node->last_leaf->next = leaf;
	else
		node->leaves = leaf;
	node->last_leaf = leaf;
}

bool dec_complain(struct dec *dec, const char *code, const char *message)
{
	struct dec_node *node = root(dec);

	if (!node)
		return false;
	for (uint32_t i = 0; i < dec->depth; i++) {
		const struct dec_step *step = &dec->path[i];
		char digits[16];
		struct str name = step->name;

		if (!name.ptr)
			name = (struct str){
				digits, (size_t)snprintf(digits, sizeof(digits), "%u", step->index)
			};
		node = child(dec, node, name);
	}
	add_leaf(dec, node, code, str_z(message));
	return false;
}

bool dec_complainf(struct dec *dec, const char *code, const char *format, ...)
{
	char message[512];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return dec_complain(dec, code, message);
}

void dec_error(struct dec *dec, const char *code, const char *message, const char *path_format, ...)
{
	struct dec_node *node = root(dec);
	char path[512];
	va_list args;

	if (!node)
		return;
	va_start(args, path_format);
	vsnprintf(path, sizeof(path), path_format, args);
	va_end(args);
	struct str rest = str_z(path);
	for (uint32_t depth = 0; rest.len && depth < 2 * CODEC_DEPTH_MAX; depth++) {
		struct str name = { rest.ptr, str_find(rest, '.') };

		node = child(dec, node, name);
		rest = str_skip(rest, name.len + 1);
	}
	add_leaf(dec, node, code, str_z(message));
}

static void enc_node(struct enc *enc, const struct dec_node *node)
{
	enc_obj_begin(enc);
	for (const struct dec_node *at = node->children; at; at = at->next) {
		enc_key_str(enc, at->name);
		enc_node(enc, at);
	}
	if (node->leaves) {
		enc_key(enc, "_errors");
		enc_arr_begin(enc);
		for (const struct dec_leaf *leaf = node->leaves; leaf; leaf = leaf->next) {
			enc_obj_begin(enc);
			enc_key(enc, "code");
			enc_str(enc, str_z(leaf->code));
			enc_key(enc, "message");
			enc_str(enc, leaf->message);
			enc_obj_end(enc);
		}
		enc_arr_end(enc);
	}
	enc_obj_end(enc);
}

void enc_form_errors(struct enc *enc, const struct dec *dec)
{
	enc_obj_begin(enc);
	enc_key(enc, "message");
	enc_str(enc, S("Invalid Form Body"));
	enc_key(enc, "code");
	enc_int(enc, DEC_INVALID);
	enc_key(enc, "errors");
	if (dec->errors) {
		enc_node(enc, dec->errors);
	} else {
		enc_obj_begin(enc);
		enc_obj_end(enc);
	}
	enc_obj_end(enc);
}
