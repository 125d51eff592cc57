#include "counted.h"

#include <stdio.h>

#include "keystay/net/probe.h"
#include "keystay/state/inventory.h"
#include "keystay/x509/names.h"

#define PROBE_LIMIT_MS 5000

/* What the live version's keys signed, all together, and what shows that a server has it. */
struct live {
	struct db *db;
	struct usage *usage;
	struct list fingerprints;
	int64_t signatures;
};

static int
add_version(void *ctx, const struct version_row *v, struct err *e)
{
	struct live *live = ctx;
	struct key_usage u;
	struct key_row k;

	if (key_get(live->db, v->key_id, &k, e) < 0 || usage_of(live->usage, &k, &u, e) < 0)
		return -1;
	live->signatures += u.signatures;
	if (!list_has(&live->fingerprints, v->fingerprint) &&
		!list_add(&live->fingerprints, v->fingerprint))
		return err_set(e, ERR_FAILED, "no memory");
	return 0;
}

static int
count(struct live *live, const char *name, int64_t version, int64_t *ret, struct err *e)
{
	live->signatures = 0;
	if (version_each(live->db, name, version, add_version, live, e) < 0)
		return -1;
	*ret = live->signatures;
	return 0;
}

static int
look_at_endpoint(struct run *r, struct live *live, const struct certificate_conf *c,
	int64_t version, const char *endpoint, const char *where, struct err *e)
{
	char sni[NAME_TEXT], hint[256];
	struct probe_answer answer;
	int64_t before, after;
	struct err ignored;
	const char *name = names_first_host(&c->names);

	if (!name)
		name = "";
	snprintf(sni, sizeof sni, "%s%s", name_is_wildcard(name) ? "keystay-check" : "",
		name_is_wildcard(name) ? name + 1 : name);
	const struct probe_request request = {
		.endpoint = endpoint, .sni = sni, .key = PROBE_ANY, .limit_ms = PROBE_LIMIT_MS};
	if (count(live, c->name, version, &before, e) < 0)
		return -1;
	/* What does not answer, or shows another certificate, is told by 'status'. */
	if (r->services->probe(r->services->ctx, &request, &answer, &ignored) < 0 ||
		!list_has(&live->fingerprints, answer.fingerprint))
		return 0;
	if (count(live, c->name, version, &after, e) < 0)
		return -1;
	if (after > before) {
		run_finding(r, "ok", where, "", "the signatures of '%s' are counted", endpoint);
		return 0;
	}
	snprintf(hint, sizeof hint,
		"set 'pkcs11-module-path' as 'keystay server-config nginx %.100s' says, and start "
		"the server anew",
		c->name);
	run_finding(r, "warn", where, hint,
		"the server at '%s' signs past the guard: it uses the vendor's module directly, or "
		"its guard could not open the ledger (its error log says so); its signatures are "
		"not counted",
		endpoint);
	return 0;
}

int
check_counted(struct run *r, struct db *db, struct usage *usage, const struct certificate_conf *c,
	const char *where, struct err *e)
{
	struct live live = {.db = db, .usage = usage};
	struct certificate_row row;
	int rc = certificate_get(db, c->name, &row, e);

	for (size_t i = 0; rc == 0 && row.live_version && i < c->installs; i++)
		for (size_t k = 0; rc == 0 && k < c->install[i].endpoints.count; k++)
			rc = look_at_endpoint(r, &live, c, row.live_version,
				c->install[i].endpoints.item[k], where, e);
	list_free(&live.fingerprints);
	return rc;
}
