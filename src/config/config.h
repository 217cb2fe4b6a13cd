/* The daemon's configuration: one file (key = value), every key with a sane default, unknown keys are errors.
 * Read-only while the cores run; a SIGHUP publishes a new one, old ones stay until the end. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"

enum rate_limits { RATE_LIMITS_DISCORD, RATE_LIMITS_OFF };
enum registration {
	REGISTRATION_OPEN,
	REGISTRATION_INVITE,
	REGISTRATION_CLOSED,
	REGISTRATION_DEFAULT
};
enum sync_mode { SYNC_ALWAYS, SYNC_INTERVAL, SYNC_NEVER };
enum may_create { CREATE_ANYBODY, CREATE_OPERATORS };

struct config {
	char *data; /* directory */
	char **listen; /* ADDR:PORT, [v6]:PORT, unix:PATH; NULL-terminated */
	char **listen_tls;
	char *tls_certificate, *tls_key;
	char *public_url; /* https://chat.example.org; "": from the Host header */
	char *gateway_url; /* of public_url, by config_settle(): wss://…; NULL: where the client came to */
	char *cdn_url; /* "": public_url */
	char **trusted_proxies; /* CIDR */
	enum rate_limits rate_limits;
	bool rate_limits_off_in_public; /* the second flag that a public listener needs */
	enum registration registration;
	enum may_create guilds, applications;
	uint32_t cores; /* 0: as many as processors, at most 8 */
	uint32_t
		presence_online_max; /* members online from which on a guild's presences go only to who looks at them; 0: as the schema says */
	uint64_t memory_max; /* bytes */
	enum sync_mode sync;
	uint32_t sync_interval_ms;
	uint64_t disk_reserve, file_max;
	char *metrics_listen, *metrics_token;
	char *log_level;
	bool faults; /* `rookery fault` may break things */
};

/* What the modules share in one process; cores->app. */
struct limit_global;
struct cidr;
struct app {
	_Atomic(const struct config *) config;
	struct limit_global *limits;
	_Atomic bool has_owner; /* of the instance */
	_Atomic bool serving; /* readyz */
	_Atomic bool
		returning; /* at start, while the sessions of the last run come back: nothing happens by itself, as they would not hear of it */
	uint64_t started_us;
	uint8_t file_keys[2][32]; /* sign links to files: one is in use, the other takes the next */
	_Atomic uint32_t file_key_slot;
	_Atomic bool memory_short; /* over memory_max: nothing new is let in */
	char *files; /* their directory; NULL: none are kept (the simulator) */
	struct cidr *trusted; /* proxies */
	uint32_t trusted_count;
	char *default_url; /* of our first listener: http://127.0.0.1:8080 */
};
static inline struct app *app_of(struct core *core)
{
	return core_cores(core)->app;
}
/* May what is due by itself happen? Else it is to be looked at again in a moment. */
static inline bool app_returning(struct core *core)
{
	return atomic_load_explicit(&app_of(core)->returning, memory_order_relaxed);
}
enum { APP_RETURNING_MS = 50 };
enum { FILE_KEY_BYTES = 32 };
/* The key that signs links to files now. Any thread. */
static inline const uint8_t *file_key_of(struct app *app)
{
	return app->file_keys[atomic_load_explicit(&app->file_key_slot, memory_order_acquire) & 1];
}
static inline const struct config *config_of(struct core *core)
{
	return atomic_load_explicit(&app_of(core)->config, memory_order_acquire);
}

/* All defaults. */
struct config *config_new(void);
void config_free(struct config *config);
/* One key as in the file or after --set. 0, or -EINVAL with a sentence in @error (malloc). */
int config_set(struct config *config, const char *key, const char *value, char **error);
/* A file by libconfuse. */
int config_read(struct config *config, const char *path, char **error);
/* Every listener is a loopback address or a unix socket. */
bool config_is_local(const struct config *config);
/* What does not fit together (limits off on a public listener, TLS without a key). 0 or -EINVAL with @error. */
int config_check(const struct config *config, char **error);
/* Of log_level, as in base/log.h; -1 for a word that is none. */
int config_log_level(const struct config *config);
/* Fills in what follows from the settings. Before it is used. */
void config_settle(struct config *config);
enum { CONFIG_KEYS_MAX = 64 };
/* @next came after @now: settings that need a restart get the value of @now again. @on_change is told each that differs (at most
 * CONFIG_KEYS_MAX), @live when it takes effect. */
void config_merge(struct config *next, const struct config *now,
		  void (*on_change)(void *context, const char *name, bool live), void *context);
