#include "trusting.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/file.h"
#include "keystay/base/source.h"
#include "keystay/life/trust.h"
#include "keystay/token/key.h"
#include "keystay/token/token.h"
#include "keystay/x509/anchors.h"
#include "keystay/x509/chain.h"

/* What ends sooner than that wants somebody's attention. */
#define SOON (60 * DAY)

static bool
say_anchor(struct run *r, const char *where, const X509 *x, when_t now)
{
	when_t until = ossl_when(X509_get0_notAfter(x));
	char name[200], text[WHEN_TEXT], hex[65] = "";

	anchor_name(x, name);
	(void)anchor_fingerprint(x, hex);
	if (until <= now)
		run_finding(r, "warn", where,
			"a new root is learned when an old one vouches for it; this "
			"one cannot any more",
			"its anchor '%s' ended at %s", name, when_format(until, text));
	else if (until - now < SOON)
		run_finding(r, "warn", where, "the authority should show its new root by now",
			"its anchor '%s' ends at %s", name, when_format(until, text));
	else
		run_finding(r, "ok", where, "", "trusts '%s' (SHA-256 %s) until %s", name, hex,
			when_format(until, text));
	return until > now;
}

static bool
check_anchors(struct run *r, struct db *db, const struct authority_conf *a, const char *where)
{
	AUTO(char) char *pem = NULL;
	AUTO(certs) struct certs *all = NULL;
	when_t now = services_now(r->services);
	bool plain, any = false;
	struct err e;

	if (trust_known(db, a, &pem, &e) < 0 ||
		(*pem && certs_only_read(pem, strlen(pem), &all, &plain, &e) < 0)) {
		run_finding(r, "fail", where, e.hint, "%s", e.text);
		return false;
	}
	for (size_t i = 0; all && i < certs_count(all); i++)
		any = say_anchor(r, where, certs_at(all, i), now) || any;
	if (all && !any)
		run_finding(r, "fail", where, "name its new CA in 'trust:' or 'issuer:'",
			"none of its anchors is valid any more");
	if (!all)
		run_finding(r, "ok", where, "", "no anchors yet; the first answer %s",
			a->est.bootstrap ? "is held against 'bootstrap:'"
					 : "of its verified server names them");
	return !all || any;
}

static bool
check_identity(struct run *r, const struct authority_conf *a, const char *where)
{
	AUTO(buf) struct buf pem = BUF(CHAIN_MAX);
	AUTO(chain) struct chain *chain = NULL;
	struct leaf_facts facts;
	when_t now = services_now(r->services);
	char text[WHEN_TEXT];
	struct err e;

	if (!a->est.identity.certificate)
		return true;
	if (file_read(a->est.identity.certificate, &pem, &e) < 0 ||
		chain_parse(buf_text(&pem), pem.len, &chain, &e) < 0 ||
		chain_leaf_facts(chain, &facts, &e) < 0) {
		run_finding(r, a->est.username ? "warn" : "fail", where,
			"the login is used until it is there, where there is one",
			"its identity: %s", e.text);
		return a->est.username != NULL;
	}
	/* One that lives for days is renewed in its last third. */
	when_t third = (facts.not_after - facts.not_before) / 3;
	when_t soon = third < SOON / 2 ? third : SOON / 2;
	if (facts.not_before > now) {
		run_finding(r, "fail", where, "is the clock right?",
			"its identity is not valid before %s", when_format(facts.not_before, text));
		return false;
	}
	if (facts.not_after <= now || facts.not_after - now < soon) {
		run_finding(r, facts.not_after <= now ? "fail" : "warn", where,
			"get another certificate for it", "its identity %s at %s",
			facts.not_after <= now ? "expired" : "ends",
			when_format(facts.not_after, text));
		return facts.not_after > now;
	}
	if (X509_check_purpose(chain_leaf(chain), X509_PURPOSE_SSL_CLIENT, 0) != 1) {
		run_finding(r, "fail", where, "get one with the extended key usage clientAuth",
			"its identity is not for TLS clients");
		return false;
	}
	run_finding(r, "ok", where, "", "its identity is valid until %s",
		when_format(facts.not_after, text));
	return true;
}

/* One that is asked for, or gone after the first read, is left for when it is needed. */
static bool
check_login(struct run *r, const struct authority_conf *a, const char *where)
{
	AUTO(secret) struct secret *password = NULL;
	struct err e;

	if (!a->est.password || text_same(a->est.password, "prompt") ||
		text_starts(a->est.password, "env:"))
		return true;
	if (source_get(a->est.password, "password", &password, &e) == 0)
		return true;
	run_finding(r, "fail", where, e.hint, "its login: %s", e.text);
	return false;
}

bool
check_trust(struct run *r, struct db *db, const struct authority_conf *a, const char *where)
{
	bool anchors = check_anchors(r, db, a, where);

	bool identity = check_identity(r, a, where);

	return check_login(r, a, where) && identity && anchors;
}

/* One that cannot be read is check_identity's. */
static int
check_identity_key(struct run *r, struct token *t, const struct authority_conf *a, bool *ret_lost,
	struct err *e)
{
	AUTO(buf) struct buf pem = BUF(CHAIN_MAX);
	AUTO(chain) struct chain *chain = NULL;
	struct key_name name;
	struct err why;
	char where[96];

	if (file_read(a->est.identity.certificate, &pem, &why) < 0 ||
		chain_parse(buf_text(&pem), pem.len, &chain, &why) < 0 ||
		!X509_get0_pubkey(chain_leaf(chain)))
		return 0;
	snprintf(where, sizeof where, "authority '%s'", a->name);
	if (key_of_public(
		    t, X509_get0_pubkey(chain_leaf(chain)), a->est.identity.key, &name, &why) == 0)
		return 0;
	if (why.kind != ERR_TOKEN) {
		*e = why;
		return -1;
	}
	run_finding(r, "fail", where, why.hint, "its identity: %s", why.text);
	*ret_lost = true;
	return 0;
}

int
check_identity_keys(struct run *r, struct token *t, bool *ret_lost, struct err *e)
{
	for (size_t i = 0; i < r->config->authorities; i++) {
		const struct authority_conf *a = &r->config->authority[i];
		if (a->est.identity.certificate &&
			text_same(a->est.identity.token, token_conf_of(t)->name) &&
			check_identity_key(r, t, a, ret_lost, e) < 0)
			return -1;
	}
	return 0;
}
