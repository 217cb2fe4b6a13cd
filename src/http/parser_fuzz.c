/* Heads and bodies from a hostile stream; cut in two ways they must give the same. */
#include <assert.h>

#include "http/transcript.h"
#include "http/upgrade.h"

int fuzz_http(const uint8_t *data, size_t size);
int fuzz_http(const uint8_t *data, size_t size)
{
	struct random_seeded seeded;
	struct str input = { (const char *)data, size };

	if (!size)
		return 0;
	random_seeded_init(&seeded, data[size - 1]);
	char *whole = transcript_of(input, size, NULL);
	char *cut = transcript_of(input, 1 + data[0] % 64U, &seeded.random);
	assert(strcmp(whole, cut) == 0);
	free(whole);
	free(cut);

	struct http_header headers[HTTP_HEADERS_MAX];
	char accept[HTTP_ACCEPT_LEN];
	struct http_parser parser;
	struct http_head head;
	struct str key;

	http_parser_init(&parser);
	if (http_parser_run(&parser, input) != HTTP_DONE)
		return 0;
	http_parser_head(&parser, input.ptr, headers, &head);
	if (http_upgrade_check(&head, &key) == 101)
		http_upgrade_accept(key, accept);
	return 0;
}
