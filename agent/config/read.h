/* The readers of the configuration's parts; each fills one freshly appended struct. */
#ifndef KEYSTAY_CONFIG_READ_H
#define KEYSTAY_CONFIG_READ_H

#include "keystay/config/certificate.h"
#include "keystay/config/contract.h"
#include "keystay/token/token.h"

/* NAME of a token, an authority or a certificate: [A-Za-z0-9._-]+ without a leading dot. */
int read_name(struct yaml *y, void *char_slot, struct err *e) MUST_USE;

struct config;

/* One item of `tokens:`, `authorities:`, `certificates:` and so on; the slot is the struct config.
 */
int read_token(struct yaml *y, void *config, struct err *e) MUST_USE;
int read_authority(struct yaml *y, void *config, struct err *e) MUST_USE;
int read_certificate(struct yaml *y, void *config, struct err *e) MUST_USE;
int read_contract(struct yaml *y, void *config, struct err *e) MUST_USE;
int read_validation(struct yaml *y, void *config, struct err *e) MUST_USE;

/* Authorities of contracts and validations are there, and none of these is there twice. */
int contracts_check(const struct config *c, struct err *e) MUST_USE;

/* `install:` and `challenge:` of a certificate; the slot is the struct certificate_conf. */
int read_install(struct yaml *y, void *certificate, struct err *e) MUST_USE;
int read_challenge(struct yaml *y, void *certificate, struct err *e) MUST_USE;

/*
 * Makes room for one more item of `size` bytes in an array of `count` (doubling) and clears it.
 * NULL with `e` filled without memory.
 */
void *read_append(void *array_slot, size_t *count, size_t size, struct err *e);

void token_conf_clear(struct token_conf *t);
void authority_conf_clear(struct authority_conf *a);
void target_conf_clear(struct target_conf *t);
void contract_conf_clear(struct contract_conf *c);
void validation_conf_clear(struct validation_conf *v);

#endif
