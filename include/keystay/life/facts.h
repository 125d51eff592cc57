/*
 * What is known of a certificate, for its policy: from the configuration, the database and the
 * files that are there. Nothing is asked of a token or an authority.
 */
#ifndef KEYSTAY_LIFE_FACTS_H
#define KEYSTAY_LIFE_FACTS_H

#include "keystay/config/config.h"
#include "keystay/x509/chain.h"

struct db;

/* `policy` points into the rest, and into the configuration: not to be copied. */
struct facts {
	struct policy_facts policy;
	const char *key_type[KEY_TYPES];
	char token_class[24];
	struct weak weak;
	struct chain_traits issued;
	struct list authority_issuers;
};

void facts_free(struct facts *f);
AUTO_DEFINE_VALUE(facts, facts_free)

/* What the configuration wants; `ret` is empty before. */
void facts_wish(const struct certificate_conf *c, when_t now, struct facts *ret);

/*
 * Who issues for an authority, by the last chain of it that was recorded; not known where there is
 * none, or its file cannot be read. `db` may be NULL.
 */
int facts_authority(const struct config *config, struct db *db, const char *authority,
	struct facts *ret, struct err *e) MUST_USE;

/* What the token said of a key when it was made; `public` may be NULL. */
int facts_key(struct db *db, const char *key_id, const EVP_PKEY *public, struct facts *ret,
	struct err *e) MUST_USE;

/* A chain that was issued. */
int facts_chain(const struct chain *c, struct facts *ret, struct err *e) MUST_USE;

/*
 * Judges the wish for each of its authorities, from `first` on (NULL = from the beginning), until
 * one is not refused, and leaves that one in `ret`; where all are refused, the first.
 */
int facts_judge_wish(const struct config *config, struct db *db, const struct certificate_conf *c,
	const char *first, struct facts *ret, struct judgement judged[RULES],
	struct err *e) MUST_USE;

/*
 * Judges what is live as well as the wish: for each key type the key and the chain, where there
 * are; of several the worse counts, rule by rule. `each` is told of every live part, and may add
 * what it knows of its key before that is judged. `db` may be NULL.
 */
typedef int (*facts_fn)(
	void *ctx, const char *key_type, const char *key_id, struct facts *f, struct err *e);
int facts_judge_live(const struct config *config, struct db *db, const struct certificate_conf *c,
	when_t now, facts_fn each, void *ctx, struct judgement judged[RULES],
	struct err *e) MUST_USE;

#endif
