/* What the actors do: ops_talk.c (messages), ops_guild.c (roles, overwrites, channels), ops_members.c (who comes and goes,
 * sessions), ops.c (accidents, and which of all these comes next). */
#pragma once

#include "sim/sim.h"

/* -- for all of them -- */

uint64_t pick_channel(struct world *world);
/* The owner more often than not: who may do nothing shows little. */
uint32_t pick_actor(struct world *world);
__attribute__((format(printf, 2, 3))) void call_path(struct request *call, const char *format, ...);
__attribute__((format(printf, 2, 3))) void call_body(struct request *call, const char *format, ...);
/* A register's name in @ret, which it returns; @format takes @a and @b. */
const char *reg_key(char ret[static 64], const char *format, uint64_t a, uint64_t b);
void ids_remove(uint64_t *list, uint32_t *count, uint64_t id);

/* -- one operation each -- */

void op_dm(struct world *world);
void op_send_again(struct world *world);
void op_send(struct world *world);
void op_edit(struct world *world);
void op_delete(struct world *world);
void op_pin(struct world *world);
void op_react(struct world *world);
void op_read(struct world *world);
void op_typing(struct world *world);
void op_role_create(struct world *world);
void op_role_edit(struct world *world);
void op_role_delete(struct world *world);
void op_member_role(struct world *world);
void op_overwrite(struct world *world);
void op_channel_create(struct world *world);
void op_channel_edit(struct world *world);
void op_channel_delete(struct world *world);
void op_kick(struct world *world);
void op_join(struct world *world);
void op_probe(struct world *world);
void op_viewer(struct world *world);
void op_rest_break(struct world *world);
