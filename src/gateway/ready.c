/* READY of people: their guilds come inside it, so all of them are asked first. A guild that
 * takes too long is left out as unavailable, and its GUILD_CREATE follows. What else happens
 * meanwhile is held by the ring and comes after. */
#include <stdlib.h>

#include "codec/json.h"
#include "gateway/internal.h"

enum { CAPABILITY_PRIORITIZED_READY = 1 << 5 };

struct assembly {
	struct session *session;
	struct bytes *ready, *friends;
	struct timer timer;
	uint32_t count, left;
	struct assembly_guild {
		uint64_t id;
		bool answered, gone;
		struct bytes *snapshot, *own_member, *presences;
	} guilds[];
};

void assembly_free(struct assembly *assembly)
{
	if (!assembly)
		return;
	timer_clear(&assembly->timer);
	bytes_unref(assembly->ready);
	bytes_unref(assembly->friends);
	for (uint32_t i = 0; i < assembly->count; i++) {
		bytes_unref(assembly->guilds[i].snapshot);
		bytes_unref(assembly->guilds[i].own_member);
		bytes_unref(assembly->guilds[i].presences);
	}
	free(assembly);
}

static struct assembly_guild *find(const struct session *session, uint64_t guild_id)
{
	struct assembly *assembly = session->assembly;

	for (uint32_t i = 0; assembly && i < assembly->count; i++)
		if (assembly->guilds[i].id == guild_id && !assembly->guilds[i].answered)
			return &assembly->guilds[i];
	return NULL;
}

/* -- the texts -- */

/* The text of one member of each guild, in the guilds' order, those that are gone left out. */
static void put_each(struct buf *text, const struct assembly *assembly,
		     void (*put)(struct buf *text, const struct assembly_guild *guild))
{
	bool first = true;

	buf_putc(text, '[');
	for (uint32_t i = 0; i < assembly->count; i++) {
		if (assembly->guilds[i].gone)
			continue;
		if (!first)
			buf_putc(text, ',');
		first = false;
		put(text, &assembly->guilds[i]);
	}
	buf_putc(text, ']');
}

static void put_guild(struct buf *text, const struct assembly_guild *guild)
{
	if (guild->snapshot)
		buf_put_str(text, bytes_str(guild->snapshot));
	else
		buf_printf(text, "{\"id\":\"%lu\",\"unavailable\":true}", guild->id);
}

static void put_own_member(struct buf *text, const struct assembly_guild *guild)
{
	buf_put_str(text, guild->own_member ? bytes_str(guild->own_member) : S("[]"));
}

/* One list out of {"voice_states":[…],"presences":[…]}. */
static void put_list_of(struct buf *text, const struct assembly_guild *guild, const char *key)
{
	json_t *root = guild->presences ? json_parse(bytes_str(guild->presences)) : NULL;
	char *list = json_dumps(json_object_get(root, key), JSON_COMPACT);

	buf_put_str(text, list ? str_z(list) : S("[]"));
	free(list);
	json_decref(root);
}

static void put_voice_states(struct buf *text, const struct assembly_guild *guild)
{
	buf_printf(text, "{\"id\":\"%lu\",\"voice_states\":", guild->id);
	put_list_of(text, guild, "voice_states");
	buf_put_str(text, S(",\"activity_instances\":[]}"));
}

static void put_presences(struct buf *text, const struct assembly_guild *guild)
{
	put_list_of(text, guild, "presences");
}

static void put_nothing(struct buf *text, const struct assembly_guild *guild)
{
	(void)guild;
	buf_put_str(text, S("[]"));
}

static struct bytes *ready_text(const struct assembly *assembly)
{
	struct str ready = bytes_str(assembly->ready);
	struct buf text;

	buf_init(&text, GATEWAY_BODY_MAX);
	buf_put(&text, ready.ptr, ready.len - 1); /* without its last brace */
	if (ready.len > 2)
		buf_putc(&text, ',');
	buf_put_str(&text, S("\"guilds\":"));
	put_each(&text, assembly, put_guild);
	buf_put_str(&text, S(",\"merged_members\":"));
	put_each(&text, assembly, put_own_member);
	buf_putc(&text, '}');
	struct bytes *bytes = text.full ? NULL : bytes_from(buf_str(&text));
	buf_done(&text);
	return bytes;
}

static struct bytes *supplemental_text(const struct assembly *assembly)
{
	struct buf text;

	buf_init(&text, GATEWAY_BODY_MAX);
	buf_put_str(&text, S("{\"guilds\":"));
	put_each(&text, assembly, put_voice_states);
	buf_put_str(&text, S(",\"merged_members\":"));
	put_each(&text, assembly, put_nothing);
	buf_put_str(&text, S(",\"merged_presences\":{\"friends\":"));
	buf_put_str(&text, assembly->friends ? bytes_str(assembly->friends) : S("[]"));
	buf_put_str(&text, S(",\"guilds\":"));
	put_each(&text, assembly, put_presences);
	buf_put_str(&text,
		    S("},\"lazy_private_channels\":[],\"disclose\":[],\"game_invites\":[]}"));
	struct bytes *bytes = text.full ? NULL : bytes_from(buf_str(&text));
	buf_done(&text);
	return bytes;
}

/* -- gathering -- */

static void finish(struct session *session)
{
	struct assembly *assembly = TAKE(session->assembly);
	struct bytes *ready = ready_text(assembly), *supplemental = NULL;

	if (session->capabilities & CAPABILITY_PRIORITIZED_READY)
		supplemental = supplemental_text(assembly);
	assembly_free(assembly);
	if (supplemental)
		ring_push_front(&session->ring, event_new(EVENT_READY_SUPPLEMENTAL, supplemental),
				FORM_FULL);
	if (ready)
		ring_push_front(&session->ring, event_new(EVENT_READY, ready), FORM_FULL);
	else
		session_doom(session, DOOM_DEAD);
	session_go(session);
}

static void on_late(struct core *core, struct timer *timer)
{
	(void)core;
	finish(container_of(timer, struct assembly, timer)->session);
}

void assembly_start(struct session *session, struct bytes *ready, struct bytes *friends,
		    uint64_t *guilds, uint32_t count)
{
	struct assembly *assembly = mem_zalloc(sizeof(*assembly) +
					       count * sizeof(assembly->guilds[0]));

	assembly->session = session;
	assembly->ready = ready;
	assembly->friends = friends;
	assembly->count = assembly->left = count;
	for (uint32_t i = 0; i < count; i++)
		assembly->guilds[i].id = guilds[i];
	timer_init(&assembly->timer, on_late);
	session->assembly = assembly;
	session->state = SESSION_ASSEMBLING;
	guilds_queue(session, guilds, count);
	if (count == 0) {
		guilds_pump(session);
		finish(session);
		return;
	}
	timer_set(session->gateway->core, &assembly->timer, GATEWAY_ASSEMBLE_MS);
	guilds_pump(session);
}

static struct bytes *ref(struct bytes *bytes)
{
	return bytes ? bytes_ref(bytes) : NULL;
}

bool assembly_take(struct session *session, uint64_t guild_id, const struct effect *effect)
{
	struct assembly_guild *guild = find(session, guild_id);

	if (!guild || guild->snapshot)
		return false;
	guild->snapshot = bytes_ref(effect->snapshot);
	guild->own_member = ref(effect->own_member);
	guild->presences = ref(effect->presences);
	return true;
}

bool assembly_answer(struct session *session, uint64_t guild_id, enum guild_result result)
{
	struct assembly_guild *guild = find(session, guild_id);

	if (!guild)
		return false;
	guild->answered = true;
	guild->gone = result == GUILD_GONE;
	if (--session->assembly->left == 0)
		finish(session);
	return true;
}
