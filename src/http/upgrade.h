/* The server's side of the WebSocket opening handshake (RFC 6455 §4.2). No extension and no
 * subprotocol is ever accepted: permessage-deflate costs memory for each connection, the gateway
 * has its own compression. */
#pragma once

#include "http/parser.h"

enum { HTTP_ACCEPT_LEN = 28 };

/* Is it an upgrade to WebSocket? 0: no, serve it as any request (also Upgrade: h2c, RFC 9110 §7.8
 * lets us ignore it). 101: yes, and a valid one: *ret_key is its Sec-WebSocket-Key. 400: it means
 * to be one (a GET with any Sec-WebSocket-* field or with `Upgrade: websocket`) and is not valid.
 * 426: another version than 13. */
int http_upgrade_check(const struct http_head *head, struct str *ret_key);
/* The Sec-WebSocket-Accept for a key (RFC 6455 §4.2.2, point 5.4), no NUL. */
void http_upgrade_accept(struct str key, char ret[static HTTP_ACCEPT_LEN]);
