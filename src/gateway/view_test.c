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
		uint8_t see[3], manage[3], threads[3];
		uint64_t perms;
		bool defined;
	} classes[CLASSES];
	uint32_t class_of[USERS]; /* by user */
	uint32_t members;
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
		.threads = bytes_from(
			(struct str){ (char *)class->threads, sizeof(class->threads) }),
	};
}

static void change_class(struct model *m, uint32_t id)
{
	struct class *class = &m->classes[id];

	random_fill(&m->fake->random.random, class->see, sizeof(class->see));
	random_fill(&m->fake->random.random, class->manage, sizeof(class->manage));
	random_fill(&m->fake->random.random, class->threads, sizeof(class->threads));
	class->perms = dice(m, 4) == 0 ? PERM_ADMINISTRATOR : dice(m, 256);
	struct effect effect = class_effect(m, id);
	apply(m, &effect, 1);
}

static void change_size(struct model *m)
{
	struct effect effect = { .kind = EFFECT_SIZE };

	effect.members = m->members = 20 + (uint32_t)dice(m, 10);
	apply(m, &effect, 1);
}

static uint64_t user_id(uint32_t user)
{
	return 100 + user;
}

static void come(struct model *m, struct person *person, bool bot)
{
	static const uint32_t intents[] = { UINT32_MAX, INTENT_GUILD_MESSAGES, INTENT_GUILDS,
					    INTENT_GUILD_MESSAGES | INTENT_MESSAGE_CONTENT };
	struct session *session = session_new(fake_gateway(m->fake, 0));

	session->state = SESSION_LIVE;
	session->user_id = user_id(person->user);
	session->intents = intents[dice(m, 4)];
	session->bot = bot;
	session->large_threshold = 25;
	if (dice(m, 2)) {
		session->interest = mem_zalloc(sizeof(*session->interest));
		*session->interest = (struct interest){ .guild_id = GUILD,
							.opened = dice(m, 2),
							.typing = dice(m, 2),
							.threads = dice(m, 2),
							.member_updates = dice(m, 3) == 0,
							.members_count = 1 };
		session->interest->members = mem_alloc(sizeof(uint64_t));
		session->interest->members[0] = user_id((uint32_t)dice(m, USERS));
	}
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
		  .members = m->members,
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

static bool in(const uint64_t *ids, uint32_t count, uint64_t id)
{
	for (uint32_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static bool among(const struct bytes *ids, uint64_t id)
{
	bool found = false;

	for (size_t at = 0; ids && at < ids->len; at += sizeof(id))
		found |= memcmp(ids->data + at, &id, sizeof(id)) == 0;
	return found;
}

/* Some users, in order. */
static struct bytes *some_users(struct model *m)
{
	uint64_t ids[USERS];
	uint32_t count = 0;

	for (uint32_t user = 0; user < USERS; user++)
		if (dice(m, 3) == 0)
			ids[count++] = user_id(user);
	return bytes_from((struct str){ (char *)ids, count * sizeof(ids[0]) });
}

/* The rule of gateway/want.h. */
static bool wants(struct model *m, const struct person *person, const struct event *event)
{
	const struct interest *interest = person->session->interest;
	uint64_t id = user_id(person->user);
	bool passive = m->members > 25 && !(interest && interest->opened);

	switch (event->type) {
	case EVENT_MESSAGE_CREATE:
		return !passive || event->everyone || event->answers == id ||
			in(event->mentions, event->mentions_count, id) ||
			(event->classes_count &&
			 event->classes[0] == m->class_of[person->user] * 1000);
	case EVENT_MESSAGE_DELETE: return !passive;
	case EVENT_TYPING_START: return interest && interest->typing;
	case EVENT_THREAD_UPDATE:
		return (interest && interest->threads) || among(event->joined, id);
	case EVENT_GUILD_MEMBER_ADD:
	case EVENT_GUILD_MEMBER_UPDATE:
		return event->about == id || event->author == id ||
			among(event->watchers, person->session->id) ||
			(interest && interest->member_updates) ||
			(interest && event->type == EVENT_GUILD_MEMBER_UPDATE &&
			 in(interest->members, interest->members_count, event->about));
	default: return true;
	}
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
	if (to->bots && !person->session->bot)
		return 0;
	if (to->shares) {
		bool meets = false;

		for (uint32_t i = 0; i < sizeof(class->see); i++)
			meets |= class->see[i] & (uint8_t)to->shares->data[i];
		if (!meets)
			return 0;
	}
	if (!person->session->bot && !to->user && !to->session && !wants(m, person, event))
		return 0;
	if (to->members) {
		if (!bit(class->threads, to->channel_slot - 1) &&
		    !(bit(class->see, to->channel_slot - 1) && among(to->members, id)))
			return 0;
	} else if (to->channel_slot) {
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
	static const enum event_type types[] = { EVENT_MESSAGE_CREATE,	    EVENT_MESSAGE_DELETE,
						 EVENT_TYPING_START,	    EVENT_GUILD_MEMBER_ADD,
						 EVENT_GUILD_MEMBER_UPDATE, EVENT_CHANNEL_UPDATE,
						 EVENT_THREAD_UPDATE };
	struct event *event = fake_event(types[dice(m, ARRAY_SIZE(types))],
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

	event->everyone = dice(m, 8) == 0;
	event->answers = user_id((uint32_t)dice(m, USERS));
	event->about = user_id((uint32_t)dice(m, USERS));
	const struct person *watcher = &m->people[dice(m, SESSIONS)];
	if (watcher->session)
		event->watchers = bytes_from((struct str){ (char *)&watcher->session->id,
							   sizeof(watcher->session->id) });
	if (dice(m, 2)) {
		event->classes = mem_alloc(sizeof(uint32_t));
		event->classes[0] = 1000 * (uint32_t)dice(m, CLASSES);
		event->classes_count = 1;
	}
	to.bots = dice(m, 6) == 0;
	struct bytes *shares = NULL;
	if (dice(m, 4) == 0) {
		uint8_t bits[3] = {};

		bits[dice(m, 3)] = (uint8_t)(1 << dice(m, 8));
		to.shares = shares = bytes_from((struct str){ (char *)bits, sizeof(bits) });
		bytes_ref(shares);
	}

	struct bytes *members = NULL;
	if (dice(m, 2))
		event->joined = some_users(m);
	if (!shares && dice(m, 3) == 0) { /* a private thread's */
		to = (struct audience){ .channel_slot = 1 + (uint32_t)dice(m, SLOTS),
					.user = to.user,
					.not_user = to.not_user,
					.session = to.session,
					.bots = to.bots,
					.content = to.content };
		to.members = members = some_users(m);
		bytes_ref(members);
	}

	struct effect effect = {
		.kind = EFFECT_EVENT, .to = to, .event = event_ref(event), .see = shares
	};
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
	bytes_unref(shares);
	bytes_unref(members);
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

			switch (dice(&m, 11)) {
			case 10: change_size(&m); break;
			case 0: change_class(&m, (uint32_t)dice(&m, CLASSES)); break;
			case 1: move(&m, (uint32_t)dice(&m, USERS)); break;
			case 2:
			case 3:
				if (!person->session)
					come(&m, person, dice(&m, 2));
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

/* -- what is unread -- */

static struct session *watcher(struct model *m, uint32_t capabilities)
{
	struct person *person = &m->people[m->people[0].session != NULL];

	person->user = capabilities ? 1 : 0;
	come(m, person, false);
	free(TAKE(person->session->interest));
	session_sub(person->session, GUILD)->interest = NULL;
	person->session->capabilities = capabilities;
	return person->session;
}

static void say(struct model *m, uint32_t slot, uint64_t message_id)
{
	struct event *event = fake_event(EVENT_MESSAGE_CREATE, 0, "{}", NULL);
	struct effect effect = { .kind = EFFECT_EVENT,
				 .to = { .channel_slot = slot + 1 },
				 .event = event };

	event->channel_id = 500 + slot;
	event->message_id = message_id;
	apply(m, &effect, 1);
}

static void expect_last(struct session *session, uint64_t number, enum event_type type,
			const char *text)
{
	enum event_form form;

	assert_int_equal(ring_next(&session->ring), number + 1);
	if (!number)
		return;
	struct event *event = ring_get(&session->ring, number, &form);
	assert_int_equal(event->type, type);
	struct str got = bytes_str(event->full);
	assert_int_equal(got.len, strlen(text));
	assert_memory_equal(got.ptr, text, got.len);
}

static void unread_channels_are_told_now_and_then_to_those_who_see_them(void **state)
{
	struct model m = { .fake = fake_new(NULL), .members = 26 };

	(void)state;
	m.classes[0].see[0] = 3;
	m.classes[1].see[0] = 1;
	m.class_of[1] = 1;
	struct session *both = watcher(&m, 0), *one = watcher(&m, 1 << 14);
	for (uint64_t id = 1; id <= 3; id++)
		say(&m, 0, id);
	say(&m, 1, 9);
	fake_pass(m.fake, 29000);
	expect_last(both, 0, 0, "");
	fake_pass(m.fake, 2000);
	expect_last(
		both, 1, EVENT_CHANNEL_UNREAD_UPDATE,
		"{\"guild_id\":\"77\",\"channel_unread_updates\":[{\"id\":\"500\",\"last_message_id\":\"3\"},"
		"{\"id\":\"501\",\"last_message_id\":\"9\"}]}");
	expect_last(
		one, 1, EVENT_PASSIVE_UPDATE_V2,
		"{\"guild_id\":\"77\",\"updated_channels\":[{\"id\":\"500\",\"last_message_id\":\"3\"}],"
		"\"updated_voice_states\":[],\"removed_voice_states\":[],\"updated_members\":[]}");
	/* Nothing is told twice; what one may not see, not at all. */
	say(&m, 1, 10);
	fake_pass(m.fake, 31000);
	expect_last(
		one, 1, EVENT_PASSIVE_UPDATE_V2,
		"{\"guild_id\":\"77\",\"updated_channels\":[{\"id\":\"500\",\"last_message_id\":\"3\"}],"
		"\"updated_voice_states\":[],\"removed_voice_states\":[],\"updated_members\":[]}");
	assert_int_equal(ring_next(&both->ring), 3);
	/* A guild that becomes small says first what was missed. */
	say(&m, 0, 11);
	struct effect effect = { .kind = EFFECT_SIZE, .members = 25 };
	apply(&m, &effect, 1);
	say(&m, 0, 12);
	assert_int_equal(ring_next(&both->ring), 5);
	assert_int_equal(ring_next(&one->ring), 4);
	fake_pass(m.fake, 31000);
	assert_int_equal(ring_next(&both->ring), 5);
	for (uint32_t i = 0; i < 2; i++)
		go(&m, &m.people[i]);
	fake_free(m.fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unread_channels_are_told_now_and_then_to_those_who_see_them),
		cmocka_unit_test(classes_give_each_session_what_a_check_of_each_would),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
