/* What a person's session is told of a guild (reference: member lists, "One rule for people's sessions"). Bots are told what their
 * intents say, and never asked here.
 *
 * A guild that the session has opened (op 14 or 37), or a small one, sends its messages; another one only those that mention the
 * user, and now and then what is unread (gateway/unread.h). Who types and which members change is told to those who asked for it. */
#pragma once

#include "gateway/view.h"

/* The guild neither is small nor was opened by this session. */
bool want_passive(const struct sub *sub);
/* Does a person's session want this event, that goes to all who may see it? */
bool want_event(const struct sub *sub, const struct event *event);
