#include "api/req.h"

#include <stdarg.h>
#include <stdio.h>

enum { REPLY_MAX = 256 << 20 };

int req_decode(struct req *req, const struct obj_desc *desc, void *ret)
{
	json_t *body = req->body ? json_incref(req->body) : json_object();
	int r = dec_object(&req->dec, desc, body, ret);
	json_decref(body);
	return r;
}

int req_decode_query(struct req *req, const struct obj_desc *desc, void *ret)
{
	return dec_query(&req->dec, desc, req->query, ret);
}

struct enc *req_enc(struct req *req)
{
	buf_done(&req->reply);
	buf_init(&req->reply, REPLY_MAX);
	enc_init(&req->enc, &req->reply, ENC_JSON);
	return &req->enc;
}

int req_form_error(struct req *req, const char *path, const char *code, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	dec_error(&req->dec, code, text, "%s", path);
	return ERR_INVALID_FORM_BODY;
}

struct str req_reason(const struct req *req)
{
	return req->reason;
}
