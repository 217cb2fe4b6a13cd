#include "user/bot.h"

#include <errno.h>

#include "codec/dup.h"

struct str bot_username(struct arena *arena, struct str name)
{
	return arena_str(arena, str_trim(name));
}

int bot_read_run(struct txn *txn, void *arg)
{
	struct bot_reading *reading = arg;
	struct user_state *state = user_of(txn);
	struct user bot;

	if (!state->application)
		return ENOENT;
	struct application view = application_view(state, &bot);
	reading->application = *(struct application *)obj_dup_arena(reading->arena, &desc_application, &view);
	reading->user = *(struct user *)obj_dup_arena(reading->arena, &desc_user, &bot);
	return 0;
}
