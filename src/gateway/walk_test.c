/* A crowd is walked in pieces: what comes in between must not be lost, doubled, or come out of order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "cell/flow.h"
#include "gateway/fake.h"

enum {
	GUILD = 77,
	OTHER = 78,
	SESSIONS = 40,
	CLASSES = 3,
	USERS = 6,
	FIRST_USER = 1000,
	STEPS = 3000
};

/* What a session must have got: all that was published from its coming on. */
struct person {
	struct session *session; /* NULL: not there */
	uint32_t first, class;
};

struct crowd {
	struct fake *fake;
	struct flow *flow;
	uint64_t guild;
	uint32_t said;
	struct person people[SESSIONS];
};

static uint32_t dice(struct crowd *crowd, uint32_t below)
{
	return (uint32_t)random_below(&crowd->fake->random.random, below);
}

static void apply(struct crowd *crowd, const struct effect *effects, uint32_t count)
{
	struct publication *pub = mem_zalloc(sizeof(*pub) + count * sizeof(*effects));

	atomic_init(&pub->refs, 1);
	pub->cell_id = crowd->guild;
	pub->kind = CELL_GUILD;
	pub->flow = crowd->flow;
	pub->count = count;
	memcpy(pub->effects, effects, count * sizeof(*effects));
	view_apply(crowd->fake->cores->core[0], pub);
	publication_unref(pub);
}

static struct effect class_effect(uint32_t id)
{
	static const char see[] = { 1 };

	return (struct effect){ .kind = EFFECT_CLASS,
				.class_id = id,
				.see = bytes_from((struct str){ see, 1 }) };
}

static void say(struct crowd *crowd)
{
	char text[32];

	snprintf(text, sizeof(text), "%u", crowd->said++);
	apply(crowd,
	      &(struct effect){ .kind = EFFECT_EVENT,
				.to = { .channel_slot = 1 },
				.event = fake_event(EVENT_MESSAGE_CREATE, 0, text, NULL) },
	      1);
}

static void come(struct crowd *crowd, struct person *person)
{
	struct session *session = session_new(fake_gateway(crowd->fake, 0));

	session->state = SESSION_LIVE;
	session->user_id = FIRST_USER + dice(crowd, USERS);
	session->intents = UINT32_MAX;
	session->bot = true;
	*person = (struct person){ session, crowd->said, dice(crowd, CLASSES) };
	view_hold(session->gateway, crowd->guild, CELL_GUILD);
	struct effect effects[] = {
		class_effect(person->class),
		{ .kind = EFFECT_SUBSCRIBE,
		  .session = session->id,
		  .members = 1000,
		  .class_id = person->class },
	};
	apply(crowd, effects, 2);
	view_release(session->gateway, crowd->guild);
}

/* All from its first one on, one after the other; @all: up to the last one. */
static void check(struct crowd *crowd, const struct person *person, bool all)
{
	const struct ring *ring = &person->session->ring;
	enum event_form form;

	for (uint64_t seq = 1; seq < ring_next(ring); seq++) {
		struct str got = bytes_str(ring_get(ring, seq, &form)->full);
		uint64_t number;

		assert_true(str_u64(got, &number));
		assert_int_equal(number, person->first + seq - 1);
	}
	if (all)
		assert_int_equal(person->first + ring_next(ring) - 1, crowd->said);
}

static void go(struct crowd *crowd, struct person *person)
{
	check(crowd, person, false);
	if (dice(crowd, 2))
		apply(crowd,
		      &(struct effect){ .kind = EFFECT_UNSUBSCRIBE,
					.session = person->session->id },
		      1);
	session_end(person->session);
	person->session = NULL;
}

static struct crowd crowd_new(uint64_t seed)
{
	struct gateway_config config;

	gateway_config_init(&config);
	config.fan_slowly = true;
	struct crowd crowd = { .fake = fake_new(&config), .flow = flow_new(), .guild = GUILD };
	random_seeded_init(&crowd.fake->random, seed);
	fake_guild_add(crowd.fake, GUILD);
	fake_guild_add(crowd.fake, OTHER);
	for (uint64_t i = 0; i < USERS; i++)
		fake_user_add(crowd.fake, FIRST_USER + i, "x", true);
	return crowd;
}

static void crowd_end(struct crowd *crowd)
{
	for (uint32_t i = 0; i < SESSIONS; i++)
		if (crowd->people[i].session)
			session_end(TAKE(crowd->people[i].session));
	fake_run(crowd->fake);
	assert_int_equal(fake_gateway(crowd->fake, 0)->views.count, 0);
	fake_free(crowd->fake);
	flow_unref(crowd->flow);
}

static void who_comes_and_goes_meanwhile_has_all_of_it_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct crowd crowd = crowd_new(seed);

		for (uint32_t step = 0; step < STEPS; step++) {
			struct person *person = &crowd.people[dice(&crowd, SESSIONS)];

			switch (dice(&crowd, 16)) {
			case 0: say(&crowd); break;
			case 1:
				if (person->session)
					go(&crowd, person);
				break;
			case 2:
			case 3:
				if (!person->session)
					come(&crowd, person);
				break;
			default: core_turn(crowd.fake->cores->core[0], 0);
			}
		}
		fake_run(crowd.fake);
		assert_int_equal(flow_is_behind(crowd.flow), 0);
		for (uint32_t i = 0; i < SESSIONS; i++)
			if (crowd.people[i].session)
				check(&crowd, &crowd.people[i], true);
		crowd_end(&crowd);
	}
}

static void fill(struct crowd *crowd)
{
	for (uint32_t i = 0; i < SESSIONS; i++)
		come(crowd, &crowd->people[i]);
	fake_run(crowd->fake);
}

static void another_guild_does_not_wait_for_a_crowd(void **state)
{
	struct crowd crowd = crowd_new(1), few = crowd;
	const struct ring *ring;

	(void)state;
	fill(&crowd);
	few.guild = OTHER;
	come(&few, &few.people[0]);
	ring = &few.people[0].session->ring;
	for (uint32_t i = 0; i < 10; i++)
		say(&crowd);
	assert_true(flow_is_behind(crowd.flow) >= 10);
	for (uint32_t i = 0; i < 2; i++)
		say(&few);
	for (uint32_t i = 0; i < 8; i++)
		core_turn(crowd.fake->cores->core[0], 0);
	assert_int_equal(ring_next(ring), 3);
	assert_true(flow_is_behind(crowd.flow) >= 9);
	session_end(few.people[0].session);
	fake_run(crowd.fake);
	crowd_end(&crowd);
}

struct question {
	struct ask ask;
	struct cell_work work;
	struct crowd *crowd;
	bool answered;
};

static void on_answer(struct gateway_local *gateway, struct ask *ask, int r)
{
	struct question *question = container_of(ask, struct question, ask);

	(void)r;
	question->answered = true;
	for (uint32_t i = 0; i < SESSIONS; i++)
		check(question->crowd, &question->crowd->people[i], true);
	view_release(gateway, GUILD);
}

static int no_answer(struct gateway_local *owner, struct ask *ask)
{
	(void)owner;
	(void)ask;
	return ASK_REFUSED;
}

static void an_answer_comes_behind_what_was_published_before_it(void **state)
{
	struct crowd crowd = crowd_new(2);
	struct question question = { .crowd = &crowd };
	struct gateway_local *gateway = fake_gateway(crowd.fake, 0);

	(void)state;
	fill(&crowd);
	for (uint32_t i = 0; i < 5; i++)
		say(&crowd);
	question.work.kind = CELL_GUILD;
	question.work.id = GUILD;
	question.ask.check = no_answer;
	question.ask.answered = on_answer;
	view_hold(gateway, GUILD, CELL_GUILD);
	ask_post(gateway, &question.ask, &question.work);
	for (uint32_t i = 0; i < 20; i++)
		core_turn(crowd.fake->cores->core[0], 0);
	assert_false(question.answered);
	fake_run(crowd.fake);
	assert_true(question.answered);
	crowd_end(&crowd);
}

static void all_of_it_is_done_when_the_core_stops(void **state)
{
	struct crowd crowd = crowd_new(3);

	(void)state;
	fill(&crowd);
	for (uint32_t i = 0; i < 5; i++)
		say(&crowd);
	walks_finish(fake_gateway(crowd.fake, 0));
	for (uint32_t i = 0; i < SESSIONS; i++)
		check(&crowd, &crowd.people[i], true);
	/* It counts until it has been sent. */
	assert_int_equal(flow_is_behind(crowd.flow), 5);
	fake_run(crowd.fake);
	assert_int_equal(flow_is_behind(crowd.flow), 0);
	crowd_end(&crowd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_and_goes_meanwhile_has_all_of_it_once),
		cmocka_unit_test(another_guild_does_not_wait_for_a_crowd),
		cmocka_unit_test(an_answer_comes_behind_what_was_published_before_it),
		cmocka_unit_test(all_of_it_is_done_when_the_core_stops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
