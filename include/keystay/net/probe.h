/*
 * What a server really shows: one fresh TCP connection and one full TLS handshake, no resumption.
 * The certificate is not judged here; the caller compares it with the one it installed.
 */
#ifndef KEYSTAY_NET_PROBE_H
#define KEYSTAY_NET_PROBE_H

#include "keystay/base/buf.h"
#include "keystay/base/err.h"

#include <stdbool.h>

struct probe_request {
	const char *endpoint; /* "127.0.0.1:443", "[::1]:443" or "name:443" */
	const char *sni;      /* NULL, "" or an IP address: none is sent */
	enum { PROBE_ANY, PROBE_ECDSA, PROBE_RSA } key; /* what the client says it can verify */
	int limit_ms;     /* for connecting and the handshake together */
	struct buf *leaf; /* the DER of what is shown is added to it; NULL = not wanted */
};

struct probe_answer {
	char fingerprint[65]; /* SHA-256 of the leaf's DER, hex */
	char public_hash[65]; /* SHA-256 of its SubjectPublicKeyInfo, hex */
};

/*
 * ERR_NETWORK when nothing listens, ERR_SERVED when the connection is there but the handshake
 * fails (a server whose workers cannot use the key says internal_error).
 */
int probe(const struct probe_request *r, struct probe_answer *ret, struct err *e) MUST_USE;

#endif
