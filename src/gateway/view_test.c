/* The view against a slow check of each session, on random realms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "gateway/fake.h"
#include "model/permissions.h"

enum { GUILD = 77, CLASSES = 6, USERS = 12, SESSIONS = 24, SLOTS = 20, STEPS = 4000 };

/* What the test knows, independent of the view. */
struct model {
	struct fake *fake;
	struct class
	{
		uint8_t see[3], manage[3];
		uint64_t perms;
		bool defined;
	} classes[CLASSES];
	uint32_t class_of[USERS]; /* by user */
	struct person {
		struct session *session; /* NULL: not there */
		uint32_t user;
		bool subscribed;
		uint32_t got;    /* events so far */
	} people[SESSIONS];
};

static uint64_t dice(struct model *m, uint64_t below)
{
	return random_below(&m->fake->random.random, below);
}

static void apply(struct model *m, const struct effect *effects, uint32_t count)
{
	struct publication *pub = mem_zalloc(sizeof(*pub) + count * sizeof(*effects));

	atomic_init(&pub->refs, 1);
	pub->cell_id = GUILD;
	pub->kind = CELL_GUILD;
	pub->count = count;
	memcpy(pub->effects, effects, count * sizeof(*effects));
	view_apply(m->fake->cores->core[0], pub);
	publication_unref(pub);
}

static struct effect class_effect(struct model *m, uint32_t id)
{
	struct class *class = &m->classes[id];

	return (struct effect){
		.kind = EFFECT_CLASS,
		.class_id = id * 1000, /* ids may be sparse */
		.perms = class->perms,
		.see = bytes_from((struct str){ (char *)class->see, sizeof(class->see) }),
		.manage = bytes_from((struct str){ (char *)class->manage, sizeof(class->manage) }),
	};
}

static void change_class(struct model *m, uint32_t id)
{
	struct class *class = &m->classes[id];

	random_fill(&m->fake->random.random, class->see, sizeof(class->see));
	random_fill(&m->fake->random.random, class->manage, sizeof(class->manage));
	class->perms = dice(m, 4) == 0 ? PERM_ADMINISTRATOR : dice(m, 256);
	struct effect effect = class_effect(m, id);
	apply(m, &effect, 1);
}

static uint64_t user_id(uint32_t user)
{
	return 100 + user;
}

static void come(struct model *m, struct person *person)
{
	static const uint32_t intents[] = { UINT32_MAX, INTENT_GUILD_MESSAGES, INTENT_GUILDS,
					    INTENT_GUILD_MESSAGES | INTENT_MESSAGE_CONTENT };
	struct session *session = session_new(fake_gateway(m->fake, 0));

	session->state = SESSION_LIVE;
	session->user_id = user_id(person->user);
	session->intents = intents[dice(m, 4)];
	person->session = session;
	person->got = 0;
	person->subscribed = true;
	uint32_t class_id = m->class_of[person->user];
	view_hold(session->gateway, GUILD, CELL_GUILD);
	struct effect effects[] = {
		class_effect(m, class_id),
		{ .kind = EFFECT_SUBSCRIBE,
		  .session = session->id,
		  .core = 0,
		  .class_id = class_id * 1000 },
	};
	apply(m, effects, 2);
	view_release(session->gateway, GUILD);
}

static void go(struct model *m, struct person *person)
{
	struct sub *sub = session_sub(person->session, GUILD);

	switch (dice(m, 3)) {
	case 0: { /* the guild says so */
		struct effect effect = { .kind = EFFECT_UNSUBSCRIBE,
					 .session = person->session->id };

		apply(m, &effect, 1);
		break;
	}
	case 1: { /* the whole user */
		struct effect effect = { .kind = EFFECT_UNSUBSCRIBE,
					 .user = person->session->user_id };

		apply(m, &effect, 1);
		for (uint32_t i = 0; i < SESSIONS; i++)
			if (m->people[i].session && m->people[i].user == person->user)
				m->people[i].subscribed = false;
		break;
	}
	default:
		if (sub)
			sub_leave(sub, false);
	}
	if (session_sub(person->session, GUILD))
		fail_msg("still there");
	session_free(person->session);
	person->session = NULL;
}

static void move(struct model *m, uint32_t user)
{
	uint32_t class_id = (uint32_t)dice(m, CLASSES);
	struct effect effects[] = {
		class_effect(m, class_id),
		{ .kind = EFFECT_USER_CLASS, .user = user_id(user), .class_id = class_id * 1000 },
	};

	m->class_of[user] = class_id;
	apply(m, effects, 2);
}

static bool bit(const uint8_t *bits, uint32_t n)
{
	return bits[n / 8] >> (n % 8) & 1;
}

/* The rules of cell/publish.h, one session at a time: 0 nothing, 1 full, 2 alt. */
static int wanted(struct model *m, const struct person *person, const struct audience *to,
		  const struct event *event)
{
	const struct class *class = &m->classes[m->class_of[person->user]];
	uint64_t id = user_id(person->user);
	int form = 1;

	if (!person->subscribed)
		return 0;
	if (to->session && to->session != person->session->id)
		return 0;
	if ((to->user && to->user != id) || (to->not_user && to->not_user == id))
		return 0;
	if (to->class_id && to->class_id - 1 != m->class_of[person->user] * 1000)
		return 0;
	if (to->perms_any && !(class->perms & to->perms_any) &&
	    !(class->perms & PERM_ADMINISTRATOR))
		return 0;
	if (to->channel_slot) {
		bool sees = bit(class->see, to->channel_slot - 1);

		if (to->manage && !bit(class->manage, to->channel_slot - 1))
			return 0;
		if (to->only_hidden && sees)
			return 0;
		if (!sees && to->alt_for_hidden)
			form = event->alt ? 2 : 0;
		else if (!sees && !to->only_hidden)
			form = 0;
		if (!form)
			return 0;
	}
	if (event->intents && !(event->intents & person->session->intents) && to->always_user != id)
		return 0;
	if (to->content && event->alt && !(person->session->intents & INTENT_MESSAGE_CONTENT) &&
	    event->author != id) {
		bool mentioned = false;

		for (uint32_t i = 0; i < event->mentions_count; i++)
			mentioned |= event->mentions[i] == id;
		if (!mentioned)
			form = 2;
	}
	return form;
}

static void publish(struct model *m)
{
	struct audience to = {};
	struct event *event = fake_event(EVENT_MESSAGE_CREATE,
					 dice(m, 3) ? INTENT_GUILD_MESSAGES : 0, "{}",
					 dice(m, 2) ? "[]" : NULL);

	if (dice(m, 2))
		to.channel_slot = 1 + (uint32_t)dice(m, SLOTS);
	to.alt_for_hidden = dice(m, 4) == 0;
	to.only_hidden = dice(m, 6) == 0;
	to.manage = dice(m, 6) == 0;
	to.perms_any = dice(m, 5) == 0 ? 1ull << dice(m, 8) : 0;
	to.user = dice(m, 6) == 0 ? user_id((uint32_t)dice(m, USERS)) : 0;
	to.not_user = dice(m, 6) == 0 ? user_id((uint32_t)dice(m, USERS)) : 0;
	to.always_user = dice(m, 3) == 0 ? user_id((uint32_t)dice(m, USERS)) : 0;
	to.class_id = dice(m, 8) == 0 ? 1 + 1000 * (uint32_t)dice(m, CLASSES) : 0;
	to.content = dice(m, 3) == 0;
	if (dice(m, 10) == 0) {
		const struct person *person = &m->people[dice(m, SESSIONS)];
		to.session = person->session ? person->session->id : 12345;
	}
	event->author = user_id((uint32_t)dice(m, USERS));
	event->mentions_count = (uint32_t)dice(m, 3);
	event->mentions = mem_alloc(3 * sizeof(uint64_t));
	for (uint32_t i = 0; i < event->mentions_count; i++)
		event->mentions[i] = user_id((uint32_t)dice(m, USERS));

	struct effect effect = { .kind = EFFECT_EVENT, .to = to, .event = event_ref(event) };
	apply(m, &effect, 1);
	uint32_t held = 1;
	for (uint32_t i = 0; i < SESSIONS; i++) {
		struct person *person = &m->people[i];

		if (!person->session)
			continue;
		int form = wanted(m, person, &to, event);
		struct ring *ring = &person->session->ring;
		person->got += form != 0;
		if (ring_next(ring) != person->got + 1)
			fail_msg("session %u: %lu events instead of %u", i, ring_next(ring) - 1,
				 person->got);
		if (form) {
			enum event_form got;

			assert_ptr_equal(ring_get(ring, person->got, &got), event);
			assert_int_equal(got, form == 2 ? FORM_ALT : FORM_FULL);
			held++;
		}
	}
	assert_int_equal(event->refs, held);
	event_unref(event);
}

static void classes_give_each_session_what_a_check_of_each_would(void **state)
{
	(void)state;
	for (int world = 0; world < 5; world++) {
		struct model m = { .fake = fake_new(NULL) };

		random_seeded_init(&m.fake->random, (uint64_t)world + 1);
		for (uint32_t i = 0; i < CLASSES; i++)
			random_fill(&m.fake->random.random, m.classes[i].see,
				    sizeof(m.classes[i].see));
		for (uint32_t i = 0; i < SESSIONS; i++)
			m.people[i].user = i % USERS;
		for (uint32_t step = 0; step < STEPS; step++) {
			struct person *person = &m.people[dice(&m, SESSIONS)];

			switch (dice(&m, 10)) {
			case 0: change_class(&m, (uint32_t)dice(&m, CLASSES)); break;
			case 1: move(&m, (uint32_t)dice(&m, USERS)); break;
			case 2:
			case 3:
				if (!person->session)
					come(&m, person);
				break;
			case 4:
				if (person->session && dice(&m, 2))
					go(&m, person);
				break;
			default: publish(&m);
			}
		}
		for (uint32_t i = 0; i < SESSIONS; i++)
			if (m.people[i].session)
				go(&m, &m.people[i]);
		assert_int_equal(fake_gateway(m.fake, 0)->views.count, 0);
		fake_free(m.fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_give_each_session_what_a_check_of_each_would),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
