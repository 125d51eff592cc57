/* Anchors in a pass: learned, and written out (include/keystay/life/trust.h says what they are). */
#ifndef KEYSTAY_AGENT_LIFE_TRUST_H
#define KEYSTAY_AGENT_LIFE_TRUST_H

#include "internal.h"
#include "keystay/life/trust.h"

#include <openssl/types.h>

/*
 * The `anchor` of struct ca_needs: stores a CA that stands by `voucher`, writes the bundle anew and
 * tells the journal; tells people of one that nothing vouches for.
 */
int trust_learn(struct life *l, const struct authority_conf *a, X509 *ca, const char *voucher,
	struct err *e) MUST_USE;

/*
 * Asks the authorities whose turn it is (each week, each day where an anchor ends soon) for the CAs
 * that they issue by, so that a new root is learned while the old one can vouch for it.
 */
int trust_look(struct life *l, struct err *e) MUST_USE;

/*
 * Brings anchors/AUTHORITY.pem up to date where it is not; after a lost database what it holds is
 * taken over. `path` gets where it is, "" where there are no anchors; `*ret_pem` (may be NULL) its
 * content, the caller frees.
 */
int trust_settle(struct life *l, const struct authority_conf *a, char path[4096], char **ret_pem,
	struct err *e) MUST_USE;

#endif
