/*
 * A ca_ops that no real authority can be: it waits, breaks, refuses and lies as a test tells it.
 * It issues from a CA key of its own, from the request that it is given.
 */
#ifndef KEYSTAY_TESTS_DOUBLE_CA_H
#define KEYSTAY_TESTS_DOUBLE_CA_H

#include "keystay/ca/ca.h"

/* What it does; a test sets it between runs. */
struct double_ca {
	int waits;            /* how often an order is told to wait ... */
	when_t wait;          /* ... and for how long */
	enum err_kind fails;  /* ERR_NONE, or every advance fails with this kind */
	const char *fails_at; /* only the authority of this name does; NULL: each */
	when_t retry_at;      /* with ERR_BUSY */
	bool other_key;       /* it certifies a key of its own */
	const char *drop;     /* a name that it leaves out */
	when_t lifetime;
	/* what was seen */
	int advances;
	int orders;
	int settled;
	char story[512]; /* "a order, a settle, b order, b issue, b settle" */
	int revoked;
	enum revocation_reason reason; /* of the last one */
};

extern struct double_ca double_ca;
extern const struct ca_ops double_ca_ops;

#endif
