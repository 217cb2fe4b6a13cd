#include "gateway/internal.h"

bool json_id(const json_t *json, uint64_t *ret)
{
	uint64_t id;

	if (json_is_integer(json)) {
		if (json_integer_value(json) <= 0)
			return false;
		*ret = (uint64_t)json_integer_value(json);
		return true;
	}
	if (!json_is_string(json) || !str_u64(json_text(json), &id) || id == 0)
		return false;
	*ret = id;
	return true;
}

char *json_presence(json_t *presence)
{
	json_t *game = json_object_get(presence, "game");

	if (json_is_object(game) && !json_object_get(presence, "activities")) {
		json_t *list = json_array();

		json_array_append(list, game);
		json_object_set_new(presence, "activities", list);
	}
	return json_dumps(presence, JSON_COMPACT);
}
