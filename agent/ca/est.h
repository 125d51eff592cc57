/*
 * EST (RFC 7030, RFC 8951): the session with one server, for the files of this folder. How it is
 * spoken to is in est_http.c, its anchors in est_anchors.c, what a request must say in
 * est_request.c, who asks for a certificate in est_enroll.c, the order's stages in est_order.c.
 *
 * serverkeygen and fullcmc are left out on purpose: a key that a server made has not stayed.
 */
#ifndef KEYSTAY_CA_EST_H
#define KEYSTAY_CA_EST_H

#include "keystay/ca/ca.h"
#include "keystay/net/http.h"
#include "keystay/net/url.h"
#include "keystay/x509/certs_only.h"
#include "keystay/x509/csr_attrs.h"

/* What refuses a request is text for people; nothing longer is read. */
#define EST_ANSWER_MAX CERTS_ONLY_MAX

struct est {
	const struct authority_conf *conf;
	struct ca_needs needs;
	char base[URL_MAX];    /* .../.well-known/est[/LABEL], without a slash at its end */
	struct http *anybody;  /* shows no certificate; NULL until anchors or `system` are there */
	struct http *somebody; /* shows `shown`; NULL until it is needed */
	const X509 *shown;
	char answered[URL_MAX]; /* the origin of the last answer, where it is another; "" = our own
				 */
	struct certs *anchors;  /* what it may issue by; grows */
	struct certs *cacerts;  /* its answer in this session; NULL = not asked yet */
	struct csr_attrs attrs;
	bool has_attrs; /* asked in this session */
	struct secret *password;
};

/* The open, account and close of ca_ops. */
int est_open(const struct authority_conf *conf, const struct ca_needs *needs, void **ret,
	struct err *e) MUST_USE;
const char *est_account(void *ca);
void est_close(void *ca);

/* "authority 'internal'", for messages. */
const char *est_name(const struct est *s, char name[96]);

#endif
