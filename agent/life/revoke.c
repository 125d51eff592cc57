#include "keystay/life/revoke.h"

#include <stdio.h>
#include <string.h>

#include "keystay/life/keys.h"
#include "keystay/state/accounts.h"
#include "keystay/state/compromised.h"
#include "due.h"
#include "known.h"

void
revocation_free(struct revocation *r)
{
	free(r->item);
	*r = (struct revocation){.reason = r->reason};
}

/* --- what is to be revoked */

struct planning {
	struct life *l;
	struct revocation *r;
};

static bool
is_planned(const struct revocation *r, const struct version_row *v)
{
	for (size_t i = 0; i < r->items; i++)
		if (text_same(r->item[i].version.fingerprint, v->fingerprint))
			return true;
	return false;
}

static int
plan_one(void *ctx, const struct version_row *v, struct err *e)
{
	struct planning *p = ctx;
	struct revocation *r = p->r;
	struct certificate_row row;

	if (is_planned(r, v))
		return 0;
	if (certificate_get(p->l->db, v->certificate, &row, e) < 0)
		return -1;
	struct revoked *more = realloc(r->item, (r->items + 1) * sizeof *more);
	if (!more)
		return err_set(e, ERR_FAILED, "no memory");
	r->item = more;
	r->item[r->items++] = (struct revoked){
		.version = *v, .live = row.live_version == v->number, .before = v->revoked_at != 0};
	r->live = r->live || (row.live_version == v->number && !v->revoked_at);
	return 0;
}

static int
plan_other(void *ctx, const struct version_row *v, struct err *e)
{
	const struct planning *p = ctx;

	return v->not_after > services_now(p->l->services) ? plan_one(ctx, v, e) : 0;
}

int
life_revocation(struct life *l, const char *certificate, int64_t version,
	enum revocation_reason reason, struct revocation *ret, struct err *e)
{
	struct planning p = {l, ret};
	struct certificate_row row;
	struct known k;

	*ret = (struct revocation){.reason = reason};
	if (certificate_get(l->db, certificate, &row, e) < 0)
		return -1;
	if (!version && !row.live_version) {
		err_set(e, ERR_USAGE, "there is no certificate '%s' that could be revoked",
			certificate);
		return hint_certificate(l->config, certificate, e);
	}
	if (known_load(l->db, certificate, version ? version : row.live_version, &k, e) < 0)
		return -1;
	for (size_t i = 0; i < k.parts; i++)
		if (plan_one(&p, &k.part[i], e) < 0 ||
			(reason == REVOKE_KEY_COMPROMISE &&
				version_each_of_key(l->db, k.part[i].key_id, plan_other, &p, e) <
					0))
			return -1;
	return 0;
}

int
life_revocation_of_key(
	struct life *l, const struct key_row *key, struct revocation *ret, struct err *e)
{
	struct planning p = {l, ret};

	*ret = (struct revocation){.reason = REVOKE_KEY_COMPROMISE};
	return version_each_of_key(l->db, key->id, plan_other, &p, e);
}

/* --- and how */

/* The key is refused for ever, before anybody is asked: the authority may be out of reach. */
static int
compromise_keys(struct life *l, struct revocation *r, struct err *e)
{
	r->staged = true;
	for (size_t i = 0; r->reason == REVOKE_KEY_COMPROMISE && i < r->items; i++) {
		AUTO(list) struct list certificates = {0};
		struct key_row key;
		bool known, staged;
		if (key_get(l->db, r->item[i].version.key_id, &key, e) < 0 ||
			compromised_has(l->db, key.public_hash, &known, e) < 0)
			return -1;
		if (known)
			continue;
		if (life_key_compromise(
			    l, &key, "revoked for keyCompromise", &certificates, &staged, e) < 0)
			return -1;
		r->staged = r->staged && staged;
	}
	return 0;
}

/* What a person has to say at the authority. */
static int
by_a_person(const struct version_row *v, struct err *e)
{
	return err_hint(
		e, "have it revoked at the authority: serial %s, issuer %s", v->serial, v->issuer);
}

/* The authority, if it can be asked by the account. */
static int
can_be_asked(struct life *l, const struct version_row *v, const struct authority_conf **ret,
	struct account_row *account, struct err *e)
{
	const struct authority_conf *a = config_authority(l->config, v->authority);
	bool found;

	if (!a) {
		err_set(e, ERR_CONFIG, "its authority '%s' is not configured any more",
			v->authority);
		return by_a_person(v, e);
	}
	if (!a->ops->revoke) {
		err_set(e, ERR_AUTHORITY, "authority '%s' (%s) cannot be told by keystay", a->name,
			a->ops->word);
		return by_a_person(v, e);
	}
	if (account_get(l->db, a->name, a->url, account, &found, e) < 0)
		return -1;
	if (!found) {
		err_set(e, ERR_AUTHORITY, "authority '%s': the account%s%s is gone", a->name,
			*v->account ? " " : "", v->account);
		return by_a_person(v, e);
	}
	*ret = a;
	return 0;
}

static int
ask_authority(struct life *l, const struct authority_conf *a, const unsigned char *der, size_t len,
	enum revocation_reason reason, struct err *e)
{
	struct open_ca *ca;

	if (life_authority(l, a->name, &ca, e) == 0 &&
		a->ops->revoke(ca->session, der, len, reason, e) == 0)
		return 0;
	db_rollback(l->db);
	/* Asking twice does no harm. */
	if (!life_recovered(l, e) || life_authority(l, a->name, &ca, e) < 0)
		return -1;
	return a->ops->revoke(ca->session, der, len, reason, e);
}

static int
revoke_at_authority(
	struct life *l, const struct version_row *v, enum revocation_reason reason, struct err *e)
{
	AUTO(chain) struct chain *chain = NULL;
	unsigned char *der = NULL;
	const struct authority_conf *a = NULL;
	struct account_row account;
	struct known k;
	size_t len, part = 0;

	if (can_be_asked(l, v, &a, &account, e) < 0 ||
		known_load(l->db, v->certificate, v->number, &k, e) < 0)
		return -1;
	while (part + 1 < k.parts && !text_same(k.part[part].key_type, v->key_type))
		part++;
	if (known_chain(l, &k, part, &chain, e) < 0 || chain_leaf_der(chain, &der, &len, e) < 0)
		return by_a_person(v, e);
	int rc = ask_authority(l, a, der, len, reason, e);
	free(der);
	if (rc < 0 && e->kind == ERR_AUTHORITY) {
		if (*v->account && !text_same(v->account, account.url))
			err_in(e, "it was issued to the account %s, which is not the one of now",
				v->account);
		by_a_person(v, e);
	}
	return rc;
}

static int
record(struct life *l, struct revoked *one, enum revocation_reason reason, struct err *e)
{
	struct version_row v = one->version;
	bool news;

	v.revoked_at = services_now(l->services);
	text_copy(v.revoked_for, sizeof v.revoked_for, reason_word(reason));
	if (db_begin(l->db, e) < 0)
		return -1;
	if (version_save(l->db, &v, e) < 0 ||
		life_journal(l, v.certificate, "", "revoked", "", e,
			"version %lld, serial %s, is revoked at '%s': %s", (long long)v.number,
			v.serial, v.authority, v.revoked_for) < 0 ||
		(one->live && reason != REVOKE_CESSATION_OF_OPERATION &&
			due_cause(l->db, v.certificate, v.revoked_at, CAUSE_REVOKED,
				CAUSE_SIGNATURES, &news, e) < 0)) {
		db_rollback(l->db);
		return -1;
	}
	one->version = v;
	return db_commit(l->db, e);
}

static int
revoke_one(struct life *l, struct revoked *one, enum revocation_reason reason, struct err *e)
{
	if (revoke_at_authority(l, &one->version, reason, e) == 0 && record(l, one, reason, e) == 0)
		return 0;
	return err_in(e, "certificate '%s', version %lld", one->version.certificate,
		(long long)one->version.number);
}

/* The error is the first one's; what a person has to do for others stands behind its hint. */
static void
also_by_a_person(const struct err *why, struct err *e)
{
	size_t len = strlen(e->hint);

	if (why->hint[0] && len + strlen(why->hint) + 2 < sizeof e->hint)
		snprintf(e->hint + len, sizeof e->hint - len, "%s%s", len ? "; " : "", why->hint);
}

int
life_revoke(struct life *l, struct revocation *r, struct err *e)
{
	int rc = 0;

	if (compromise_keys(l, r, e) < 0) {
		db_rollback(l->db);
		return -1;
	}
	for (size_t i = 0; i < r->items; i++) {
		struct err why;
		if (r->item[i].version.revoked_at ||
			revoke_one(l, &r->item[i], r->reason, &why) == 0)
			continue;
		if (rc == 0)
			*e = why;
		else
			also_by_a_person(&why, e);
		rc = -1;
		/* What an authority says of one certificate says nothing of the next. */
		if (why.kind != ERR_AUTHORITY && why.kind != ERR_CONFIG && why.kind != ERR_FAILED)
			break;
	}
	life_due_again(l);
	return rc;
}
