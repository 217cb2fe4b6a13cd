/* Making bots, and their tokens. What is like for all accounts is in users.c. */
#include <errno.h>

#include "admin/command.h"
#include "model/errors.h"
#include "model/objects.h"
#include "user/account.h"
#include "user/bot.h"

struct owning {
	uint64_t application_id;
};

static int run_own(struct txn *txn, void *arg)
{
	user_put_owned(txn, ((struct owning *)arg)->application_id);
	return 0;
}

struct bot_token_call {
	char token[TOKEN_MAX];
};

static int run_reset(struct txn *txn, void *arg)
{
	if (!user_of(txn)->account->bot)
		return ENOENT;
	return bot_reset_token(txn, ((struct bot_token_call *)arg)->token);
}

static int new_token_wait(struct admin_call *call, uint64_t id)
{
	struct bot_token_call reset;
	int r = cell_call_wait(call->core, CELL_USER, id, run_reset, &reset);

	if (r)
		return admin_result(call, r, "the bot");
	admin_set_id(call->result, "id", id);
	admin_set_str(call->result, "token", str_z(reset.token));
	return 0;
}

int admin_bots_create(struct admin_call *call)
{
	struct str name = str_trim(admin_text(call, "name"));
	uint64_t owner_id, id;
	char token[TOKEN_MAX];

	if (str_utf8_len(name) < 2 || str_utf8_len(name) > 32)
		return admin_fail(call, "a bot's name has 2 to 32 characters");
	int r = admin_find_user_wait(call, admin_text(call, "owner"), &owner_id);
	if (r)
		return r;
	struct user owner;
	r = user_public_wait(call->core, call->arena, owner_id, &owner);
	if (!r && owner.bot)
		return admin_fail(call, "a bot cannot own one");
	if (r)
		return admin_result(call, r, "the owner");
	struct application application = bot_application(call->arena, core_random(call->core),
							 core_wall_us(call->core), owner_id, name);
	struct account_new spec = { .username = bot_username(call->arena, name),
				    .bot = true,
				    .application = &application };
	r = account_create_wait(call->core, &spec, &id, token);
	if (!r)
		r = cell_call_wait(call->core, CELL_USER, owner_id, run_own,
				   &(struct owning){ id });
	if (r)
		return admin_result(call, r, "making the bot");
	admin_set_str(call->result, "name", spec.username);
	admin_set_str(call->result, "owner", owner.username);
	return new_token_wait(call, id);
}

int admin_bots_reset_token(struct admin_call *call)
{
	uint64_t id;

	int r = admin_find_user_wait(call, admin_text(call, "id"), &id);
	return r ? r : new_token_wait(call, id);
}
