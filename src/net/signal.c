#include "net/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/core.h"

struct signals {
	struct signals_config config;
	struct cores *cores;
	struct watch watch;
};

static void our_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGHUP);
}

void signals_block(void)
{
	sigset_t set;

	our_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void on_signals(struct core *core, struct watch *watch, uint32_t events)
{
	struct signals *signals = container_of(watch, struct signals, watch);
	struct signalfd_siginfo info;

	(void)events;
	while (read(watch->fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			signals->config.on_reload(core_cores(core), signals->config.owner);
		else
			signals->config.on_stop(core_cores(core), (int)info.ssi_signo,
						signals->config.owner);
	}
}

int signals_open(struct cores *cores, const struct signals_config *config,
		 struct signals **ret_signals)
{
	struct signals *signals;
	sigset_t set;
	int fd, r;

	our_signals(&set);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	signals = mem_zalloc(sizeof(*signals));
	signals->config = *config;
	signals->cores = cores;
	signals->watch = (struct watch){ .fd = fd, .events = EPOLLIN, .run = on_signals };
	r = watch_add(cores->core[0], &signals->watch);
	if (r) {
		close(fd);
		free(signals);
		return r;
	}
	*ret_signals = signals;
	return 0;
}

void signals_free(struct signals *signals)
{
	if (!signals)
		return;
	watch_del(signals->cores->core[0], &signals->watch);
	close(signals->watch.fd);
	free(signals);
}
