#include "main/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char options_usage[] =
	"usage: rookeryd [--data DIR] [--listen ADDR:PORT] [--cores N] [--config FILE] [--set KEY=VALUE ...]\n"
	"  --data DIR         where everything is kept (default: data)\n"
	"  --listen A:P,...   addresses of the plain listener (default: 127.0.0.1:8080); unix:PATH too\n"
	"  --cores N          threads that serve (default: processors, at most 8)\n"
	"  --config FILE      a file of key = value lines; what stands after it on the command line wins\n"
	"  --set KEY=VALUE    one setting, as in the file\n"
	"  --check            read the configuration, say what is wrong, and end\n";

static int set_pair(struct config *config, const char *pair, char **error)
{
	const char *eq = strchr(pair, '=');
	char name[64];

	if (!eq || (size_t)(eq - pair) >= sizeof(name)) {
		if (asprintf(error, "--set takes KEY=VALUE, not \"%s\"", pair) < 0)
			*error = NULL;
		return -EINVAL;
	}
	memcpy(name, pair, (size_t)(eq - pair));
	name[eq - pair] = '\0';
	return config_set(config, name, eq + 1, error);
}

struct config *options_read(const struct options *options, enum options_do *ret, char **error)
{
	static const struct option known[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "listen", required_argument, NULL, 'l' },
		{ "cores", required_argument, NULL, 'n' },
		{ "config", required_argument, NULL, 'c' },
		{ "set", required_argument, NULL, 's' },
		{ "check", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	/* getopt moves words about in what it is given. */
	char **argv = mem_dup(options->argv, sizeof(*argv) * ((size_t)options->argc + 1));
	struct config *config = config_new();
	int option, r = 0;

	*ret = OPTIONS_RUN;
	optind = 0; /* begin anew (glibc) */
	while (!r && (option = getopt_long(options->argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'd': r = config_set(config, "data", optarg, error); break;
		case 'l': r = config_set(config, "listen", optarg, error); break;
		case 'n': r = config_set(config, "cores", optarg, error); break;
		case 'c': r = config_read(config, optarg, error); break;
		case 's': r = set_pair(config, optarg, error); break;
		case 'k': *ret = OPTIONS_CHECK; break;
		case 'h': *ret = OPTIONS_HELP; break;
		default: *ret = OPTIONS_WRONG; break;
		}
		if (*ret == OPTIONS_HELP || *ret == OPTIONS_WRONG)
			break;
	}
	if (*ret == OPTIONS_RUN || *ret == OPTIONS_CHECK) {
		if (!r && optind < options->argc &&
		    asprintf(error, "what is \"%s\"?", argv[optind]) >= 0)
			r = -EINVAL;
		if (!r && !config->listen && !config->listen_tls)
			r = config_set(config, "listen", "127.0.0.1:8080", error);
		if (!r)
			r = config_check(config, error);
		if (r)
			*ret = OPTIONS_WRONG;
	}
	free(argv);
	if (*ret == OPTIONS_RUN || *ret == OPTIONS_CHECK)
		return config;
	config_free(config);
	return NULL;
}

struct config *options_reread(void *owner, char **error)
{
	enum options_do what;

	return options_read(owner, &what, error);
}
