#include "main/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "admin/control.h"
#include "base/mem.h"
#include "main/figures.h"

/* -- the terminal -- */

enum { CTRL_D = 4 };

/* One for the process, as signals have no other way to it. */
static struct {
	bool shown, keys; /* a view that stays; keys come */
	struct termios before;
} screen;

static const char enter[] =
	"\033[?1049h\033[?25l\033[?7l"; /* the other screen, no cursor, long lines cut */
static const char leave[] = "\033[?7h\033[?25h\033[?1049l";

static void restore(void)
{
	if (screen.shown && write(STDOUT_FILENO, leave, sizeof(leave) - 1) < 0)
		return; /* it is gone */
	if (screen.keys)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen.before);
}

/* At any moment, as a daemon that hangs may keep us waiting; so nothing is called here that a signal's handler may not call. */
static void on_signal(int number)
{
	(void)number;
	restore();
	_exit(EXIT_SUCCESS);
}

static void screen_open(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct termios quiet;

	screen.shown = true;
	screen.keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen.before) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &(struct sigaction){ .sa_handler = on_signal }, NULL);
	if (screen.keys) {
		quiet = screen.before;
		quiet.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		quiet.c_cc[VMIN] = 1;
		quiet.c_cc[VTIME] = 0;
		/* They would leave the shell a terminal like this. */
		quiet.c_cc[VSUSP] = quiet.c_cc[VQUIT] = _POSIX_VDISABLE;
		tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
	}
	fputs(enter, stdout);
	fflush(stdout);
}

/* In place, no more lines than there is room for. */
static void show(struct str text)
{
	struct winsize size = {};
	uint32_t rows = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row ? size.ws_row
										    : 24;

	fputs("\033[H", stdout);
	for (uint32_t row = 0; row < rows && text.len; row++) {
		size_t len = str_find(text, '\n');

		printf("%s%.*s\033[K", row ? "\r\n" : "", (int)len, text.ptr);
		text = str_skip(text, MIN(len + 1, text.len));
	}
	fputs("\033[J", stdout);
}

static bool key_ends(void)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	for (ssize_t i = 0; i < n; i++)
		if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == CTRL_D)
			return true;
	return n <= 0; /* its terminal is gone */
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* True: time for the next reading. False: the end. */
static bool wait_until(int64_t at_ms)
{
	struct pollfd key = { .fd = STDIN_FILENO, .events = POLLIN };

	for (;;) {
		int64_t left = MAX(at_ms - now_ms(), (int64_t)0);
		int n = poll(&key, screen.keys ? 1 : 0, (int)left);

		if (n == 0)
			return true;
		if (n > 0 && key_ends())
			return false;
	}
}

/* -- what is shown -- */

static int read_now(const struct top *top, struct reading *ret)
{
	json_t *request = json_pack("{s:s}", "command", "metrics"), *answer = NULL;
	int r = control_ask(top->data, request, &answer);

	json_decref(request);
	if (r)
		return r;
	const json_t *text = json_object_get(answer, "text");
	r = json_is_string(text)
		? reading_parse((struct str){ json_string_value(text), json_string_length(text) },
				ret)
		: -EPROTO;
	json_decref(answer);
	return r;
}

static void show_figures(const struct top *top, const json_t *figures)
{
	struct buf buf;

	buf_init(&buf, 64 << 10);
	if (top->json) {
		json_dumpf(figures, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
		putchar('\n');
	} else {
		figures_write(&buf, figures);
		if (screen.shown) {
			buf_printf(&buf, "\nevery %.1f s; q ends\n", top->interval_ms / 1e3);
			show(buf_str(&buf));
		} else {
			printf("%.*s%s", (int)buf.len, buf.ptr, top->once ? "" : "\n");
		}
	}
	fflush(stdout);
	buf_done(&buf);
}

int top_run(const struct top *top)
{
	struct reading *readings = mem_zalloc(2 * sizeof(*readings));
	struct reading *before = readings, *now = readings + 1;
	int64_t at_ms = now_ms();

	int r = read_now(top, before); /* before the screen changes: most errors are here */
	if (r) {
		free(readings);
		return r;
	}
	if (!top->once && !top->json && isatty(STDOUT_FILENO))
		screen_open();
	while (wait_until(at_ms += top->interval_ms)) {
		at_ms = MAX(at_ms,
			    now_ms() - (int64_t)top->interval_ms); /* after a long pause no hurry */
		r = read_now(top, now);
		if (r)
			break;
		json_t *figures = figures_new(before, now);
		show_figures(top, figures);
		json_decref(figures);
		if (top->once || ferror(stdout))
			break;
		struct reading *old = before;
		before = now;
		now = old;
	}
	fflush(stdout);
	restore();
	free(readings);
	return r;
}
