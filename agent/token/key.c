#include "keystay/token/key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "keystay/base/log.h"
#include "keystay/base/text.h"
#include "public.h"
#include "share.h"

static const struct {
	const char *word;
	CK_ULONG bits; /* RSA */
	const char *curve;
	CK_BYTE oid[12];
	CK_ULONG oid_len;
} types[KEY_TYPES] = {
	[KEY_EC_P256] = {"ec-p256", 0, "P-256",
		{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, 10},
	[KEY_EC_P384] = {"ec-p384", 0, "P-384", {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}, 7},
	[KEY_RSA_2048] = {"rsa-2048", 2048, NULL, {0}, 0},
	[KEY_RSA_3072] = {"rsa-3072", 3072, NULL, {0}, 0},
	[KEY_RSA_4096] = {"rsa-4096", 4096, NULL, {0}, 0},
};
_Static_assert(COUNT(types) == KEY_TYPES, "a row for every key type");

const char *
key_type_word(enum key_type type)
{
	return types[type].word;
}

bool
key_type_of(const char *word, enum key_type *ret)
{
	for (int i = 0; i < KEY_TYPES; i++)
		if (text_same(types[i].word, word)) {
			*ret = (enum key_type)i;
			return true;
		}
	return false;
}

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

#define ATTR(type, value)                       \
	{                                       \
		(type), &(value), sizeof(value) \
	}

static int
fail_make(CK_RV rv, struct token *t, enum key_type type, struct err *e)
{
	const char *name = t->conf->name;

	rv_fail(rv, e, "token '%s': cannot make an %s key", name, types[type].word);
	if (rv == CKR_DEVICE_MEMORY)
		return err_hint(e, "the token is full: destroy keys that are no longer used");
	if (rv == CKR_MECHANISM_INVALID || rv == CKR_KEY_SIZE_RANGE ||
		rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_DOMAIN_PARAMS_INVALID)
		return err_hint(e, "the token does not make this type: choose another in 'keys:'");
	if (rv == CKR_TOKEN_WRITE_PROTECTED || rv == CKR_SESSION_READ_ONLY)
		return err_hint(e, "the token is write-protected");
	return err_hint(e, "is the token full, or its storage not writable for this user?");
}

int
key_make(struct token *t, const struct key_name *name, enum key_type type, struct err *e)
{
	CK_BYTE id[16], exponent[] = {1, 0, 1};
	CK_ULONG bits = types[type].bits;
	CK_OBJECT_HANDLE public_handle, private_handle;
	bool rsa = bits != 0;
	/* All that a TLS 1.2/1.3 server or a JWS needs of RSA: a subset makes some clients fail. */
	static CK_MECHANISM_TYPE rsa_mechanisms[] = {CKM_RSA_PKCS, CKM_RSA_PKCS_PSS,
		CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS,
		CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS};
	static CK_MECHANISM_TYPE ec_mechanisms[] = {
		CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_ECDSA_SHA512};

	if (hex_decode(name->id, id, sizeof id) != sizeof id)
		BUG("a key id that is not 16 bytes");
	CK_ATTRIBUTE public_template[] = {
		ATTR(CKA_TOKEN, yes),
		ATTR(CKA_PRIVATE, no),
		ATTR(CKA_VERIFY, yes),
		ATTR(CKA_ENCRYPT, no),
		ATTR(CKA_WRAP, no),
		ATTR(CKA_ID, id),
		{CKA_LABEL, (void *)name->label, strlen(name->label)},
		{rsa ? CKA_MODULUS_BITS : CKA_EC_PARAMS,
			rsa ? (void *)&bits : (void *)types[type].oid,
			rsa ? sizeof bits : types[type].oid_len},
		ATTR(CKA_PUBLIC_EXPONENT, exponent),
	};
	CK_ATTRIBUTE private_template[] = {
		ATTR(CKA_TOKEN, yes),
		ATTR(CKA_PRIVATE, yes),
		ATTR(CKA_SENSITIVE, yes),
		ATTR(CKA_EXTRACTABLE, no),
		ATTR(CKA_SIGN, yes),
		ATTR(CKA_SIGN_RECOVER, no),
		ATTR(CKA_DECRYPT, no),
		ATTR(CKA_UNWRAP, no),
		ATTR(CKA_DERIVE, no),
		ATTR(CKA_COPYABLE, no),
		ATTR(CKA_ID, id),
		{CKA_LABEL, (void *)name->label, strlen(name->label)},
		{CKA_ALLOWED_MECHANISMS, rsa ? rsa_mechanisms : ec_mechanisms,
			rsa ? sizeof rsa_mechanisms : sizeof ec_mechanisms},
	};
	CK_MECHANISM mechanism = {rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_RV rv = t->f->C_GenerateKeyPair(t->session, &mechanism, public_template,
		COUNT(public_template) - (rsa ? 0 : 1), private_template, COUNT(private_template),
		&public_handle, &private_handle);
	if (rv != CKR_OK)
		return fail_make(rv, t, type, e);
	log_debug("token '%s': made %s key '%s'", t->conf->name, types[type].word, name->label);
	return share_token_files(t->conf, e);
}

/* Finds objects of a class by id and, unless NULL, label; their number, at most `room`; -1. */
static int
find_objects(struct token *t, CK_OBJECT_CLASS class, const struct key_name *name,
	CK_OBJECT_HANDLE *handles, CK_ULONG room, struct err *e)
{
	CK_BYTE id[16];
	CK_ULONG count = 0, attributes = 1;

	CK_ATTRIBUTE template[3] = {ATTR(CKA_CLASS, class)};
	if (name) {
		if (hex_decode(name->id, id, sizeof id) != sizeof id)
			BUG("a key id that is not 16 bytes");
		template[1] = (CK_ATTRIBUTE)ATTR(CKA_ID, id);
		template[2] = (CK_ATTRIBUTE){CKA_LABEL, (void *)name->label, strlen(name->label)};
		attributes = 3;
	}
	CK_RV rv = t->f->C_FindObjectsInit(t->session, template, attributes);
	while (rv == CKR_OK && count < room) {
		CK_ULONG n = 0;
		rv = t->f->C_FindObjects(t->session, handles + count, room - count, &n);
		if (rv == CKR_OK && n == 0)
			break;
		count += n;
	}
	t->f->C_FindObjectsFinal(t->session);
	if (rv != CKR_OK)
		return rv_fail(rv, e, "token '%s': cannot search for keys", t->conf->name);
	return (int)count;
}

/* One attribute that is a CK_BBOOL; false where the module does not have it. */
static bool
attribute_true(struct token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value = CK_FALSE;
	CK_ATTRIBUTE a = ATTR(type, value);

	return t->f->C_GetAttributeValue(t->session, object, &a, 1) == CKR_OK &&
	       a.ulValueLen == sizeof value && value != CK_FALSE;
}

static bool
type_of_public(EVP_PKEY *key, enum key_type *ret)
{
	char curve[32] = "";
	size_t len;

	for (int i = 0; i < KEY_TYPES; i++) {
		if (types[i].bits && EVP_PKEY_is_a(key, "RSA") &&
			EVP_PKEY_get_bits(key) == (int)types[i].bits) {
			*ret = (enum key_type)i;
			return true;
		}
		if (types[i].curve && EVP_PKEY_is_a(key, "EC") &&
			EVP_PKEY_get_group_name(key, curve, sizeof curve, &len) == 1 &&
			OBJ_sn2nid(curve) == EC_curve_nist2nid(types[i].curve)) {
			*ret = (enum key_type)i;
			return true;
		}
	}
	return false;
}

int
key_find(struct token *t, const struct key_name *name, struct key_facts *ret, EVP_PKEY **ret_public,
	struct err *e)
{
	CK_OBJECT_HANDLE private_handle[2], public_handle[2];
	struct key_facts facts = {0};

	int privates = find_objects(t, CKO_PRIVATE_KEY, name, private_handle, 2, e);
	if (privates < 0)
		return -1;
	int publics = find_objects(t, CKO_PUBLIC_KEY, name, public_handle, 2, e);
	if (publics < 0)
		return -1;
	if (privates > 1 || publics > 1)
		return err_set(e, ERR_TOKEN, "token '%s' holds two keys '%s' with id %s",
			t->conf->name, name->label, name->id);
	facts.presence = privates && publics   ? KEY_WHOLE
			 : privates || publics ? KEY_HALF
					       : KEY_ABSENT;
	if (facts.presence != KEY_WHOLE) {
		*ret = facts;
		return 0;
	}
	EVP_PKEY *public = NULL;
	struct err why;
	if (public_key_read(t, public_handle[0], &public, &why) < 0) {
		log_debug("token '%s': key '%s': %s", t->conf->name, name->label, why.text);
		facts.presence = KEY_HALF;
		*ret = facts;
		return 0;
	}
	CK_OBJECT_HANDLE h = private_handle[0];
	facts.sensitive = attribute_true(t, h, CKA_SENSITIVE);
	facts.always_sensitive = attribute_true(t, h, CKA_ALWAYS_SENSITIVE);
	facts.extractable = attribute_true(t, h, CKA_EXTRACTABLE);
	facts.never_extractable = attribute_true(t, h, CKA_NEVER_EXTRACTABLE);
	facts.local = attribute_true(t, h, CKA_LOCAL);
	facts.sign = attribute_true(t, h, CKA_SIGN);
	facts.decrypt = attribute_true(t, h, CKA_DECRYPT);
	facts.unwrap = attribute_true(t, h, CKA_UNWRAP);
	facts.derive = attribute_true(t, h, CKA_DERIVE);
	int rc = key_public_hash(public, facts.public_hash, e);
	if (rc == 0 && !type_of_public(public, &facts.type))
		rc = err_set(e, ERR_TOKEN, "token '%s': key '%s' is of a type keystay does not use",
			t->conf->name, name->label);
	if (rc < 0 || !ret_public)
		EVP_PKEY_free(public);
	else
		*ret_public = public;
	if (rc == 0)
		*ret = facts;
	return rc;
}

int
key_judge(const struct key_facts *f, const struct key_name *name, struct err *e)
{
	const struct {
		bool bad;
		const char *what;
	} faults[] = {
		{!f->sensitive, "it is not sensitive (CKA_SENSITIVE)"},
		{f->extractable, "it is extractable (CKA_EXTRACTABLE)"},
		{!f->always_sensitive, "it was once readable (CKA_ALWAYS_SENSITIVE)"},
		{!f->never_extractable, "it was once extractable (CKA_NEVER_EXTRACTABLE)"},
		{f->decrypt, "it may decrypt (CKA_DECRYPT)"},
		{f->unwrap, "it may unwrap (CKA_UNWRAP)"},
		{f->derive, "it may derive (CKA_DERIVE)"},
		{!f->sign, "it may not sign (CKA_SIGN)"},
	};

	for (size_t i = 0; i < COUNT(faults); i++)
		if (faults[i].bad) {
			err_set(e, ERR_POLICY,
				"key '%s': the token made it otherwise than asked: %s", name->label,
				faults[i].what);
			return err_hint(
				e, "the module does not honour its template; it is not used");
		}
	return 0;
}

int
key_discard(struct token *t, const struct key_name *name, struct err *e)
{
	static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
	CK_OBJECT_HANDLE handle;

	for (size_t i = 0; i < COUNT(classes); i++) {
		int found = find_objects(t, classes[i], name, &handle, 1, e);
		if (found < 0)
			return -1;
		CK_RV rv = found ? t->f->C_DestroyObject(t->session, handle) : CKR_OK;
		if (rv != CKR_OK)
			return rv_fail(rv, e, "token '%s': cannot remove the half-made key '%s'",
				t->conf->name, name->label);
	}
	return 0;
}

int
key_uri(const struct token *t, const struct key_name *name, char uri[KEY_URI_TEXT], struct err *e)
{
	return uri_make(t->identity.label, t->identity.serial, name->label, name->id, uri, e);
}

/* The road is opened late: what only looks at a token needs no provider. */
static int
need_road(struct token *t, struct err *e)
{
	if (t->road)
		return 0;
	if (road_open(t->module, &t->road, e) < 0)
		return err_in(e, "token '%s'", t->conf->name);
	return 0;
}

OSSL_LIB_CTX *
token_context(const struct token *t)
{
	return t->road ? road_context(t->road) : NULL;
}

int
key_load(struct token *t, const struct key_name *name, const char *public_hash, EVP_PKEY **ret,
	struct err *e)
{
	char uri[KEY_URI_TEXT], hash[KEY_HASH_TEXT];
	EVP_PKEY *key = NULL;

	if (need_road(t, e) < 0 || key_uri(t, name, uri, e) < 0)
		return -1;
	if (road_key(t->road, uri, &key, e) < 0)
		return err_in(e, "token '%s'", t->conf->name);
	if (key_public_hash(key, hash, e) < 0) {
		EVP_PKEY_free(key);
		return err_in(e, "token '%s': key '%s'", t->conf->name, name->label);
	}
	if (!text_same(hash, public_hash)) {
		EVP_PKEY_free(key);
		err_set(e, ERR_TOKEN, "token '%s': the key '%s' is not the one that was made",
			t->conf->name, name->label);
		return err_hint(e,
			"its public key is %s and should be %s: somebody else wrote to "
			"this token",
			hash, public_hash);
	}
	*ret = key;
	return 0;
}

int
key_public_hash(EVP_PKEY *key, char hash[KEY_HASH_TEXT], struct err *e)
{
	unsigned char *der = NULL, digest[32];
	int len = i2d_PUBKEY(key, &der);

	if (len <= 0 || EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) != 1) {
		OPENSSL_free(der);
		ERR_clear_error();
		return err_set(e, ERR_TOKEN, "its public key cannot be read");
	}
	OPENSSL_free(der);
	hex_encode(digest, sizeof digest, hash);
	return 0;
}

int
key_list(struct token *t, struct list *ret_ids, struct err *e)
{
	CK_OBJECT_HANDLE handles[4096];
	unsigned char id[256];
	char hex[2 * sizeof id + 1];

	int count = find_objects(t, CKO_PRIVATE_KEY, NULL, handles, COUNT(handles), e);
	for (int i = 0; i < count; i++) {
		CK_ATTRIBUTE a = {CKA_ID, id, sizeof id};
		CK_RV rv = t->f->C_GetAttributeValue(t->session, handles[i], &a, 1);
		if (rv != CKR_OK)
			a.ulValueLen = 0;
		if (!list_add(ret_ids, hex_encode(id, a.ulValueLen, hex)))
			return err_set(e, ERR_FAILED, "no memory to list keys");
	}
	return count < 0 ? -1 : 0;
}
