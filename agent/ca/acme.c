#include "acme.h"

#include <string.h>

#include "acme_problem.h"
#include "come_back.h"
#include "keystay/base/log.h"
#include "keystay/ca/jws.h"
#include "keystay/x509/ossl.h"

void
acme_close(void *ca)
{
	struct acme *a = ca;

	if (!a)
		return;
	http01_close(&a->challenges);
	http_close(a->http);
	free(a->jwk);
	free(a->thumbprint);
	free(a);
}

int
acme_open(
	const struct authority_conf *conf, const struct ca_needs *needs, void **ret, struct err *e)
{
	struct acme *a = calloc(1, sizeof *a);
	char name[96];

	if (!a)
		return err_set(e, ERR_FAILED, "no memory for an ACME session");
	a->conf = conf;
	a->services = needs->services;
	a->key = needs->account_key;
	a->public = needs->account_public;
	text_copy(a->account, sizeof a->account, needs->account_url);
	snprintf(name, sizeof name, "authority '%s'", conf->name);
	if (http_open(name, conf->trust, &a->http, e) < 0 ||
		(a->public && (jwk_make(a->public, &a->jwk, e) < 0 ||
				      jwk_thumbprint(a->jwk, &a->thumbprint, e) < 0))) {
		acme_close(a);
		return -1;
	}
	*ret = a;
	return 0;
}

const char *
acme_account(void *ca)
{
	return ((struct acme *)ca)->account;
}

int
acme_url(const json_t *from, const char *member, char to[ACME_URL_MAX], struct err *e)
{
	const char *url = json_text_at(from, member);

	if (!text_starts(url, "https://") || strlen(url) >= ACME_URL_MAX ||
		strpbrk(url, " \t\r\n\""))
		return err_set(
			e, ERR_AUTHORITY, "the authority's '%s' is not an https URL", member);
	text_copy(to, ACME_URL_MAX, url);
	return 0;
}

when_t
acme_come_back(struct acme *a, const struct http_answer *answer, int fallback)
{
	return come_back(services_now(a->services), answer, fallback, NULL);
}

/* Keeps the nonce that came with an answer (6.5). */
static void
keep_nonce(struct acme *a, const struct http_answer *answer)
{
	text_copy(a->nonce, sizeof a->nonce, answer->nonce);
}

static int
send_request(struct acme *a, const struct http_request *r, struct http_answer *ret, struct err *e)
{
	if (a->services->http(a->services->ctx, a->http, r, ret, e) < 0)
		return -1;
	keep_nonce(a, ret);
	return 0;
}

/* What came instead of the expected: a problem document, or something that is none. */
int
acme_fail(struct acme *a, const struct http_answer *answer, char problem[48], struct err *e)
{
	AUTO(json_t) json_t *json = NULL;
	struct err ignored;
	when_t retry_at = acme_come_back(a, answer, (int)HOUR);

	if (text_same(answer->content_type, "application/problem+json") ||
		text_same(answer->content_type, "application/json"))
		(void)!json_read(buf_text(&answer->body), answer->body.len, &json, &ignored);
	if (problem)
		problem_type(json, problem);
	problem_fail(json, answer->status, retry_at, e);
	return err_in(e, "authority '%s'", a->conf->name);
}

int
acme_get(struct acme *a, const char *url, struct http_answer *ret, struct err *e)
{
	const struct http_request r = {
		.method = HTTP_GET, .url = url, .ceiling = ACME_ANSWER_MAX, .follow = true};

	return send_request(a, &r, ret, e);
}

/* A place that not every server has, or that not every command needs. A wrong one is none. */
static void
keep_place(struct acme *a, const json_t *directory, const char *member, char to[ACME_URL_MAX])
{
	struct err ignored;

	to[0] = '\0';
	if (*json_text_at(directory, member) && acme_url(directory, member, to, &ignored) < 0)
		log_debug("authority '%s': %s", a->conf->name, ignored.text);
}

int
acme_need_directory(struct acme *a, struct err *e)
{
	AUTO(http_answer) struct http_answer answer = {0};
	AUTO(json_t) json_t *json = NULL;

	if (a->has_directory)
		return 0;
	if (acme_get(a, a->conf->url, &answer, e) < 0)
		return -1;
	if (answer.status != 200)
		return acme_fail(a, &answer, NULL, e);
	if (json_read(buf_text(&answer.body), answer.body.len, &json, e) < 0 ||
		acme_url(json, "newNonce", a->new_nonce, e) < 0 ||
		acme_url(json, "newAccount", a->new_account, e) < 0 ||
		acme_url(json, "newOrder", a->new_order, e) < 0) {
		err_in(e, "authority '%s': '%s' is not an ACME directory", a->conf->name,
			a->conf->url);
		return err_hint(e, "mend 'url:' of the authority");
	}
	keep_place(a, json, "renewalInfo", a->renewal_info);
	keep_place(a, json, "revokeCert", a->revoke_cert);
	keep_place(a, json, "keyChange", a->key_change);
	a->has_directory = true;
	return 0;
}

static int
need_nonce(struct acme *a, struct err *e)
{
	AUTO(http_answer) struct http_answer answer = {0};
	const struct http_request r = {
		.method = HTTP_HEAD, .url = a->new_nonce, .ceiling = ACME_ANSWER_MAX};

	if (a->nonce[0])
		return 0;
	if (send_request(a, &r, &answer, e) < 0)
		return -1;
	if (answer.status != 200 && answer.status != 204)
		return acme_fail(a, &answer, NULL, e);
	if (!a->nonce[0])
		return err_set(e, ERR_AUTHORITY, "authority '%s': no nonce from '%s'",
			a->conf->name, a->new_nonce);
	return 0;
}

/* One signed request; `key_member` names the key. The answer's nonce is kept. */
static int
post_once(struct acme *a, const char *key_member, const char *url, const char *payload,
	struct http_answer *ret, struct err *e)
{
	AUTO(char) char *jws = NULL;

	if (need_nonce(a, e) < 0)
		return -1;
	if (jws_sign(a->key, a->public, key_member, a->nonce, url, payload ? payload : "", &jws,
		    e) < 0)
		return err_in(e, "authority '%s'", a->conf->name);
	/* A nonce is good for one request, whatever becomes of it. */
	a->nonce[0] = '\0';
	const struct http_request r = {
		.method = HTTP_POST,
		.url = url,
		.content_type = "application/jose+json",
		.body = jws,
		.body_len = strlen(jws),
		.ceiling = ACME_ANSWER_MAX,
	};
	return send_request(a, &r, ret, e);
}

/* True for a badNonce answer that brought the nonce to try again with. */
static bool
is_bad_nonce(struct acme *a, const struct http_answer *answer)
{
	AUTO(json_t) json_t *json = NULL;
	struct err ignored;
	char type[48];

	if (answer->status < 400 || !a->nonce[0] ||
		json_read(buf_text(&answer->body), answer->body.len, &json, &ignored) < 0)
		return false;
	problem_type(json, type);
	return text_same(type, "badNonce");
}

int
acme_post_as(struct acme *a, const char *key_member, const char *url, const char *payload,
	struct acme_reply *ret, struct err *e)
{
	struct err ignored;
	when_t deadline = services_now(a->services) + HTTP_REQUEST_LIMIT;

	for (;;) {
		http_answer_free(&ret->answer);
		ret->answer = (struct http_answer){0};
		if (post_once(a, key_member, url, payload, &ret->answer, e) < 0)
			return -1;
		if (!is_bad_nonce(a, &ret->answer))
			break;
		if (services_now(a->services) >= deadline)
			return err_set(e, ERR_NETWORK,
				"authority '%s': every nonce was refused for %d seconds",
				a->conf->name, HTTP_REQUEST_LIMIT);
	}
	ret->status = ret->answer.status;
	if (ret->status < 200 || ret->status >= 300)
		return acme_fail(a, &ret->answer, ret->problem, e);
	if (text_same(ret->answer.content_type, "application/json") &&
		json_read(buf_text(&ret->answer.body), ret->answer.body.len, &ret->json, &ignored) <
			0) {
		*e = ignored;
		return err_in(e, "authority '%s': '%s'", a->conf->name, url);
	}
	return 0;
}

int
acme_post(
	struct acme *a, const char *url, const char *payload, struct acme_reply *ret, struct err *e)
{
	char member[ACME_URL_MAX + 16];

	snprintf(member, sizeof member, "\"kid\":\"%s\"", a->account);
	return acme_post_as(a, member, url, payload, ret, e);
}

void
acme_reply_free(struct acme_reply *r)
{
	json_decref(r->json);
	r->json = NULL;
	http_answer_free(&r->answer);
}

int
acme_check(const struct authority_conf *conf, const struct ca_needs *needs, struct err *e)
{
	struct acme a = {.conf = conf, .services = needs->services};
	char name[96];

	snprintf(name, sizeof name, "authority '%s'", conf->name);
	if (http_open(name, conf->trust, &a.http, e) < 0)
		return -1;
	int rc = acme_need_directory(&a, e);
	http_close(a.http);
	return rc;
}
