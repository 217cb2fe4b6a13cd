#include "members/list_id.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/objects.h"
#include "model/permissions.h"

static uint32_t rotate(uint32_t x, int bits)
{
	return x << bits | x >> (32 - bits);
}

static uint32_t scramble(uint32_t k)
{
	return rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u;
}

uint32_t murmur3(struct str text)
{
	uint32_t hash = 0, tail = 0;
	size_t at = 0;

	for (; at + 4 <= text.len; at += 4) {
		const unsigned char *p = (const unsigned char *)text.ptr + at;
		uint32_t k = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
			(uint32_t)p[3] << 24;

		hash = rotate(hash ^ scramble(k), 13) * 5 + 0xe6546b64u;
	}
	for (size_t i = text.len; i > at; i--)
		tail = tail << 8 | (unsigned char)text.ptr[i - 1];
	hash ^= scramble(tail);
	hash ^= (uint32_t)text.len;
	hash = (hash ^ hash >> 16) * 0x85ebca6bu;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
	return hash ^ hash >> 16;
}

enum { TERM_MAX = 32 }; /* "allow:" and an id */

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

void list_id_make(const struct overwrite_list *overwrites, bool everyone_views, bool secret,
		  char ret_id[static LIST_ID_MAX])
{
	CLEANUP_FREE char(*terms)[TERM_MAX] = mem_alloc((overwrites->count + 1ul) * TERM_MAX);
	CLEANUP_FREE char *text = mem_alloc((overwrites->count + 1ul) * TERM_MAX);
	bool denied = false;
	uint32_t count = 0;
	size_t len = 0;

	for (uint32_t i = 0; i < overwrites->count; i++) {
		const struct overwrite *o = &overwrites->items[i];
		bool allow = o->allow & PERM_VIEW_CHANNEL, deny = o->deny & PERM_VIEW_CHANNEL;

		denied |= deny;
		if (allow || deny)
			snprintf(terms[count++], TERM_MAX, "%s:%lu", allow ? "allow" : "deny",
				 o->id);
	}
	if (everyone_views && !denied && !secret) {
		snprintf(ret_id, LIST_ID_MAX, "everyone");
		return;
	}
	qsort(terms, count, TERM_MAX, compare);
	for (uint32_t i = 0; i < count; i++)
		len += (size_t)sprintf(text + len, "%s%s", i ? "," : "", terms[i]);
	snprintf(ret_id, LIST_ID_MAX, "%u", murmur3((struct str){ text, len }));
}
