/* CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of stored rows. Any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Goes on from @crc, the result for the bytes before (0 for none). */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
/* The same without the processor's instruction, whatever the machine has: for tests. */
uint32_t crc32c_plain(uint32_t crc, const void *data, size_t size);
