#include "est_request.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#define OID_COMMON_NAME "2.5.4.3"
/* X.520's upper bound (RFC 5280 A.1, ub-common-name). */
#define COMMON_NAME_MAX 64

void
est_request_free(struct est_request *r)
{
	list_free(&r->fields);
	sk_X509_EXTENSION_pop_free(r->extensions, X509_EXTENSION_free);
	r->extensions = NULL;
}

static const char *
name_of(int nid)
{
	const char *name = OBJ_nid2sn(nid);

	return nid != NID_undef && name ? name : "an unknown type";
}

/* --- the key */

static void
describe_ours(EVP_PKEY *public, char text[80], int *ret_type, int *ret_curve)
{
	char group[64] = "";
	size_t len;

	*ret_type = EVP_PKEY_get_base_id(public) == EVP_PKEY_EC ? NID_X9_62_id_ecPublicKey
								: EVP_PKEY_get_base_id(public);
	*ret_curve = NID_undef;
	if (*ret_type != NID_X9_62_id_ecPublicKey) {
		snprintf(text, 80, "RSA of %d bits", EVP_PKEY_get_bits(public));
		return;
	}
	if (EVP_PKEY_get_group_name(public, group, sizeof group, &len) == 1)
		*ret_curve = OBJ_txt2nid(group);
	snprintf(text, 80, "%s", name_of(*ret_curve));
}

static int
judge_key(const struct csr_attrs *a, EVP_PKEY *public, struct err *e)
{
	char ours[80], theirs[80];
	int type, curve;

	if (a->key == NID_undef)
		return 0;
	describe_ours(public, ours, &type, &curve);
	if (a->key == type && (a->curve == NID_undef || a->curve == curve) &&
		(a->rsa_bits == 0 || a->rsa_bits == EVP_PKEY_get_bits(public)))
		return 0;
	if (a->rsa_bits)
		snprintf(theirs, sizeof theirs, "RSA of %d bits", a->rsa_bits);
	else
		snprintf(theirs, sizeof theirs, "%s",
			name_of(a->curve != NID_undef ? a->curve : a->key));
	err_set(e, ERR_POLICY, "it wants a key of another kind (%s), and this one is %s", theirs,
		ours);
	return err_hint(e, "write under 'keys:' what it takes, where the policy allows it");
}

static int
judge_digest(int digest, struct err *e)
{
	switch (digest) {
	case NID_undef:
	case NID_sha256:
	case NID_sha384:
	case NID_sha512:
		return 0;
	default:
		return err_set(e, ERR_POLICY, "it wants a signature with %s, which is not made",
			name_of(digest));
	}
}

/* --- the subject */

static int
no_memory(struct err *e)
{
	return err_set(e, ERR_FAILED, "no memory for a request");
}

/* The field of `subject:` that an OID stands for; NULL for one that it does not have. */
static const char *const *
own_field(const struct subject *s, const char *oid, const char **ret_word)
{
	const struct {
		const char *oid, *word;
		const char *const *value;
	} all[] = {
		{"2.5.4.6", "country", (const char *const *)&s->country},
		{"2.5.4.8", "state", (const char *const *)&s->state},
		{"2.5.4.7", "locality", (const char *const *)&s->locality},
		{"2.5.4.10", "organization", (const char *const *)&s->organization},
		{"2.5.4.11", "unit", (const char *const *)&s->unit},
		{"2.5.4.5", "serial_number", (const char *const *)&s->serial_number},
	};

	for (size_t i = 0; i < COUNT(all); i++)
		if (text_same(all[i].oid, oid)) {
			*ret_word = all[i].word;
			return all[i].value;
		}
	return NULL;
}

/* The name that stands in a common name; NULL where none fits. */
static const char *
common_name(const struct list *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (strlen(names->item[i]) <= COMMON_NAME_MAX)
			return names->item[i];
	return NULL;
}

static int
add_common_name(struct est_request *r, const struct list *names, struct err *e)
{
	const char *name = common_name(names);
	char field[sizeof OID_COMMON_NAME + COMMON_NAME_MAX + 2];

	if (!name)
		return 0;
	snprintf(field, sizeof field, OID_COMMON_NAME "=%s", name);
	return list_add(&r->fields, field) ? 0 : no_memory(e);
}

/* One of the template: "2.5.4.10=Example Council", or "2.5.4.3" where the value is ours. */
static int
take_field(struct est_request *r, const struct ca_order *o, const char *wanted, struct err *e)
{
	const struct subject *s = o->subject;
	char oid[80];
	const char *equals = strchr(wanted, '='), *word = NULL;

	snprintf(oid, sizeof oid, "%.*s", equals ? (int)(equals - wanted) : (int)strlen(wanted),
		wanted);
	if (text_same(oid, OID_COMMON_NAME) && !equals)
		return 0;
	if (text_same(oid, OID_COMMON_NAME) &&
		(!list_has(o->names, equals + 1) || strlen(equals + 1) > COMMON_NAME_MAX))
		return err_set(e, ERR_POLICY,
			"it wants the common name '%s', which is none of the names, or too long",
			equals + 1);
	const char *const *own = own_field(s, oid, &word);
	if (own && *own && (!equals || text_same(*own, equals + 1)))
		return 0;
	if (own && *own) {
		err_set(e, ERR_POLICY, "it wants the %s '%s', and the configuration has '%s'", word,
			equals + 1, *own);
		return err_hint(e, "mend 'subject:' of the certificate");
	}
	if (!equals) {
		err_set(e, ERR_POLICY,
			"it wants %s%s%s in the subject, and the configuration has none",
			own ? "the " : "the field ", own ? word : oid, own ? "" : "");
		return err_hint(e, "write it under 'subject:' of the certificate");
	}
	return list_add(&r->fields, wanted) ? 0 : no_memory(e);
}

static int
take_subject(
	struct est_request *r, const struct csr_attrs *a, const struct ca_order *o, struct err *e)
{
	bool named = false;

	for (size_t i = 0; i < a->subject.count; i++) {
		named = named || text_starts(a->subject.item[i], OID_COMMON_NAME "=");
		if (take_field(r, o, a->subject.item[i], e) < 0)
			return -1;
	}
	/* Many servers take no request without it. */
	return named ? 0 : add_common_name(r, o->names, e);
}

/* --- extensions */

/* A CA, and whoever may sign certificates or their revocation. */
static bool
is_of_a_ca(X509_EXTENSION *x)
{
	int nid = OBJ_obj2nid(X509_EXTENSION_get_object(x));
	bool ca = false;

	if (nid == NID_basic_constraints) {
		BASIC_CONSTRAINTS *b = X509V3_EXT_d2i(x);
		ca = !b || b->ca;
		BASIC_CONSTRAINTS_free(b);
	} else if (nid == NID_key_usage) {
		ASN1_BIT_STRING *usage = X509V3_EXT_d2i(x);
		ca = !usage || ASN1_BIT_STRING_get_bit(usage, 5) ||
		     ASN1_BIT_STRING_get_bit(usage, 6);
		ASN1_BIT_STRING_free(usage);
	} else {
		ca = nid == NID_name_constraints || nid == NID_policy_constraints ||
		     nid == NID_inhibit_any_policy;
	}
	return ca;
}

/* Those with a value; the names are always our own. */
static int
take_extensions(struct est_request *r, const struct csr_attrs *a, struct err *e)
{
	for (int i = 0; i < sk_X509_EXTENSION_num(a->extensions); i++) {
		X509_EXTENSION *x = sk_X509_EXTENSION_value(a->extensions, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(x));
		if (nid == NID_subject_alt_name)
			continue;
		if (is_of_a_ca(x)) {
			ERR_clear_error();
			return err_set(e, ERR_POLICY,
				"it wants the extension %s as a CA has it, which is not asked for",
				name_of(nid));
		}
		if (!X509v3_add_ext(&r->extensions, x, -1))
			return no_memory(e);
	}
	return 0;
}

int
est_request_make(const struct csr_attrs *a, const struct ca_order *o, bool renews,
	struct est_request *r, struct err *e)
{
	*r = (struct est_request){.wish = {.names = o->names}};
	if (judge_key(a, o->public, e) < 0 || judge_digest(a->digest, e) < 0 ||
		take_extensions(r, a, e) < 0 || (!renews && take_subject(r, a, o, e) < 0))
		return -1;
	r->wish.digest = a->digest;
	r->wish.extensions = r->extensions;
	if (renews) {
		r->wish.renews = o->live->certificate;
	} else {
		r->wish.subject = o->subject;
		r->wish.fields = &r->fields;
	}
	return 0;
}
