/*
 * Which CAs an authority may issue by, for protocols that say so themselves (EST): those that the
 * configuration names, and those that were learned and stand by one of these. What is no longer
 * named takes with it what stood by it alone.
 */
#ifndef KEYSTAY_LIFE_TRUST_H
#define KEYSTAY_LIFE_TRUST_H

#include "keystay/config/config.h"

struct db;

/*
 * PEM of the anchors of `a` as they are now, "" for none; `db` may be NULL: then only those that
 * are configured. ERR_CONFIG for a file that cannot be read. The caller frees *ret.
 */
int trust_known(struct db *db, const struct authority_conf *a, char **ret, struct err *e) MUST_USE;

/* The same with what else its HTTPS connection is verified by, where that is not the system. */
int trust_https(struct db *db, const struct authority_conf *a, char **ret, struct err *e) MUST_USE;

#endif
