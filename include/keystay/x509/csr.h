/*
 * Certificate signing requests (PKCS#10, RFC 2986), signed by a key in a token.
 */
#ifndef KEYSTAY_X509_CSR_H
#define KEYSTAY_X509_CSR_H

#include "keystay/base/buf.h"
#include "keystay/base/err.h"
#include "keystay/base/text.h"

#include <openssl/x509v3.h>

/* The subject fields that a certificate's `subject:` names; NULL = absent. There is no CN. */
struct subject {
	char *organization;
	char *unit;
	char *locality;
	char *state;
	char *country; /* two letters */
};

/* No CSR is larger: 100 names of 253 bytes and an RSA-4096 key fit three times. */
#define CSR_MAX (96 * 1024)

/*
 * Makes a CSR for `names` (normalised; DNS and IP) with `subject` and no common name and no
 * extension but subjectAltName, signs it with `key` in `context`, and stores its DER.
 * Then the bytes that were really signed are read anew and judged by csr_judge against `public`.
 */
int csr_make(OSSL_LIB_CTX *context, EVP_PKEY *key, EVP_PKEY *public, const struct subject *subject,
	const struct list *names, struct buf *ret_der, struct err *e) MUST_USE;

/*
 * Reads DER and refuses it (ERR_TOKEN) unless its key is `public`, its signature verifies with that
 * key in software, its names are exactly `names`, and it asks for no other extension.
 */
int csr_judge(const void *der, size_t len, EVP_PKEY *public, const struct list *names,
	struct err *e) MUST_USE;

/* True when the DER is a request for exactly these names; nothing else of it is judged. */
bool csr_has_names(const void *der, size_t len, const struct list *names);

/* PEM of a DER request; the caller frees. */
int csr_pem(const void *der, size_t len, char **ret, struct err *e) MUST_USE;

/* Adds the DNS names and addresses of a SAN extension, normalised; false for any other kind. */
bool san_names(const GENERAL_NAMES *san, struct list *ret);

#endif
