#include "config/config.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum kind { TEXT, LIST, COUNT, BYTES, FLAG, CHOICE };

static const char *const limits_words[] = { "discord", "off", NULL };
static const char *const registration_words[] = { "open", "invite", "closed", "default", NULL };
static const char *const create_words[] = { "anybody", "operators", NULL };
static const char *const sync_words[] = { "always", "interval", "never", NULL };

/* name, kind, place, least, most, words of a choice, live. The order is that of the sample file. */
static const struct key {
	const char *name;
	enum kind kind;
	size_t at;
	uint64_t min, max;
	const char *const *words;
	bool live; /* may change while the server runs */
} keys[] = {
#define AT(field) offsetof(struct config, field)
	{ "data", TEXT, AT(data), 0, 0, NULL, false },
	{ "listen", LIST, AT(listen), 0, 0, NULL, false },
	{ "listen_tls", LIST, AT(listen_tls), 0, 0, NULL, false },
	{ "tls_certificate", TEXT, AT(tls_certificate), 0, 0, NULL, false },
	{ "tls_key", TEXT, AT(tls_key), 0, 0, NULL, false },
	{ "public_url", TEXT, AT(public_url), 0, 0, NULL, true },
	{ "cdn_url", TEXT, AT(cdn_url), 0, 0, NULL, true },
	{ "trusted_proxies", LIST, AT(trusted_proxies), 0, 0, NULL, false },
	{ "rate_limits", CHOICE, AT(rate_limits), 0, 0, limits_words, true },
	{ "rate_limits_off_in_public", FLAG, AT(rate_limits_off_in_public), 0, 0, NULL, true },
	{ "registration", CHOICE, AT(registration), 0, 0, registration_words, true },
	{ "guilds", CHOICE, AT(guilds), 0, 0, create_words, true },
	{ "applications", CHOICE, AT(applications), 0, 0, create_words, true },
	{ "cores", COUNT, AT(cores), 0, 64, NULL, false },
	{ "presence_online_max", COUNT, AT(presence_online_max), 0, UINT32_MAX, NULL, true },
	{ "memory_max", BYTES, AT(memory_max), 64 << 20, UINT64_MAX, NULL, true },
	{ "sync", CHOICE, AT(sync), 0, 0, sync_words, false },
	{ "sync_interval_ms", COUNT, AT(sync_interval_ms), 1, 60000, NULL, false },
	{ "disk_reserve", BYTES, AT(disk_reserve), 0, UINT64_MAX, NULL, false },
	{ "file_max", BYTES, AT(file_max), 1, 1ULL << 34, NULL, true },
	{ "metrics_listen", TEXT, AT(metrics_listen), 0, 0, NULL, false },
	{ "metrics_token", TEXT, AT(metrics_token), 0, 0, NULL, true },
	{ "log_level", TEXT, AT(log_level), 0, 0, NULL, true },
	{ "faults", FLAG, AT(faults), 0, 0, NULL, false },
#undef AT
};

static const struct key *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static void list_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

static void list_add(char ***list, const char *value, size_t len)
{
	size_t count = 0;

	while (*list && (*list)[count])
		count++;
	*list = mem_realloc(*list, (count + 2) * sizeof(char *));
	char *copy = mem_alloc(len + 1);
	memcpy(copy, value, len);
	copy[len] = '\0';
	(*list)[count] = copy;
	(*list)[count + 1] = NULL;
}

struct config *config_new(void)
{
	struct config *config = mem_zalloc(sizeof(*config));

	config->data = mem_strdup("data");
	config->registration = REGISTRATION_DEFAULT;
	config->memory_max = 1ULL << 30;
	config->sync_interval_ms = 100;
	config->disk_reserve = 256ULL << 20;
	config->file_max = 100ULL << 20;
	config->log_level = mem_strdup("info");
	return config;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		void *place = (char *)config + keys[i].at;

		if (keys[i].kind == TEXT)
			free(*(char **)place);
		else if (keys[i].kind == LIST)
			list_free(*(char ***)place);
	}
	if (config)
		free(config->gateway_url);
	free(config);
}

__attribute__((format(printf, 2, 3))) static int complain(char **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(error, format, args) < 0)
		*error = NULL;
	va_end(args);
	return -EINVAL;
}

/* 64M, 2G, 512k or plain bytes. */
static bool parse_bytes(const char *text, uint64_t *ret)
{
	struct str s = str_z(text);
	uint32_t shift = 0;

	if (s.len) {
		switch (s.ptr[s.len - 1]) {
		case 'k':
		case 'K': shift = 10; break;
		case 'm':
		case 'M': shift = 20; break;
		case 'g':
		case 'G': shift = 30; break;
		default: break;
		}
		s.len -= shift != 0;
	}
	if (!str_u64(s, ret) || *ret > UINT64_MAX >> shift)
		return false;
	*ret <<= shift;
	return true;
}

int config_set(struct config *config, const char *name, const char *value, char **error)
{
	const struct key *key = find(name);
	uint64_t n;

	if (!key)
		return complain(error, "there is no setting \"%s\"", name);
	void *place = (char *)config + key->at;
	switch (key->kind) {
	case TEXT:
		free(*(char **)place);
		*(char **)place = mem_strdup(value);
		return 0;
	case LIST: {
		struct str rest = str_z(value);

		list_free(*(char ***)place);
		*(char ***)place = NULL;
		while (rest.len) {
			size_t end = str_find(rest, ',');
			struct str part = str_trim((struct str){ rest.ptr, end });

			if (part.len)
				list_add(place, part.ptr, part.len);
			rest = str_skip(rest, end + 1);
		}
		return 0;
	}
	case COUNT:
		if (!str_u64(str_z(value), &n) || n < key->min || n > key->max)
			return complain(error, "%s takes a number from %lu to %lu, not \"%s\"",
					name, key->min, key->max, value);
		*(uint32_t *)place = (uint32_t)n;
		return 0;
	case BYTES:
		if (!parse_bytes(value, &n) || n < key->min || n > key->max)
			return complain(
				error,
				"%s takes a size such as 512M, at least %lu bytes, not \"%s\"",
				name, key->min, value);
		*(uint64_t *)place = n;
		return 0;
	case FLAG:
		if (strcmp(value, "true") && strcmp(value, "false"))
			return complain(error, "%s is true or false, not \"%s\"", name, value);
		*(bool *)place = value[0] == 't';
		return 0;
	case CHOICE:
		for (int i = 0; key->words[i]; i++)
			if (!strcmp(key->words[i], value)) {
				*(int *)place = i;
				return 0;
			}
		return complain(error, "%s does not know \"%s\"", name, value);
	}
	return complain(error, "%s cannot be set", name);
}

static char *confuse_error;

__attribute__((format(printf, 2, 0))) static void on_confuse_error(cfg_t *cfg, const char *format,
								   va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, args);
	free(confuse_error);
	confuse_error = NULL;
	complain(&confuse_error, "line %d: %s", cfg ? cfg->line : 0, text);
}

int config_read(struct config *config, const char *path, char **error)
{
	cfg_opt_t opts[ARRAY_SIZE(keys) + 1] = {};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		cfg_opt_t text = CFG_STR(keys[i].name, NULL, CFGF_NODEFAULT);
		cfg_opt_t list = CFG_STR_LIST(keys[i].name, NULL, CFGF_NODEFAULT);

		opts[i] = keys[i].kind == LIST ? list : text;
	}
	cfg_opt_t end = CFG_END();
	opts[ARRAY_SIZE(keys)] = end;
	cfg_t *cfg = cfg_init(opts, CFGF_NONE);
	cfg_set_error_function(cfg, on_confuse_error);
	int parsed = cfg_parse(cfg, path);
	if (parsed == CFG_FILE_ERROR)
		r = complain(error, "%s cannot be read: %s", path, strerror(errno));
	else if (parsed == CFG_PARSE_ERROR)
		r = complain(error, "%s: %s", path, confuse_error ? confuse_error : "syntax error");
	for (size_t i = 0; !r && i < ARRAY_SIZE(keys); i++) {
		void *at = (char *)config + keys[i].at;
		char ***list = at;
		unsigned int count = cfg_size(cfg, keys[i].name);

		if (!count)
			continue;
		if (keys[i].kind != LIST) {
			const char *value = cfg_getstr(cfg, keys[i].name);

			if (value)
				r = config_set(config, keys[i].name, value, error);
			continue;
		}
		list_free(*list);
		*list = NULL;
		for (unsigned int n = 0; n < count; n++)
			list_add(list, cfg_getnstr(cfg, keys[i].name, n),
				 strlen(cfg_getnstr(cfg, keys[i].name, n)));
	}
	cfg_free(cfg);
	free(confuse_error);
	confuse_error = NULL;
	return r;
}

static bool is_local(const char *address)
{
	return !strncmp(address, "127.", 4) || !strncmp(address, "[::1]", 5) ||
		!strncmp(address, "localhost:", 10) || !strncmp(address, "unix:", 5) ||
		address[0] == '/';
}

bool config_is_local(const struct config *config)
{
	for (size_t i = 0; config->listen && config->listen[i]; i++)
		if (!is_local(config->listen[i]))
			return false;
	for (size_t i = 0; config->listen_tls && config->listen_tls[i]; i++)
		if (!is_local(config->listen_tls[i]))
			return false;
	return true;
}

void config_settle(struct config *config)
{
	const char *url = config->public_url;

	free(config->gateway_url);
	config->gateway_url = NULL;
	if (url && !strncmp(url, "http", 4) && asprintf(&config->gateway_url, "ws%s", url + 4) < 0)
		config->gateway_url = NULL;
}

int config_check(const struct config *config, char **error)
{
	if (config->rate_limits == RATE_LIMITS_OFF && !config_is_local(config) &&
	    !config->rate_limits_off_in_public)
		return complain(error,
				"rate_limits = off is for loopback; a public address needs "
				"rate_limits_off_in_public = true as well");
	if (config->listen_tls && config->listen_tls[0] &&
	    (!config->tls_certificate || !config->tls_key))
		return complain(error, "listen_tls needs tls_certificate and tls_key");
	if (config_log_level(config) < 0)
		return complain(error, "log_level is error, warn, info or debug, not \"%s\"",
				config->log_level);
	return 0;
}

int config_log_level(const struct config *config)
{
	static const char *const words[] = { "error", "warn", "info", "debug" };

	for (int i = 0; i < 4; i++)
		if (!strcmp(config->log_level, words[i]))
			return i;
	return -1;
}

static bool list_equal(char *const *a, char *const *b)
{
	for (size_t i = 0;; i++) {
		const char *x = a ? a[i] : NULL, *y = b ? b[i] : NULL;

		if (!x || !y)
			return x == y;
		if (strcmp(x, y))
			return false;
	}
}

static bool key_equal(const struct key *key, const void *a, const void *b)
{
	const char *x, *y;

	switch (key->kind) {
	case TEXT:
		x = *(char *const *)a;
		y = *(char *const *)b;
		return !strcmp(x ? x : "", y ? y : "");
	case LIST: return list_equal(*(char **const *)a, *(char **const *)b);
	case COUNT: return *(const uint32_t *)a == *(const uint32_t *)b;
	case BYTES: return *(const uint64_t *)a == *(const uint64_t *)b;
	case FLAG: return *(const bool *)a == *(const bool *)b;
	case CHOICE: return *(const int *)a == *(const int *)b;
	}
	return true;
}

static void key_copy(const struct key *key, void *to, const void *from)
{
	char *const *list;

	switch (key->kind) {
	case TEXT:
		free(*(char **)to);
		*(char **)to = *(char *const *)from ? mem_strdup(*(char *const *)from) : NULL;
		break;
	case LIST:
		list_free(*(char ***)to);
		*(char ***)to = NULL;
		list = *(char **const *)from;
		for (size_t i = 0; list && list[i]; i++)
			list_add(to, list[i], strlen(list[i]));
		break;
	case COUNT: *(uint32_t *)to = *(const uint32_t *)from; break;
	case BYTES: *(uint64_t *)to = *(const uint64_t *)from; break;
	case FLAG: *(bool *)to = *(const bool *)from; break;
	case CHOICE: *(int *)to = *(const int *)from; break;
	}
}

void config_merge(struct config *next, const struct config *now,
		  void (*on_change)(void *context, const char *name, bool live), void *context)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		void *a = (char *)next + keys[i].at;
		const void *b = (const char *)now + keys[i].at;

		if (key_equal(&keys[i], a, b))
			continue;
		on_change(context, keys[i].name, keys[i].live);
		if (!keys[i].live)
			key_copy(&keys[i], a, b);
	}
}
