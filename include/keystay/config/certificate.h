/*
 * What the configuration says of one certificate.
 */
#ifndef KEYSTAY_CONFIG_CERTIFICATE_H
#define KEYSTAY_CONFIG_CERTIFICATE_H

#include "keystay/base/yaml.h"
#include "keystay/ca/ca.h"
#include "keystay/target/target.h"
#include "keystay/token/key.h"
#include "keystay/x509/csr.h"

struct certificate_conf {
	char *name;
	struct list names; /* normalised (x509/names.h), no repeats */
	struct subject subject;
	char *owner;
	char *token;
	enum key_type key[KEY_TYPES];
	size_t keys;           /* at least one, no repeats */
	struct list authority; /* in order; at least one */
	char *policy;
	when_t lifetime; /* that is bought: what people bring must live as long; 0 = not said */
	struct challenge_conf challenge; /* type NULL = none is configured */
	struct target_conf *install;
	size_t installs;
	struct mark at;
	int end_line, end_column; /* where its reading ended; config_last_line knows more */
};

/* A copy of its own: the caller frees it with certificate_conf_clear. */
int certificate_conf_copy(
	const struct certificate_conf *from, struct certificate_conf *ret, struct err *e) MUST_USE;
void certificate_conf_clear(struct certificate_conf *c);
AUTO_DEFINE_VALUE(certificate_conf, certificate_conf_clear)

#endif
