#include "main/print.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { COLUMNS_MAX = 16, CELL_MAX = 64 };

/* Nothing that would move a terminal's cursor: names are strangers'. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			*text = '?';
}

static void cell_text(const json_t *value, char ret[512])
{
	switch (json_typeof(value)) {
	case JSON_STRING: snprintf(ret, 512, "%s", json_string_value(value)); break;
	case JSON_INTEGER: snprintf(ret, 512, "%lld", (long long)json_integer_value(value)); break;
	case JSON_TRUE: snprintf(ret, 512, "yes"); break;
	case JSON_FALSE: snprintf(ret, 512, "no"); break;
	case JSON_NULL: snprintf(ret, 512, "-"); break;
	default: snprintf(ret, 512, "?"); break;
	}
	clean(ret);
}

static size_t shown_len(const char *text)
{
	struct str s = str_z(text);

	return str_utf8_valid(s) ? str_utf8_len(s) : s.len;
}

static void print_cell(const char *text, size_t width)
{
	size_t len = shown_len(text);

	fputs(text, stdout);
	for (; len < width; len++)
		putchar(' ');
}

/* Objects with the same keys. */
static void print_table(const json_t *rows)
{
	size_t widths[COLUMNS_MAX] = {}, count = 0, at;
	const char *names[COLUMNS_MAX];
	const json_t *value;
	const char *key;
	char text[512];
	json_t *row;

	json_object_foreach(json_array_get(rows, 0), key, row) if (count < COLUMNS_MAX)
	{
		names[count] = key;
		widths[count++] = strlen(key);
	}
	json_array_foreach(rows, at, row) for (size_t i = 0; i < count; i++)
	{
		value = json_object_get(row, names[i]);
		cell_text(value ? value : json_null(), text);
		widths[i] = MIN(MAX(widths[i], shown_len(text)), (size_t)CELL_MAX);
	}
	for (size_t i = 0; i < count; i++)
		print_cell(names[i], i + 1 < count ? widths[i] + 2 : 0);
	putchar('\n');
	json_array_foreach(rows, at, row)
	{
		for (size_t i = 0; i < count; i++) {
			value = json_object_get(row, names[i]);
			cell_text(value ? value : json_null(), text);
			print_cell(text, i + 1 < count ? widths[i] + 2 : 0);
		}
		putchar('\n');
	}
}

static void print_value(const char *key, const json_t *value)
{
	char text[512];
	const json_t *item;
	size_t at;

	if (!strcmp(key, "text") && json_is_string(value)) { /* many lines, of our own making */
		fputs(json_string_value(value), stdout);
		return;
	}
	if (!json_is_array(value)) {
		if (json_is_null(value))
			return;
		cell_text(value, text);
		printf("%s: %s\n", key, text);
		return;
	}
	if (json_is_object(json_array_get(value, 0))) {
		print_table(value);
		return;
	}
	json_array_foreach(value, at, item)
	{
		cell_text(item, text);
		printf("%s: %s\n", key, text);
	}
}

void print_answer(const json_t *answer, bool as_json)
{
	const json_t *error = json_object_get(answer, "error");
	const char *key;
	json_t *value;
	char text[512];

	if (as_json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
		return;
	}
	json_object_foreach((json_t *)answer, key,
			    value) if (strcmp(key, "ok") && strcmp(key, "error"))
		print_value(key, value);
	fflush(stdout);
	if (error) {
		cell_text(error, text);
		fprintf(stderr, "rookery: %s\n", text);
	}
}
