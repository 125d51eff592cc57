/*
 * Certificate signing requests (PKCS#10, RFC 2986), signed by a key in a token.
 */
#ifndef KEYSTAY_X509_CSR_H
#define KEYSTAY_X509_CSR_H

#include "keystay/base/buf.h"
#include "keystay/base/err.h"
#include "keystay/base/text.h"

#include <openssl/x509v3.h>

/* The subject fields that a certificate's `subject:` names; NULL = absent. */
struct subject {
	char *organization;
	char *unit;
	char *locality;
	char *state;
	char *country;       /* two letters */
	char *serial_number; /* of the organisation (X.520), not of the certificate */
	char *common_name;   /* one of the names: for portals that ask for it */
};

/* No CSR is larger: 100 names of 253 bytes and an RSA-4096 key fit three times. */
#define CSR_MAX (96 * 1024)

/* What a request says beside its key. */
struct csr_wish {
	const struct subject *subject; /* NULL = an empty one */
	const struct list *fields;     /* behind it: "2.5.4.3=www.example.org"; NULL = none */
	const struct list *names;      /* normalised (x509/names.h) */
	/*
	 * The certificate that it renews: its subject and its subjectAltName as they stand there
	 * (RFC 7030 4.2.2), in the place of subject and fields, and it must be for `names`. NULL =
	 * none.
	 */
	X509 *renews;
	const STACK_OF(X509_EXTENSION) * extensions; /* beside subjectAltName; NULL = none */
	const char *challenge; /* challengePassword (RFC 2985 5.4.1); NULL = none */
	int digest;            /* NID_sha256 ... of the signature; NID_undef = as the key has it */
};

/*
 * Makes a CSR of that, signs it with `key` in `context`, and adds its DER to *ret_der. Then the
 * bytes that were really signed are read anew and judged by csr_judge against `public`. ERR_CONFIG
 * for what does not fit a request, ERR_LOST where the token does not sign.
 */
int csr_make(OSSL_LIB_CTX *context, EVP_PKEY *key, EVP_PKEY *public, const struct csr_wish *wish,
	struct buf *ret_der, struct err *e) MUST_USE;

/*
 * Reads DER and refuses it (ERR_TOKEN) unless its key is `public`, its signature verifies with that
 * key in software, and subject, names, extensions and challenge are what the wish says and nothing
 * more.
 */
int csr_judge(const void *der, size_t len, EVP_PKEY *public, const struct csr_wish *wish,
	struct err *e) MUST_USE;

/* The DER of such a request has no more bytes, whatever the signature; 0 where none can be made. */
size_t csr_room(EVP_PKEY *public, const struct csr_wish *wish);

/* True when the DER is a request for exactly these names; nothing else of it is judged. */
bool csr_has_names(const void *der, size_t len, const struct list *names);

/* PEM of a DER request; the caller frees. */
int csr_pem(const void *der, size_t len, char **ret, struct err *e) MUST_USE;

/* Adds the names of a SAN extension, normalised; false for a kind that x509/names.h has not. */
bool san_names(const GENERAL_NAMES *san, struct list *ret);

#endif
