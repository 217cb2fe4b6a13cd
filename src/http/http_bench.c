/* What parsing costs: a library's typical request, a multipart upload, masked frames.
 *
 *	bench_http [PARTS]		(so many times shorter than usual) */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "http/multipart.h"
#include "http/parser.h"
#include "ws/frame.h"

static int parts = 1;

static const char request[] =
	"POST /api/v10/channels/1175851234567890123/messages HTTP/1.1\r\n"
	"Host: 127.0.0.1:8080\r\n"
	"User-Agent: DiscordBot (https://discord.js.org, 14.28.1) Node.js/v20.20.0\r\n"
	"Authorization: Bot "
	"MTE3NTg1MTIzNDU2Nzg5MDEyMw.GqYxJk.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
	"Content-Type: application/json\r\nAccept: */*\r\nAccept-Language: *\r\n"
	"Sec-Fetch-Mode: cors\r\nAccept-Encoding: br, gzip, deflate\r\n"
	"Connection: keep-alive\r\nContent-Length: 83\r\n\r\n";

/* Of the processor, not of the wall: others run here, too. */
static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static double ns_each(uint64_t from_ns, uint64_t rounds)
{
	return (double)(cpu_ns() - from_ns) / (double)rounds;
}

static void bench_heads(void)
{
	const int rounds = 1000000 / parts;
	struct http_header headers[HTTP_HEADERS_MAX];
	struct http_parser parser;
	struct http_head head;
	uint64_t from = cpu_ns();

	for (int i = 0; i < rounds; i++) {
		http_parser_init(&parser);
		if (http_parser_run(&parser, str_z(request)) != HTTP_DONE)
			abort();
		http_parser_head(&parser, request, headers, &head);
	}
	printf("request head of %zu bytes: %.0f ns\n", sizeof(request) - 1,
	       ns_each(from, (uint64_t)rounds));
}

static int ignore_part(void *owner, const struct multipart_part *part)
{
	(void)owner, (void)part;
	return 0;
}

static int count_data(void *owner, struct str data)
{
	*(size_t *)owner += data.len;
	return 0;
}

static int ignore_end(void *owner)
{
	(void)owner;
	return 0;
}

static void bench_multipart(void)
{
	enum { STEP = 64 << 10 };
	const size_t size = (64 << 20) / (size_t)parts;
	static const struct multipart_handler handler = { ignore_part, count_data, ignore_end };
	struct multipart multipart;
	char *noise = mem_alloc(STEP);
	size_t count = 0;

	for (size_t i = 0; i < STEP; i++)
		noise[i] = (char)(i * 2654435761U >> 13);
	multipart_init(&multipart, S("----WebKitFormBoundary7MA4YWxkTrZu0gW"), &handler, &count);
	multipart_feed(&multipart,
		       S("------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
			 "Content-Disposition: form-data; name=f; filename=g\r\n\r\n"));
	uint64_t from = cpu_ns();
	for (size_t at = 0; at < size; at += STEP)
		multipart_feed(&multipart, (struct str){ noise, STEP });
	printf("multipart: %.0f MB/s\n", 1e9 / ns_each(from, size) / 1e6);
	multipart_done(&multipart);
	free(noise);
}

static void bench_frames(void)
{
	const int rounds = 2000000 / parts, unmasked = 50000 / parts;
	static const uint8_t mask[4] = { 1, 2, 3, 4 };
	char frame[6 + 60] = "\x81\xbc\1\2\3\4";
	struct ws_parser parser;
	struct ws_message message;
	size_t seen = 0;

	ws_parser_init(&parser, 16384);
	uint64_t from = cpu_ns();
	for (int i = 0; i < rounds; i++) {
		char copy[sizeof(frame)], *data = copy;
		size_t size = sizeof(copy);

		memcpy(copy, frame, sizeof(copy));
		memset(copy + 6, 'a' ^ 1, 60);
		ws_mask(copy + 6, 60, (const uint8_t[4]){ 0, 3, 2, 5 }, 0);
		if (ws_parser_next(&parser, &data, &size, &message) != WS_MESSAGE)
			abort();
		seen += message.payload.len;
	}
	printf("frame of 60 bytes: %.0f ns\n", ns_each(from, (uint64_t)rounds));
	char *big = mem_zalloc(16384);
	from = cpu_ns();
	for (int i = 0; i < unmasked; i++)
		ws_mask(big, 16384, mask, (size_t)i);
	printf("unmasking: %.1f GB/s\n", 1 / ns_each(from, (uint64_t)unmasked * 16384));
	free(big);
	ws_parser_done(&parser);
	if (!seen)
		abort();
}

int main(int argc, char **argv)
{
	if (argc > 1)
		parts = atoi(argv[1]);
	bench_heads();
	bench_multipart();
	bench_frames();
	return 0;
}
