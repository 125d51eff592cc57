/* The keys of an authority that only `protocol: est` has. */
#ifndef KEYSTAY_CONFIG_READ_EST_H
#define KEYSTAY_CONFIG_READ_EST_H

#include "keystay/ca/ca.h"

/* To be read into a struct authority_conf. */
#define READ_EST_KEYS 9
extern const struct yaml_key read_est_keys[READ_EST_KEYS];

/* Whether any of them was given. */
bool read_est_any(const struct est_conf *c);

/* What holds between them; fills what was left open. */
int read_est_check(struct authority_conf *a, struct err *e) MUST_USE;

void est_conf_clear(struct est_conf *c);

#endif
