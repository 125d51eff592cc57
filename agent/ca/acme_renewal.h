/* Renewal windows (RFC 9773). */
#ifndef KEYSTAY_CA_ACME_RENEWAL_H
#define KEYSTAY_CA_ACME_RENEWAL_H

#include "keystay/ca/ca.h"

/* The renewal_info of ca_ops. */
int acme_renewal_info(void *ca, const char *ari_id, struct ca_window *ret, struct err *e) MUST_USE;

/*
 * Reads an answer of `len` bytes into *ret (ask_at is left alone). ERR_AUTHORITY for what is no
 * window: a missing date, an end that is not after its start, a span of over a year.
 */
int renewal_info_read(const char *text, size_t len, struct ca_window *ret, struct err *e) MUST_USE;

#endif
