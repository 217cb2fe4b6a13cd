#include "user/totp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

enum { STEP_S = 30, DIGITS = 6, SECRET_MAX = 64, SECRET_MIN = 10 };

/* RFC 4648 base32; the number of bytes, 0 when it is none. */
static size_t decode(struct str text, uint8_t ret[SECRET_MAX])
{
	uint32_t bits = 0, held = 0;
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		int value = c >= 'A' && c <= 'Z' ? c - 'A'
			: c >= 'a' && c <= 'z'	 ? c - 'a'
			: c >= '2' && c <= '7'	 ? c - '2' + 26
						 : -1;

		if (c == ' ' || c == '=')
			continue;
		if (value < 0 || len == SECRET_MAX)
			return 0;
		held = (held << 5 | (uint32_t)value) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			ret[len++] = (uint8_t)(held >> bits);
		}
	}
	return len;
}

bool totp_secret_valid(struct str secret)
{
	uint8_t raw[SECRET_MAX];

	return decode(secret, raw) >= SECRET_MIN;
}

static void code_of(const uint8_t *raw, size_t len, uint64_t step, char ret[DIGITS + 1])
{
	unsigned char counter[8], mac[EVP_MAX_MD_SIZE];
	unsigned int mac_len = 0;

	for (int i = 0; i < 8; i++)
		counter[i] = (unsigned char)(step >> (56 - 8 * i));
	HMAC(EVP_sha1(), raw, (int)len, counter, sizeof(counter), mac, &mac_len);
	unsigned at = mac[19] & 0xf;
	uint32_t n = ((uint32_t)mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 |
		(uint32_t)mac[at + 2] << 8 | mac[at + 3];
	snprintf(ret, DIGITS + 1, "%06u", n % 1000000);
}

uint64_t totp_check(struct str secret, struct str code, uint64_t now_s, uint64_t last_step)
{
	uint8_t raw[SECRET_MAX];
	size_t len = decode(secret, raw);
	uint64_t now = now_s / STEP_S, found = 0;
	char right[DIGITS + 1];

	if (!len || code.len != DIGITS)
		return 0;
	for (uint64_t step = now - 1; step <= now + 1; step++) {
		code_of(raw, len, step, right);
		if (CRYPTO_memcmp(right, code.ptr, DIGITS) == 0 && step > last_step)
			found = step;
	}
	return found;
}
