/* Signals as events of core 0: SIGTERM and SIGINT ask to stop, SIGHUP to reload. */
#pragma once

struct cores;
struct signals;

struct signals_config {
	/* On core 0. @number: SIGTERM or SIGINT; told each time, so a second one may mean "at once". */
	void (*on_stop)(struct cores *cores, int number, void *owner);
	void (*on_reload)(struct cores *cores, void *owner);
	void *owner;
};

/* In main(), before any thread is made (the store makes some): blocks the three signals for all threads to come, and ignores SIGPIPE. */
void signals_block(void);
/* Before cores_start(). Negative errno when there is no descriptor. */
int signals_open(struct cores *cores, const struct signals_config *config,
		 struct signals **ret_signals);
/* After cores_stop(). NULL is allowed. */
void signals_free(struct signals *signals);
