/*
 * The configuration: keystay.yaml and, beside it, certificates.d/ (YAML files with the same
 * top-level keys) and policies/ (over the shipped ones), read into plain structs, checked across,
 * every complaint with its place.
 */
#ifndef KEYSTAY_CONFIG_CONFIG_H
#define KEYSTAY_CONFIG_CONFIG_H

#include "keystay/ca/ca.h"
#include "keystay/config/certificate.h"
#include "keystay/config/contract.h"
#include "keystay/policy/policy.h"
#include "keystay/token/token.h"

struct config_file;
struct config_text;

struct config {
	char *path;  /* of keystay.yaml */
	char *state; /* the state folder */
	struct token_conf *token;
	size_t tokens;
	struct authority_conf *authority;
	size_t authorities;
	struct policies *policies;
	struct list alert; /* argv of `alert: {command: ...}`; empty = none */
	struct certificate_conf *certificate;
	size_t certificates;
	struct certificate_conf **by_name; /* the same, sorted by name */
	struct contract_conf *contract;
	size_t contracts;
	struct validation_conf *validation;
	size_t validations;
	struct config_file *files;       /* the texts that marks point into */
	const struct config_text *given; /* while it is read: in the place of files */
	size_t given_count;
};

/*
 * Reads everything that `path` leads to. ERR_CONFIG with file:line:column. The caller frees *ret
 * with config_free; pointers into it live as long.
 */
int config_read(const char *path, struct config **ret, struct err *e) MUST_USE;
void config_free(struct config *c);

/* A file of certificates.d that is not there yet, or is to be another. */
struct config_text {
	const char *path; /* as dropin_path (config/dropin.h) gives it */
	const char *text;
	size_t len;
};

/* The same as if these files were there already; their texts are copied. */
int config_read_with(const char *path, const struct config_text *with, size_t count,
	struct config **ret, struct err *e) MUST_USE;

/* The text of a file that a mark of this configuration names; borrowed. NULL for another file. */
const char *config_text_of(const struct config *c, const char *file);

/* The last line of a certificate's text; comments and blank lines behind it are not its own. */
int config_last_line(const struct config *c, const struct certificate_conf *cert);

/* By name; NULL when there is none. Borrowed. */
const struct token_conf *config_token(const struct config *c, const char *name);
const struct authority_conf *config_authority(const struct config *c, const char *name);
const struct certificate_conf *config_certificate(const struct config *c, const char *name);

/*
 * For a name that leads nowhere: sets the hint of the error, the nearest name of that kind and
 * where to find all of them. Always -1.
 */
int hint_token(const struct config *c, const char *wrong, struct err *e);
int hint_authority(const struct config *c, const char *wrong, struct err *e);
int hint_certificate(const struct config *c, const char *wrong, struct err *e);
int hint_policy(const struct config *c, const char *wrong, struct err *e);

/* True when a certificate names the authority. */
bool config_uses(const struct config *c, const struct authority_conf *a);

static inline void
auto_config(struct config **slot)
{
	config_free(*slot);
}

#endif
