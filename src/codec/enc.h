/* The writer of JSON and of Erlang's external term format: one interface, the format chosen at enc_init().
 *
 * Everything that is put counts as a value where it stands: after enc_key() it is that key's value, else the next
 * element of the array around it, so commas, arities and list ends need no care. A full buffer (buf->full) is seen by
 * the caller at the end; nothing here fails. Strings are taken to be valid UTF-8, as all decoders make sure.
 *
 * Terms: http://erlang.org/doc/apps/erts/erl_ext_dist.html; maps with binary keys, ids as binaries, true, false, nil
 * as ATOM_EXT. The version byte is not written but by enc_start(), so that bodies can be spliced. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/str.h"

enum enc_format { ENC_JSON, ENC_ETF };
enum { ENC_DEPTH_MAX = 64 };

struct enc {
	struct buf *buf;
	enum enc_format format;
	bool after_key;
	uint32_t depth;
	struct enc_level {
		size_t at; /* where the object or array begins */
		uint32_t count;
	} levels[ENC_DEPTH_MAX + 1];
};

/* Writes to the end of @buf, the caller's. */
void enc_init(struct enc *enc, struct buf *buf, enum enc_format format);
/* The first byte of a whole term (131); nothing in JSON. */
void enc_start(struct enc *enc);

void enc_obj_begin(struct enc *enc);
void enc_obj_end(struct enc *enc);
void enc_arr_begin(struct enc *enc);
void enc_arr_end(struct enc *enc);

/* enc_key(enc, "content"): a string literal of at most 200 bytes that needs no escaping. */
#define enc_key(enc, name) enc_key_literal((enc), ",\"" name "\":", sizeof(name) + 3)
void enc_key_literal(struct enc *enc, const char *literal, size_t len);
/* Any key. */
void enc_key_str(struct enc *enc, struct str key);

void enc_null(struct enc *enc);
void enc_bool(struct enc *enc, bool value);
void enc_int(struct enc *enc, int64_t n);
/* Shortest form that reads back the same; not a number and the infinities are null. */
void enc_float(struct enc *enc, double n);
/* The null view is "". */
void enc_str(struct enc *enc, struct str s);
/* A string of decimal digits: ids, permissions. */
void enc_u64(struct enc *enc, uint64_t n);
/* Microseconds of Unix time as 2023-02-19T22:00:33.136000+00:00. */
void enc_time(struct enc *enc, int64_t unix_us);
/* The same where null is said by the value: ptr NULL, 0. */
void enc_str_or_null(struct enc *enc, struct str s);
void enc_u64_or_null(struct enc *enc, uint64_t n);
void enc_time_or_null(struct enc *enc, int64_t unix_us);
/* A value that was an integer or a string; @text are its digits. */
void enc_int_or_str(struct enc *enc, struct str text, bool is_int);

/* JSON text as a value, from our own writer (keys differ, UTF-8); in ETF it becomes terms. The null view, and text that is not JSON,
 * are null. */
void enc_raw_json(struct enc *enc, struct str json);
/* Bytes already encoded in this same format: one value. */
void enc_raw(struct enc *enc, struct str encoded);
/* A whole tree. */
void enc_json(struct enc *enc, const json_t *json);
