/* The account at an ACME server (RFC 8555 7.3). */
#ifndef KEYSTAY_CA_ACME_ACCOUNT_H
#define KEYSTAY_CA_ACME_ACCOUNT_H

#include "acme.h"

/* Makes the account of this key, or finds the one that it has (7.3), once in a session. */
int acme_need_account(struct acme *a, struct err *e) MUST_USE;

/*
 * Finds it and makes none (7.3.1, onlyReturnExisting). *ret_found = false where the server knows
 * none of this key, or only one that has ended; `problem` then says which ("accountDoesNotExist").
 */
int acme_find_account(struct acme *a, bool *ret_found, char problem[48], struct err *e) MUST_USE;

/* The show_account of ca_ops. */
int acme_show_account(void *ca, bool deactivate, struct ca_account *ret, struct err *e) MUST_USE;

#endif
