/* Certificates as a test wants them, with software keys. */
#ifndef KEYSTAY_TESTS_CERTIFICATE_H
#define KEYSTAY_TESTS_CERTIFICATE_H

#include "keystay/base/when.h"

#include <openssl/x509v3.h>

/* The moment that these tests live in. */
#define NOW ((when_t)1790000000)

struct spec {
	const char *subject; /* CN */
	EVP_PKEY *key;
	X509 *issuer; /* NULL = itself */
	EVP_PKEY *issuer_key;
	const char *names; /* subjectAltName, as openssl.cnf writes it; NULL = none */
	const char *constraints;
	const char *usage;
	const char *purpose; /* extendedKeyUsage */
	when_t from, until;  /* 0 = a month on either side of NOW */
};

X509 *certificate_make(const struct spec *s);

/* An extension as openssl.cnf writes it; NULL adds none. */
void certificate_extend(X509 *x, int nid, const char *value);

/* The PEM of certificates, NULL behind the last; the caller frees. */
char *certificate_pem(X509 *const *certificates);

#endif
