/*
 * A session with an authority by one of its account keys, apart from those of a pass: whatever
 * became of the key (that of a compromised one may still end its account), and without making an
 * account.
 */
#ifndef KEYSTAY_LIFE_SESSION_H
#define KEYSTAY_LIFE_SESSION_H

#include "internal.h"

struct session {
	const struct authority_conf *conf;
	EVP_PKEY *key, *public;
	void *ca;
};

/*
 * `account_url` may be "": then the authority is asked by the key alone. ERR_POLICY for a key that
 * is disabled, destroyed or at its limit, ERR_LOST where it is not seen. The caller ends it with
 * session_close, also after a failure.
 */
int session_open(struct life *l, const struct authority_conf *conf, const char *account_url,
	const struct key_row *key, struct session *ret, struct err *e) MUST_USE;

/* {0} does nothing. */
void session_close(struct session *s);
AUTO_DEFINE_VALUE(session, session_close)

#endif
