/* REQUEST_GUILD_MEMBERS: chunks of up to 1,000 to the one session that asked. All members of a guild are given chunk by chunk,
 * each asked for when the reader has room for it; a chunk is put together in slices, so that a core with a guild of a million
 * has time for others. */
#include "codec/dup.h"
#include "codec/enc.h"
#include "core/fiber.h"
#include "gateway/domain.h"
#include "model/intents.h"
#include "model/limits.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "realm/perms.h"
#include "realm/sharing.h"

enum { CHUNK = LIMIT_MEMBERS_CHUNK, SLICE = 100, CHUNK_BYTES_MAX = 64 << 20 };

static int may_ask_all(struct realm *realm, const struct realm_members *in)
{
	if (in->bot)
		return in->intents & INTENT_GUILD_MEMBERS ? 0 : ERR_MISSING_ACCESS;
	uint64_t perms = perms_base(realm, realm_member(realm, in->user_id));
	return perms & (PERM_MANAGE_ROLES | PERM_KICK_MEMBERS | PERM_BAN_MEMBERS)
		? 0
		: ERR_MISSING_ACCESS;
}

/* -- a chunk being written: its members, and the presences of those who are online -- */

struct chunk {
	const struct realm_members *in;
	struct buf text[2];
	struct enc members, presences;
	bool with_presences;
	struct sharing sharing; /* good until the next wait */
};

/* Who asks sees presences of whom? False: they are gone. */
static bool chunk_look(struct chunk *chunk, struct txn *txn)
{
	struct realm *realm = realm_of(txn);
	const struct live_member *member = realm_member(realm, chunk->in->user_id);

	if (member)
		sharing_init(&chunk->sharing, realm, txn->arena, member);
	return member != NULL;
}

static void chunk_begin(struct chunk *chunk, struct txn *txn, const struct realm_members *in)
{
	*chunk = (struct chunk){ .in = in };
	chunk->with_presences = in->presences && (!in->bot || in->intents & INTENT_GUILD_PRESENCES);
	for (int i = 0; i < 2; i++)
		buf_init(&chunk->text[i], CHUNK_BYTES_MAX);
	enc_init(&chunk->members, &chunk->text[0], ENC_JSON);
	enc_init(&chunk->presences, &chunk->text[1], ENC_JSON);
	enc_arr_begin(&chunk->members);
	enc_arr_begin(&chunk->presences);
	chunk_look(chunk, txn);
}

/* False: this one came after @until_us, and is left out. */
static bool chunk_add(struct chunk *chunk, struct realm *realm, const struct live_member *member,
		      int64_t until_us)
{
	struct arena arena;
	struct user user;

	arena_init(&arena);
	const struct member_row *row = member_read(realm, member, &arena);
	struct member view = member_view(row, &user);
	bool fits = row->joined_at <= until_us;
	if (fits)
		enc_member(&chunk->members, &view);
	if (fits && chunk->with_presences && member->presence &&
	    sharing_with(&chunk->sharing, member)) {
		struct user_partial partial = { .id = row->user_id };
		struct presence presence = *member->presence;

		presence.user = &partial;
		enc_presence(&chunk->presences, &presence);
	}
	arena_done(&arena);
	return fits;
}

static void chunk_drop(struct chunk *chunk)
{
	for (int i = 0; i < 2; i++)
		buf_done(&chunk->text[i]);
}

static void chunk_send(struct chunk *chunk, struct txn *txn, const uint64_t *missing,
		       uint32_t missing_count)
{
	const struct realm_members *in = chunk->in;
	struct buf text;
	struct enc enc;

	enc_arr_end(&chunk->members);
	enc_arr_end(&chunk->presences);
	buf_init(&text, 2 * CHUNK_BYTES_MAX);
	enc_init(&enc, &text, ENC_JSON);
	enc_obj_begin(&enc);
	enc_key(&enc, "guild_id");
	enc_u64(&enc, txn->cell->id);
	enc_key(&enc, "members");
	enc_raw(&enc, buf_str(&chunk->text[0]));
	enc_key(&enc, "chunk_index");
	enc_int(&enc, in->chunk_index);
	enc_key(&enc, "chunk_count");
	enc_int(&enc, in->chunk_count);
	enc_key(&enc, "not_found");
	enc_arr_begin(&enc);
	for (uint32_t i = 0; i < missing_count; i++)
		enc_u64(&enc, missing[i]);
	enc_arr_end(&enc);
	if (chunk->with_presences) {
		enc_key(&enc, "presences");
		enc_raw(&enc, buf_str(&chunk->text[1]));
	}
	if (in->nonce.ptr) {
		enc_key(&enc, "nonce");
		enc_int_or_str(&enc, in->nonce, in->nonce_is_int);
	}
	enc_obj_end(&enc);
	chunk_drop(chunk);
	struct bytes *full = bytes_from(buf_str(&text));
	buf_done(&text);
	txn_event_raw(txn, EVENT_GUILD_MEMBERS_CHUNK, (struct audience){ .session = in->session },
		      full, NULL);
}

/* -- the three forms -- */

static void send_some(struct txn *txn, struct realm_members *in, struct live_member **found,
		      uint32_t count, const uint64_t *missing, uint32_t missing_count)
{
	struct chunk chunk;

	in->chunk_count = 1;
	chunk_begin(&chunk, txn, in);
	for (uint32_t i = 0; i < count; i++)
		chunk_add(&chunk, realm_of(txn), found[i], INT64_MAX);
	chunk_send(&chunk, txn, missing, missing_count);
}

static int send_named(struct txn *txn, struct realm_members *in)
{
	struct live_member **found = arena_array(txn->arena, struct live_member *,
						 in->user_ids_count);
	uint64_t *missing = arena_array(txn->arena, uint64_t, in->user_ids_count);
	uint32_t count = 0, missing_count = 0;

	for (uint32_t i = 0; i < in->user_ids_count; i++) {
		struct live_member *member = member_find(realm_of(txn), in->user_ids[i]);

		if (member)
			found[count++] = member;
		else
			missing[missing_count++] = in->user_ids[i];
	}
	send_some(txn, in, found, count, missing, missing_count);
	return 0;
}

static int send_matching(struct txn *txn, struct realm_members *in)
{
	struct live_member **found = arena_array(txn->arena, struct live_member *, in->limit + 1);
	struct realm *realm = realm_of(txn);
	uint32_t count = in->query.len ? member_table_search(realm, in->query, found, in->limit)
				       : member_range(realm, 0, found, in->limit);

	send_some(txn, in, found, count, NULL, 0);
	return 0;
}

/* The next chunk of all. Who has come since the first is left out, so that the rest fits into the chunks that were
 * announced: it is known by its own event. */
static int send_next_wait(struct txn *txn, struct realm_members *in)
{
	struct realm *realm = realm_of(txn);
	struct live_member *found[SLICE];
	struct chunk chunk;
	uint32_t left = CHUNK, count;

	if (in->chunk_index == 0) {
		in->chunk_count = MAX((realm->members.count + CHUNK - 1) / CHUNK, 1u);
		in->began_us = (int64_t)core_wall_us(txn->core);
	}
	chunk_begin(&chunk, txn, in);
	while (left &&
	       (count = member_range(realm, in->after, found, MIN(left, (uint32_t)SLICE)))) {
		for (uint32_t i = 0; i < count; i++) {
			in->after = member_id(realm, found[i]);
			left -= chunk_add(&chunk, realm, found[i], in->began_us);
		}
		if (!left)
			break;
		fiber_yield(txn->core);
		if (txn->generation != txn->cell->generation) {
			chunk_drop(&chunk);
			return ERR_RESTARTED;
		}
		if (!chunk_look(&chunk, txn)) {
			chunk_drop(&chunk);
			return ERR_MISSING_ACCESS;
		}
	}
	chunk_send(&chunk, txn, NULL, 0);
	in->more = ++in->chunk_index < in->chunk_count;
	return 0;
}

int realm_members_run(struct txn *txn, struct cell_work *work)
{
	struct realm_members *in = container_of(work, struct realm_members, work);
	struct realm *realm = realm_of(txn);

	in->more = false;
	if (!realm->guild || !member_find(realm, in->user_id))
		return ERR_MISSING_ACCESS;
	if (in->user_ids_count)
		return send_named(txn, in);
	if (in->query.len || in->limit)
		return send_matching(txn, in);
	int r = may_ask_all(realm, in);
	return r ? r : send_next_wait(txn, in);
}
