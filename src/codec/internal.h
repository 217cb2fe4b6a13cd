/* Shared by the files of the codec: the error tree and the checks of single values. */
#pragma once

#include "codec/dec.h"
#include "codec/enc.h"

/* Adds an error at the decoder's own path. @message is copied. Always false, for `return complain(...)`. */
bool dec_complain(struct dec *dec, const char *code, const char *message);
bool dec_complainf(struct dec *dec, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The rules of one value at the decoder's path; false after a complaint. */
bool dec_check_int(struct dec *dec, const struct field_desc *field, int64_t n);
bool dec_check_float(struct dec *dec, const struct field_desc *field, double n);
bool dec_check_str(struct dec *dec, const struct field_desc *field, struct str s);
bool dec_check_count(struct dec *dec, const struct field_desc *field, size_t count);

/* Text as a number, time or boolean of @type into @at; with the complaint that fits. For queries, and for JSON strings
 * where numbers are meant. */
bool dec_scalar_text(struct dec *dec, const struct field_desc *field, const struct type_desc *type,
		     struct str text, void *at);

/* Present: sets the has bit. */
void dec_mark(const struct obj_desc *desc, const struct field_desc *field, void *obj, bool is_null);
void dec_default(const struct field_desc *field, void *obj);
/* An array of @count values of @type in the arena, never NULL. */
void *dec_values(struct dec *dec, const struct type_desc *type, size_t count);
/* Complains when an array that must be unique is not. */
bool dec_check_unique(struct dec *dec, const struct field_desc *field, const struct any_list *list);

/* JSON text as a value, in terms (ENC_ETF). False: it is not JSON, and nothing was put. */
bool enc_transcode(struct enc *enc, struct str json);
