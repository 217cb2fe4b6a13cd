/* The control socket: DATA/control.sock, 0600, for the same user and root only. One request a connection, a line of JSON
 * (admin/command.h), answered by one line. */
#pragma once

#include "admin/command.h"

struct control;

/* Before the cores run. A path too long for a socket is reached by a descriptor of its directory. Negative errno. @admin must stay. */
int control_open(struct admin *admin, struct control **ret_control);
/* Any thread: takes no more. */
void control_stop(struct control *control);
/* After the cores have stopped. NULL does nothing. */
void control_free(struct control *control);

/* The other side, blocking, for `rookery`: asks the daemon that serves @data. 0 with its answer; -ENOENT, -ECONNREFUSED when none runs;
 * -EACCES; -EPROTO. */
int control_ask(const char *data, const json_t *request, json_t **ret_answer);
