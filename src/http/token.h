/* Characters and lists of HTTP fields (RFC 9110 §5.6): the small things that every parser here
 * needs. Pure functions, any thread. */
#pragma once

#include "base/str.h"

/* A character of a token: letters, digits, !#$%&'*+-.^_`|~ (RFC 9110 §5.6.2). */
bool http_is_tchar(char c);
/* A non-empty string of nothing but token characters? */
bool http_is_token(struct str s);
/* A field value's bytes: HTAB, SP, visible ASCII, obs-text (RFC 9110 §5.5)? Empty is fine. */
bool http_is_field_value(struct str s);
/* Without SP and HTAB at both ends. */
struct str http_trim(struct str s);

/* The next member of a comma-separated list, trimmed; empty members are passed over (RFC 9110
 * §5.6.1). Not for lists with quoted strings. False at the end. */
bool http_list_next(struct str *rest, struct str *ret_item);
/* Is @token (ASCII case aside) a member of the list? */
bool http_list_has(struct str list, struct str token);

/* One `; name=value` of a field such as Content-Type or Content-Disposition, from *rest, which
 * begins at the `;`. The value may be a quoted string: *ret_value is then what stands between the
 * quotes, escapes left in, and *ret_quoted is true. 1: one read; 0: the end; -1: malformed. */
int http_param_next(struct str *rest, struct str *ret_name, struct str *ret_value,
		    bool *ret_quoted);
