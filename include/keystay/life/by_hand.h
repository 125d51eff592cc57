/*
 * Certificates that people get at a CA's portal (`protocol: manual`). The request goes out, waits
 * as an attempt that is parked at its order, and the answer is brought back, in days or in weeks:
 * nothing is lost in between.
 */
#ifndef KEYSTAY_LIFE_BY_HAND_H
#define KEYSTAY_LIFE_BY_HAND_H

#include "keystay/config/config.h"
#include "keystay/life/hand_answer.h"
#include "keystay/life/life.h"
#include "keystay/state/attempts.h"
#include "keystay/state/keys.h"

/* What a person carries to the portal, for one key type. */
struct hand_request {
	struct key_row key;
	char *csr; /* PEM */
	when_t asked_at;
};

struct hand_requests {
	struct hand_request part[PARTS_MAX]; /* in the order of the configuration */
	size_t parts;
	const struct authority_conf *authority; /* borrowed from the configuration */
	bool again;                             /* they waited already */
	bool same_key;                          /* the first is for the key that is live now */
};

/* The first authority of a certificate that is asked by people; NULL = none. */
const struct authority_conf *hand_authority(
	const struct config *config, const struct certificate_conf *c);

/* What to say of one that waits for people: ERR_WAIT with what they can do. */
void hand_waits(const struct certificate_conf *c, const struct authority_conf *a, struct err *ret);

/*
 * Since when a request of the certificate waits for its answer; 0 = none does.
 */
int hand_waiting(struct db *db, const struct config *config, const char *certificate, when_t *ret,
	struct err *e) MUST_USE;

/*
 * The requests of a certificate: those that wait, or new ones, with a key by `key` (another than
 * theirs has them made anew). ERR_USAGE where no authority is asked by people, or another one has
 * its order. The caller frees *ret with hand_requests_free.
 */
int life_request(struct life *l, const struct certificate_conf *c, enum key_mode key,
	struct hand_requests *ret, struct err *e) MUST_USE;
void hand_requests_free(struct hand_requests *r);

enum hand_outcome {
	HAND_INSTALLS, /* every key type has its certificate: life_go installs it */
	HAND_WAITS,    /* that of another key type is still missing */
	HAND_THERE     /* it is what is live already */
};

struct hand_taken {
	enum hand_outcome outcome;
	char missing[96]; /* of HAND_WAITS: the key types, "ec-p256, rsa-3072" */
};

/*
 * Takes the answer to requests that wait. What is not for their key, or other than what was asked
 * for, is refused (ERR_AUTHORITY, ERR_POLICY), and they wait on. ERR_USAGE where none waits.
 */
int life_import(struct life *l, const struct certificate_conf *c, const struct hand_import *in,
	struct hand_taken *ret, struct err *e) MUST_USE;

AUTO_DEFINE_VALUE(hand_requests, hand_requests_free)

#endif
