#include "est_order.h"

#include <string.h>

#include "come_back.h"
#include "est_anchors.h"
#include "est_enroll.h"
#include "est_http.h"
#include "est_request.h"
#include "keystay/base/json.h"
#include "keystay/base/log.h"

/* Whatever Retry-After says: a server that is ready sooner is not waited for longer than that. */
#define WAIT_MAX DAY

/*
 * Nothing is stored until a server says 202. Then the cookie is a JSON object:
 *
 *	pop     the request names its connection, so each time it is signed anew ...
 *	renews  ... with subject and names of the certificate that is renewed, or without
 *	csr     else the request itself, base64url of its DER, to be sent again (RFC 7030 4.2.3)
 *	since   when the first 202 came
 *	tries   how many came
 */

static int
drop(struct ca_order *o)
{
	free(o->cookie);
	o->cookie = NULL;
	return -1;
}

/* --- what the server wants to see */

/* RFC 7030 4.5.1 lets anybody ask; some servers do not. */
static int
fetch_attrs(struct est *s, struct ca_order *o, struct http_answer *ret, struct err *e)
{
	const struct http_request r = {
		.method = HTTP_GET, .accept = "application/csrattrs", .ceiling = CSR_ATTRS_MAX};
	struct http_request named = r;
	struct http_login room;
	struct http *h = s->anybody;
	struct est_askers all;

	est_askers(s, o, &all);
	if (est_send(s, h, "csrattrs", &r, ret, e) < 0) {
		if (!all.count || !http_refused_us(h) || est_somebody(s, all.id[0], &h, e) < 0)
			return -1;
		return est_send(s, h, "csrattrs", &r, ret, e);
	}
	if (ret->status != 401)
		return 0;
	if (est_login(s, &room, &named.login, e) < 0 ||
		(all.count && est_somebody(s, all.id[0], &h, e) < 0))
		return -1;
	if (!all.count && !named.login)
		return 0;
	http_answer_free(ret);
	*ret = (struct http_answer){0};
	return est_send(s, h, "csrattrs", &named, ret, e);
}

static int
need_attrs(struct est *s, struct ca_order *o, struct err *e)
{
	AUTO(http_answer) struct http_answer answer = {0};
	char name[96], text[200];

	if (s->has_attrs)
		return 0;
	if (fetch_attrs(s, o, &answer, e) < 0)
		return -1;
	/* None, or an operation that it does not have (RFC 7030 4.5.2). */
	bool none = answer.status == 204 || answer.status == 404 || answer.status == 501;
	if (!none && answer.status != 200) {
		est_fail(s, "csrattrs", &answer, e);
		return answer.status == 401
			       ? err_hint(e,
					 "it tells its csrattrs to those only that it knows: look at "
					 "'username:', 'password:' and 'identity:'")
			       : -1;
	}
	if (!none && csr_attrs_read(buf_text(&answer.body), answer.body.len, &s->attrs, e) < 0)
		return err_in(e, "%s: csrattrs", est_name(s, name));
	if (s->attrs.ignored.count)
		log_debug("%s: csrattrs: not understood, and left out: %s", est_name(s, name),
			list_join(&s->attrs.ignored, text, sizeof text));
	if (s->attrs.asked.count)
		log_debug("%s: csrattrs: extensions whose value is left to us, and left out: %s",
			est_name(s, name), list_join(&s->attrs.asked, text, sizeof text));
	s->has_attrs = true;
	return 0;
}

/* --- the answer */

/* A server may write another subject than was asked for (RFC 7030 4.2.3); people should know. */
static void
compare_subject(struct ca_order *o, const struct buf *der, X509 *leaf)
{
	const unsigned char *p = (const unsigned char *)der->text;
	AUTO(X509_REQ) X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der->len);
	char asked[160] = "", given[160] = "";

	if (!req || X509_NAME_cmp(X509_REQ_get_subject_name(req), X509_get_subject_name(leaf)) == 0)
		return;
	X509_NAME_oneline(X509_REQ_get_subject_name(req), asked, (int)sizeof asked);
	X509_NAME_oneline(X509_get_subject_name(leaf), given, (int)sizeof given);
	text_printable(asked);
	text_printable(given);
	size_t len = strlen(o->note);
	snprintf(o->note + len, sizeof o->note - len,
		"%sthe subject is '%s', and '%s' was asked for", len ? "; " : "", given, asked);
}

static int
take_certificate(struct est_asking *a, const struct http_answer *answer, struct err *e)
{
	AUTO(certs) struct certs *certs = NULL;
	struct ca_order *o = a->o;
	char name[96];
	X509 *leaf;
	bool plain;

	est_name(a->s, name);
	if (certs_only_read(buf_text(&answer->body), answer->body.len, &certs, &plain, e) < 0 ||
		certs_of_key(certs, o->public, &leaf, e) < 0)
		return err_in(e, "%s: %s", name, a->operation);
	if (o->live && X509_cmp(leaf, o->live->certificate) == 0)
		return err_set(e, ERR_AUTHORITY,
			"%s: %s: it gave the certificate that is to be renewed once more", name,
			a->operation);
	if (!plain)
		log_debug("%s: %s: the certificate is not in base64, as RFC 8951 3 has it", name,
			a->operation);
	compare_subject(o, a->der, leaf);
	free(o->chain);
	o->chain = NULL;
	return certs_chain(leaf, certs, a->s->cacerts, &o->chain, e);
}

/* What a person can do about a 401. */
static void
hint_at_login(const struct est_asking *a, const struct http_answer *answer, struct err *e)
{
	const struct est_conf *c = &a->s->conf->est;
	struct est_askers all;

	est_askers(a->s, a->o, &all);
	const char *why = all.why, *and = all.why[0] ? "; " : "";
	if (a->s->answered[0])
		err_hint(
			e, "that is the answer of '%s'; a login is not sent there", a->s->answered);
	else if (a->sent_login && !c->digest && answer->challenges == CHALLENGE_DIGEST)
		err_hint(e, "it asks for Digest: write 'auth: digest'");
	else if (a->sent_login && c->digest && answer->challenges == CHALLENGE_BASIC)
		err_hint(e, "it asks for Basic: write 'auth: basic'");
	else if (c->pop == EST_POP_OFF && a->s->attrs.challenge_password && !answer->challenges)
		err_hint(e,
			"its csrattrs want the request to name its connection: 'pop: auto' does it");
	else if (answer->challenges == CHALLENGE_OTHER)
		err_hint(e, "it asks for another kind of login than Basic and Digest");
	else if (a->sent_login && answer->challenges)
		err_hint(e, "are 'username:' and the password in '%s' right?", c->password);
	else if (a->sent_login)
		/* Some say nothing more to whom they refuse. */
		err_hint(e,
			"are 'username:' and the password in '%s' right? or it takes 'auth: %s'%s",
			c->password, c->digest ? "basic" : "digest",
			a->pop ? "" : ", or wants 'pop: require'");
	else if (answer->challenges)
		err_hint(e, "%s%sit asks for a login: write 'username:' and 'password:'", why, and);
	else if (a->pop)
		err_hint(e,
			"a proxy that ends TLS before the server would break the proof that the "
			"request is of this connection: 'pop: off'");
	else
		err_hint(e,
			"%s%sdoes it want a certificate in 'identity:', or the request to name its "
			"connection ('pop: require')?",
			why, and);
}

static int
refuse(struct est_asking *a, const struct http_answer *answer, struct err *e)
{
	est_fail(a->s, a->operation, answer, e);
	if (answer->status == 401)
		hint_at_login(a, answer, e);
	else if (a->s->conf->est.pop == EST_POP_OFF && a->s->attrs.challenge_password)
		err_hint(e,
			"its csrattrs want the request to name its connection: 'pop: auto' does it");
	/* It will not be granted; but for a login that can be mended. */
	if (e->kind == ERR_AUTHORITY && answer->status != 401)
		drop(a->o);
	return -1;
}

/* 202: kept, and asked again when it says (RFC 7030 4.2.3), at most for `pending_limit`. */
static int
park(struct est_asking *a, const struct http_answer *answer, json_t *cookie, struct err *e)
{
	const struct services *services = a->s->needs.services;
	struct ca_order *o = a->o;
	when_t now = services_now(services), limit = a->s->conf->est.pending_limit;
	when_t since = json_integer_value(json_object_get(cookie, "since"));
	json_int_t tries = json_integer_value(json_object_get(cookie, "tries"));
	uint32_t number = 0;
	bool said;
	char name[96];

	since = since > 0 && since <= now ? since : now;
	if (now - since >= limit) {
		drop(o);
		bool days = limit >= 2 * DAY;
		err_set(e, ERR_AUTHORITY, "%s: it has let us wait for %lld %s, and gives nothing",
			est_name(a->s, name), (long long)((now - since) / (days ? DAY : MINUTE)),
			days ? "days" : "minutes");
		return err_hint(e,
			"ask whoever approves requests there; 'pending_limit:' is longer "
			"patience");
	}
	/* Where it does not say: 1, 2, 4 ... 60 minutes. */
	when_t own = tries < 6 ? MINUTE << (tries < 0 ? 0 : tries) : HOUR;
	when_t wait = come_back(now, answer, own, &said) - now;
	services->random(services->ctx, &number, sizeof number);
	wait = wait > WAIT_MAX ? WAIT_MAX : wait + number % (wait / 20 + 1);
	if (now + wait > since + limit)
		wait = since + limit - now;
	json_object_set_new(cookie, "since", json_integer(since));
	json_object_set_new(cookie, "tries", json_integer(tries + 1));
	char *text = json_line(cookie);
	if (!text)
		return err_set(e, ERR_FAILED, "no memory for an order");
	free(o->cookie);
	o->cookie = text;
	/* People read it once, and not at each 202. */
	if (tries > 0)
		o->note[0] = '\0';
	o->not_before = now + wait;
	snprintf(o->doing, sizeof o->doing, "waits for %s to grant it%s", est_name(a->s, name),
		said ? "" : " (it does not say how long)");
	return 0;
}

static int
ask(struct est_asking *a, json_t *cookie, enum ca_progress *ret, struct err *e)
{
	AUTO(http_answer) struct http_answer answer = {0};

	if (est_ask(a, &answer, e) < 0)
		return -1;
	if (answer.status == 200) {
		if (take_certificate(a, &answer, e) < 0) {
			drop(a->o);
			return -1;
		}
		*ret = CA_ISSUED;
		return 0;
	}
	if (answer.status != 202)
		return refuse(a, &answer, e);
	*ret = CA_WAIT;
	return park(a, &answer, cookie, e);
}

/* --- the stages */

static int
begin(struct est *s, struct ca_order *o, enum ca_progress *ret, struct err *e)
{
	AUTO(est_request) struct est_request request = {.fields = {0}};
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	char name[96];

	if (need_attrs(s, o, e) < 0)
		return -1;
	bool pop = s->conf->est.pop == EST_POP_REQUIRE ||
		   (s->conf->est.pop == EST_POP_AUTO && s->attrs.challenge_password);
	bool renews = o->live && o->same;
	struct est_asking a = {
		.s = s, .o = o, .renews = renews, .pop = pop, .request = &request, .der = &der};
	if (est_request_make(&s->attrs, o, renews, &request, e) < 0 ||
		(!pop && o->sign(o->ctx, &request.wish, &der, e) < 0))
		return err_in(e, "%s", est_name(s, name));
	AUTO(char) char *csr = pop ? strdup("") : base64url(der.text, der.len);
	AUTO(json_t)
	json_t *cookie =
		csr ? json_pack("{s:b, s:b, s:s}", "pop", pop, "renews", renews, "csr", csr) : NULL;
	if (!cookie)
		return err_set(e, ERR_FAILED, "no memory for an order");
	return ask(&a, cookie, ret, e);
}

/* The same request once more. */
static int
go_on(struct est *s, struct ca_order *o, json_t *cookie, enum ca_progress *ret, struct err *e)
{
	AUTO(est_request) struct est_request request = {.fields = {0}};
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	const char *csr = json_text_at(cookie, "csr");
	bool pop = json_is_true(json_object_get(cookie, "pop"));
	bool renews = json_is_true(json_object_get(cookie, "renews"));
	char name[96];
	struct est_asking a = {
		.s = s, .o = o, .renews = renews, .pop = pop, .request = &request, .der = &der};

	/* What it was to renew is no more, or not as it was. */
	if (renews && !(o->live && o->same)) {
		drop(o);
		return begin(s, o, ret, e);
	}
	if (pop) {
		if (need_attrs(s, o, e) < 0)
			return -1;
		if (est_request_make(&s->attrs, o, renews, &request, e) < 0)
			return err_in(e, "%s", est_name(s, name));
	} else {
		AUTO(char) char *room = malloc(CSR_MAX);
		int len = room ? base64url_decode(csr, room, CSR_MAX) : -1;
		if (len <= 0) {
			drop(o);
			return err_set(e, ERR_FAILED, "the stored request of '%s' cannot be read",
				o->certificate);
		}
		buf_add(&der, room, (size_t)len);
	}
	return ask(&a, cookie, ret, e);
}

int
est_advance(void *ca, struct ca_order *o, enum ca_progress *ret, struct err *e)
{
	struct est *s = ca;
	AUTO(json_t) json_t *cookie = NULL;
	struct est_askers all;
	char name[96];

	/* Before anything is sent: who is to ask? */
	est_askers(s, o, &all);
	if (!all.count && !s->conf->est.username && all.why[0]) {
		err_set(e, ERR_AUTHORITY, "%s: there is nobody to ask for it: %s",
			est_name(s, name), all.why);
		return err_hint(e, "write 'username:' and 'password:', or an 'identity:'");
	}
	if (est_need_cacerts(s, all.count ? all.id[0] : NULL, e) < 0)
		return -1;
	if (!o->cookie)
		return begin(s, o, ret, e);
	if (json_read(o->cookie, strlen(o->cookie), &cookie, e) < 0)
		return drop(o);
	return go_on(s, o, cookie, ret, e);
}

/* It leaves nothing anywhere. */
void
est_settle(void *ca, const struct ca_order *o)
{
	(void)ca;
	(void)o;
}
