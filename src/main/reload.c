#include "main/reload.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/fiber.h"
#include "core/local.h"
#include "gateway/gateway.h"
#include "net/tls.h"

struct reload {
	struct cores *cores;
	struct tls *tls;
	struct config *(*reread)(void *owner, char **error);
	void *owner;
	bool running, again;
	struct config **old; /* published ones: whoever read the pointer may still use it */
	uint32_t old_count;
	/* of the run at hand */
	struct change {
		const char *name;
		bool live;
	} changes[CONFIG_KEYS_MAX];
	uint32_t changes_count;
	struct config *next;
	char *error;
	int tls_result;
	char tls_why[256];
};

static void read_again(void *arg)
{
	struct reload *reload = arg;

	reload->next = NULL;
	reload->error = NULL;
	reload->tls_result = 0;
	reload->tls_why[0] = '\0';
	if (reload->reread)
		reload->next = reload->reread(reload->owner, &reload->error);
	if (reload->tls)
		reload->tls_result = tls_reload(reload->tls, reload->tls_why,
						sizeof(reload->tls_why));
}

static void on_change(void *context, const char *name, bool live)
{
	struct reload *reload = context;

	reload->changes[reload->changes_count++] = (struct change){ name, live };
}

static void say_changes(const struct reload *reload)
{
	for (uint32_t i = 0; i < reload->changes_count; i++)
		if (reload->changes[i].live)
			log_info("setting changed name=%s", reload->changes[i].name);
		else
			log_warn("setting changed in the file, needs a restart name=%s",
				 reload->changes[i].name);
}

static void on_gateway(struct core *core, struct msg *msg)
{
	const struct config *config = config_of(core);
	struct gateway_config gateway;

	gateway_config_init(&gateway);
	gateway.rate_limits = config->rate_limits == RATE_LIMITS_DISCORD;
	gateway.public_url = config->gateway_url;
	gateway_local_change(local_of(core)->gateway, &gateway);
	free(msg);
}

/* What the file says may not fit to what stays as it is: limits off, with a listener that is open to the public. */
static bool publish(struct reload *reload, struct core *core)
{
	struct cores *cores = reload->cores;

	reload->changes_count = 0;
	config_merge(reload->next, config_of(core), on_change, reload);
	if (config_check(reload->next, &reload->error)) {
		config_free(reload->next);
		reload->next = NULL;
		return false;
	}
	say_changes(reload);
	config_settle(reload->next);
	log_set_level((enum log_level)config_log_level(reload->next));
	reload->old = mem_realloc(reload->old, sizeof(*reload->old) * (reload->old_count + 1));
	reload->old[reload->old_count++] = reload->next;
	atomic_store_explicit(&app_of(core)->config, reload->next, memory_order_release);
	for (uint32_t i = 0; i < cores->count; i++) {
		struct msg *msg = mem_zalloc(sizeof(*msg));

		msg->run = on_gateway;
		core_post(cores->core[i], msg);
	}
	return true;
}

static void run(struct core *core, void *arg)
{
	struct reload *reload = arg;

	do {
		reload->again = false;
		if (fiber_offload_wait(core, read_again, reload)) {
			log_error("nothing reloaded, too busy: try again");
			break;
		}
		if ((!reload->next || !publish(reload, core)) && reload->reread)
			log_error("configuration not reloaded, the old one stays why=\"%s\"",
				  reload->error ? reload->error : "out of memory");
		free(reload->error);
		if (reload->tls_result)
			log_error("certificate not reloaded, the old one stays why=\"%s\"",
				  reload->tls_why);
		if (reload->next && !reload->tls_result)
			log_info("reloaded");
	} while (reload->again);
	reload->running = false;
}

struct reload *reload_new(struct cores *cores, struct tls *tls,
			  struct config *(*reread)(void *owner, char **error), void *owner)
{
	struct reload *reload = mem_zalloc(sizeof(*reload));

	reload->cores = cores;
	reload->tls = tls;
	reload->reread = reread;
	reload->owner = owner;
	return reload;
}

void reload_begin(struct reload *reload)
{
	if (reload->running) {
		reload->again = true;
		return;
	}
	reload->running = true;
	if (fiber_start(reload->cores->core[0], run, reload)) {
		reload->running = false;
		log_error("nothing reloaded, too busy: try again");
	}
}

void reload_free(struct reload *reload)
{
	if (!reload)
		return;
	for (uint32_t i = 0; i < reload->old_count; i++)
		config_free(reload->old[i]);
	free(reload->old);
	free(reload);
}
