/* Time-based one-time passwords: RFC 6238 over RFC 4226, SHA-1, 30 seconds, six digits (what every authenticator app does). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Is @secret valid base32 of at least 80 bits (spaces and case aside)? */
bool totp_secret_valid(struct str secret);
/* Does @code fit within one step around @now_s, in a step above @last_step? The step it fits, or 0. */
uint64_t totp_check(struct str secret, struct str code, uint64_t now_s, uint64_t last_step);
