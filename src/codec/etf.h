/* Erlang's external term format to a JSON tree, for terms from strangers. Any core.
 * http://erlang.org/doc/apps/erts/erl_ext_dist.html */
#pragma once

#include <jansson.h>

#include "base/str.h"

enum {
	ETF_TEXT_MAX = 1 << 20,
	ETF_DEPTH_MAX = 32,
	ETF_VALUES_MAX = 100000,
};

/* One whole term with its version byte. The tree, owned by the caller; NULL with @ret_error set to
 * -EBADMSG: malformed, trailing bytes, atoms as keys, a kind that has no JSON (pids, functions, ...);
 * -E2BIG: over a limit above; -EOPNOTSUPP: compressed.
 * Maps have binary, string or integer keys; tuples become arrays; the atoms true and false are booleans, nil, null and
 * undefined are null, others strings. Integers beyond 64 bits become strings of digits when below 2^64, else -EBADMSG. */
json_t *etf_parse(struct str etf, int *ret_error);
