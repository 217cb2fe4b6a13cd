/* Keys of this instance: DATA/secrets, 0600, made at the first start. Never logged. */
#pragma once

#include <stdint.h>

#include "config/config.h"

/* Reads the key that signs links to files; makes one when there is none. 0 or negative errno (-EBADMSG: not ours). Before
 * the cores run. */
int secrets_open(const char *data, uint8_t ret_key[FILE_KEY_BYTES]);
/* Replaces it, durable, by a new one. Any thread. */
int secrets_write(const char *data, const uint8_t key[FILE_KEY_BYTES]);
