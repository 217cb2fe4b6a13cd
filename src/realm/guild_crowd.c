#include "realm/guild_crowd.h"

#include <assert.h>
#include <stdlib.h>

#include "codec/enc.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "realm/sharing.h"

enum {
	SLICE = 64, /* members */
	LAST_SLICE = 256, /* ... that the end writes */
	PAGES_SLICE = 512 << 10, /* bytes that are made ready for a copy */
	STALE_MAX = 3, /* beginnings anew; then it is written at once */
	TEXT_MAX = 512 << 20,
};

/* Where a member stands in the texts; a length of 0: nowhere. */
struct written {
	uint32_t at[2], len[2];
	bool again; /* it is in crowd->again */
};

enum { MEMBERS, PRESENCES };

struct guild_crowd {
	struct list node; /* in realm->crowds */
	struct realm *realm;
	struct guild_show show;
	uint64_t user_id; /* the receiver, whom the end writes */
	struct buf text[2];
	struct map index; /* user id → which of written[], and 1 */
	struct written *written;
	uint32_t written_count, written_cap;
	uint64_t *again;
	uint32_t again_count, again_cap;
	uint32_t at; /* in the table of members */
	size_t ready; /* bytes of the first text whose pages are there */
	bool swept, stale;
	uint8_t *sight; /* the receiver's, when it began */
	uint32_t sight_bytes;
	uint32_t times_stale;
};

bool guild_crowd_is(const struct realm *realm, const struct guild_show *show)
{
	return !guild_view_alone(realm, show) && realm->members.count > GUILD_CROWD_FROM;
}

static void forget(struct guild_crowd *crowd)
{
	for (int i = 0; i < 2; i++)
		buf_clear(&crowd->text[i]);
	bytes_begin(&crowd->text[MEMBERS]);
	buf_put_str(&crowd->text[MEMBERS], S("{\"members\":["));
	map_done(&crowd->index);
	map_init(&crowd->index);
	crowd->written_count = crowd->again_count = crowd->at = 0;
	crowd->swept = crowd->stale = false;
}

struct guild_crowd *guild_crowd_begin(struct realm *realm, const struct guild_show *show)
{
	struct guild_crowd *crowd = mem_zalloc(sizeof(*crowd));

	crowd->realm = realm;
	crowd->show = *show;
	crowd->user_id = member_id(realm, show->member);
	for (int i = 0; i < 2; i++)
		buf_init(&crowd->text[i], TEXT_MAX);
	map_init(&crowd->index);
	forget(crowd);
	list_add_tail(&realm->crowds, &crowd->node);
	return crowd;
}

void guild_crowd_drop(struct guild_crowd *crowd, bool restarted)
{
	if (!crowd)
		return;
	if (!restarted)
		list_del(&crowd->node);
	for (int i = 0; i < 2; i++)
		buf_done(&crowd->text[i]);
	map_done(&crowd->index);
	free(crowd->sight);
	free(crowd->written);
	free(crowd->again);
	free(crowd);
}

static struct written *written_of(struct guild_crowd *crowd, uint64_t id)
{
	void *index = map_get(&crowd->index, id);

	if (index)
		return &crowd->written[(uintptr_t)index - 1];
	if (crowd->written_count == crowd->written_cap) {
		crowd->written_cap = MAX(crowd->written_cap * 2, 1024u);
		crowd->written = mem_realloc(crowd->written,
					     crowd->written_cap * sizeof(*crowd->written));
	}
	struct written *written = &crowd->written[crowd->written_count++];
	*written = (struct written){};
	map_set(&crowd->index, id, (void *)(uintptr_t)crowd->written_count);
	return written;
}

/* -- one member -- */

struct look {
	struct arena arena;
	struct sharing sharing;
};

/* Appends one object and a comma. */
static void put_member(struct guild_crowd *crowd, const struct member_row *row,
		       struct written *written)
{
	struct buf *text = &crowd->text[MEMBERS];
	struct user user;
	struct member view = member_view(row, &user);
	struct enc enc;

	written->at[MEMBERS] = (uint32_t)text->len;
	enc_init(&enc, text, ENC_JSON);
	enc_member(&enc, &view);
	buf_putc(text, ',');
	written->len[MEMBERS] = (uint32_t)text->len - written->at[MEMBERS];
}

static void put_presence(struct guild_crowd *crowd, const struct live_member *member,
			 uint64_t user_id, struct written *written)
{
	struct buf *text = &crowd->text[PRESENCES];
	struct user_partial partial = { .id = user_id };
	struct presence presence = *member->presence;
	struct enc enc;

	presence.user = &partial;
	written->at[PRESENCES] = (uint32_t)text->len;
	enc_init(&enc, text, ENC_JSON);
	enc_presence(&enc, &presence);
	buf_putc(text, ',');
	written->len[PRESENCES] = (uint32_t)text->len - written->at[PRESENCES];
}

static void put_one(struct guild_crowd *crowd, struct look *look, const struct live_member *member,
		    struct written *written)
{
	struct arena arena;

	if (!guild_view_carries(crowd->realm, &crowd->show, member))
		return;
	arena_init(&arena);
	const struct member_row *row = member_read(crowd->realm, member, &arena);
	put_member(crowd, row, written);
	if (member->presence && crowd->show.presences &&
	    (row->user_id == crowd->user_id || sharing_with(&look->sharing, member)))
		put_presence(crowd, member, row->user_id, written);
	arena_done(&arena);
}

/* -- slices -- */

static void sweep(struct guild_crowd *crowd, struct look *look)
{
	struct realm *realm = crowd->realm;

	for (uint32_t i = 0; i < SLICE; i++) {
		const struct live_member *member = member_next(realm, &crowd->at);

		if (!member) {
			crowd->swept = true;
			return;
		}
		uint64_t id = member_id(realm, member);
		/* Of those that have changed none is written twice. */
		if (id != crowd->user_id && !map_get(&crowd->index, id))
			put_one(crowd, look, member, written_of(crowd, id));
	}
}

static void write_again(struct guild_crowd *crowd, struct look *look, uint32_t max)
{
	for (uint32_t i = 0; i < max && crowd->again_count; i++) {
		uint64_t id = crowd->again[--crowd->again_count];
		const struct live_member *member = member_find(crowd->realm, id);
		struct written *written = written_of(crowd, id);

		written->again = false;
		if (member)
			put_one(crowd, look, member, written);
	}
}

/* The second text is copied behind the first at the end; that takes ten times as long when the kernel has to find each page. */
static bool make_ready(struct guild_crowd *crowd)
{
	struct buf *text = &crowd->text[MEMBERS];
	size_t more = crowd->text[PRESENCES].len + PAGES_SLICE;
	char *room = buf_reserve(text, more);

	if (!room || crowd->ready >= text->len + more)
		return true;
	size_t from = MAX(crowd->ready, text->len);
	size_t n = MIN(text->len + more - from, (size_t)PAGES_SLICE);
	memset(text->ptr + from, 0, n);
	crowd->ready = from + n;
	return false;
}

static struct live_member *look_begin(struct guild_crowd *crowd, struct look *look)
{
	struct live_member *member = member_find(crowd->realm, crowd->user_id);

	arena_init(&look->arena);
	crowd->show.member = member;
	if (!member)
		return NULL;
	sharing_init(&look->sharing, crowd->realm, &look->arena, member);
	const struct sharing *now = &look->sharing;
	if (crowd->sight && now->bytes == crowd->sight_bytes &&
	    !memcmp(now->see, crowd->sight, now->bytes))
		return member;
	crowd->stale |= crowd->sight != NULL;
	free(crowd->sight);
	crowd->sight = mem_dup(now->see, now->bytes);
	crowd->sight_bytes = now->bytes;
	return member;
}

bool guild_crowd_step(struct guild_crowd *crowd)
{
	struct look look;
	bool more = true;

	bool there = look_begin(crowd, &look);
	if (crowd->stale && ++crowd->times_stale <= STALE_MAX)
		forget(crowd);
	if (!there || crowd->times_stale > STALE_MAX) {
		arena_done(&look.arena);
		return false;
	}
	if (!crowd->swept)
		sweep(crowd, &look);
	else if (crowd->again_count > LAST_SLICE)
		write_again(crowd, &look, SLICE);
	else
		more = !make_ready(crowd);
	arena_done(&look.arena);
	return more;
}

/* An array ends: its last comma goes, and what is blank. */
static void close_array(struct buf *text)
{
	while (text->len && text->ptr[text->len - 1] == ' ')
		text->len--;
	if (text->len && text->ptr[text->len - 1] == ',')
		text->len--;
	buf_putc(text, ']');
}

struct bytes *guild_crowd_end(struct guild_crowd *crowd, struct str head)
{
	struct buf *members = &crowd->text[MEMBERS], *presences = &crowd->text[PRESENCES];
	struct written self = {};
	struct look look;
	struct bytes *all = NULL;

	assert(head.len > 2 && head.ptr[0] == '{');
	struct live_member *member = look_begin(crowd, &look);
	assert(member);
	if (crowd->stale)
		forget(crowd);
	while (!crowd->swept)
		sweep(crowd, &look);
	write_again(crowd, &look, UINT32_MAX);
	put_one(crowd, &look, member, &self);
	arena_done(&look.arena);
	close_array(members);
	close_array(presences);
	buf_put_str(members, S(",\"presences\":["));
	buf_put_str(members, buf_str(presences));
	buf_putc(members, ',');
	buf_put_str(members, str_skip(head, 1));
	if (!members->full && !presences->full)
		all = bytes_end(members);
	guild_crowd_drop(crowd, false);
	return all;
}

/* -- hooks -- */

static void touch(struct guild_crowd *crowd, uint64_t id)
{
	struct written *written = written_of(crowd, id);

	for (int i = 0; i < 2; i++) {
		if (written->len[i])
			memset(crowd->text[i].ptr + written->at[i], ' ', written->len[i]);
		written->len[i] = 0;
	}
	if (written->again)
		return;
	written->again = true;
	if (crowd->again_count == crowd->again_cap) {
		crowd->again_cap = MAX(crowd->again_cap * 2, 64u);
		crowd->again = mem_realloc(crowd->again, crowd->again_cap * sizeof(*crowd->again));
	}
	crowd->again[crowd->again_count++] = id;
}

void guild_crowds_touch(struct realm *realm, const struct live_member *member)
{
	list_for_each (node, &realm->crowds) {
		struct guild_crowd *crowd = list_entry(node, struct guild_crowd, node);
		uint64_t id = member_id(realm, member);

		if (id != crowd->user_id) /* whom the end writes */
			touch(crowd, id);
	}
}

void guild_crowds_stale(struct realm *realm)
{
	list_for_each (node, &realm->crowds)
		list_entry(node, struct guild_crowd, node)->stale = true;
}
