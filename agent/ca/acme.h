/*
 * ACME (RFC 8555): the session with one server, for the files of this folder. The order's stages
 * are in acme_order.c, the account in acme_account.c, problem documents in acme_problem.c, the
 * table in acme_protocol.c.
 */
#ifndef KEYSTAY_CA_ACME_H
#define KEYSTAY_CA_ACME_H

#include "http01.h"
#include "keystay/base/json.h"
#include "keystay/ca/ca.h"
#include "keystay/net/http.h"

/* No answer but a certificate chain is larger; Boulder's requests are at most 50,000 bytes. */
#define ACME_ANSWER_MAX (256 * 1024)
#define ACME_URL_MAX 512

struct acme {
	const struct authority_conf *conf;
	const struct services *services;
	EVP_PKEY *key;
	EVP_PKEY *public;
	struct http *http;
	struct http01 challenges;
	char *jwk;
	char *thumbprint;
	char account[ACME_URL_MAX]; /* "" until found or made */
	char nonce[256];
	char new_nonce[ACME_URL_MAX];
	char new_account[ACME_URL_MAX];
	char new_order[ACME_URL_MAX];
	char renewal_info[ACME_URL_MAX]; /* "" = the server has none */
	char revoke_cert[ACME_URL_MAX];  /* the same */
	char key_change[ACME_URL_MAX];   /* the same */
	bool has_directory;
};

/* The open, account, check and close of ca_ops. */
int acme_open(const struct authority_conf *conf, const struct ca_needs *needs, void **ret,
	struct err *e) MUST_USE;
const char *acme_account(void *ca);
int acme_check(
	const struct authority_conf *conf, const struct ca_needs *needs, struct err *e) MUST_USE;
void acme_close(void *ca);

/* One plain GET, its answer under the usual ceiling. */
int acme_get(struct acme *a, const char *url, struct http_answer *ret, struct err *e) MUST_USE;

/* Fills `e` from an answer that is not what was asked for; `problem` may be NULL. Always -1. */
int acme_fail(struct acme *a, const struct http_answer *answer, char problem[48], struct err *e);

/* Fetches the directory (RFC 8555 7.1.1) once in a session. */
int acme_need_directory(struct acme *a, struct err *e) MUST_USE;

struct acme_reply {
	json_t *json; /* NULL when the answer is not JSON */
	struct http_answer answer;
	int status;
	char problem[48]; /* after an error: the short type of the problem, "" if none came */
};

/*
 * Sends a signed POST (6.2) with the account's URL as kid; `payload` is NULL for POST-as-GET.
 * badNonce is retried with the nonce of the error until the request's deadline; any other problem
 * is an error. *ret is zeroed by the caller and freed with acme_reply_free in any case.
 */
int acme_post(struct acme *a, const char *url, const char *payload, struct acme_reply *ret,
	struct err *e) MUST_USE;

/* The same with another name of the key: `key_member` is a JSON member, as for jws_sign. */
int acme_post_as(struct acme *a, const char *key_member, const char *url, const char *payload,
	struct acme_reply *ret, struct err *e) MUST_USE;

void acme_reply_free(struct acme_reply *r);
AUTO_DEFINE_VALUE(acme_reply, acme_reply_free)

/* Copies an https URL out of an answer; ERR_AUTHORITY when it is none or too long. */
int acme_url(const json_t *from, const char *member, char to[ACME_URL_MAX], struct err *e) MUST_USE;

/* When to come back: what Retry-After says, else `fallback` seconds from now; at least a second. */
when_t acme_come_back(struct acme *a, const struct http_answer *answer, int fallback);

#endif
