#include "realm/watch.h"

#include <stdlib.h>
#include <string.h>

struct watchers {
	uint32_t count, cap;
	uint64_t *sessions;
};

static void add(struct realm *realm, uint64_t user_id, uint64_t session)
{
	struct watchers *watchers = map_get(&realm->watched, user_id);

	if (!watchers) {
		watchers = region_new(realm->region, struct watchers);
		map_set(&realm->watched, user_id, watchers);
	}
	if (watchers->count == watchers->cap) {
		watchers->cap = MAX(watchers->cap * 2, 2u);
		watchers->sessions = region_realloc(realm->region, watchers->sessions,
						    watchers->cap * sizeof(uint64_t));
	}
	watchers->sessions[watchers->count++] = session;
}

static void del(struct realm *realm, uint64_t user_id, uint64_t session)
{
	struct watchers *watchers = map_get(&realm->watched, user_id);

	for (uint32_t i = 0; watchers && i < watchers->count; i++)
		if (watchers->sessions[i] == session) {
			watchers->sessions[i] = watchers->sessions[--watchers->count];
			break;
		}
	if (!watchers || watchers->count)
		return;
	map_del(&realm->watched, user_id);
	region_free(realm->region, watchers->sessions);
	region_free(realm->region, watchers);
}

void watch_name(struct realm *realm, struct subscriber *subscriber, const uint64_t *ids,
		uint32_t count)
{
	region_free(realm->region, subscriber->named);
	subscriber->named = count ? region_alloc(realm->region, count * sizeof(*ids)) : NULL;
	subscriber->named_count = count;
	if (count)
		memcpy(subscriber->named, ids, count * sizeof(*ids));
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void watch_event(const struct realm *realm, struct event *event, uint64_t user_id)
{
	uint32_t count;
	const uint64_t *sessions = watch_sessions(realm, user_id, &count);

	if (!count)
		return;
	event->watchers = bytes_from(
		(struct str){ (const char *)sessions, count * sizeof(*sessions) });
	qsort(event->watchers->data, count, sizeof(*sessions), compare_ids);
}

void watch_set(struct realm *realm, struct subscriber *subscriber, const uint64_t *ids,
	       uint32_t count)
{
	for (uint32_t i = 0; i < subscriber->watches_count; i++)
		del(realm, subscriber->watches[i], subscriber->session);
	region_free(realm->region, subscriber->watches);
	subscriber->watches = NULL;
	subscriber->watches_count = 0;
	if (!count)
		return;
	subscriber->watches = region_alloc(realm->region,
					   MIN(count, (uint32_t)WATCHES_MAX) * sizeof(uint64_t));
	for (uint32_t i = 0; i < count && subscriber->watches_count < WATCHES_MAX; i++) {
		bool known = ids[i] == 0;

		for (uint32_t k = 0; k < subscriber->watches_count && !known; k++)
			known = subscriber->watches[k] == ids[i];
		if (known)
			continue;
		subscriber->watches[subscriber->watches_count++] = ids[i];
		add(realm, ids[i], subscriber->session);
	}
}

const uint64_t *watch_sessions(const struct realm *realm, uint64_t user_id, uint32_t *ret_count)
{
	const struct watchers *watchers = map_get(&realm->watched, user_id);

	*ret_count = watchers ? watchers->count : 0;
	return watchers ? watchers->sessions : NULL;
}

void watch_end(struct realm *realm)
{
	uint32_t at = 0;
	uint64_t id;
	void *value;

	while (map_next(&realm->sessions, &at, &id, &value)) {
		struct subscriber *subscriber = value;

		region_free(realm->region, subscriber->watches);
		subscriber->watches = NULL;
		subscriber->watches_count = 0;
		watch_name(realm, subscriber, NULL, 0);
	}
	at = 0;
	while (map_next(&realm->watched, &at, &id, &value)) {
		region_free(realm->region, ((struct watchers *)value)->sessions);
		region_free(realm->region, value);
	}
	map_done(&realm->watched);
	map_init_in(&realm->watched, realm->region);
}
