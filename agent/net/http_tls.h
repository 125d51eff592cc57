/*
 * What libcurl leaves to its user on the TLS floor: our certificate with its key in a token, why a
 * server refused it, and the name of a channel.
 */
#ifndef KEYSTAY_NET_HTTP_TLS_H
#define KEYSTAY_NET_HTTP_TLS_H

#include "keystay/base/err.h"
#include "keystay/net/identity.h"

#include <openssl/ssl.h>

/* Of one connection after the other; lives as long as any SSL object that was prepared with it. */
struct http_tls {
	X509 *certificate;
	STACK_OF(X509) * issuers;
	EVP_PKEY *key;
	int alert;         /* the last one that the server sent; -1 = none */
	bool asked;        /* for a certificate, in this request */
	bool ever_asked;   /* on any connection of this identity */
	bool stranger;     /* it named the CAs that it takes, and ours is none of them */
	bool done;         /* the handshake: its chain was verified, whatever its name */
	char wanted[200];  /* the first of those */
	char problem[200]; /* our own, while a context was prepared */
};

/* Takes references; NULL for nobody. */
int http_tls_identify(struct http_tls *t, const char *name, const struct http_identity *id,
	struct err *e) MUST_USE;
void http_tls_free(struct http_tls *t);

/* Before each request: nothing was heard yet. */
void http_tls_forget(struct http_tls *t);

/* Prepares a context; false with t->problem set. */
bool http_tls_prepare(struct http_tls *t, SSL_CTX *ctx);

/* Where the server refused our certificate, or misses one: ERR_AUTHORITY and true. */
bool http_tls_blames_us(const struct http_tls *t, const char *name, const char *url, struct err *e);

/* False where the connection has no such name. */
bool http_tls_channel(SSL *ssl, struct http_channel *ret);

#endif
