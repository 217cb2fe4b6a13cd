/* `rookery top`: what a running daemon does, again and again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct top {
	const char *data; /* directory of the daemon */
	uint32_t interval_ms;
	bool once; /* what happens in one interval, and the end */
	bool json; /* a line for each interval */
};

/* To standard output: on a terminal a view that stays in its place, until q, Ctrl-C or a signal that ends; else one below the other. 0, or
 * what control_ask() says when the daemon cannot be reached (any more). The terminal is as before in any case. */
int top_run(const struct top *top);
