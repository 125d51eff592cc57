#include "keystay/token/template.h"

#include <string.h>

#include "keystay/base/auto.h"

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_BYTE exponent[] = {1, 0, 1};

/* All that a TLS 1.2 or 1.3 server or a JWS needs of RSA: a subset makes some clients fail. */
static const CK_MECHANISM_TYPE rsa_mechanisms[] = {CKM_RSA_PKCS, CKM_RSA_PKCS_PSS,
	CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS,
	CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS, CKM_RSA_X_509};
static const CK_MECHANISM_TYPE ec_mechanisms[] = {
	CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_ECDSA_SHA512};

static const struct {
	const char *word;
	CK_ATTRIBUTE_TYPE type; /* of the booleans, which are all asked to be false */
	bool is_false;
} extras[EXTRAS] = {
	[EXTRA_PUBLIC] = {"usages of the public key", 0, false},
	[EXTRA_MECHANISMS] = {"CKA_ALLOWED_MECHANISMS", CKA_ALLOWED_MECHANISMS, false},
	[EXTRA_COPYABLE] = {"CKA_COPYABLE", CKA_COPYABLE, true},
	[EXTRA_SIGN_RECOVER] = {"CKA_SIGN_RECOVER", CKA_SIGN_RECOVER, true},
	[EXTRA_DERIVE] = {"CKA_DERIVE", CKA_DERIVE, true},
	[EXTRA_UNWRAP] = {"CKA_UNWRAP", CKA_UNWRAP, true},
	[EXTRA_DECRYPT] = {"CKA_DECRYPT", CKA_DECRYPT, true},
};

const char *
template_extra_word(enum template_extra extra)
{
	return extras[extra].word;
}

static void
add(CK_ATTRIBUTE *list, CK_ULONG *count, CK_ATTRIBUTE_TYPE type, const void *value, CK_ULONG len)
{
	list[(*count)++] = (CK_ATTRIBUTE){type, (void *)value, len};
}

static void
add_names(CK_ATTRIBUTE *list, CK_ULONG *count, const unsigned char *id, const char *label)
{
	add(list, count, CKA_ID, id, 16);
	add(list, count, CKA_LABEL, label, strlen(label));
}

static void
add_extras(struct key_template *t, enum key_family family, unsigned refused, bool raw_rsa)
{
	static const CK_ATTRIBUTE_TYPE forbidden[] = {CKA_ENCRYPT, CKA_WRAP};
	const CK_MECHANISM_TYPE *mechanisms;

	size_t count = template_mechanisms(family, raw_rsa, &mechanisms);
	if (!(refused & 1u << EXTRA_PUBLIC)) {
		add(t->public_key, &t->publics, CKA_VERIFY, &yes, sizeof yes);
		for (size_t i = 0; i < COUNT(forbidden); i++)
			add(t->public_key, &t->publics, forbidden[i], &no, sizeof no);
	}
	if (!(refused & 1u << EXTRA_MECHANISMS))
		add(t->private_key, &t->privates, CKA_ALLOWED_MECHANISMS, mechanisms,
			count * sizeof *mechanisms);
	for (int i = 0; i < EXTRAS; i++)
		if (extras[i].is_false && !(refused & 1u << i))
			add(t->private_key, &t->privates, extras[i].type, &no, sizeof no);
}

void
template_make(struct key_template *t, enum key_type type, const unsigned char *id,
	const char *label, unsigned refused, bool raw_rsa)
{
	enum key_family family = key_type_family(type);
	bool rsa = family == FAMILY_RSA;
	CK_ULONG oid_len = 0;

	*t = (struct key_template){.bits = key_type_bits(type)};
	t->mechanism.mechanism = rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN;
	add(t->public_key, &t->publics, CKA_TOKEN, &yes, sizeof yes);
	add(t->public_key, &t->publics, CKA_PRIVATE, &no, sizeof no);
	add_names(t->public_key, &t->publics, id, label);
	if (rsa) {
		add(t->public_key, &t->publics, CKA_MODULUS_BITS, &t->bits, sizeof t->bits);
		add(t->public_key, &t->publics, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
	} else {
		const unsigned char *oid = key_type_curve(type, &oid_len);
		add(t->public_key, &t->publics, CKA_EC_PARAMS, oid, oid_len);
	}
	add(t->private_key, &t->privates, CKA_TOKEN, &yes, sizeof yes);
	add(t->private_key, &t->privates, CKA_PRIVATE, &yes, sizeof yes);
	add(t->private_key, &t->privates, CKA_SENSITIVE, &yes, sizeof yes);
	add(t->private_key, &t->privates, CKA_EXTRACTABLE, &no, sizeof no);
	add(t->private_key, &t->privates, CKA_SIGN, &yes, sizeof yes);
	add_names(t->private_key, &t->privates, id, label);
	add_extras(t, family, refused, raw_rsa);
}

size_t
template_mechanisms(enum key_family family, bool raw_rsa, const CK_MECHANISM_TYPE **ret)
{
	if (family == FAMILY_EC) {
		*ret = ec_mechanisms;
		return COUNT(ec_mechanisms);
	}
	*ret = rsa_mechanisms;
	return COUNT(rsa_mechanisms) - (raw_rsa ? 0 : 1);
}
