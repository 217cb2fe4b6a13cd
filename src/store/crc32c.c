/* CRC-32C by the processor's own instruction where it has one (some 40 ns for a message), else by a table of
 * sixteen entries, which is slow but short: all machines of the last ten years have the instruction. */
#include "store/crc32c.h"

#include <stdbool.h>
#include <string.h>

uint32_t crc32c_plain(uint32_t crc, const void *data, size_t size)
{
	/* The remainders of the sixteen half bytes, polynomial 0x82f63b78 (reflected). */
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const uint8_t *at = data;

	crc = ~crc;
	while (size--) {
		crc ^= *at++;
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t by_processor(uint32_t crc, const void *data,
							       size_t size)
{
	const char *at = data;
	uint64_t state = ~crc, word;

	for (; size >= 8; size -= 8, at += 8) {
		memcpy(&word, at, 8);
		state = __builtin_ia32_crc32di(state, word);
	}
	crc = (uint32_t)state;
	for (; size; size--, at++)
		crc = __builtin_ia32_crc32qi(crc, (unsigned char)*at);
	return ~crc;
}

static bool processor_can(void)
{
	return __builtin_cpu_supports("sse4.2");
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

#include <arm_acle.h>

static uint32_t by_processor(uint32_t crc, const void *data, size_t size)
{
	const char *at = data;
	uint64_t word;

	crc = ~crc;
	for (; size >= 8; size -= 8, at += 8) {
		memcpy(&word, at, 8);
		crc = __crc32cd(crc, word);
	}
	for (; size; size--, at++)
		crc = __crc32cb(crc, (uint8_t)*at);
	return ~crc;
}

static bool processor_can(void)
{
	return true;
}

#else

static uint32_t by_processor(uint32_t crc, const void *data, size_t size)
{
	return crc32c_plain(crc, data, size);
}

static bool processor_can(void)
{
	return false;
}

#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
	return processor_can() ? by_processor(crc, data, size) : crc32c_plain(crc, data, size);
}
