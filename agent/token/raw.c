#include "keystay/token/raw.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <string.h>

#include "public.h"

/* The curve as CKA_EC_PARAMS has it: the DER of its name. */
static bool
curve_of(const EVP_PKEY *public, struct ledger_key *k)
{
	char name[64];
	unsigned char *der = NULL;

	if (EVP_PKEY_get_utf8_string_param(
		    public, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, NULL) != 1)
		return false;
	int len = i2d_ASN1_OBJECT(OBJ_nid2obj(OBJ_txt2nid(name)), &der);
	bool fits = len > 0 && (size_t)len <= sizeof k->params;
	if (fits) {
		memcpy(k->params, der, (size_t)len);
		k->params_bytes = (size_t)len;
	}
	OPENSSL_free(der);
	return fits;
}

static bool
ec_ledger_key(const EVP_PKEY *public, struct ledger_key *k)
{
	return EVP_PKEY_get_octet_string_param(public, OSSL_PKEY_PARAM_PUB_KEY, k->raw,
		       sizeof k->raw, &k->raw_bytes) == 1 &&
	       curve_of(public, k);
}

static bool
rsa_ledger_key(const EVP_PKEY *public, struct ledger_key *k)
{
	BIGNUM *n = NULL, *x = NULL;

	k->rsa = true;
	bool ok = EVP_PKEY_get_bn_param(public, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
		  EVP_PKEY_get_bn_param(public, OSSL_PKEY_PARAM_RSA_E, &x) == 1 &&
		  BN_num_bytes(n) <= (int)sizeof k->raw && BN_num_bytes(x) <= (int)sizeof k->params;
	if (ok) {
		k->raw_bytes = (size_t)BN_bn2bin(n, k->raw);
		k->params_bytes = (size_t)BN_bn2bin(x, k->params);
	}
	BN_free(n);
	BN_free(x);
	return ok;
}

int
public_raw(const EVP_PKEY *public, struct ledger_key *ret, struct err *e)
{
	struct ledger_key k = {.rsa = false};

	bool ok = EVP_PKEY_get_base_id(public) == EVP_PKEY_RSA ? rsa_ledger_key(public, &k)
							       : ec_ledger_key(public, &k);
	ERR_clear_error();
	if (!ok)
		return err_set(e, ERR_FAILED, "a public key that does not fit the use ledger");
	*ret = k;
	return 0;
}

int
public_of_raw(const struct ledger_key *k, EVP_PKEY **ret, struct err *e)
{
	if (k->raw_bytes > sizeof k->raw || k->params_bytes > sizeof k->params)
		return err_set(e, ERR_FAILED, "a raw public value that is too long");
	return k->rsa ? public_from_modulus(
				k->raw, k->raw_bytes, k->params, k->params_bytes, ret, e)
		      : public_from_point(k->params, k->params_bytes, k->raw, k->raw_bytes, ret, e);
}
