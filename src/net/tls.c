#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/internal.h"

struct tls {
	_Atomic uint32_t refs;
	bool client;
	char *cert_path, *key_path;
	pthread_mutex_t
		lock; /* around @context: any core makes connections while somebody reloads */
	SSL_CTX *context;
};

/* The sentence for the operator; takes the newest error of this thread. */
static int explain(char *ret_why, size_t why_size, const char *what, const char *path)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	snprintf(ret_why, why_size, "%s %s: %s", what, path, reason ? reason : "unknown error");
	ERR_clear_error();
	return -EINVAL;
}

static int on_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_size,
		   const unsigned char *offered, unsigned offered_size, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl, (void)arg;
	/* Who offers only what we do not speak is served HTTP/1.1 without ALPN, as RFC 7301 3.2 allows. */
	if (SSL_select_next_proto(&chosen, ret_size, ours, sizeof(ours) - 1, offered,
				  offered_size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);

	if (!context)
		return NULL;
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context,
			    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				    SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE |
				    SSL_OP_PRIORITIZE_CHACHA);
	/* An idle connection keeps no record buffers (34 KB). Reading ahead saves the call for each record's header. */
	SSL_CTX_set_mode(context,
			 SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(context, 1);
	/* Tickets are with the client; a cache here would be a lock that all cores share. */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	return context;
}

/* Negative errno when @path cannot be opened, so that the operator hears "no such file" and not OpenSSL's view of it. */
static int readable(const char *path, const char *what, char *ret_why, size_t why_size)
{
	int error;

	if (access(path, R_OK) == 0)
		return 0;
	error = errno;
	snprintf(ret_why, why_size, "%s %s: %s", what, path, strerror(error));
	return -error;
}

static int server_context(const struct tls *tls, SSL_CTX **ret_context, char *ret_why,
			  size_t why_size)
{
	SSL_CTX *context;
	int r = readable(tls->cert_path, "certificate", ret_why, why_size);

	if (r == 0)
		r = readable(tls->key_path, "key", ret_why, why_size);
	if (r)
		return r;
	ERR_clear_error();
	context = context_new(TLS_server_method());
	if (!context)
		return explain(ret_why, why_size, "TLS", "context");
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"rookery", 7);
	SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
	if (SSL_CTX_use_certificate_chain_file(context, tls->cert_path) != 1)
		r = explain(ret_why, why_size, "certificate", tls->cert_path);
	else if (SSL_CTX_use_PrivateKey_file(context, tls->key_path, SSL_FILETYPE_PEM) != 1 ||
		 SSL_CTX_check_private_key(context) != 1)
		r = explain(ret_why, why_size, "key", tls->key_path);
	if (r) {
		SSL_CTX_free(context);
		return r;
	}
	*ret_context = context;
	return 0;
}

static struct tls *tls_new(bool client)
{
	struct tls *tls = mem_zalloc(sizeof(*tls));

	tls->refs = 1;
	tls->client = client;
	pthread_mutex_init(&tls->lock, NULL);
	return tls;
}

int tls_server_new(const char *cert_path, const char *key_path, struct tls **ret_tls, char *ret_why,
		   size_t why_size)
{
	struct tls *tls = tls_new(false);
	int r;

	tls->cert_path = mem_strdup(cert_path);
	tls->key_path = mem_strdup(key_path);
	r = server_context(tls, &tls->context, ret_why, why_size);
	if (r) {
		tls_unref(tls);
		return r;
	}
	*ret_tls = tls;
	return 0;
}

struct tls *tls_client_new_insecure(void)
{
	struct tls *tls = tls_new(true);

	tls->context = context_new(TLS_client_method());
	return tls;
}

int tls_reload(struct tls *tls, char *ret_why, size_t why_size)
{
	SSL_CTX *fresh = NULL, *old;
	int r = server_context(tls, &fresh, ret_why, why_size);

	if (r)
		return r;
	pthread_mutex_lock(&tls->lock);
	old = tls->context;
	tls->context = fresh;
	pthread_mutex_unlock(&tls->lock);
	SSL_CTX_free(old); /* connections hold references of their own */
	return 0;
}

struct tls *tls_ref(struct tls *tls)
{
	atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
	return tls;
}

void tls_unref(struct tls *tls)
{
	if (!tls || atomic_fetch_sub_explicit(&tls->refs, 1, memory_order_acq_rel) != 1)
		return;
	SSL_CTX_free(tls->context);
	pthread_mutex_destroy(&tls->lock);
	free(tls->cert_path);
	free(tls->key_path);
	free(tls);
}

struct ssl_st *tls_connection(struct tls *tls)
{
	SSL *ssl;

	pthread_mutex_lock(&tls->lock);
	ssl = tls->context ? SSL_new(tls->context) : NULL;
	pthread_mutex_unlock(&tls->lock);
	if (!ssl)
		return NULL;
	if (tls->client)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}
