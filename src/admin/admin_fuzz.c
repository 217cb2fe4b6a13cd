/* What an operator's socket and a backup bring. */
#include <assert.h>
#include <string.h>

#include "admin/command.h"
#include "admin/manifest.h"

int fuzz_admin_request(const uint8_t *data, size_t size);
int fuzz_manifest(const uint8_t *data, size_t size);

/* A request is refused with a sentence, or is a command with arguments that fit. */
int fuzz_admin_request(const uint8_t *data, size_t size)
{
	const struct admin_command *command = NULL;
	char why[64] = "";
	json_t *args = NULL;

	int r = admin_request_parse((struct str){ (const char *)data, size }, &command, &args, why,
				    sizeof(why));
	if (r) {
		assert(why[0] && !args);
		return 0;
	}
	assert(command && json_is_object(args));
	for (int i = 0; i < ADMIN_ARGS_MAX && command->args[i].name; i++)
		assert(!command->args[i].needed || json_object_get(args, command->args[i].name));
	json_decref(args);
	return 0;
}

/* What is read as a manifest names only what lies inside, and is written as it was read. */
int fuzz_manifest(const uint8_t *data, size_t size)
{
	struct manifest manifest, again;
	struct buf text;

	int r = manifest_parse((struct str){ (const char *)data, size }, &manifest);
	for (uint32_t i = 0; i < manifest.count; i++)
		assert(manifest_name_ok(manifest.files[i].name));
	if (!r) {
		buf_init(&text, MANIFEST_TEXT_MAX);
		manifest_text(&manifest, "x", &text);
		assert(manifest_parse(buf_str(&text), &again) == 0);
		assert(again.count == manifest.count && again.epoch == manifest.epoch &&
		       again.made_at_us == manifest.made_at_us);
		manifest_done(&again);
		buf_done(&text);
	}
	manifest_done(&manifest);
	return 0;
}
