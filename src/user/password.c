#include "user/password.h"

#include <errno.h>

#include <sodium.h>
#include <string.h>

#include "core/fiber.h"

/* 19 MiB, two passes: OWASP's floor for argon2id. More would let a few logins fill a small machine's memory. */
enum { MEMORY_BYTES = 19 << 20, PASSES = 2 };

/* argon2id of a random password, with the parameters above. */
static const char dummy[] = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
			    "K4wbI1pGZkYYAFcW6Bv3W2sO2nJZ0XzG1gZ2qUq0m8E";

struct work {
	struct str password;
	char hash[PASSWORD_HASH_MAX];
	int result;
};

static void run_hash(void *arg)
{
	struct work *work = arg;

	work->result = crypto_pwhash_str_alg(work->hash, work->password.ptr, work->password.len,
					     PASSES, MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13);
}

int password_hash_wait(struct core *core, struct str password, char ret_hash[PASSWORD_HASH_MAX])
{
	struct work work = { .password = password };

	int r = fiber_offload_wait(core, run_hash, &work);
	if (r)
		return r;
	if (work.result)
		return -ENOMEM;
	memcpy(ret_hash, work.hash, sizeof(work.hash));
	return 0;
}

static void run_verify(void *arg)
{
	struct work *work = arg;

	work->result = crypto_pwhash_str_verify(work->hash, work->password.ptr, work->password.len);
}

int password_verify_wait(struct core *core, struct str password, struct str hash, bool *ret_match)
{
	struct work work = { .password = password };
	struct str against = hash.ptr && hash.len && hash.len < sizeof(work.hash)
		? hash
		: (struct str){ dummy, sizeof(dummy) - 1 };

	memcpy(work.hash, against.ptr, against.len);
	int r = fiber_offload_wait(core, run_verify, &work);
	if (r)
		return r;
	*ret_match = hash.ptr && hash.len && work.result == 0;
	return 0;
}
