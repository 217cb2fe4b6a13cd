#include "gateway/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

int scene_setup(void **state)
{
	struct fake *fake = fake_new(NULL);
	struct fake_user *bot = fake_user_add(fake, BOT, "1.bot", true);

	fake_user_add(fake, ANN, "2.ann", false);
	fake_user_add(fake, OTHER, "3.other", true);
	fake_guild_add(fake, GUILD);
	bot->guilds[bot->guilds_count++] = GUILD;
	*state = fake;
	return 0;
}

int scene_teardown(void **state)
{
	fake_free(*state);
	return 0;
}

struct client *bot_on(struct fake *fake, uint32_t core, const char *query)
{
	struct client *client = client_new(fake, core, query, 0);

	client_identify(client, "1.bot", ALL);
	drop(client_expect(client, 0, "GUILD_CREATE"));
	fake_pass(fake, 5000); /* The next IDENTIFY of the same token may come. */
	return client;
}

struct client *resume_on(struct fake *fake, uint32_t core, const char *query, const char *token,
			 const char *session_id, int64_t seq)
{
	struct client *client = client_new(fake, core, query, 0);

	drop(client_expect(client, GATEWAY_OP_HELLO, NULL));
	client_send(client, "{\"op\":6,\"d\":{\"token\":\"%s\",\"session_id\":\"%s\",\"seq\":%ld}}",
		    token, session_id, (long)seq);
	client->seq = seq;
	return client;
}

void expect_said(struct client *client, int n)
{
	json_t *d = client_expect(client, 0, "MESSAGE_CREATE");

	assert_int_equal(json_integer_value(json_object_get(d, "n")), n);
	drop(d);
}

void expect_invalid_session(struct client *client, bool again)
{
	json_t *d = client_expect(client, GATEWAY_OP_INVALID_SESSION, NULL);

	assert_int_equal(json_is_true(d), again);
	assert_true(json_is_boolean(d));
	drop(d);
	assert_int_equal(client->close_code, 0);
}

uint64_t stat_of(struct fake *fake, size_t offset)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < FAKE_CORES; i++)
		sum += *(const uint64_t *)((const char *)gateway_stats(fake->cores->core[i]) +
					   offset);
	return sum;
}

struct client *ann_on(struct fake *fake, int capabilities)
{
	struct client *client = client_new(fake, 0, Q, 0);

	drop(client_expect(client, GATEWAY_OP_HELLO, NULL));
	client_send(client,
		    "{\"op\":2,\"d\":{\"token\":\"2.ann\",\"capabilities\":%d,\"presence\":{"
		    "\"status\":\"idle\","
		    "\"game\":{\"name\":\"x\"}}}}",
		    capabilities);
	return client;
}
