/* Who we are on a TLS connection, and which connection it is. */
#ifndef KEYSTAY_NET_IDENTITY_H
#define KEYSTAY_NET_IDENTITY_H

#include <openssl/x509.h>
#include <stdbool.h>

/* The connection that a request is about to be sent on. */
struct http_channel {
	bool tls13;
	/* Base64 of tls-unique (RFC 5929 3), of tls-exporter from TLS 1.3 on (RFC 9148 3). */
	char binding[64];
};

/* Who we are, where a server asks for a certificate. */
struct http_identity {
	X509 *certificate;        /* ours */
	STACK_OF(X509) * issuers; /* sent with it; NULL = none */
	EVP_PKEY *key;            /* in a token */
};

#endif
