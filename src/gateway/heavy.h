/* Events so large that to encode or to compress them takes longer than others may wait (GUILD_CREATE of a guild of many, READY of
 * somebody in many): that is done in the pool of threads for slow work, one event of a connection at a time. Until it is
 * done nothing of the connection's session goes out, while answers do. (A zstd stream of the connection's own, which only those
 * have who speak ETF, cannot take in what was compressed elsewhere: there the core itself does it.) gateway/ only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct conn;
struct gateway_local;

/* How the event at @seq of the session's ring stands: HEAVY_NO, it can be sent as any other; HEAVY_WAIT, it is being made, and the
 * connection is marked when that is done; HEAVY_READY, heavy_packed() has it, compressed. */
enum heavy_state { HEAVY_NO, HEAVY_WAIT, HEAVY_READY };
enum heavy_state heavy_look(struct conn *conn, uint64_t seq);
/* One is being made. */
bool heavy_waits(const struct conn *conn);
/* Of a READY one: the piece behind the prefix of a shared stream, or the whole message. Good until heavy_sent(). The null view: it
 * could not be compressed, and the connection must end. */
struct str heavy_packed(const struct conn *conn);
void heavy_sent(struct conn *conn);
/* The connection goes, or leaves its core. */
void heavy_forget(struct conn *conn);
/* After the pool has stopped. */
void heavy_end(struct gateway_local *gateway);
