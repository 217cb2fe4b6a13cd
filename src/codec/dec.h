/* The decoder: a JSON tree or a query string into a generated struct, with every complaint of the whole body gathered
 * into the tree of Discord's form errors (code 50035). Strings and arrays are copied into the arena, so the tree may
 * go. Unknown keys are ignored. Any core; one owner at a time. */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "codec/obj.h"

enum {
	/* What dec_object() and the generated code return; ERR_INVALID_FORM_BODY of model/errors.h, which lies above. */
	DEC_INVALID = 50035,
	DEC_ERRORS_MAX = 100, /* further complaints are dropped */
	DEC_PAIRS_MAX = 1000, /* of a query */
};

struct dec_node;
struct dec {
	struct arena *arena;
	struct dec_node *errors; /* the tree; NULL: none */
	uint32_t error_count;
	uint32_t depth;
	/* Where the decoder is: keys and array indexes. */
	struct dec_step {
		struct str name; /* ptr NULL: @index */
		uint32_t index;
	} path[2 * CODEC_DEPTH_MAX + 2];
};

void dec_init(struct dec *dec, struct arena *arena);

/* Fills @ret (zeroed by the caller) from @json. 0, or DEC_INVALID with the errors in @dec; @ret is then of no use.
 * @desc may be a view, a union, or a root array (desc->list). */
int dec_object(struct dec *dec, const struct obj_desc *desc, const json_t *json, void *ret);
/* The same from `a=1&b=x%20y&b=z` (a query without its question mark, or a form-urlencoded body). Arrays are repeated
 * keys (with FIELD_COERCE numbers also "1,2,3"); of repeated scalars the last wins. */
int dec_query(struct dec *dec, const struct obj_desc *desc, struct str query, void *ret);

/* Adds an error: dec_error(dec, "BASE_TYPE_REQUIRED", "This field is required", "embeds.%u.title", i). Path steps are
 * separated by dots; "" is the body itself. @code is kept by reference (a literal), @message is copied. */
void dec_error(struct dec *dec, const char *code, const char *message, const char *path_format, ...)
	__attribute__((format(printf, 4, 5)));
static inline bool dec_failed(const struct dec *dec)
{
	return dec->error_count > 0;
}

/* {"message":"Invalid Form Body","code":50035,"errors":{...}} as one value. */
void enc_form_errors(struct enc *enc, const struct dec *dec);

/* The percent-decoded bytes of @s (with `+` for a space when @form) in @arena; the null view when an escape is bad or
 * the result is not UTF-8. */
struct str dec_percent(struct arena *arena, struct str s, bool form);
