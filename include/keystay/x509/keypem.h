/*
 * The "PKCS#11 PROVIDER URI" PEM that stands where web servers expect a key file: a reference that
 * the OpenSSL provider resolves, SEQUENCE { VisibleString "PKCS#11 Provider URI v1.0", UTF8String
 * }.
 */
#ifndef KEYSTAY_X509_KEYPEM_H
#define KEYSTAY_X509_KEYPEM_H

#include "keystay/base/err.h"

/* The PEM of a URI, which must hold no PIN (a BUG otherwise); the caller frees *ret. */
int keypem_make(const char *uri, char **ret, struct err *e) MUST_USE;

/* The URI in such a PEM of `len` bytes, up to 511 characters; ERR_FAILED for anything else. The
 * caller frees *ret. */
int keypem_read(const char *pem, size_t len, char **ret, struct err *e) MUST_USE;

#endif
