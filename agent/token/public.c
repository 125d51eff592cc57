#include "public.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <stdio.h>

#include "keystay/guard/ledger.h"
#include "keystay/token/rv.h"

/* More than an RSA-8192 modulus. */
#define VALUE_MAX 1100

static int
read_value(struct token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, const char *what,
	unsigned char value[VALUE_MAX], size_t *ret_len, struct err *e)
{
	CK_ATTRIBUTE a = {type, value, VALUE_MAX};
	CK_RV rv = t->f->C_GetAttributeValue(t->session, object, &a, 1);

	if (rv != CKR_OK)
		return rv_fail(rv, e, "its public object has no readable %s", what);
	if (a.ulValueLen == 0 || a.ulValueLen > VALUE_MAX)
		return err_set(e, ERR_TOKEN, "its public object has an empty %s", what);
	*ret_len = a.ulValueLen;
	return 0;
}

static int
from_params(const char *type, OSSL_PARAM_BLD *build, EVP_PKEY **ret, struct err *e)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	ERR_clear_error();
	if (!key)
		return err_set(e, ERR_TOKEN, "its public object holds no valid %s key", type);
	*ret = key;
	return 0;
}

int
public_from_point(const unsigned char *params, size_t params_len, const unsigned char *value,
	size_t value_len, EVP_PKEY **ret, struct err *e)
{
	const unsigned char *p = params;
	char curve[64];
	size_t len;

	ASN1_OBJECT *oid = d2i_ASN1_OBJECT(NULL, &p, (long)params_len);
	int nid = oid ? OBJ_obj2nid(oid) : NID_undef;
	ASN1_OBJECT_free(oid);
	ERR_clear_error();
	if (nid == NID_undef)
		return err_set(e, ERR_TOKEN, "its public object names an unknown curve");
	snprintf(curve, sizeof curve, "%s", OBJ_nid2sn(nid));
	const unsigned char *point = ledger_point(value, value_len, &len);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	int rc = -1;
	if (build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, len))
		rc = from_params("EC", build, ret, e);
	else
		err_set(e, ERR_FAILED, "no memory for a public key");
	OSSL_PARAM_BLD_free(build);
	ERR_clear_error();
	return rc;
}

int
public_from_modulus(const unsigned char *modulus, size_t modulus_len, const unsigned char *exponent,
	size_t exponent_len, EVP_PKEY **ret, struct err *e)
{
	BIGNUM *n = BN_bin2bn(modulus, (int)modulus_len, NULL);
	BIGNUM *x = BN_bin2bn(exponent, (int)exponent_len, NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	int rc = -1;

	if (n && x && build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, x))
		rc = from_params("RSA", build, ret, e);
	else
		err_set(e, ERR_FAILED, "no memory for a public key");
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(x);
	return rc;
}

static int
read_ec(struct token *t, CK_OBJECT_HANDLE object, EVP_PKEY **ret, struct err *e)
{
	unsigned char params[VALUE_MAX], point[VALUE_MAX];
	size_t params_len, point_len;

	if (read_value(t, object, CKA_EC_PARAMS, "CKA_EC_PARAMS", params, &params_len, e) < 0 ||
		read_value(t, object, CKA_EC_POINT, "CKA_EC_POINT", point, &point_len, e) < 0)
		return -1;
	return public_from_point(params, params_len, point, point_len, ret, e);
}

static int
read_rsa(struct token *t, CK_OBJECT_HANDLE object, EVP_PKEY **ret, struct err *e)
{
	unsigned char modulus[VALUE_MAX], exponent[VALUE_MAX];
	size_t modulus_len, exponent_len;

	if (read_value(t, object, CKA_MODULUS, "CKA_MODULUS", modulus, &modulus_len, e) < 0 ||
		read_value(t, object, CKA_PUBLIC_EXPONENT, "CKA_PUBLIC_EXPONENT", exponent,
			&exponent_len, e) < 0)
		return -1;
	return public_from_modulus(modulus, modulus_len, exponent, exponent_len, ret, e);
}

int
public_key_read(struct token *t, CK_OBJECT_HANDLE object, EVP_PKEY **ret, struct err *e)
{
	CK_KEY_TYPE type = 0;
	CK_ATTRIBUTE a = {CKA_KEY_TYPE, &type, sizeof type};
	CK_RV rv = t->f->C_GetAttributeValue(t->session, object, &a, 1);

	if (rv != CKR_OK)
		return rv_fail(rv, e, "its public object has no readable type");
	if (type == CKK_EC)
		return read_ec(t, object, ret, e);
	if (type == CKK_RSA)
		return read_rsa(t, object, ret, e);
	return err_set(e, ERR_TOKEN, "its public object is neither EC nor RSA");
}
