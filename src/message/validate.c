#include "message/validate.h"

#include <stdio.h>

#include "base/arena.h"
#include "model/limits.h"

enum {
	ROW = 1,
	BUTTON = 2,
	STRING_SELECT = 3,
	TEXT_INPUT = 4,
	USER_SELECT = 5,
	CHANNEL_SELECT = 8,
	SECTION = 9,
	TEXT = 10,
	THUMBNAIL = 11,
	GALLERY = 12,
	FILE_PART = 13,
	SEPARATOR = 14,
	CONTAINER = 17,
};
enum { STYLE_LINK = 5, STYLE_PREMIUM = 6, PATH_MAX_BYTES = 512, IDS_MAX = 256 };

static size_t length(struct str s)
{
	return s.ptr ? str_utf8_len(s) : 0;
}

bool validate_embeds(struct dec *dec, struct embed_list *embeds)
{
	size_t total = 0;
	uint32_t before = dec->error_count;

	for (uint32_t i = 0; i < embeds->count; i++) {
		struct embed *embed = &embeds->items[i];
		size_t chars = length(embed->title) + length(embed->description);

		for (uint32_t f = 0; f < embed->fields.count; f++) {
			chars += length(embed->fields.items[f].name) +
				length(embed->fields.items[f].value);
			if (!embed->fields.items[f].name.len)
				dec_error(dec, "BASE_TYPE_REQUIRED", "This field is required",
					  "embeds.%u.fields.%u.name", i, f);
			if (!embed->fields.items[f].value.len)
				dec_error(dec, "BASE_TYPE_REQUIRED", "This field is required",
					  "embeds.%u.fields.%u.value", i, f);
		}
		if (embed->footer)
			chars += length(embed->footer->text);
		if (embed->author)
			chars += length(embed->author->name);
		if (!chars && !embed->image && !embed->thumbnail && !embed->video &&
		    !embed->url.len)
			dec_error(dec, "BASE_TYPE_REQUIRED", "This field is required",
				  "embeds.%u.description", i);
		total += chars;
		embed->type = S("rich");
		embed->has.type = true;
	}
	if (total > LIMIT_EMBED_CHARACTERS)
		dec_error(dec, "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000",
			  "embeds");
	return dec->error_count == before;
}

struct walk {
	struct dec *dec;
	bool v2;
	uint32_t total, chars, ids_count, numbers_count;
	int64_t number, numbers[IDS_MAX]; /* of components: the last one given, those that came */
	struct str ids[IDS_MAX];
	char path[PATH_MAX_BYTES];
};

static void complain(struct walk *walk, const char *code, const char *text, const char *field)
{
	dec_error(walk->dec, code, text, field[0] ? "%s.%s" : "%s%s", walk->path, field);
}

static void check_custom_id(struct walk *walk, struct str id)
{
	if (!id.len) {
		complain(walk, "BASE_TYPE_REQUIRED", "This field is required", "custom_id");
		return;
	}
	for (uint32_t i = 0; i < walk->ids_count; i++)
		if (str_eq(walk->ids[i], id)) {
			complain(walk, "COMPONENT_CUSTOM_ID_DUPLICATED",
				 "Component custom id cannot be duplicated", "custom_id");
			return;
		}
	if (walk->ids_count < IDS_MAX)
		walk->ids[walk->ids_count++] = id;
}

static void check_button(struct walk *walk, const struct component *button)
{
	if (button->style == STYLE_LINK) {
		if (!button->url.len)
			complain(walk, "BASE_TYPE_REQUIRED", "A url is required", "url");
		if (button->custom_id.len)
			complain(walk, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
				 "A custom id and url cannot both be specified", "");
	} else if (button->style != STYLE_PREMIUM) {
		check_custom_id(walk, button->custom_id);
		if (button->url.len)
			complain(walk, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
				 "A custom id and url cannot both be specified", "");
	}
	if (!button->label.len && !button->emoji && button->style != STYLE_PREMIUM)
		complain(walk, "BUTTON_COMPONENT_INVALID_EMOJI_OR_LABEL",
			 "A label or emoji is required", "");
}

static void check_select(struct walk *walk, const struct component *select)
{
	check_custom_id(walk, select->custom_id);
	if (select->type != STRING_SELECT)
		return;
	if (!select->options.count)
		complain(walk, "BASE_TYPE_REQUIRED", "This field is required", "options");
	for (uint32_t i = 0; i < select->options.count; i++)
		for (uint32_t k = 0; k < i; k++)
			if (str_eq(select->options.items[i].value,
				   select->options.items[k].value)) {
				complain(walk, "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
					 "The specified option value is already used", "options");
				return;
			}
}

static bool is_select(int64_t type)
{
	return type == STRING_SELECT || (type >= USER_SELECT && type <= CHANNEL_SELECT);
}

/* Only the address is the client's to say; media_resolve() adds the rest where it names a file of ours. */
static void fill_media(struct unfurled_media *media)
{
	if (!media)
		return;
	*media = (struct unfurled_media){ .url = media->url, .proxy_url = media->url };
	media->has.proxy_url = true;
}

/* What a client left out of @component is said in answers: Discord writes these fields always, and strict libraries
 * (hikari, twilight) read them without looking whether they are there. */
static void fill(struct component *component)
{
	bool shown = component->type == THUMBNAIL || component->type == FILE_PART ||
		component->type == CONTAINER;

	if (shown && (!component->has.spoiler || component->null.spoiler)) {
		component->spoiler = component->null.spoiler = false;
		component->has.spoiler = true;
	}
	if (component->type == THUMBNAIL)
		component->has.description = true;
	if (component->type == CONTAINER && !component->has.accent_color)
		component->has.accent_color = component->null.accent_color = true;
	fill_media(component->media);
	fill_media(component->file);
	component->has.name = component->has.size = false;
	for (uint32_t i = 0; i < component->items.count; i++) {
		struct gallery_item *item = &component->items.items[i];

		fill_media(item->media);
		item->has.description = true;
		if (!item->has.spoiler || item->null.spoiler) {
			item->spoiler = item->null.spoiler = false;
			item->has.spoiler = true;
		}
	}
	if (component->type == SEPARATOR) {
		if (!component->has.divider || component->null.divider)
			component->divider = true;
		if (!component->has.spacing || component->null.spacing)
			component->spacing = 1;
		component->has.divider = component->has.spacing = true;
		component->null.divider = component->null.spacing = false;
	}
	if (is_select(component->type)) {
		if (!component->has.min_values || component->null.min_values)
			component->min_values = 1;
		if (!component->has.max_values || component->null.max_values)
			component->max_values = 1;
		component->has.min_values = component->has.max_values = true;
		component->null.min_values = component->null.max_values = false;
	}
}

/* May @type stand inside @parent (0: the message)? */
static bool allowed_in(const struct walk *walk, int64_t parent, int64_t type)
{
	switch (parent) {
	case 0:
		return walk->v2
			? type == ROW || type == SECTION || type == TEXT || type == GALLERY ||
				type == FILE_PART || type == SEPARATOR || type == CONTAINER
			: type == ROW;
	case CONTAINER:
		return type == ROW || type == SECTION || type == TEXT || type == GALLERY ||
			type == FILE_PART || type == SEPARATOR;
	case ROW: return type == BUTTON || is_select(type);
	case SECTION: return type == TEXT;
	default: return false;
	}
}

static bool is_numbered(const struct component *component)
{
	return component->has.id && !component->null.id && component->id != 0;
}

/* Notes the numbers that clients chose, so that none of ours is the same. */
static void note_numbers(struct walk *walk, const struct component_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct component *component = &list->items[i];

		if (is_numbered(component) && walk->numbers_count < IDS_MAX)
			walk->numbers[walk->numbers_count++] = component->id;
		if (component->accessory && is_numbered(component->accessory) &&
		    walk->numbers_count < IDS_MAX)
			walk->numbers[walk->numbers_count++] = component->accessory->id;
		note_numbers(walk, &component->components);
	}
}

static void number(struct walk *walk, struct component *component)
{
	bool taken;

	walk->total++;
	if (is_numbered(component))
		return;
	do {
		walk->number++;
		taken = false;
		for (uint32_t i = 0; i < walk->numbers_count; i++)
			taken |= walk->numbers[i] == walk->number;
	} while (taken);
	component->has.id = true;
	component->null.id = false;
	component->id = walk->number;
}

static void check(struct walk *walk, struct component *component, int64_t parent);

static void check_list(struct walk *walk, struct component_list *list, int64_t parent)
{
	size_t len = strlen(walk->path);

	for (uint32_t i = 0; i < list->count; i++) {
		snprintf(walk->path + len, sizeof(walk->path) - len, "%scomponents.%u",
			 len ? "." : "", i);
		check(walk, &list->items[i], parent);
		walk->path[len] = '\0';
	}
}

static void check(struct walk *walk, struct component *component, int64_t parent)
{
	size_t len = strlen(walk->path);

	number(walk, component);
	fill(component);
	if (!allowed_in(walk, parent, component->type)) {
		complain(walk, "BASE_TYPE_CHOICES",
			 "Value must be one of the component types allowed here.", "type");
		return;
	}
	switch (component->type) {
	case ROW: {
		bool select = false;

		for (uint32_t i = 0; i < component->components.count; i++)
			select |= is_select(component->components.items[i].type);
		if (select && component->components.count > 1)
			complain(walk, "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
				 "The specified component exceeds the maximum width", "components");
		check_list(walk, &component->components, ROW);
		break;
	}
	case BUTTON: check_button(walk, component); break;
	case SECTION:
		check_list(walk, &component->components, SECTION);
		if (component->accessory) {
			snprintf(walk->path + len, sizeof(walk->path) - len, ".accessory");
			number(walk, component->accessory);
			fill(component->accessory);
			if (component->accessory->type == BUTTON)
				check_button(walk, component->accessory);
			else if (component->accessory->type != THUMBNAIL)
				complain(walk, "BASE_TYPE_CHOICES", "Value must be one of (2, 11).",
					 "type");
			walk->path[len] = '\0';
		}
		break;
	case CONTAINER: check_list(walk, &component->components, CONTAINER); break;
	case TEXT: walk->chars += (uint32_t)length(component->content); break;
	default:
		if (is_select(component->type))
			check_select(walk, component);
		break;
	}
}

bool validate_components(struct dec *dec, struct component_list *components, bool v2)
{
	struct walk *walk = arena_new(dec->arena, struct walk);
	uint32_t before = dec->error_count;

	walk->dec = dec;
	walk->v2 = v2;
	if (!v2 && components->count > LIMIT_COMPONENT_ROWS)
		dec_error(dec, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.",
			  "components");
	note_numbers(walk, components);
	check_list(walk, components, 0);
	if (walk->total > LIMIT_COMPONENTS_TOTAL)
		dec_error(dec, "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
			  "The total number of components must be less than or equal to 40",
			  "components");
	if (walk->chars > LIMIT_COMPONENT_CHARACTERS)
		dec_error(dec, "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
			  "The total displayable text size must be less than or equal to 4000",
			  "components");
	return dec->error_count == before;
}
