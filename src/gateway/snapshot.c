/* Snapshots (GUILD_CREATE and the like) are large and made for one session alone. One that its socket has taken is kept for a
 * RESUME only until so many younger ones have been taken, or its client has said twice that it has it (ring.c): or a
 * crowd that comes at once would hold them all, and leave memory full of holes when it lets go. Who was cut off before it
 * had read one that is gone identifies anew, as somebody does who lost READY. */
#include <stdlib.h>

#include "gateway/internal.h"

enum { SNAPSHOTS_MAX = 1024, SNAPSHOTS_BYTES = 2 << 20 };

struct snapshots {
	uint32_t first, count;
	size_t bytes;
	struct taken {
		uint64_t session, seq;
		size_t bytes;
	} taken[SNAPSHOTS_MAX];
};

static void drop_oldest(struct gateway_local *gateway, struct snapshots *snapshots)
{
	const struct taken *oldest = &snapshots->taken[snapshots->first];
	struct session *session = session_find(gateway, oldest->session);

	snapshots->bytes -= oldest->bytes;
	snapshots->first = (snapshots->first + 1) % SNAPSHOTS_MAX;
	snapshots->count--;
	if (!session)
		return;
	uint32_t before = session->ring.bytes;
	ring_trim(&session->ring, oldest->seq);
	if (session->waits)
		stat_sub(&gateway->stats.detached_bytes, before - session->ring.bytes);
}

void snapshot_taken(struct session *session, uint64_t seq, size_t bytes)
{
	struct gateway_local *gateway = session->gateway;

	if (!gateway->snapshots)
		gateway->snapshots = mem_zalloc(sizeof(*gateway->snapshots));
	struct snapshots *snapshots = gateway->snapshots;
	/* The youngest stays, whatever its size. */
	while (snapshots->count &&
	       (snapshots->count == SNAPSHOTS_MAX || snapshots->bytes + bytes > SNAPSHOTS_BYTES))
		drop_oldest(gateway, snapshots);
	snapshots->taken[(snapshots->first + snapshots->count++) % SNAPSHOTS_MAX] =
		(struct taken){ session->id, seq, bytes };
	snapshots->bytes += bytes;
}

void snapshots_free(struct snapshots *snapshots)
{
	free(snapshots);
}
