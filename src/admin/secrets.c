#include "admin/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/disk.h"
#include "base/err.h"
#include "base/random.h"
#include "core/fiber.h"

int secrets_open(const char *data, uint8_t ret_key[FILE_KEY_BYTES])
{
	char path[DISK_PATH_MAX];

	int r = disk_path(path, data, "secrets");
	if (r)
		return r;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return -errno;
	if (fd >= 0) {
		ssize_t n = read(fd, ret_key, FILE_KEY_BYTES);

		close(fd);
		return n == FILE_KEY_BYTES ? 0 : n < 0 ? -errno : -EBADMSG;
	}
	random_fill(&random_real, ret_key, FILE_KEY_BYTES);
	return secrets_write(data, ret_key);
}

int secrets_write(const char *data, const uint8_t key[FILE_KEY_BYTES])
{
	return disk_write(data, "secrets", (struct str){ (const char *)key, FILE_KEY_BYTES });
}

struct rotation {
	const char *data;
	uint8_t key[FILE_KEY_BYTES];
	int result;
};

static void write_key(void *arg)
{
	struct rotation *rotation = arg;

	rotation->result = secrets_write(rotation->data, rotation->key);
}

int admin_secrets_rotate(struct admin_call *call)
{
	struct app *app = app_of(call->core);
	uint32_t slot = (atomic_load(&app->file_key_slot) + 1) & 1;
	struct rotation rotation = { .data = call->admin->data };

	if (call->admin->busy)
		return admin_fail(call, "another long command runs");
	call->admin->busy = true;
	random_fill(core_random(call->core), rotation.key, sizeof(rotation.key));
	int r = fiber_offload_wait(call->core, write_key, &rotation);
	if (!r)
		r = rotation.result;
	if (!r) {
		memcpy(app->file_keys[slot], rotation.key, FILE_KEY_BYTES);
		atomic_store(&app->file_key_slot, slot);
		fiber_sleep(
			call->core,
			1000); /* whoever signs with the old one has done so before its place is taken again */
	}
	call->admin->busy = false;
	return admin_result(call, r, "writing the secrets");
}
