/* Strangers' bytes into the parsers that know no schema. */
#include <assert.h>

#include "base/arena.h"
#include "base/buf.h"
#include "codec/dec.h"
#include "codec/enc.h"
#include "codec/etf.h"
#include "codec/json.h"
#include "codec/patterns.h"
#include "codec/text.h"

int fuzz_etf(const uint8_t *data, size_t size);
int fuzz_json(const uint8_t *data, size_t size);
int fuzz_text(const uint8_t *data, size_t size);

/* Text becomes the same terms as the tree of it. */
static void straight(const json_t *json, struct str text)
{
	struct buf buf[2];
	struct enc enc;

	for (int i = 0; i < 2; i++) {
		buf_init(&buf[i], ETF_TEXT_MAX);
		enc_init(&enc, &buf[i], ENC_ETF);
		if (i)
			enc_raw_json(&enc, text);
		else
			enc_json(&enc, json);
	}
	assert(buf[0].full == buf[1].full);
	assert(buf[0].full || str_eq(buf_str(&buf[0]), buf_str(&buf[1])));
	for (int i = 0; i < 2; i++)
		buf_done(&buf[i]);
}

/* Any text: at the least nothing is read or written where it must not. */
static void straight_any(struct str text)
{
	struct buf buf;
	struct enc enc;

	buf_init(&buf, ETF_TEXT_MAX);
	enc_init(&enc, &buf, ENC_ETF);
	enc_raw_json(&enc, text);
	buf_done(&buf);
}

/* Writes the tree in both formats and reads it back. */
static void both_ways(const json_t *json)
{
	for (enum enc_format format = ENC_JSON; format <= ENC_ETF; format++) {
		struct buf buf;
		struct enc enc;
		int error;

		buf_init(&buf, ETF_TEXT_MAX);
		enc_init(&enc, &buf, format);
		enc_start(&enc);
		enc_json(&enc, json);
		if (!buf.full) {
			json_t *back = format == ENC_JSON ? json_parse(buf_str(&buf))
							  : etf_parse(buf_str(&buf), &error);

			assert(back);
			assert(json_equal(json, back));
			json_decref(back);
			if (format == ENC_JSON)
				straight(json, buf_str(&buf));
		}
		buf_done(&buf);
	}
}

int fuzz_etf(const uint8_t *data, size_t size)
{
	int error;
	json_t *json = etf_parse((struct str){ (const char *)data, size }, &error);

	if (json)
		both_ways(json);
	json_decref(json);
	return 0;
}

int fuzz_json(const uint8_t *data, size_t size)
{
	json_t *json = json_parse((struct str){ (const char *)data, size });

	straight_any((struct str){ (const char *)data, size });

	if (json)
		both_ways(json);
	json_decref(json);
	return 0;
}

int fuzz_text(const uint8_t *data, size_t size)
{
	static const struct pattern *const patterns[] = {
		&pattern_username,  &pattern_emoji_name, &pattern_command_name, &pattern_colour,
		&pattern_locale,    &pattern_hex,	 &pattern_url,		&pattern_media_url,
		&pattern_uri,	    &pattern_image_data, &pattern_audio_data,	&pattern_base64,
		&pattern_slug,	    &pattern_code,	 &pattern_email,	&pattern_digits,
		&pattern_not_blank, &pattern_printable,	 &pattern_totp,		&pattern_date,
	};
	struct str text = { (const char *)data, size };
	struct arena arena;
	int64_t us;

	arena_init(&arena);
	if (text_time_parse(text, &us)) {
		char again[TEXT_TIME_LEN];
		int64_t back;

		text_time(again, us);
		assert(text_time_parse((struct str){ again, sizeof(again) }, &back) && back == us);
	}
	dec_percent(&arena, text, true);
	if (str_utf8_valid(text))
		for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
			patterns[i]->ok(text);
	arena_done(&arena);
	return 0;
}
