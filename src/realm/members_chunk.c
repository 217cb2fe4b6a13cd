/* REQUEST_GUILD_MEMBERS: chunks of 1,000 to the one session that asked. */
#include "gateway/domain.h"
#include "model/intents.h"
#include "realm/member.h"
#include "realm/member_heap.h"
#include "realm/perms.h"
#include "realm/sharing.h"

enum { CHUNK = 1000, QUERY_MAX = 100 };

static int may_ask_all(struct realm *realm, const struct realm_members *in)
{
	if (in->bot)
		return in->intents & INTENT_GUILD_MEMBERS ? 0 : ERR_MISSING_ACCESS;
	uint64_t perms = perms_base(realm, realm_member(realm, in->user_id));
	return perms & (PERM_MANAGE_ROLES | PERM_KICK_MEMBERS | PERM_BAN_MEMBERS) ? 0 : ERR_MISSING_ACCESS;
}

static void send_chunk(struct txn *txn, const struct realm_members *in, struct live_member **found, uint32_t from,
		       uint32_t count, struct sharing *sharing, struct guild_members_chunk *chunk)
{
	struct realm *realm = realm_of(txn);
	struct user *users = arena_array(txn->arena, struct user, count + 1);
	struct user_partial *partials = arena_array(txn->arena, struct user_partial, count + 1);

	chunk->members.items = arena_array(txn->arena, struct member, count + 1);
	chunk->members.count = count;
	chunk->presences.items = arena_array(txn->arena, struct presence, count + 1);
	chunk->presences.count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct live_member *member = found[from + i];
		const struct member_row *row = member_read(realm, member, txn->arena);

		chunk->members.items[i] = member_view(row, &users[i]);
		if (!chunk->has.presences || !member->presence || !sharing_with(sharing, member))
			continue;
		struct presence *presence = &chunk->presences.items[chunk->presences.count++];
		*presence = *member->presence;
		partials[i].id = row->user_id;
		presence->user = &partials[i];
	}
	txn_event(txn, EVENT_GUILD_MEMBERS_CHUNK, (struct audience){ .session = in->session }, chunk);
}

int realm_members_run(struct txn *txn, struct cell_work *work)
{
	struct realm_members *in = container_of(work, struct realm_members, work);
	struct realm *realm = realm_of(txn);
	struct live_member **found;
	uint64_t *missing = arena_array(txn->arena, uint64_t, in->user_ids_count + 1);
	uint32_t count = 0, missing_count = 0, at = 0;
	uint64_t id;
	void *value;

	if (!realm_member(realm, in->user_id))
		return ERR_MISSING_ACCESS;
	if (in->user_ids_count) {
		found = arena_array(txn->arena, struct live_member *, in->user_ids_count);
		for (uint32_t i = 0; i < in->user_ids_count; i++) {
			struct live_member *member = realm_member(realm, in->user_ids[i]);

			if (member)
				found[count++] = member;
			else
				missing[missing_count++] = in->user_ids[i];
		}
	} else {
		bool all = in->query.len == 0 && in->limit == 0;
		uint32_t limit = in->query.len ? MIN(in->limit ? in->limit : QUERY_MAX, (uint32_t)QUERY_MAX) :
						 in->limit;
		int r = all ? may_ask_all(realm, in) : 0;

		if (r)
			return r;
		found = arena_array(txn->arena, struct live_member *, realm->members.count + 1);
		CLEANUP(member_walk_done) struct member_walk walk = { .realm = realm };
		struct live_member *member;
		while (all && map_next(&realm->members, &at, &id, &value))
			found[count++] = value;
		while (!all && count < limit && (member = member_walk_next(&walk)))
			if (!in->query.len || member_matches(member->row, in->query))
				found[count++] = member;
	}
	struct guild_members_chunk chunk = { .guild_id = txn->cell->id,
					     .chunk_count = MAX((count + CHUNK - 1) / CHUNK, 1u),
					     .nonce = in->nonce };
	chunk.has.nonce = in->nonce.ptr;
	chunk.has.presences = in->presences && (!in->bot || in->intents & INTENT_GUILD_PRESENCES);
	struct sharing sharing;
	sharing_init(&sharing, realm, txn->arena, realm_member(realm, in->user_id));
	for (chunk.chunk_index = 0; chunk.chunk_index < chunk.chunk_count; chunk.chunk_index++) {
		uint32_t from = (uint32_t)chunk.chunk_index * CHUNK;

		chunk.not_found.items = missing;
		chunk.not_found.count = chunk.chunk_index == 0 ? missing_count : 0;
		send_chunk(txn, in, found, from, MIN(count - from, (uint32_t)CHUNK), &sharing, &chunk);
	}
	return 0;
}
