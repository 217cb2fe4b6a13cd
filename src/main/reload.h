/* SIGHUP: the configuration and the certificate are read again, off the loop. What can change while the server runs does, for the rest the
 * old values stay and the log says that a restart is needed. */
#pragma once

#include "config/config.h"

struct reload;
struct tls;

/* On core 0's behalf; @tls may be NULL, @reread too (then only the certificate is read). */
struct reload *reload_new(struct cores *cores, struct tls *tls,
			  struct config *(*reread)(void *owner, char **error), void *owner);
/* On core 0. One at a time: a second one waits for the first. */
void reload_begin(struct reload *reload);
/* After the cores have stopped: the configurations too, but for the first. NULL does nothing. */
void reload_free(struct reload *reload);
