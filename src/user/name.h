/* Names that only one may have: user names, mail addresses. A directory row each, decided by a cell of its own, so that two
 * who ask at the same time cannot both get it. */
#pragma once

#include "base/arena.h"
#include "cell/cell.h"

enum name_kind { NAME_USERNAME, NAME_EMAIL };

/* At start. */
void name_register(void);
/* All on a fiber of any core; @name in its canonical (lower-case) form. */
/* Takes @name for @user_id. 0; ERR_NAME_TAKEN when somebody else has it; ERR_UNAVAILABLE. */
int name_take_wait(struct core *core, enum name_kind kind, struct str name, uint64_t user_id);
/* Gives it back if @user_id has it. */
int name_release_wait(struct core *core, enum name_kind kind, struct str name, uint64_t user_id);
/* The same without waiting, from anywhere. */
void name_release_later(struct core *core, enum name_kind kind, struct str name, uint64_t user_id);
/* 0; ENOENT; ERR_UNAVAILABLE. */
int name_find_wait(struct core *core, enum name_kind kind, struct str name, uint64_t *ret_user_id);

/* A user name in canonical form, in @arena; the null view when it is none: 2-32 of a-z 0-9 _ . and no two dots in a row. */
struct str username_canonical(struct arena *arena, struct str name);

enum { ERR_NAME_TAKEN = 0x7f000001 };
