#include "keystay/token/key_type.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include "keystay/base/text.h"

static const struct {
	const char *word;
	enum key_family family;
	unsigned long bits;
	const char *curve;
	unsigned char oid[12];
	unsigned long oid_len;
} types[KEY_TYPES] = {
	[KEY_EC_P256] = {"ec-p256", FAMILY_EC, 256, "P-256",
		{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, 10},
	[KEY_EC_P384] = {"ec-p384", FAMILY_EC, 384, "P-384",
		{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}, 7},
	[KEY_RSA_2048] = {"rsa-2048", FAMILY_RSA, 2048, NULL, {0}, 0},
	[KEY_RSA_3072] = {"rsa-3072", FAMILY_RSA, 3072, NULL, {0}, 0},
	[KEY_RSA_4096] = {"rsa-4096", FAMILY_RSA, 4096, NULL, {0}, 0},
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

enum key_family
key_type_family(enum key_type type)
{
	return types[type].family;
}

const char *
key_family_word(enum key_family family)
{
	return family == FAMILY_EC ? "ec" : "rsa";
}

enum key_type
key_family_least(enum key_family family)
{
	return family == FAMILY_EC ? KEY_EC_P256 : KEY_RSA_2048;
}

unsigned long
key_type_bits(enum key_type type)
{
	return types[type].bits;
}

const unsigned char *
key_type_curve(enum key_type type, unsigned long *ret_len)
{
	if (types[type].family != FAMILY_EC)
		return NULL;
	*ret_len = types[type].oid_len;
	return types[type].oid;
}

bool
key_type_of_public(EVP_PKEY *key, enum key_type *ret)
{
	char curve[32] = "";
	size_t len;

	for (int i = 0; i < KEY_TYPES; i++) {
		if (types[i].family == FAMILY_RSA && EVP_PKEY_is_a(key, "RSA") &&
			EVP_PKEY_get_bits(key) == (int)types[i].bits) {
			*ret = (enum key_type)i;
			return true;
		}
		if (types[i].family == FAMILY_EC && EVP_PKEY_is_a(key, "EC") &&
			EVP_PKEY_get_group_name(key, curve, sizeof curve, &len) == 1 &&
			OBJ_sn2nid(curve) == EC_curve_nist2nid(types[i].curve)) {
			*ret = (enum key_type)i;
			return true;
		}
	}
	return false;
}
