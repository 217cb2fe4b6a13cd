/* Where embeds and components show a message's own files: what is stored says attachment://NAME,
 * what is shown says where the file is now, signed anew each time. */
#pragma once

#include "model/objects.h"

struct txn;

/* Links the attachments (those of snapshots too), and what refers to them; those that an embed
 * shows are no longer listed by themselves. Changes only what @message holds by value: lists that
 * change are copied. */
void media_resolve(struct txn *txn, struct message *message);
