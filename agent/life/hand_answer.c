#include "hand_answer.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/file.h"
#include "keystay/ca/aia.h"
#include "keystay/state/inventory.h"
#include "keystay/x509/chain.h"
#include "keystay/x509/ossl.h"
#include "verify.h"

#define ISSUERS_MAX ((size_t)256 * 1024)

/* --- reading */

static int
read_one(const struct hand_answer *a, struct certs *all, struct err *e)
{
	AUTO(certs) struct certs *got = NULL;
	bool plain;

	if (certs_only_read(a->data, a->len, &got, &plain, e) < 0) {
		err_in(e, "'%s'", a->file);
		return err_hint(e,
			"PEM, DER and PKCS#7 (.p7b) are read: the certificate, with or without its "
			"chain");
	}
	for (size_t i = 0; i < certs_count(got); i++)
		if (!certs_has(all, certs_at(got, i)) && certs_add(all, certs_at(got, i), e) < 0)
			return err_in(e, "'%s'", a->file);
	return 0;
}

int
hand_read(const struct hand_import *in, struct certs **ret, struct err *e)
{
	AUTO(certs) struct certs *all = certs_new();

	if (!all)
		return err_set(e, ERR_FAILED, "no memory for certificates");
	for (size_t i = 0; i < in->answers; i++)
		if (read_one(&in->answer[i], all, e) < 0)
			return -1;
	*ret = take(&all);
	return 0;
}

/* --- what is waived, and what is told */

static const char *const waivable[] = {"names", "subject", "lifetime", "chain"};

bool
hand_waivable(const char *word)
{
	for (size_t i = 0; i < COUNT(waivable); i++)
		if (text_same(word, waivable[i]))
			return true;
	for (int r = 0; r < RULES; r++)
		if (text_same(word, rule_word((enum rule)r)))
			return true;
	return false;
}

const char *
hand_waivable_words(void)
{
	return "names, subject, lifetime, chain, or a rule that 'keystay policy explain' shows";
}

static bool
is_waived(const struct hand_import *in, const char *word)
{
	return in->waive && list_has(in->waive, word);
}

#define AGAIN "have it issued again"

/* Other than asked for: refused, or waived by its word. `mend` is what else can be done. */
static int
object(struct life *l, struct work *w, const struct hand_import *in, const char *word,
	const char *text, const char *mend, struct err *e)
{
	if (is_waived(in, word))
		return life_journal(l, w->conf->name, "", "waived", step_word(STEP_ORDER), e,
			"%s: the certificate %s; waived by hand: %s", word, text, in->reason);
	err_set(e, ERR_AUTHORITY, "the certificate %s", text);
	return err_hint(e,
		"%s; or take it as it is: 'keystay import %s FILE --waive %s --reason TEXT'", mend,
		w->conf->name, word);
}

/* No reason to refuse it, but not to be overlooked. */
static int
tell(struct life *l, struct work *w, const char *text, struct err *e)
{
	struct err why;

	err_set(&why, ERR_AUTHORITY, "certificate '%s': the certificate %s", w->conf->name, text);
	life_warn(l, &why);
	return life_journal(l, w->conf->name, "", "noted", step_word(STEP_ORDER), e,
		"the certificate %s", text);
}

/* --- the chain */

/* What `issuer:` has may complete a chain. */
static int
read_issuers(const struct authority_conf *conf, struct certs **ret, struct err *e)
{
	AUTO(buf) struct buf pem = BUF(ISSUERS_MAX);
	bool plain;

	*ret = NULL;
	if (!conf->issuer)
		return 0;
	if (file_read(conf->issuer, &pem, e) < 0 ||
		certs_only_read(buf_text(&pem), pem.len, ret, &plain, e) < 0)
		return err_in(e, "authority '%s': 'issuer:'", conf->name);
	return 0;
}

/* Whoever signed the leaf is not at hand: clients would not find the way to what they trust. */
static int
complete(struct life *l, struct work *w, const struct authority_conf *conf, X509 *leaf,
	struct certs *set, const struct certs *issuers, const struct hand_import *in, struct err *e)
{
	char name[96], place[200] = "", text[300], mend[200];
	bool there = certs_issuer(set, leaf) || (issuers && certs_issuer(issuers, leaf));

	snprintf(name, sizeof name, "authority '%s'", conf->name);
	if (conf->aia && !there && aia_complete(l->services, name, leaf, set, e) < 0) {
		err_in(e, "%s: the issuer's certificate is not in the file and was not fetched",
			name);
		return err_hint(e, "put the CA's certificates into the file too");
	}
	if (there || certs_issuer(set, leaf))
		return 0;
	(void)aia_place(leaf, place, sizeof place);
	snprintf(text, sizeof text, "comes without the one of its issuer%s%s%s",
		*place ? ", which is at '" : "", place, *place ? "'" : "");
	snprintf(mend, sizeof mend,
		"put the CA's certificates into the file, name them as 'issuer:' of the authority%s",
		*place && !conf->aia ? ", or allow 'aia: true'" : "");
	return object(l, w, in, "chain", text, mend, e);
}

int
hand_chain(struct life *l, struct work *w, const struct part *p, const struct authority_conf *conf,
	struct certs *set, const struct hand_import *in, char **ret, struct err *e)
{
	AUTO(EVP_PKEY) EVP_PKEY *public = NULL;
	AUTO(certs) struct certs *issuers = NULL;
	struct key_row key;
	X509 *leaf = NULL;
	struct err why;

	*ret = NULL;
	if (key_get(l->db, p->key_id, &key, e) < 0 || life_key_ensure(l, &key, &public, e) < 0)
		return -1;
	for (size_t i = 0; i < certs_count(set) && !leaf; i++) {
		EVP_PKEY *theirs = X509_get0_pubkey(certs_at(set, i));
		if (theirs && EVP_PKEY_eq(theirs, public) == 1)
			leaf = certs_at(set, i);
	}
	if (!leaf)
		return 0;
	/* Two for our key that differ: which one is meant is not for us to say. */
	if (certs_of_key(set, public, &leaf, &why) < 0) {
		err_set(e, ERR_AUTHORITY,
			"there are several certificates for the key of the request");
		return err_hint(e, "give the one that is meant, alone");
	}
	if (read_issuers(conf, &issuers, e) < 0 ||
		complete(l, w, conf, leaf, set, issuers, in, e) < 0)
		return -1;
	return certs_chain(leaf, set, issuers, ret, e);
}

/* --- names, subject, lifetime */

static void
add_all(struct buf *b, const char *before, const struct list *names)
{
	for (size_t i = 0; i < names->count; i++)
		buf_addf(b, "%s'%s'", i ? ", " : before, names->item[i]);
}

/* Those of `a` that `b` has not. */
static bool
without(const struct list *a, const struct list *b, struct list *ret)
{
	bool whole = true;

	for (size_t i = 0; i < a->count; i++)
		if (!list_has(b, a->item[i]))
			whole = list_add(ret, a->item[i]) && whole;
	return whole;
}

static int
compare_names(struct life *l, struct work *w, const struct list *names,
	const struct hand_import *in, struct err *e)
{
	AUTO(list) struct list missing = {0}, more = {0};
	AUTO(buf) struct buf text = BUF(1200);

	if (!without(&w->conf->names, names, &missing) || !without(names, &w->conf->names, &more))
		return err_set(e, ERR_FAILED, "no memory for names");
	if (missing.count == 0 && more.count == 0)
		return 0;
	if (missing.count)
		buf_addf(&text, "lacks %zu of %zu names: ", missing.count, w->conf->names.count);
	add_all(&text, "", &missing);
	if (more.count)
		buf_addf(&text, "%shas %zu that %s not asked for: ", missing.count ? "; it " : "",
			more.count, more.count == 1 ? "was" : "were");
	add_all(&text, "", &more);
	return object(l, w, in, "names", buf_text(&text), AGAIN, e);
}

/* The first value of a field, as text; "" for none. */
static void
field_of(const X509_NAME *name, int nid, char *ret, size_t size)
{
	unsigned char *utf8 = NULL;
	int at = X509_NAME_get_index_by_NID((X509_NAME *)name, nid, -1);

	*ret = '\0';
	if (at < 0)
		return;
	int len = ASN1_STRING_to_UTF8(
		&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry((X509_NAME *)name, at)));
	if (len > 0) {
		snprintf(ret, size, "%.*s", len, (const char *)utf8);
		text_printable(ret);
	}
	OPENSSL_free(utf8);
}

/*
 * Authorities leave out what they did not verify, and write what they did verify: an organisation
 * that is another is refused, anything else is told.
 */
static int
compare_subject(
	struct life *l, struct work *w, X509 *leaf, const struct hand_import *in, struct err *e)
{
	const struct subject *s = &w->conf->subject;
	const struct {
		int nid;
		const char *word, *asked;
	} fields[] = {{NID_organizationName, "organization", s->organization},
		{NID_organizationalUnitName, "unit", s->unit},
		{NID_localityName, "locality", s->locality},
		{NID_stateOrProvinceName, "state", s->state},
		{NID_countryName, "country", s->country},
		{NID_serialNumber, "serial_number", s->serial_number}};
	char is[300], text[800];

	for (size_t i = 0; i < COUNT(fields); i++) {
		if (!fields[i].asked)
			continue;
		field_of(X509_get_subject_name(leaf), fields[i].nid, is, sizeof is);
		if (text_same(is, fields[i].asked))
			continue;
		if (*is)
			snprintf(text, sizeof text, "has the %s '%s', asked for was '%s'",
				fields[i].word, is, fields[i].asked);
		else
			snprintf(text, sizeof text, "has no %s, asked for was '%s'", fields[i].word,
				fields[i].asked);
		int rc = fields[i].nid == NID_organizationName
				 ? object(l, w, in, "subject", text, AGAIN, e)
				 : tell(l, w, text, e);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
longest_live(void *ctx, const struct version_row *v, struct err *e)
{
	when_t *longest = ctx, is = v->not_after - v->not_before + 1;

	(void)e;
	if (is > *longest)
		*longest = is;
	return 0;
}

/* Within a twentieth: authorities round, and add the days that were left of the one before. */
static bool
about(when_t is, when_t wanted)
{
	when_t least = wanted - wanted / 20, most = wanted + wanted / 20;

	return is >= least && is <= most;
}

static int
compare_lifetime(
	struct life *l, struct work *w, when_t is, const struct hand_import *in, struct err *e)
{
	char text[200], asked[WHEN_TEXT];
	struct certificate_row row;
	when_t before = 0, day = DAY;

	if (w->conf->lifetime && !about(is, w->conf->lifetime)) {
		snprintf(text, sizeof text, "lives %lld days, and its 'lifetime:' is %s",
			(long long)(is / day), duration_format(w->conf->lifetime, asked));
		return object(l, w, in, "lifetime", text, AGAIN, e);
	}
	if (w->conf->lifetime)
		return 0;
	if (certificate_get(l->db, w->conf->name, &row, e) < 0 ||
		(row.live_version && version_each(l->db, w->conf->name, row.live_version,
					     longest_live, &before, e) < 0))
		return -1;
	if (before == 0 || about(is, before))
		return 0;
	snprintf(text, sizeof text, "lives %lld days; the one before lived %lld",
		(long long)(is / day), (long long)(before / day));
	return tell(l, w, text, e);
}

int
hand_judge(struct life *l, struct work *w, const struct part *p, const char *pem,
	const struct hand_import *in, struct err *e)
{
	AUTO(chain) struct chain *chain = NULL;
	AUTO(list) struct list names = {0};
	struct leaf_facts facts;
	bool useless;

	if (chain_parse(pem, strlen(pem), &chain, e) < 0 || chain_leaf_facts(chain, &facts, e) < 0)
		return -1;
	if (!chain_names(chain, &names)) {
		ossl_fail(
			e, ERR_AUTHORITY, "the certificate has no list of names that can be read");
		return err_hint(e, "have it issued with its names in subjectAltName");
	}
	if (compare_names(l, w, &names, in, e) < 0 ||
		compare_subject(l, w, chain_leaf(chain), in, e) < 0 ||
		compare_lifetime(l, w, facts.not_after - facts.not_before + 1, in, e) < 0)
		return -1;
	return verify_chain(l, w, p, pem, &names, &useless, e);
}

/* --- for another key */

struct owner {
	const char *hash;
	struct key_row found;
	bool is_found;
};

static int
look_for_owner(void *ctx, const struct key_row *k, struct err *e)
{
	struct owner *o = ctx;

	(void)e;
	if (text_same(k->public_hash, o->hash)) {
		o->found = *k;
		o->is_found = true;
	}
	return 0;
}

int
hand_foreign(struct life *l, struct work *w, const struct certs *set, struct err *e)
{
	char hash[65], subject[200];

	err_set(e, ERR_AUTHORITY, "there is no certificate for the key of the request that waits");
	for (size_t i = 0; i < certs_count(set); i++) {
		X509 *x = certs_at(set, i);
		struct err ignored;
		struct owner o = {.hash = hash};
		if (X509_check_ca(x) > 0)
			continue;
		if (!X509_get0_pubkey(x) ||
			key_public_hash(X509_get0_pubkey(x), hash, &ignored) < 0 ||
			keys_each(l->db, NULL, look_for_owner, &o, &ignored) < 0)
			continue;
		field_of(X509_get_subject_name(x), NID_commonName, subject, sizeof subject);
		if (o.is_found)
			err_set(e, ERR_AUTHORITY,
				"the certificate is for the key '%s' of '%s' (%s), and not for that of "
				"the request that waits",
				o.found.label, o.found.owner, o.found.state);
		else
			err_set(e, ERR_AUTHORITY,
				"the certificate%s%s%s is for a key that keystay did not make (SHA-256 of its "
				"public key %.16s...), and not for that of the request that waits",
				*subject ? " of '" : "", subject, *subject ? "'" : "", hash);
		break;
	}
	return err_hint(e,
		"'keystay csr %s' shows that request; a certificate for another one cannot be used",
		w->conf->name);
}
