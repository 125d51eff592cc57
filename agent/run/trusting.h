/* What `check` says of authorities that have anchors: those, and who asks: identity and login. */
#ifndef KEYSTAY_RUN_TRUSTING_H
#define KEYSTAY_RUN_TRUSTING_H

#include "keystay/ca/ca.h"
#include "keystay/run/run.h"

struct db;
struct token;

/* Whether the keys of identities that are to be in a token are there: findings; *ret_lost: one is
 * not. */
int check_identity_keys(struct run *r, struct token *t, bool *ret_lost, struct err *e) MUST_USE;

/* Findings of one authority, nothing sent; `db` may be NULL. False where something is in the way.
 */
bool check_trust(struct run *r, struct db *db, const struct authority_conf *a, const char *where);

#endif
