/* Where somebody is: desktop, mobile, web, from what clients call themselves. */
#pragma once

#include "model/objects.h"

enum platform {
	PLATFORM_DESKTOP,
	PLATFORM_MOBILE,
	PLATFORM_WEB,
	PLATFORM_EMBEDDED,
	PLATFORM_VR,
	PLATFORM_COUNT
};

/* By IDENTIFY's `browser`; libraries' own names count as web. */
enum platform platform_of_client(struct str client);
/* By an activity's `platform`. */
enum platform platform_of_activity(const struct activity *activity);
struct str platform_text(enum platform platform);
/* Of IDENTIFY's `os`, as SESSIONS_REPLACE says it. */
struct str platform_os(struct str os);
void platform_set(struct client_status *status, enum platform platform, struct str value);
