#include "codec/json.h"

/* Depth and number of values are bounded before the parser sees the text, since jansson's own depth limit (2048) is
 * more than a fiber's stack takes. Counts at least as much as the parser will build; text that is no JSON may be
 * counted wrong, the parser refuses it anyway. */
static bool within_limits(struct str text)
{
	uint32_t depth = 0, values = 1;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
			continue;
		}
		switch (c) {
		case '"': in_string = true; break;
		case '{':
		case '[':
			if (++depth > JSON_DEPTH_MAX || ++values > JSON_VALUES_MAX)
				return false;
			break;
		case '}':
		case ']': depth -= depth > 0; break;
		case ',':
			if (++values > JSON_VALUES_MAX)
				return false;
			break;
		}
	}
	return true;
}

json_t *json_parse(struct str text)
{
	if (!text.ptr || text.len > JSON_TEXT_MAX || !within_limits(text))
		return NULL;
	return json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}
