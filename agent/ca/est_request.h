/* What a request to an EST server says: the wish, and what the server's csrattrs want of it. */
#ifndef KEYSTAY_CA_EST_REQUEST_H
#define KEYSTAY_CA_EST_REQUEST_H

#include "est.h"

struct est_request {
	struct csr_wish wish; /* borrows from the order and from below */
	struct list fields;
	STACK_OF(X509_EXTENSION) * extensions;
};

/*
 * `renews` says that subject and names are those of order->live. What the server wants and may have
 * is done: the digest, extensions, subject fields that the configuration leaves open. ERR_POLICY
 * for what it may not have: another key than the one that there is, a weak digest, a field that the
 * configuration has otherwise, to be a CA. Free *ret with est_request_free in any case.
 */
int est_request_make(const struct csr_attrs *attrs, const struct ca_order *order, bool renews,
	struct est_request *ret, struct err *e) MUST_USE;

void est_request_free(struct est_request *r);
AUTO_DEFINE_VALUE(est_request, est_request_free)

#endif
