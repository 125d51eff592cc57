/*
 * New anchors by the word of old ones (RFC 7030 4.1.3, RFC 4210 4.4): a CA that changes its root
 * key shows the new root, signed by itself, and the same name and key signed by the old root ("new
 * with old"). What nothing vouches for is never an anchor.
 */
#ifndef KEYSTAY_X509_ANCHORS_H
#define KEYSTAY_X509_ANCHORS_H

#include "keystay/x509/certs_only.h"

/* A self-signed CA of an answer that is no anchor yet. */
struct anchor_found {
	X509 *certificate; /* borrowed */
	X509 *voucher;     /* the anchor that vouches for it; NULL = nothing does */
};

/*
 * Looks through an answer of /cacerts. `each` is called for every self-signed CA in it that is
 * valid at `now` and not in `anchors`; those with a voucher are added to `anchors` after it said
 * yes (0), and may vouch for others. A voucher is valid now and signed the new key's certificate
 * itself, not by SHA-1, under the name of the new root; where that is not its own name, nothing may
 * bind that certificate as subordinate CAs are bound (a path length, names, policies, purposes). A
 * root that issued an anchor is not told of: somebody chose to trust less than it. ERR_AUTHORITY
 * past CERTS_COUNT_MAX anchors.
 */
int anchors_look(struct certs *anchors, const struct certs *answer, when_t now,
	int (*each)(void *ctx, const struct anchor_found *found, struct err *e), void *ctx,
	struct err *e) MUST_USE;

/* A CA that is signed by itself and valid now. */
bool anchor_is_root(X509 *x, when_t now);

/* SHA-256 of the DER, hex. */
bool anchor_fingerprint(const X509 *x, char hex[65]);

/* Its subject for people, cut and printable. */
void anchor_name(const X509 *x, char name[200]);

#endif
