/* Switching a key off and on, and its end. Nothing is changed before the public key is compared. */
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "keystay/base/log.h"
#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "keystay/token/rv.h"
#include "meant.h"
#include "object.h"
#include "public.h"

static int
destroy_one(struct token *t, const struct key_name *name, CK_OBJECT_HANDLE object,
	CK_OBJECT_CLASS class, struct err *e)
{
	if (object_confirm(t, object, class, name, e) < 0)
		return -1;
	CK_RV rv = t->f->C_DestroyObject(t->session, object);
	if (rv == CKR_OK)
		return 0;
	rv_fail(rv, e, "token '%s': cannot destroy an object of the key '%s'", t->conf->name,
		name->label);
	if (rv == CKR_ACTION_PROHIBITED)
		err_hint(e, "the token keeps it (CKA_DESTROYABLE=false)");
	return -1;
}

int
key_discard(struct token *t, const struct key_name *name, struct err *e)
{
	struct key_objects o;

	if (objects_find(t, name, &o, e) < 0)
		return -1;
	if (o.private_key && destroy_one(t, name, o.private_key, CKO_PRIVATE_KEY, e) < 0)
		return -1;
	if (o.public_key && destroy_one(t, name, o.public_key, CKO_PUBLIC_KEY, e) < 0)
		return -1;
	return 0;
}

/* DigestInfo of SHA-256 (RFC 8017 9.2) before the digest of what is signed, 32 bytes. */
#define DIGEST_INFO 19
static const CK_BYTE digest_info[DIGEST_INFO + 32] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
	0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20, 'k', 'e', 'y', 's',
	't', 'a', 'y'};

/* What was signed, for verifying it. */
struct raw_signature {
	CK_BYTE value[1024];
	CK_ULONG len;
	bool rsa;
	CK_BYTE digest[32];
};

/* One raw signature. EC signs a digest; RSA hashes in the token where that can (a TPM must). */
static CK_RV
sign_raw(struct token *t, CK_OBJECT_HANDLE private_key, struct raw_signature *ret)
{
	const CK_BYTE *text = digest_info + DIGEST_INFO;
	CK_KEY_TYPE type = 0;
	CK_ATTRIBUTE a = {CKA_KEY_TYPE, &type, sizeof type};
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	CK_MECHANISM_INFO info;
	CK_ULONG len = 32;

	CK_RV rv = t->f->C_GetAttributeValue(t->session, private_key, &a, 1);
	if (rv != CKR_OK)
		return rv;
	*ret = (struct raw_signature){.len = sizeof ret->value, .rsa = type == CKK_RSA};
	memcpy(ret->digest, text, 32);
	if (ret->rsa && t->f->C_GetMechanismInfo(t->slot, CKM_SHA256_RSA_PKCS, &info) == CKR_OK) {
		m.mechanism = CKM_SHA256_RSA_PKCS;
		EVP_Digest(text, 32, ret->digest, NULL, EVP_sha256(), NULL);
	} else if (ret->rsa) {
		m.mechanism = CKM_RSA_PKCS;
		text = digest_info;
		len = sizeof digest_info;
	}
	rv = t->f->C_SignInit(t->session, &m, private_key);
	if (rv != CKR_OK)
		return rv;
	return t->f->C_Sign(t->session, (CK_BYTE *)text, len, ret->value, &ret->len);
}

/* The two numbers of a raw ECDSA signature, as OpenSSL wants them. NULL when they are none. */
static unsigned char *
ecdsa_der(const struct raw_signature *s, int *ret_len)
{
	int half = (int)s->len / 2;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(s->value, half, NULL), *v = BN_bin2bn(s->value + half, half, NULL);
	unsigned char *der = NULL;

	if (pair && r && v && ECDSA_SIG_set0(pair, r, v) == 1) {
		*ret_len = i2d_ECDSA_SIG(pair, &der);
	} else {
		BN_free(r);
		BN_free(v);
	}
	ECDSA_SIG_free(pair);
	return der;
}

static bool
verify_raw(EVP_PKEY *public, const struct raw_signature *s)
{
	int len = (int)s->len;
	unsigned char *der = s->rsa ? NULL : ecdsa_der(s, &len);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(public, NULL);

	bool ok = (s->rsa || der) && ctx && EVP_PKEY_verify_init(ctx) == 1 &&
		  (!s->rsa || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1) &&
		  EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
		  EVP_PKEY_verify(ctx, s->rsa ? s->value : der, (size_t)len, s->digest, 32) == 1;
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_free(der);
	ERR_clear_error();
	return ok;
}

int
key_try(struct token *t, const struct key_name *name, EVP_PKEY *public, struct err *e)
{
	struct raw_signature signature;
	struct key_objects o;

	if (objects_find(t, name, &o, e) < 0)
		return -1;
	CK_RV rv = sign_raw(t, o.private_key, &signature);
	if (rv != CKR_OK)
		return rv_fail(rv, e, "token '%s': the key '%s' does not sign", t->conf->name,
			name->label);
	if (!verify_raw(public, &signature))
		return err_set(e, ERR_TOKEN,
			"token '%s': the two halves of the key '%s' do not fit", t->conf->name,
			name->label);
	return 0;
}

/* Whether it signs, by a signature that nobody sees. */
static CK_RV
may_sign(struct token *t, CK_OBJECT_HANDLE private_key)
{
	struct raw_signature signature;

	return sign_raw(t, private_key, &signature);
}

int
key_set_sign(struct token *t, const struct key_name *name, const char *public_hash, bool sign,
	enum sign_switch *ret, struct err *e)
{
	enum said wanted = sign ? SAID_YES : SAID_NO;
	struct key_objects o;

	if (key_find_meant(t, name, public_hash, &o, e) < 0)
		return -1;
	if (!o.private_key)
		return err_set(e, ERR_LOST, "token '%s': the key '%s' is gone", t->conf->name,
			name->label);
	if (object_said(t, o.private_key, CKA_SIGN) != wanted) {
		CK_RV rv = object_set(t, o.private_key, CKA_SIGN, sign);
		if (rv_lost(rv) && rv != CKR_GENERAL_ERROR && rv != CKR_FUNCTION_FAILED)
			return rv_fail(rv, e, "token '%s': cannot change the key '%s'",
				t->conf->name, name->label);
		if (rv != CKR_OK || object_said(t, o.private_key, CKA_SIGN) != wanted) {
			*ret = SWITCH_REFUSED;
			return 0;
		}
	}
	/* Only a key that is switched off is tried: signatures are counted. */
	if (sign) {
		*ret = SWITCH_WORKS;
		return 0;
	}
	CK_RV rv = may_sign(t, o.private_key);
	log_debug("token '%s': a signature by the disabled key '%s': %s", t->conf->name,
		name->label, rv_word(rv));
	if (rv_lost(rv))
		return rv_fail(rv, e, "token '%s': cannot tell whether the key '%s' signs",
			t->conf->name, name->label);
	*ret = rv == CKR_OK ? SWITCH_IGNORED : SWITCH_WORKS;
	return 0;
}

int
key_destroy(struct token *t, const struct key_name *name, const char *public_hash, bool *ret_found,
	struct err *e)
{
	struct key_objects o;

	if (key_find_meant(t, name, public_hash, &o, e) < 0)
		return -1;
	*ret_found = o.private_key || o.public_key || o.certificates;
	if (o.private_key && destroy_one(t, name, o.private_key, CKO_PRIVATE_KEY, e) < 0)
		return -1;
	/* Found anew: a module may have numbered its objects otherwise meanwhile. */
	if (key_find_meant(t, name, public_hash, &o, e) < 0)
		return -1;
	if (o.private_key)
		return err_set(e, ERR_LOST,
			"token '%s': the key '%s' is still there after it was "
			"destroyed",
			t->conf->name, name->label);
	if (o.public_key && destroy_one(t, name, o.public_key, CKO_PUBLIC_KEY, e) < 0)
		return -1;
	if (objects_find(t, name, &o, e) < 0)
		return -1;
	while (o.certificates) {
		const struct key_objects before = o;
		if (destroy_one(t, name, o.certificate[0], CKO_CERTIFICATE, e) < 0 ||
			objects_find(t, name, &o, e) < 0)
			return -1;
		/* There may be more of them than one search keeps. */
		if (o.certificates >= before.certificates &&
			o.certificate[0] == before.certificate[0])
			break;
	}
	if (o.private_key || o.public_key || o.certificates)
		return err_set(e, ERR_LOST, "token '%s': objects of the key '%s' are still there",
			t->conf->name, name->label);
	return 0;
}
