/* When an authority is asked for its CAs though nothing is ordered there. */
#include <stdio.h>
#include <string.h>

#include "alert.h"
#include "keystay/base/log.h"
#include "keystay/state/memory.h"
#include "keystay/x509/anchors.h"
#include "shown.h"
#include "trust.h"

#define EVERY (7 * DAY)
#define EVERY_NEAR_END DAY
#define NEAR_END (60 * DAY)

struct looking {
	struct life *l;
	const struct authority_conf *conf;
	bool stranger;
};

static int
learn(void *looking, X509 *ca, const char *voucher, struct err *e)
{
	struct looking *x = looking;

	x->stranger = x->stranger || !voucher;
	return trust_learn(x->l, x->conf, ca, voucher, e);
}

/* How often; an anchor that has ended already says nothing. */
static when_t
period(const char *pem, when_t now)
{
	AUTO(certs) struct certs *anchors = NULL;
	struct err ignored;
	bool plain;

	if (certs_only_read(pem, strlen(pem), &anchors, &plain, &ignored) < 0)
		return EVERY;
	for (size_t i = 0; i < certs_count(anchors); i++) {
		when_t until = ossl_when(X509_get0_notAfter(certs_at(anchors, i)));
		if (until > now && until - now < NEAR_END)
			return EVERY_NEAR_END;
	}
	return EVERY;
}

static int
ask(struct life *l, const struct authority_conf *a, const char *pem, struct err *e)
{
	struct looking x = {.l = l, .conf = a};
	AUTO(shown) struct shown identity = {.there = false};
	struct err ignored;
	/* Some servers answer nobody without a certificate. */
	bool there = shown_identity(l, a, &identity, &ignored) == 0 && identity.there;
	const struct ca_needs needs = {.services = l->services,
		.account_url = "",
		.anchors = pem,
		.identity = there ? &identity.id : NULL,
		.anchor = learn,
		.ctx = &x};
	void *session = NULL;

	if (a->ops->open(a, &needs, &session, e) < 0)
		return -1;
	int rc = a->ops->look_at_anchors(session, e);
	a->ops->close(session);
	if (rc == 0 && !x.stranger)
		alert_over(l, a->name, "anchor", "all of its CAs are known");
	return rc;
}

/* The first order asks; from then on it is asked by time. */
static int
look_at_one(struct life *l, const struct authority_conf *a, struct err *e)
{
	AUTO(char) char *pem = NULL;
	when_t now = services_now(l->services), every;
	char word[96], path[4096];
	int64_t last;
	struct err why;

	snprintf(word, sizeof word, "anchors_asked:%s", a->name);
	if (memory_get(l->db, word, &last, e) < 0)
		return -1;
	if (last && now - last < EVERY_NEAR_END && now >= last)
		return 0;
	if (trust_settle(l, a, path, &pem, &why) < 0) {
		life_warn(l, &why);
		return 0;
	}
	every = period(pem, now);
	if (!*pem || (last && now - last < every && now >= last))
		return 0;
	if (last && ask(l, a, pem, &why) < 0) {
		log_debug("%s; asked again tomorrow", why.text);
		return memory_set(l->db, word, now - every + DAY, e);
	}
	return memory_set(l->db, word, now, e);
}

int
trust_look(struct life *l, struct err *e)
{
	for (size_t i = 0; i < l->config->authorities && !life_stopping(l); i++) {
		const struct authority_conf *a = &l->config->authority[i];
		if (a->ops->look_at_anchors && config_uses(l->config, a) &&
			look_at_one(l, a, e) < 0)
			return -1;
	}
	return 0;
}
