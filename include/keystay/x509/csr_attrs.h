/*
 * What an EST server wants to see in a request (RFC 8951 4, RFC 9908): its answer to /csrattrs,
 * read. Nothing is decided here; what is not understood is left out, as RFC 8951 4 has it.
 */
#ifndef KEYSTAY_X509_CSR_ATTRS_H
#define KEYSTAY_X509_CSR_ATTRS_H

#include "keystay/base/err.h"
#include "keystay/base/text.h"

#include <openssl/x509.h>

/* Ceilings: the answer as it came, and what stands in it. */
#define CSR_ATTRS_MAX (64 * 1024)
#define CSR_ATTRS_COUNT_MAX 64

struct csr_attrs {
	bool template;           /* all of this is from a template (RFC 9908 3.4) */
	bool challenge_password; /* possession linked to the connection (RFC 7030 3.5) */
	int digest;              /* NID_sha256 ...; NID_undef = any */
	int key;                 /* NID_X9_62_id_ecPublicKey, NID_rsaEncryption; NID_undef = any */
	int curve;               /* of it; NID_undef = any */
	int rsa_bits;            /* of it; 0 = any */
	STACK_OF(X509_EXTENSION) * extensions; /* with their values; NULL = none */
	struct list asked;   /* dotted OIDs of extensions whose values are the client's business */
	struct list subject; /* "2.5.4.10=Example Council"; "2.5.4.3" where the value is ours */
	struct list ignored; /* dotted OIDs of what is not understood */
};

/*
 * Reads an answer: base64, or bare DER. An empty body or an empty SEQUENCE wants nothing.
 * ERR_AUTHORITY where it is none, or contradicts itself (two keys, two lists of extensions). The
 * caller frees *ret with csr_attrs_free.
 */
int csr_attrs_read(const void *body, size_t len, struct csr_attrs *ret, struct err *e) MUST_USE;
void csr_attrs_free(struct csr_attrs *a);

AUTO_DEFINE_VALUE(csr_attrs, csr_attrs_free)

#endif
