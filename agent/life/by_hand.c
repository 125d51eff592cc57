#include "keystay/life/by_hand.h"

#include <string.h>

#include "keystay/base/json.h"
#include "keystay/state/inventory.h"
#include "keystay/x509/csr.h"
#include "hand_answer.h"
#include "internal.h"

const struct authority_conf *
hand_authority(const struct config *config, const struct certificate_conf *c)
{
	for (size_t i = 0; i < c->authority.count; i++) {
		const struct authority_conf *a = config_authority(config, c->authority.item[i]);
		if (a && a->ops->by_hand)
			return a;
	}
	return NULL;
}

void
hand_waits(const struct certificate_conf *c, const struct authority_conf *a, struct err *ret)
{
	err_set(ret, ERR_WAIT,
		"certificate '%s': its request waits for a person to take it to '%s'", c->name,
		a->url ? a->url : a->name);
	err_hint(ret, "'keystay csr %s' shows the request; then 'keystay import %s FILE'", c->name,
		c->name);
}

void
hand_requests_free(struct hand_requests *r)
{
	for (size_t i = 0; i < r->parts; i++)
		free(r->part[i].csr);
	r->parts = 0;
}

static when_t
asked_at(const char *cookie)
{
	AUTO(json_t) json_t *json = NULL;
	struct err ignored;

	if (!cookie || json_read(cookie, strlen(cookie), &json, &ignored) < 0)
		return 0;
	return (when_t)json_integer_value(json_object_get(json, "asked_at"));
}

/* It stands at its order, at an authority that is asked by people, and was made. */
static bool
waits_for_people(const struct config *config, const struct attempt *a)
{
	const struct authority_conf *conf = config_authority(config, a->authority);

	if (!conf || !conf->ops->by_hand || !text_same(a->step, step_word(STEP_ORDER)))
		return false;
	for (size_t i = 0; i < a->parts; i++)
		if (!a->part[i].csr || (!a->part[i].cookie && !a->part[i].chain))
			return false;
	return a->parts > 0;
}

int
hand_waiting(struct db *db, const struct config *config, const char *certificate, when_t *ret,
	struct err *e)
{
	AUTO(attempt) struct attempt a = {.version = 0};
	bool found;

	*ret = 0;
	if (attempt_load(db, certificate, &a, &found, e) < 0)
		return -1;
	for (size_t i = 0; found && waits_for_people(config, &a) && i < a.parts; i++)
		if (!a.part[i].chain && (*ret == 0 || asked_at(a.part[i].cookie) < *ret))
			*ret = asked_at(a.part[i].cookie);
	return 0;
}

/*
 * An order elsewhere is not taken away from under its authority, unless it failed there: then
 * people may do better. Its key is taken up again.
 */
static int
make_way(struct life *l, const struct certificate_conf *c, struct err *e)
{
	AUTO(attempt) struct attempt a = {.version = 0};
	bool found, there = false;

	if (attempt_load(l->db, c->name, &a, &found, e) < 0)
		return -1;
	const struct authority_conf *at = found ? config_authority(l->config, a.authority) : NULL;
	if (!found || !at)
		return 0;
	if (step_of(a.step) > STEP_ORDER) {
		err_set(e, ERR_USAGE,
			"certificate '%s': its answer is there, and it goes on at step %s", c->name,
			a.step);
		return err_hint(e, "'keystay renew %s' goes on with it", c->name);
	}
	if (at->ops->by_hand)
		return 0;
	for (size_t i = 0; i < a.parts; i++)
		there = there || a.part[i].cookie || a.part[i].chain;
	if (there && a.error_kind == ERR_NONE) {
		err_set(e, ERR_USAGE,
			"certificate '%s': its order at the authority '%s' is under way", c->name,
			a.authority);
		return err_hint(e, "'keystay status %s' shows where it stands", c->name);
	}
	return attempt_delete(l->db, c->name, e);
}

static int
add_request(struct life *l, const struct part *p, struct hand_requests *ret, struct err *e)
{
	struct hand_request *r = &ret->part[ret->parts];
	const char *csr = p->csr;

	if (key_get(l->db, p->key_id, &r->key, e) < 0 || csr_pem(csr, p->csr_len, &r->csr, e) < 0)
		return -1;
	r->asked_at = asked_at(p->cookie);
	ret->parts++;
	return 0;
}

/* Those of the stored attempt that have no answer yet. */
static int
add_requests(
	struct life *l, const struct certificate_conf *c, struct hand_requests *ret, struct err *e)
{
	AUTO(attempt) struct attempt a = {.version = 0};
	bool found;

	if (attempt_load(l->db, c->name, &a, &found, e) < 0)
		return -1;
	if (!found || !waits_for_people(l->config, &a))
		return err_set(
			e, ERR_FAILED, "certificate '%s': its request was not made", c->name);
	ret->authority = config_authority(l->config, a.authority);
	for (size_t i = 0; i < a.parts; i++)
		if (!a.part[i].chain && add_request(l, &a.part[i], ret, e) < 0)
			return -1;
	ret->same_key = ret->parts && text_same(ret->part[0].key.state, KEY_ACTIVE);
	return 0;
}

int
life_request(struct life *l, const struct certificate_conf *c, enum key_mode key,
	struct hand_requests *ret, struct err *e)
{
	AUTO(hand_requests) struct hand_requests all = {.parts = 0};
	const struct authority_conf *a = hand_authority(l->config, c);
	const struct wish wish = {
		.key = key, .reason = "asked for by 'csr'", .authority = a ? a->name : NULL};
	when_t before;
	bool started;

	if (!a) {
		err_set(e, ERR_USAGE,
			"certificate '%s': none of its authorities is asked by people", c->name);
		return err_hint(e,
			"'keystay issue %s' asks them; for a CA's portal name an authority with "
			"'protocol: manual'",
			c->name);
	}
	if (make_way(l, c, e) < 0 || hand_waiting(l->db, l->config, c->name, &before, e) < 0 ||
		life_want(l, c, &wish, &started, e) < 0 || life_go(l, 0, e) < 0)
		return -1;
	const struct life_result *result = life_result_at(l, 0);
	if (result && result->state == LIFE_FAILED) {
		*e = result->err;
		return -1;
	}
	if (add_requests(l, c, &all, e) < 0)
		return -1;
	all.again = before && all.parts && all.part[0].asked_at == before;
	*ret = all;
	all.parts = 0;
	return 0;
}

/* --- the answer */

struct looking {
	const struct certs *set;
	bool found;
};

static int
look_for_live(void *ctx, const struct version_row *v, struct err *e)
{
	struct looking *look = ctx;
	unsigned char digest[32];
	char fingerprint[65];

	(void)e;
	for (size_t i = 0; i < certs_count(look->set); i++)
		if (X509_digest(certs_at(look->set, i), EVP_sha256(), digest, NULL) == 1 &&
			text_same(hex_encode(digest, sizeof digest, fingerprint), v->fingerprint))
			look->found = true;
	return 0;
}

/* Nothing waits: it may be what is live already, brought once more. */
static int
nothing_waits(struct life *l, const struct certificate_conf *c, const struct certs *set,
	struct hand_taken *ret, struct err *e)
{
	struct looking look = {.set = set};
	struct certificate_row row;

	if (certificate_get(l->db, c->name, &row, e) < 0 ||
		(row.live_version && version_each(l->db, c->name, row.live_version, look_for_live,
					     &look, e) < 0))
		return -1;
	ret->outcome = HAND_THERE;
	if (look.found)
		return 0;
	err_set(e, ERR_USAGE, "certificate '%s': no request of it waits for an answer", c->name);
	return err_hint(e,
		"'keystay csr %s' makes one; a certificate for a key that is not in the token cannot "
		"be taken",
		c->name);
}

/* The stored attempt, as something in hand: its own answers are stored in it. */
static int
take_up(struct life *l, const struct certificate_conf *c, const struct hand_import *in,
	struct work **ret, struct err *e)
{
	const struct wish wish = {.reason = "asked for by 'import'"};
	bool started;

	if (life_want(l, c, &wish, &started, e) < 0)
		return -1;
	struct work *w = started ? l->work[l->works - 1] : NULL;
	if (!w || w->result.state == LIFE_FAILED) {
		if (w)
			*e = w->result.err;
		return w ? -1 : err_set(e, ERR_FAILED, "certificate '%s': nothing waits", c->name);
	}
	for (int r = 0; r < RULES; r++)
		if (list_has(in->waive, rule_word((enum rule)r)))
			w->waived |= 1u << r;
	w->waived_for = in->reason;
	*ret = w;
	return 0;
}

/* Every part that has none yet takes its chain from the set. */
static int
take_chains(struct life *l, struct work *w, struct certs *set, const struct hand_import *in,
	char *chain[PARTS_MAX], size_t *ret_taken, struct list *ret_missing, struct err *e)
{
	const struct authority_conf *conf = config_authority(l->config, w->attempt.authority);

	for (size_t i = 0; i < w->attempt.parts; i++) {
		const struct part *p = &w->attempt.part[i];
		if (p->chain)
			continue;
		if (hand_chain(l, w, p, conf, set, in, &chain[i], e) < 0 ||
			(chain[i] && hand_judge(l, w, p, chain[i], in, e) < 0))
			return -1;
		*ret_taken += chain[i] != NULL;
		if (!chain[i] && !list_add(ret_missing, p->key_type))
			return err_set(e, ERR_FAILED, "no memory for key types");
	}
	return 0;
}

/*
 * The chains were judged, with what was waived: the attempt goes on behind the step verify, which
 * knows nothing of waivers by hand.
 */
static int
store_chains(struct life *l, struct work *w, char *chain[PARTS_MAX], bool whole, struct err *e)
{
	struct attempt *a = &w->attempt;

	for (size_t i = 0; i < a->parts; i++)
		if (chain[i])
			a->part[i].chain = take(&chain[i]);
	if (whole) {
		text_copy(a->step, sizeof a->step, step_word(STEP_INSTALL));
		a->not_before = 0;
	}
	if (db_begin(l->db, e) < 0)
		return -1;
	if (attempt_save(l->db, a, e) < 0 ||
		life_journal(l, w->conf->name, "", "imported", step_word(STEP_ORDER), e,
			"an answer of authority '%s' was brought%s", a->authority,
			whole ? "" : "; that for another key type is still missing") < 0) {
		db_rollback(l->db);
		return -1;
	}
	return db_commit(l->db, e);
}

static int
import(struct life *l, struct work *w, struct certs *set, const struct hand_import *in,
	struct hand_taken *ret, struct err *e)
{
	char *chain[PARTS_MAX] = {NULL};
	AUTO(list) struct list missing = {0};
	size_t taken = 0;

	int rc = take_chains(l, w, set, in, chain, &taken, &missing, e);
	if (rc == 0 && taken == 0)
		rc = hand_foreign(l, w, set, e);
	if (rc == 0)
		rc = store_chains(l, w, chain, missing.count == 0, e);
	for (size_t i = 0; i < PARTS_MAX; i++)
		free(chain[i]);
	ret->outcome = missing.count ? HAND_WAITS : HAND_INSTALLS;
	list_join(&missing, ret->missing, sizeof ret->missing);
	return rc;
}

int
life_import(struct life *l, const struct certificate_conf *c, const struct hand_import *in,
	struct hand_taken *ret, struct err *e)
{
	AUTO(certs) struct certs *set = NULL;
	when_t since;
	struct work *w = NULL;

	if (hand_read(in, &set, e) < 0 || hand_waiting(l->db, l->config, c->name, &since, e) < 0)
		return -1;
	if (since == 0)
		return nothing_waits(l, c, set, ret, e);
	if (take_up(l, c, in, &w, e) < 0)
		return -1;
	if (import(l, w, set, in, ret, e) == 0)
		return 0;
	/* It waits on as it did. */
	w->open = false;
	return err_in(e, "certificate '%s'", c->name);
}
