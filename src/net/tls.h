/* TLS material: certificate chain and key, shared by all connections made with it.
 *
 * TLS 1.2 and 1.3 (RFC 5246, RFC 8446), ALPN "http/1.1" (RFC 7301), stateless session tickets, no
 * renegotiation, no compression. A reload swaps the material for new connections; running ones keep theirs. */
#pragma once

#include <stddef.h>

struct tls;

/* Server side from PEM files: chain (leaf first) and key. One reference, the caller's. Negative errno: -ENOENT and
 * the like for a file that cannot be read, -EINVAL for one that makes no sense (or a key of another
 * certificate); @ret_why then holds a sentence for the operator. Any thread; reads files. */
int tls_server_new(const char *cert_path, const char *key_path, struct tls **ret_tls, char *ret_why,
		   size_t why_size);
/* Client side for tests and probes: accepts any certificate. */
struct tls *tls_client_new_insecure(void);
/* Reads the same files again; on an error the old material stays. Any thread, one at a time. */
int tls_reload(struct tls *tls, char *ret_why, size_t why_size);
/* Any thread. tls_unref(NULL) does nothing. */
struct tls *tls_ref(struct tls *tls);
void tls_unref(struct tls *tls);
