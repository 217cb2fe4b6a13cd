#include "user/platform.h"

#include "base/mem.h"

enum platform platform_of_client(struct str client)
{
	static const struct {
		struct str name;
		enum platform platform;
	} known[] = {
		{ { "Discord Client", 14 }, PLATFORM_DESKTOP },
		{ { "Discord Android", 15 }, PLATFORM_MOBILE },
		{ { "Discord iOS", 11 }, PLATFORM_MOBILE },
		{ { "Discord Embedded", 16 }, PLATFORM_EMBEDDED },
		{ { "Discord VR", 10 }, PLATFORM_VR },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_ieq(client, known[i].name))
			return known[i].platform;
	return PLATFORM_WEB;
}

enum platform platform_of_activity(const struct activity *activity)
{
	static const struct {
		struct str name;
		enum platform platform;
	} known[] = {
		{ { "desktop", 7 }, PLATFORM_DESKTOP }, { { "ios", 3 }, PLATFORM_MOBILE },
		{ { "android", 7 }, PLATFORM_MOBILE },	{ { "samsung", 7 }, PLATFORM_MOBILE },
		{ { "xbox", 4 }, PLATFORM_EMBEDDED },	{ { "ps4", 3 }, PLATFORM_EMBEDDED },
		{ { "ps5", 3 }, PLATFORM_EMBEDDED },	{ { "embedded", 8 }, PLATFORM_EMBEDDED },
		{ { "meta_quest", 10 }, PLATFORM_VR },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_ieq(activity->platform, known[i].name))
			return known[i].platform;
	return PLATFORM_WEB;
}

struct str platform_text(enum platform platform)
{
	static const struct str texts[] = {
		[PLATFORM_DESKTOP] = { "desktop", 7 }, [PLATFORM_MOBILE] = { "mobile", 6 },
		[PLATFORM_WEB] = { "web", 3 },	       [PLATFORM_EMBEDDED] = { "embedded", 8 },
		[PLATFORM_VR] = { "vr", 2 },
	};

	return texts[platform];
}

struct str platform_os(struct str os)
{
	static const struct {
		struct str said, shown;
	} known[] = {
		{ { "windows", 7 }, { "windows", 7 } }, { { "mac os x", 8 }, { "osx", 3 } },
		{ { "macos", 5 }, { "osx", 3 } },	{ { "darwin", 6 }, { "osx", 3 } },
		{ { "linux", 5 }, { "linux", 5 } },	{ { "android", 7 }, { "android", 7 } },
		{ { "ios", 3 }, { "ios", 3 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_ieq(os, known[i].said))
			return known[i].shown;
	return os.len ? S("other") : S("unknown");
}

void platform_set(struct client_status *status, enum platform platform, struct str value)
{
	switch (platform) {
	case PLATFORM_DESKTOP:
		status->desktop = value;
		status->has.desktop = true;
		break;
	case PLATFORM_MOBILE:
		status->mobile = value;
		status->has.mobile = true;
		break;
	case PLATFORM_EMBEDDED:
		status->embedded = value;
		status->has.embedded = true;
		break;
	case PLATFORM_VR:
		status->vr = value;
		status->has.vr = true;
		break;
	default: status->web = value; status->has.web = true;
	}
}
