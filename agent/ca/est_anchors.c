#include "est_anchors.h"

#include <stdio.h>
#include <string.h>

#include "est_http.h"
#include "keystay/base/log.h"
#include "keystay/x509/anchors.h"

#define BOOTSTRAP "bootstrap:"
#define SYSTEM "system"

static int
fetch(struct est *s, struct http *h, struct certs **ret, struct err *e)
{
	AUTO(http_answer) struct http_answer answer = {0};
	const struct http_request r = {
		.method = HTTP_GET, .accept = "application/pkcs7-mime", .ceiling = EST_ANSWER_MAX};
	char name[96];
	bool plain;

	if (est_send(s, h, "cacerts", &r, &answer, e) < 0)
		return -1;
	if (answer.status != 200)
		return est_fail(s, "cacerts", &answer, e);
	if (certs_only_read(buf_text(&answer.body), answer.body.len, ret, &plain, e) < 0)
		return err_in(e, "%s: cacerts", est_name(s, name));
	if (!plain)
		log_debug("%s: its cacerts are not in base64, as RFC 8951 3 has it", name);
	return 0;
}

/* Stored before it is used. */
static int
accept_anchor(struct est *s, X509 *x, const char *voucher, struct err *e)
{
	if (voucher && certs_count(s->anchors) == CERTS_COUNT_MAX)
		return err_set(e, ERR_AUTHORITY, "there are more than %d anchors", CERTS_COUNT_MAX);
	return s->needs.anchor ? s->needs.anchor(s->needs.ctx, x, voucher, e) : 0;
}

static int
note_found(void *est, const struct anchor_found *found, struct err *e)
{
	char hex[65];

	if (found->voucher && !anchor_fingerprint(found->voucher, hex))
		return err_set(e, ERR_FAILED, "an anchor cannot be hashed");
	return accept_anchor(est, found->certificate, found->voucher ? hex : NULL, e);
}

/* The CA of `bootstrap:`, by its fingerprint. */
static int
accept_fingerprint(struct est *s, const struct certs *answer, struct err *e)
{
	const char *wanted = s->conf->est.bootstrap;
	char hex[65], name[96], voucher[96];

	for (size_t i = 0; i < certs_count(answer); i++) {
		X509 *x = certs_at(answer, i);
		if (!anchor_fingerprint(x, hex) || !text_same(hex, wanted))
			continue;
		if (!anchor_is_root(x, services_now(s->needs.services)))
			return err_set(e, ERR_AUTHORITY,
				"%s: the certificate of 'bootstrap:' is no CA that signs itself, or not "
				"valid now",
				est_name(s, name));
		snprintf(voucher, sizeof voucher, BOOTSTRAP "%s", hex);
		return accept_anchor(s, x, voucher, e) < 0 ? -1 : certs_add(s->anchors, x, e);
	}
	err_set(e, ERR_AUTHORITY,
		"%s: none of the %zu certificates of its cacerts has the fingerprint of 'bootstrap:'",
		est_name(s, name), certs_count(answer));
	return err_hint(e,
		"nothing was sent to it; is that the right server, and the fingerprint the "
		"SHA-256 of its root certificate?");
}

/* RFC 7030 4.1.1: a server that the system's CAs vouch for may name its own. */
static int
accept_all(struct est *s, const struct certs *answer, struct err *e)
{
	char name[96];

	for (size_t i = 0; i < certs_count(answer); i++) {
		X509 *x = certs_at(answer, i);
		if (!anchor_is_root(x, services_now(s->needs.services)))
			continue;
		if (accept_anchor(s, x, SYSTEM, e) < 0 || certs_add(s->anchors, x, e) < 0)
			return -1;
	}
	if (certs_count(s->anchors))
		return 0;
	err_set(e, ERR_AUTHORITY, "%s: its cacerts hold no CA that signs itself and is valid now",
		est_name(s, name));
	return err_hint(e, "name the CA that it issues by in 'issuer:'");
}

static int
accept_first(struct est *s, const struct certs *answer, struct err *e)
{
	return s->conf->est.bootstrap ? accept_fingerprint(s, answer, e) : accept_all(s, answer, e);
}

/* Of this connection nothing is known: it carries that one question and nothing else. */
static int
bootstrap(struct est *s, struct err *e)
{
	AUTO(certs) struct certs *answer = NULL;
	struct http *h = NULL;
	char name[96];

	if (http_open(est_name(s, name), NULL, &h, e) < 0)
		return -1;
	int rc = fetch(s, h, &answer, e);
	http_close(h);
	return rc < 0 ? -1 : accept_first(s, answer, e);
}

/* RFC 7030 4.1.2: anybody may ask; where nobody may without a certificate, ours is shown. */
static int
ask(struct est *s, const struct http_identity *id, struct certs **ret, struct err *e)
{
	struct http *h;

	if (fetch(s, s->anybody, ret, e) == 0)
		return 0;
	if (!id || !http_refused_us(s->anybody) || est_somebody(s, id, &h, e) < 0)
		return -1;
	return fetch(s, h, ret, e);
}

int
est_need_cacerts(struct est *s, const struct http_identity *id, struct err *e)
{
	AUTO(certs) struct certs *answer = NULL;
	when_t now = services_now(s->needs.services);

	if (s->cacerts)
		return 0;
	if (!s->conf->trust && certs_count(s->anchors) == 0 && bootstrap(s, e) < 0)
		return -1;
	if ((!s->anybody && est_connect(s, e) < 0) || ask(s, id, &answer, e) < 0)
		return -1;
	if (certs_count(s->anchors) == 0 && accept_first(s, answer, e) < 0)
		return -1;
	size_t had = certs_count(s->anchors);
	if (anchors_look(s->anchors, answer, now, note_found, s, e) < 0)
		return -1;
	/* A new root may have signed the certificate that the server shows from now on. */
	if (certs_count(s->anchors) > had && est_connect(s, e) < 0)
		return -1;
	s->cacerts = take(&answer);
	return 0;
}

int
est_look_at_anchors(void *ca, struct err *e)
{
	struct est *s = ca;

	return est_need_cacerts(s, s->needs.identity, e);
}

int
est_check(const struct authority_conf *conf, const struct ca_needs *needs, struct err *e)
{
	void *ca = NULL;

	if (est_open(conf, needs, &ca, e) < 0)
		return -1;
	int rc = est_need_cacerts(ca, NULL, e);
	est_close(ca);
	return rc;
}
