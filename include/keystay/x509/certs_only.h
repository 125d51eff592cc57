/*
 * The certs-only CMS message (RFC 5272 4.1), in which EST servers send certificates (RFC
 * 7030 4.1.3, 4.2.3): a set in no order, signed by nobody. What is in it proves nothing yet.
 */
#ifndef KEYSTAY_X509_CERTS_ONLY_H
#define KEYSTAY_X509_CERTS_ONLY_H

#include "keystay/base/err.h"
#include "keystay/x509/ossl.h"

/* Ceilings: the message as it came, and the certificates in it. */
#define CERTS_ONLY_MAX (1024 * 1024)
#define CERTS_COUNT_MAX 64

struct certs;

/*
 * Reads what a server sent as such a message. RFC 8951 3 has it in base64 with white space
 * anywhere; servers also send PEM ("PKCS7", "CMS" or certificates), the bare DER or BER, or one
 * bare certificate. *ret_plain is false for those. ERR_AUTHORITY says what it is instead. The
 * caller frees *ret with certs_free.
 */
int certs_only_read(
	const void *body, size_t len, struct certs **ret, bool *ret_plain, struct err *e) MUST_USE;
void certs_free(struct certs *c);

/* An empty set; NULL without memory. */
struct certs *certs_new(void);

/* Takes a reference; ERR_AUTHORITY past the ceilings above. */
int certs_add(struct certs *c, X509 *x, struct err *e) MUST_USE;

/* Whether it is in there, byte for byte. */
bool certs_has(const struct certs *c, const X509 *x);

/* All of them as PEM; caller frees. */
int certs_pem(const struct certs *c, char **ret, struct err *e) MUST_USE;

size_t certs_count(const struct certs *c);
X509 *certs_at(const struct certs *c, size_t index); /* borrowed */

/* The one with this public key, borrowed: ERR_AUTHORITY for none, and for two that differ. */
int certs_of_key(const struct certs *c, EVP_PKEY *public, X509 **ret, struct err *e) MUST_USE;

/* Whoever signed it, among them; NULL for none. Borrowed. */
X509 *certs_issuer(const struct certs *c, X509 *of);

/*
 * PEM of `leaf` and what it was issued by, as far as that is found in `c` and then in `more` (NULL
 * = nowhere else); a self-signed certificate ends the row and stays out. Caller frees.
 */
int certs_chain(X509 *leaf, const struct certs *c, const struct certs *more, char **ret,
	struct err *e) MUST_USE;

static inline void
auto_certs(struct certs **slot)
{
	certs_free(*slot);
}

#endif
