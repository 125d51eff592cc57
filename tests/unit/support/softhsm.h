/* A SoftHSM of this test program alone, in its scratch folder. */
#ifndef KEYSTAY_TESTS_SOFTHSM_H
#define KEYSTAY_TESTS_SOFTHSM_H

#include "keystay/token/token.h"

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"

/* Initialises a token of that label (by token_init) with this PIN and returns its configuration. */
struct token_conf *softhsm_token(const char *label, const char *pin);

/* Opens it with a PIN. */
struct token *softhsm_open(const struct token_conf *conf, const char *pin);

void softhsm_conf_free(struct token_conf *conf);

#endif
