/*
 * What an authority is: something that takes a request, and after some time and some answers gives
 * a chain. One small table of functions per protocol; the list of them is in ca/protocols.c.
 *
 * advance() does one stage and never sleeps: it answers "again" (store the cookie, call me again),
 * "wait" (store the cookie, come back at not_before) or "issued". The cookie is the protocol's own
 * memory of one order; after a crash the stored one continues the same order.
 */
#ifndef KEYSTAY_CA_CA_H
#define KEYSTAY_CA_CA_H

#include "keystay/base/services.h"
#include "keystay/base/yaml.h"
#include "keystay/net/identity.h"
#include "keystay/token/key.h"
#include "keystay/x509/csr.h"

#include <openssl/types.h>

struct ca_ops;

/* Whether a request names its connection (RFC 7030 3.5): where the server asks for it, or else. */
enum est_pop { EST_POP_AUTO, EST_POP_REQUIRE, EST_POP_OFF };

/* What the configuration says of an authority that is spoken to by EST, beside what all have. */
struct est_conf {
	char *label;    /* one segment of the path; NULL = none */
	char *username; /* of a login; NULL = none */
	char *password; /* where that is (base/source.h) */
	bool digest;    /* HTTP Digest instead of Basic */
	enum est_pop pop;
	struct {
		char *token;
		char *key;         /* its label; NULL = whichever the certificate is for */
		char *certificate; /* a PEM file; NULL = no identity is configured */
	} identity;
	char *bootstrap;       /* SHA-256 of a CA's certificate, hex, lower case; NULL = none */
	struct list redirects; /* other origins that may be gone to */
	when_t pending_limit;  /* how long an order may wait for an answer */
};

/* So many certificates, and no more, are issued in any time that is so long. */
struct rate_limit {
	int64_t certificates;
	when_t per;
};

/* What the configuration says of an authority; the configuration owns it. */
struct authority_conf {
	char *name;
	const struct ca_ops *ops; /* from `protocol:` */
	char *url;                /* NULL where the protocol needs none */
	struct list contact;
	bool agree_terms;
	char *trust;   /* a PEM bundle or "system", for the HTTPS connection; NULL = `bootstrap` */
	char *issuer;  /* PEM that anchors issued chains; NULL = none */
	char *profile; /* NULL = whatever the authority gives */
	struct {
		char *token;
		enum key_type type;
	} account_key;
	char *policy; /* whose limits hold for the account key; NULL = none */
	struct rate_limit *rate_limit;
	size_t rate_limits;
	struct est_conf est;
	bool aia; /* missing CA certificates may be fetched from where the certificate says */
	struct mark at;
};

/* The name of the token of its account key, or of its enrolment identity; NULL = none. */
static inline const char *
authority_token(const struct authority_conf *a)
{
	return a->account_key.token ? a->account_key.token : a->est.identity.token;
}

/* How the authority may see that a name is ours. */
struct challenge_conf {
	char *type;    /* "http-01" */
	char *webroot; /* a folder that a server shows at port 80; or ... */
	char *listen;  /* ... ADDR:PORT of our own listener */
};

/*
 * What a session with an authority needs from above. Without an account key it can only ask what
 * anybody may ask (renewal_info).
 */
struct ca_needs {
	const struct services *services;
	EVP_PKEY *account_key;    /* signs, in the token; borrowed; NULL = none */
	EVP_PKEY *account_public; /* the same key's public half in software; borrowed */
	const char *account_url;  /* from an earlier run, "" = none */

	/* For protocols with anchors. */
	const char *anchors; /* PEM of the CAs that it may issue by; NULL = none yet */
	const struct http_identity *identity; /* for enrolment; borrowed; NULL = none */
	const char *no_identity; /* why there is none; NULL or "": none is configured */
	/*
	 * A CA was found that is no anchor yet. `voucher` says what vouches for it: the SHA-256
	 * (hex) of an anchor, "system" or "bootstrap:HEX"; NULL: nothing does, and it will not be
	 * one. Is stored before it is used; an error ends the request. NULL where nothing can be
	 * stored.
	 */
	int (*anchor)(void *ctx, X509 *ca, const char *voucher, struct err *e);
	void *ctx;
};

struct ca_order {
	const char *certificate; /* for messages */
	const struct list *names;
	const struct challenge_conf *challenge;
	const void *csr; /* DER */
	size_t csr_len;
	const char *replaces; /* ari_id of the certificate that this one replaces; "" = none */

	/* For protocols that have the request signed by their own rules (`signs`). */
	const struct subject *subject;
	EVP_PKEY *public;                 /* of the key that the request is for */
	const struct http_identity *live; /* what it renews, from this authority; NULL = none */
	bool same;                        /* subject and names are to be as they are there */
	const char *no_live; /* why there is none, for messages; "" = it is the first */
	/* Signs a request of this wish with that key in the token; judged. Adds its DER. */
	int (*sign)(void *ctx, const struct csr_wish *wish, struct buf *ret_der, struct err *e);
	void *ctx;

	char *cookie;      /* in and out, owned here; NULL = nothing ordered yet */
	bool armed;        /* the authority's own mark within one process; false at first */
	char *chain;       /* out, with CA_ISSUED: PEM, leaf first; the caller frees */
	when_t not_before; /* out, with CA_WAIT */
	char doing[128];   /* out: for progress, "waits for validation" */
	char note[800];    /* out: what people should read in the journal; "" = nothing */
};

enum ca_progress { CA_AGAIN, CA_WAIT, CA_ISSUED };

/* When an authority would like a certificate to be renewed (RFC 9773 4.2). */
struct ca_window {
	when_t start, end;     /* 0 = it does not say */
	char explanation[512]; /* a URL for people; "" = none */
	when_t ask_at;         /* not before */
};

/* RFC 5280 5.3.1; their words are in ca/reasons.h. */
enum revocation_reason {
	REVOKE_UNSPECIFIED = 0,
	REVOKE_KEY_COMPROMISE = 1,
	REVOKE_AFFILIATION_CHANGED = 3,
	REVOKE_SUPERSEDED = 4,
	REVOKE_CESSATION_OF_OPERATION = 5,
	REVOKE_PRIVILEGE_WITHDRAWN = 9
};

/* What an authority says of our account. */
struct ca_account {
	char url[512];
	/*
	 * "valid", "deactivated", "revoked"; "unknown" where the authority has none of this key;
	 * "refused" where it takes no request of it any more and does not say more.
	 */
	char status[32];
	struct list contact;
	bool agreed; /* to the terms of service */
};

struct ca_ops {
	const char *word;     /* of `protocol:` */
	bool needs_challenge; /* a certificate from here needs a `challenge:` */
	bool needs_account;   /* and an `account_key:` */
	bool signs;       /* it has requests signed by its own rules, and renews by certificate */
	bool has_anchors; /* it says which CAs it issues by (RFC 7030 4.1) */
	bool by_hand;     /* a person carries request and answer: its orders wait for that */
	/* Prepares a session; no request is sent yet. The caller ends it with close. */
	int (*open)(const struct authority_conf *conf, const struct ca_needs *needs, void **ret,
		struct err *e);
	/*
	 * One stage of one order. An error drops the cookie where the order is dead, and keeps it
	 * where another try may continue it.
	 */
	int (*advance)(void *ca, struct ca_order *order, enum ca_progress *ret, struct err *e);
	/* Removes what an order left outside (challenge files), at its end or after its failure. */
	void (*settle)(void *ca, const struct ca_order *order);
	/* The account as the authority names it, "" while there is none; borrowed. */
	const char *(*account)(void *ca);
	/*
	 * Without a session: does the authority answer, and as what the configuration says? Of the
	 * needs it has services and anchors.
	 */
	int (*check)(
		const struct authority_conf *conf, const struct ca_needs *needs, struct err *e);
	void (*close)(void *ca);

	/* These may be NULL where the protocol has no such thing. */

	/* Asks which CAs it issues by, and tells of those that are new (ca_needs.anchor). */
	int (*look_at_anchors)(void *ca, struct err *e);

	/* When should the certificate of that ari_id be renewed? No account is needed. */
	int (*renewal_info)(void *ca, const char *ari_id, struct ca_window *ret, struct err *e);
	/* Revokes a certificate (DER) by the account; one that is revoked already is no error. */
	int (*revoke)(void *ca, const void *der, size_t len, enum revocation_reason reason,
		struct err *e);
	/*
	 * What the authority says of the account; none is made. `deactivate` ends it there, for
	 * ever; one that is ended already is no error. The caller frees ret->contact.
	 */
	int (*show_account)(void *ca, bool deactivate, struct ca_account *ret, struct err *e);
	/*
	 * From now on the account is that of another key, whose public half is `public`. The
	 * session is of no more use.
	 */
	int (*change_key)(void *ca, EVP_PKEY *key, EVP_PKEY *public, struct err *e);
};

#endif
