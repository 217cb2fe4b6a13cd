/* Answers of commands for people: lists as columns, the rest as "name: value" lines. Or as they are. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* To standard output; a refusal without @as_json goes to standard error. */
void print_answer(const json_t *answer, bool as_json);
