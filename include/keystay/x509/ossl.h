/*
 * Cleanup words for libcrypto's objects, its error queue as our error, and the one place for
 * differences between OpenSSL versions.
 */
#ifndef KEYSTAY_X509_OSSL_H
#define KEYSTAY_X509_OSSL_H

#include "keystay/base/auto.h"
#include "keystay/base/err.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

AUTO_DEFINE(BIO, BIO_free_all)
AUTO_DEFINE(EVP_PKEY, EVP_PKEY_free)
AUTO_DEFINE(X509, X509_free)
AUTO_DEFINE(X509_REQ, X509_REQ_free)
AUTO_DEFINE(X509_NAME, X509_NAME_free)
AUTO_DEFINE(GENERAL_NAMES, GENERAL_NAMES_free)

/* Sets text ": " and the first reason in OpenSSL's queue, which is emptied. Always returns -1. */
int ossl_fail(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The moment of an ASN.1 time; 0 for one that cannot be read. */
when_t ossl_when(const ASN1_TIME *time);

/* A name in one line for people, cut to `size`; control characters replaced; "" for none. */
void ossl_name_line(const X509_NAME *name, char *line, size_t size);

#endif
