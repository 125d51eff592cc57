/*
 * Handshakes on every endpoint: each name once, and at least twice as many fresh connections as
 * there are workers, since a worker of its own may fail where another does not. The leaf must be
 * the new one; until the deadline old workers are given time, then the old version is put back.
 */
#include <stdio.h>
#include <string.h>

#include "keystay/net/probe.h"
#include "keystay/state/inventory.h"
#include "keystay/x509/chain.h"
#include "keystay/x509/names.h"
#include "internal.h"

#define PROBE_LIMIT_MS 5000

static int
expected_fingerprint(const struct part *p, char fingerprint[65], struct err *e)
{
	AUTO(chain) struct chain *chain = NULL;
	struct leaf_facts facts;

	if (!p->chain || chain_parse(p->chain, strlen(p->chain), &chain, e) < 0 ||
		chain_leaf_facts(chain, &facts, e) < 0)
		return -1;
	text_copy(fingerprint, 65, facts.fingerprint);
	return 0;
}

int
look_once(struct life *l, const struct certificate_conf *c, const struct leaf_wish *leaf,
	const char *endpoint, const char *name, struct err *e)
{
	char sni[NAME_TEXT];
	struct probe_answer answer = {.fingerprint = ""};
	struct served_row row = {.checked_at = services_now(l->services)};
	bool rsa = text_starts(leaf->key_type, "rsa");

	/* A wildcard stands for any label. */
	snprintf(sni, sizeof sni, "%s%s", name_is_wildcard(name) ? "keystay-check" : "",
		name_is_wildcard(name) ? name + 1 : name);
	const struct probe_request request = {
		.endpoint = endpoint,
		.sni = sni,
		/* With one certificate any client will do; with several each must show its own. */
		.key = leaf->alone ? PROBE_ANY
		       : rsa       ? PROBE_RSA
				   : PROBE_ECDSA,
		.limit_ms = PROBE_LIMIT_MS,
	};
	int rc = l->services->probe(l->services->ctx, &request, &answer, e);
	row.ok = rc == 0 && text_same(answer.fingerprint, leaf->fingerprint);
	if (rc == 0 && !row.ok) {
		err_set(e, ERR_SERVED, "endpoint '%s' shows another certificate for '%s'", endpoint,
			name);
		rc = err_hint(e,
			"does the server's configuration for this name use "
			"live/%s? 'keystay server-config' shows how",
			c->name);
	}
	if (rc < 0)
		e->kind = ERR_SERVED;
	text_copy(row.endpoint, sizeof row.endpoint, endpoint);
	text_copy(row.sni, sizeof row.sni, sni);
	text_copy(row.key_type, sizeof row.key_type, leaf->key_type);
	text_copy(row.fingerprint, sizeof row.fingerprint, answer.fingerprint);
	struct err ignored;
	(void)!served_save(l->db, c->name, &row, &ignored);
	return rc;
}

/* `wanted` handshakes per endpoint and key type, the names in turn. */
static int
ask_target(struct life *l, struct work *w, const struct target_conf *t, const char *const *host,
	size_t hosts, size_t wanted, struct err *e)
{
	for (size_t i = 0; i < w->attempt.parts; i++) {
		const struct part *p = &w->attempt.part[i];
		char fingerprint[65];
		const struct leaf_wish leaf = {p->key_type, fingerprint, w->attempt.parts == 1};
		if (expected_fingerprint(p, fingerprint, e) < 0)
			return -1;
		for (size_t k = 0; k < t->endpoints.count; k++)
			for (size_t n = 0; n < wanted; n++)
				if (look_once(l, w->conf, &leaf, t->endpoints.item[k],
					    host[n % hosts], e) < 0)
					return -1;
	}
	return 0;
}

static int
look_at_target(struct life *l, struct work *w, const struct target_conf *t, struct err *e)
{
	size_t workers = t->ops->workers ? (size_t)t->ops->workers(t) : 1, hosts = 0;
	const struct list *names = &w->conf->names;
	const char **host = calloc(names->count + 1, sizeof *host);

	if (!host)
		return err_set(e, ERR_FAILED, "no memory for names");
	for (size_t i = 0; i < names->count; i++)
		if (name_is_host(names->item[i]))
			host[hosts++] = names->item[i];
	/* For people and services alone: any handshake will do. */
	if (hosts == 0)
		host[hosts++] = "";
	int rc = ask_target(l, w, t, host, hosts, hosts > 2 * workers ? hosts : 2 * workers, e);
	free(host);
	return rc;
}

bool
has_endpoints(const struct certificate_conf *c)
{
	for (size_t i = 0; i < c->installs; i++)
		if (c->install[i].endpoints.count)
			return true;
	return false;
}

int
look_everywhere(struct life *l, struct work *w, struct err *e)
{
	int rc = served_clear(l->db, w->conf->name, e);

	for (size_t i = 0; rc == 0 && i < w->conf->installs; i++)
		rc = look_at_target(l, w, &w->conf->install[i], e);
	return rc;
}

int
step_served(struct life *l, struct work *w, enum outcome *ret, struct err *e)
{
	when_t now = services_now(l->services);

	*ret = OUTCOME_NEXT;
	if (look_everywhere(l, w, e) == 0)
		return 0;
	if (e->kind != ERR_SERVED)
		return -1;
	if (w->attempt.deadline == 0)
		w->attempt.deadline = now + SERVED_PATIENCE;
	if (now < w->attempt.deadline) {
		w->attempt.not_before = now + 1;
		snprintf(w->doing, sizeof w->doing, "waits for the new certificate to be served");
		*ret = OUTCOME_PARK;
		return 0;
	}
	return roll_back(l, w, true, e);
}
