#include "keystay/x509/leaf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "keystay/x509/names.h"
#include "keystay/x509/ossl.h"

static bool
add_name(struct list *ret, const char *text)
{
	char name[NAME_TEXT];
	struct err ignored;

	if (name_normal(text, name, &ignored) < 0 || list_has(ret, name) ||
		ret->count >= LEAF_NAMES_MAX)
		return true;
	return list_add(ret, name);
}

static bool
add_text(struct list *ret, const unsigned char *data, int len)
{
	char text[NAME_TEXT];

	if (len <= 0 || len >= NAME_TEXT || memchr(data, 0, (size_t)len))
		return true;
	memcpy(text, data, (size_t)len);
	text[len] = '\0';
	return add_name(ret, text);
}

static bool
add_general(struct list *ret, const GENERAL_NAME *general)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(general, &type);
	char text[INET6_ADDRSTRLEN];

	if (type == GEN_DNS)
		return add_text(ret, ASN1_STRING_get0_data(value), ASN1_STRING_length(value));
	if (type != GEN_IPADD)
		return true;
	int len = ASN1_STRING_length(value);
	if ((len != 4 && len != 16) || !inet_ntop(len == 4 ? AF_INET : AF_INET6,
					       ASN1_STRING_get0_data(value), text, sizeof text))
		return true;
	return add_name(ret, text);
}

static bool
add_common_names(struct list *ret, const X509_NAME *subject)
{
	bool whole = true;
	int at = -1;

	while (whole && (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0) {
		unsigned char *text = NULL;
		int len = ASN1_STRING_to_UTF8(
			&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
		whole = add_text(ret, text, len);
		OPENSSL_free(text);
	}
	return whole;
}

bool
leaf_names(const struct chain *c, struct list *ret)
{
	AUTO(GENERAL_NAMES)
	GENERAL_NAMES *san = X509_get_ext_d2i(chain_leaf(c), NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++)
		if (!add_general(ret, sk_GENERAL_NAME_value(san, i)))
			return false;
	return ret->count > 0 || add_common_names(ret, X509_get_subject_name(chain_leaf(c)));
}

void
leaf_subject(const struct chain *c, char *line, size_t size)
{
	ossl_name_line(X509_get_subject_name(chain_leaf(c)), line, size);
}

void
leaf_key_word(const struct chain *c, char *word, size_t size)
{
	EVP_PKEY *key = X509_get0_pubkey(chain_leaf(c));
	char curve[64];

	word[0] = '\0';
	if (!key)
		return;
	if (EVP_PKEY_is_a(key, "RSA")) {
		snprintf(word, size, "rsa-%d", EVP_PKEY_get_bits(key));
	} else if (EVP_PKEY_is_a(key, "EC") &&
		   EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1) {
		const char *plain = text_same(curve, "prime256v1")  ? "p256"
				    : text_same(curve, "secp384r1") ? "p384"
								    : curve;
		snprintf(word, size, "ec-%s", plain);
	} else {
		const char *name = EVP_PKEY_get0_type_name(key);
		text_copy(word, size, name ? name : "");
	}
	for (char *p = word; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	text_printable(word);
}
