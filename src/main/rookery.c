/* rookery: the operator's command line. It talks to the running daemon by the control socket in its data directory; where none runs
 * it opens the store itself and runs the same commands. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "admin/backup.h"
#include "admin/control.h"
#include "base/log.h"
#include "base/mem.h"
#include "main/daemon.h"
#include "main/print.h"
#include "main/top.h"
#include "main/version.h"

/* What it ends with. */
enum { DONE = 0, REFUSED = 1, WRONG_USE = 2, UNREACHABLE = 3 };
enum { SECRET_MAX = 1024 };

static const char default_config[] = "/etc/rookery/rookery.conf";

struct line {
	const char *data, *config_path;
	bool json;
	const struct admin_command *command;
	json_t *args;
	int status;
	json_t *answer;
};

static int say(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int say(int status, const char *format, ...)
{
	va_list args;

	fputs("rookery: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

static void usage(FILE *to)
{
	fputs("usage: rookery [--data DIR | --config FILE] [--json] COMMAND [ARGUMENTS]\n\n", to);
	for (const struct admin_command *command = admin_commands; command->name; command++) {
		char words[160];
		int n = snprintf(words, sizeof(words), "%s", command->name);

		for (char *dot = strchr(words, '.'); dot; dot = NULL)
			*dot = ' ';
		for (size_t i = 0; i < ADMIN_ARGS_MAX && command->args[i].name && n > 0 &&
		     (size_t)n < sizeof(words);
		     i++) {
			const struct admin_arg *arg = &command->args[i];
			const char *format = arg->kind == ARG_SECRET ? ""
				: arg->needed			     ? " %s"
				: arg->kind == ARG_FLAG		     ? " [--%s]"
								     : " [--%s ...]";
			char upper[32];

			snprintf(upper, sizeof(upper), "%s", arg->name);
			for (char *c = upper; arg->needed && *c; c++)
				*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
			n += snprintf(words + n, sizeof(words) - (size_t)n, format, upper);
#pragma GCC diagnostic pop
		}
		fprintf(to, "  %-52s %s\n", words, command->help);
	}
	fprintf(to, "  %-52s %s\n", "restore FROM",
		"puts a backup into the data directory, which must be empty; no daemon may run");
	fprintf(to, "  %-52s %s\n", "top [--once] [--interval SECONDS]",
		"a live view of the running daemon; --json: a line of JSON each time");
	fprintf(to, "  %-52s %s\n", "config check FILE",
		"reads a configuration, says what is wrong");
	fputs("\nPasswords are asked for on the terminal, or read as a line from standard input.\n"
	      "Without --data and --config: /etc/rookery/rookery.conf, or ./data where there is no such file.\n"
	      "Ends with 0: done, 1: refused or failed, 2: wrong use, 3: neither a daemon nor its store can be reached.\n",
	      to);
}

/* -- what to do -- */

/* A line from the terminal, unseen, or from standard input. False when there is none. */
static bool read_secret(const char *prompt, char *ret, size_t size)
{
	bool terminal = isatty(STDIN_FILENO);
	struct termios before, quiet;

	if (terminal) {
		fprintf(stderr, "%s: ", prompt);
		tcgetattr(STDIN_FILENO, &before);
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	bool good = fgets(ret, (int)size, stdin) != NULL;
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (good)
		ret[strcspn(ret, "\r\n")] = '\0';
	return good && ret[0];
}

static int add_secret(struct line *line, const char *name)
{
	char first[SECRET_MAX], second[SECRET_MAX];
	int status = DONE;

	if (!read_secret(name, first, sizeof(first)))
		status = say(WRONG_USE, "no %s given", name);
	else if (isatty(STDIN_FILENO) &&
		 (!read_secret("once more", second, sizeof(second)) || strcmp(first, second)))
		status = say(WRONG_USE, "the two differ");
	else if (json_object_set_new(line->args, name, json_string(first)))
		status = say(WRONG_USE, "the %s is no UTF-8", name);
	explicit_bzero(first, sizeof(first));
	explicit_bzero(second, sizeof(second));
	return status;
}

static int add_option(struct line *line, const char *name, const char *value, bool *ret_used)
{
	const struct admin_arg *arg = NULL;
	char *end;

	*ret_used = false;
	for (size_t i = 0; i < ADMIN_ARGS_MAX && line->command->args[i].name; i++)
		if (!strcmp(line->command->args[i].name, name) &&
		    line->command->args[i].kind != ARG_SECRET)
			arg = &line->command->args[i];
	if (!arg)
		return say(WRONG_USE, "%s knows no --%s", line->command->name, name);
	if (arg->kind == ARG_FLAG) {
		json_object_set_new(line->args, name, json_true());
		return DONE;
	}
	if (!value)
		return say(WRONG_USE, "--%s needs a value", name);
	*ret_used = true;
	if (arg->kind == ARG_NUMBER) {
		errno = 0;
		long long number = strtoll(value, &end, 10);

		if (errno || end == value || *end || number < 0)
			return say(WRONG_USE, "--%s takes a number, not \"%s\"", name, value);
		json_object_set_new(line->args, name, json_integer(number));
	} else if (json_object_set_new(line->args, name, json_string(value))) {
		return say(WRONG_USE, "--%s is no UTF-8", name);
	}
	return DONE;
}

/* The next needed text that has no value yet takes it. */
static int add_word(struct line *line, const char *word)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < ADMIN_ARGS_MAX && line->command->args[i].name; i++) {
		const struct admin_arg *arg = &line->command->args[i];

		if (!arg->needed || arg->kind != ARG_TEXT || json_object_get(line->args, arg->name))
			continue;
		/* The daemon stands somewhere else. */
		if (!strcmp(line->command->name, "backup") && word[0] != '/' &&
		    getcwd(path, sizeof(path))) {
			json_object_set_new(line->args, arg->name,
					    json_sprintf("%s/%s", path, word));
			return DONE;
		}
		if (json_object_set_new(line->args, arg->name, json_string(word)))
			return say(WRONG_USE, "%s is no UTF-8", arg->name);
		return DONE;
	}
	return say(WRONG_USE, "%s does not know what to do with \"%s\"", line->command->name, word);
}

static int read_args(struct line *line, char **words)
{
	int status = DONE;
	bool used;

	line->args = json_object();
	for (; *words && !status; words++) {
		if (!strcmp(*words, "--json")) {
			line->json = true;
		} else if (!strncmp(*words, "--", 2)) {
			status = add_option(line, *words + 2, words[1], &used);
			if (used)
				words++;
		} else {
			status = add_word(line, *words);
		}
	}
	for (size_t i = 0; i < ADMIN_ARGS_MAX && line->command->args[i].name && !status; i++) {
		const struct admin_arg *arg = &line->command->args[i];

		if (!arg->needed || json_object_get(line->args, arg->name))
			continue;
		status = arg->kind == ARG_SECRET
			? add_secret(line, arg->name)
			: say(WRONG_USE, "%s needs %s", line->command->name, arg->name);
	}
	return status;
}

/* -- asking -- */

typedef int (*ask_h)(void *owner, const struct admin_command *command, json_t *args,
		     json_t **ret_answer);

/* A list is asked for to its end, in pages, unless a limit was given. */
static int ask_all(ask_h ask, void *owner, struct line *line)
{
	bool paged = !json_object_get(line->args, "limit");

	int r = ask(owner, line->command, line->args, &line->answer);
	while (!r && paged && json_is_true(json_object_get(line->answer, "ok")) &&
	       json_is_string(json_object_get(line->answer, "next"))) {
		json_t *more, *list;
		const char *key;

		json_object_set_new(line->args, "after",
				    json_integer(strtoll(json_string_value(json_object_get(
								 line->answer, "next")),
							 NULL, 10)));
		r = ask(owner, line->command, line->args, &more);
		if (r)
			break;
		json_object_foreach(more, key, list) if (json_is_array(list))
		{
			json_array_extend(json_object_get(line->answer, key), list);
			json_object_set(more, key, json_object_get(line->answer, key));
		}
		json_decref(line->answer);
		line->answer = more;
	}
	return r;
}

static int ask_daemon(void *owner, const struct admin_command *command, json_t *args,
		      json_t **ret_answer)
{
	json_t *request = json_pack("{s:s,s:O}", "command", command->name, "args", args);
	int r = control_ask(owner, request, ret_answer);

	json_decref(request);
	return r;
}

struct local_ask {
	struct core *core;
	struct admin *admin;
};

static int ask_here(void *owner, const struct admin_command *command, json_t *args,
		    json_t **ret_answer)
{
	struct local_ask *here = owner;

	*ret_answer = admin_run_wait(here->admin, here->core, command, args);
	return 0;
}

static void on_offline(struct core *core, struct admin *admin, void *owner)
{
	struct line *line = owner;

	ask_all(ask_here, &(struct local_ask){ core, admin }, line);
}

/* Root would leave files behind that the daemon cannot read. */
static int become_owner(const char *data)
{
	struct stat st;

	if (geteuid() != 0 || stat(data, &st) || st.st_uid == 0)
		return 0;
	if (setgroups(0, NULL) || setgid(st.st_gid) || setuid(st.st_uid))
		return -errno;
	return 0;
}

static struct config *make_config(const struct line *line, char **error)
{
	struct config *config = config_new();
	int r = line->config_path ? config_read(config, line->config_path, error) : 0;

	if (!r && line->data)
		r = config_set(config, "data", line->data, error);
	if (!r)
		r = config_set(config, "cores", "1", error);
	if (!r)
		return config;
	config_free(config);
	return NULL;
}

static int run_offline(struct line *line, struct config *config)
{
	struct daemon *daemon = NULL;
	char path[PATH_MAX], *error = NULL;
	struct stat st;

	snprintf(path, sizeof(path), "%s/store", config->data);
	if (lstat(path, &st) && strcmp(line->command->name, "users.create")) {
		int status = say(UNREACHABLE, "there is no daemon and no store in %s",
				 config->data);

		config_free(config);
		return status;
	}
	if (become_owner(config->data)) {
		config_free(config);
		return say(UNREACHABLE, "cannot become the owner of the data directory");
	}
	log_set_level(LOG_ERROR);
	/* An answer that never comes (fibers ran out, say) is a failure. */
	int r = daemon_new(config, &(struct daemon_options){ .offline = on_offline, .owner = line },
			   &daemon, &error);
	if (!r)
		daemon_run(daemon);
	daemon_free(daemon);
	if (r)
		say(UNREACHABLE, "no daemon answers, and its store cannot be opened: %s",
		    error ? error : strerror(-r));
	free(error);
	return r ? UNREACHABLE : DONE;
}

static int run_command(struct line *line)
{
	char *error = NULL;
	struct config *config = make_config(line, &error);

	if (!config) {
		int status = say(WRONG_USE, "%s", error ? error : "out of memory");

		free(error);
		return status;
	}
	int status = DONE;
	int r = ask_all(ask_daemon, config->data, line);
	if (r == -ENOENT || r == -ECONNREFUSED) {
		status = run_offline(line, config);
	} else {
		if (r)
			status = say(UNREACHABLE, "the daemon of %s does not answer: %s",
				     config->data, strerror(-r));
		config_free(config);
	}
	if (status)
		return status;
	if (!line->answer)
		return say(UNREACHABLE, "no answer");
	print_answer(line->answer, line->json);
	return json_is_true(json_object_get(line->answer, "ok")) ? DONE : REFUSED;
}

/* -- what needs neither daemon nor store -- */

static int finish(struct line *line, json_t *answer)
{
	int status = json_is_true(json_object_get(answer, "ok")) ? DONE : REFUSED;

	print_answer(answer, line->json);
	json_decref(answer);
	return status;
}

static int run_restore(struct line *line, const char *from)
{
	struct backup_result result = {};
	char *error = NULL;
	struct config *config = make_config(line, &error);
	json_t *answer;

	if (!config) {
		say(WRONG_USE, "%s", error ? error : "out of memory");
		free(error);
		return WRONG_USE;
	}
	log_set_level(LOG_ERROR);
	int r = become_owner(config->data);
	if (!r)
		r = backup_restore(from, config->data, &result);
	if (r)
		answer = admin_refusal(result.why[0] ? result.why : strerror(-r));
	else
		answer = json_pack("{s:b,s:s,s:I,s:I,s:I}", "ok", 1, "data", config->data, "files",
				   (json_int_t)result.files, "bytes", (json_int_t)result.bytes,
				   "rows_checked", (json_int_t)result.rows);
	config_free(config);
	return finish(line, answer);
}

static int run_config_check(struct line *line, const char *path)
{
	struct config *config = config_new();
	char *error = NULL;
	int r = config_read(config, path, &error);

	if (!r)
		r = config_check(config, &error);
	config_free(config);
	json_t *answer = r ? admin_refusal(error ? error : strerror(-r))
			   : json_pack("{s:b}", "ok", 1);
	free(error);
	return finish(line, answer);
}

static int run_top(struct line *line, char **words)
{
	struct top top = { .interval_ms = 1000, .json = line->json };
	char *error = NULL, *end;

	for (; *words; words++) {
		if (!strcmp(*words, "--once")) {
			top.once = true;
		} else if (!strcmp(*words, "--interval") && words[1]) {
			double seconds = strtod(*++words, &end);

			if (*end || !(seconds >= 0.1 && seconds <= 3600))
				return say(WRONG_USE,
					   "--interval takes seconds from 0.1 to 3600, not \"%s\"",
					   *words);
			top.interval_ms = (uint32_t)(seconds * 1000);
		} else {
			return say(WRONG_USE,
				   "top knows --once, --interval SECONDS and --json, not \"%s\"",
				   *words);
		}
	}
	struct config *config = make_config(line, &error);
	if (!config) {
		int status = say(WRONG_USE, "%s", error ? error : "out of memory");

		free(error);
		return status;
	}
	top.data = config->data;
	int r = top_run(&top);
	int status = DONE;
	if (r == -ENOENT || r == -ECONNREFUSED)
		status = say(UNREACHABLE, "no daemon runs on %s", config->data);
	else if (r)
		status = say(UNREACHABLE, "the daemon of %s does not answer: %s", config->data,
			     strerror(-r));
	config_free(config);
	return status;
}

/* "users create" and "users.create" are the same. */
static const struct admin_command *find_command(char **words, int *ret_used)
{
	char name[64];

	*ret_used = 1;
	const struct admin_command *command = admin_command_find(words[0]);
	if (command || !words[1])
		return command;
	*ret_used = 2;
	snprintf(name, sizeof(name), "%s.%s", words[0], words[1]);
	return admin_command_find(name);
}

static int run(struct line *line, char **words)
{
	int used;

	if (!words[0]) {
		usage(stderr);
		return WRONG_USE;
	}
	if (!strcmp(words[0], "help")) {
		usage(stdout);
		return DONE;
	}
	bool last_json = words[1] && words[2] && !strcmp(words[2], "--json");
	if (!strcmp(words[0], "restore") && words[1] && (!words[2] || last_json)) {
		line->json |= last_json;
		return run_restore(line, words[1]);
	}
	if (!strcmp(words[0], "config") && words[1] && !strcmp(words[1], "check") && words[2])
		return run_config_check(line, words[2]);
	if (!strcmp(words[0], "top"))
		return run_top(line, words + 1);
	line->command = find_command(words, &used);
	if (!line->command)
		return say(WRONG_USE, "there is no command \"%s%s%s\"; see rookery help", words[0],
			   words[1] ? " " : "", words[1] ? words[1] : "");
	int status = read_args(line, words + used);
	return status ? status : run_command(line);
}

/* The options that say where: they may stand behind the command as well. What is left of @argv ends with NULL. */
static void take_place(struct line *line, char **argv)
{
	char **to = argv;

	for (; *argv; argv++) {
		if (!strcmp(*argv, "--data") && argv[1])
			line->data = *++argv;
		else if (!strcmp(*argv, "--config") && argv[1])
			line->config_path = *++argv;
		else if (!strcmp(*argv, "--json"))
			line->json = true;
		else
			*to++ = *argv;
	}
	*to = NULL;
}

int main(int argc, char **argv)
{
	struct line line = {};
	int at = 1;

	umask(077);
	for (; at < argc && !strncmp(argv[at], "--", 2); at++) {
		bool more = at + 1 < argc;

		if (!strcmp(argv[at], "--json")) {
			line.json = true;
		} else if (!strcmp(argv[at], "--data") && more) {
			line.data = argv[++at];
		} else if (!strcmp(argv[at], "--config") && more) {
			line.config_path = argv[++at];
		} else if (!strcmp(argv[at], "--version")) {
			puts("rookery " ROOKERY_VERSION);
			return DONE;
		} else if (!strcmp(argv[at], "--help")) {
			usage(stdout);
			return DONE;
		} else {
			usage(stderr);
			return WRONG_USE;
		}
	}
	take_place(&line, argv + at);
	if (!line.data && !line.config_path && access(default_config, R_OK) == 0)
		line.config_path = default_config;
	int status = run(&line, argv + at);
	json_decref(line.args);
	json_decref(line.answer);
	return status;
}
