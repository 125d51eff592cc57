#include "keystay/x509/traits.h"

#include <stdio.h>
#include <string.h>

#include "keystay/x509/ossl.h"

#include <openssl/ct.h>
#include <openssl/err.h>
#include <openssl/objects.h>

AUTO_DEFINE(ASN1_BIT_STRING, ASN1_BIT_STRING_free)
AUTO_DEFINE(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)

/* The last second of the year 9999: what RFC 5280 can say at the latest. */
#define LAST_MOMENT ((uint64_t)253402300799)

void
traits_free(struct chain_traits *t)
{
	list_free(&t->issuers);
	list_free(&t->keys);
	list_free(&t->signatures);
	list_free(&t->eku);
	list_free(&t->ku);
}

static int
no_memory(struct err *e)
{
	return err_set(e, ERR_FAILED, "no memory for a chain");
}

static bool
add(struct list *l, const char *text)
{
	return l->count >= TRAITS_MAX || list_has(l, text) || list_add(l, text);
}

/* The texts of one kind in a name. One with a NUL in it, or a very long one, equals nothing. */
static bool
add_texts(struct list *l, const X509_NAME *name, int nid)
{
	bool done = true;

	for (int i = -1; done && (i = X509_NAME_get_index_by_NID(name, nid, i)) >= 0;) {
		unsigned char *utf8 = NULL;
		char text[TRAIT_TEXT];
		int len = ASN1_STRING_to_UTF8(
			&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
		if (len > 0 && len < (int)sizeof text && !memchr(utf8, '\0', (size_t)len)) {
			memcpy(text, utf8, (size_t)len);
			text[len] = '\0';
			text_printable(text);
			done = add(l, text);
		}
		OPENSSL_free(utf8);
	}
	return done;
}

static bool
add_name(struct list *l, const X509_NAME *name)
{
	return add_texts(l, name, NID_commonName) && add_texts(l, name, NID_organizationName);
}

static int
add_key(struct list *l, X509 *x, struct err *e)
{
	unsigned char *der = NULL, digest[32];
	char hex[65];

	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	bool hashed = len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
	if (!hashed)
		return ossl_fail(e, ERR_AUTHORITY, "a key in the chain cannot be read");
	return list_add(l, hex_encode(digest, sizeof digest, hex)) ? 0 : no_memory(e);
}

static const struct {
	int key, hash;
	const char *word;
} signature_words[] = {
	{EVP_PKEY_EC, NID_sha256, "ecdsa-sha256"},
	{EVP_PKEY_EC, NID_sha384, "ecdsa-sha384"},
	{EVP_PKEY_EC, NID_sha512, "ecdsa-sha512"},
	{EVP_PKEY_EC, NID_sha1, "ecdsa-sha1"},
	{EVP_PKEY_RSA, NID_sha256, "rsa-sha256"},
	{EVP_PKEY_RSA, NID_sha384, "rsa-sha384"},
	{EVP_PKEY_RSA, NID_sha512, "rsa-sha512"},
	{EVP_PKEY_RSA, NID_sha1, "rsa-sha1"},
	{EVP_PKEY_RSA_PSS, NID_sha256, "rsa-pss-sha256"},
	{EVP_PKEY_RSA_PSS, NID_sha384, "rsa-pss-sha384"},
	{EVP_PKEY_RSA_PSS, NID_sha512, "rsa-pss-sha512"},
	{EVP_PKEY_ED25519, NID_undef, "ed25519"},
	{EVP_PKEY_ED448, NID_undef, "ed448"},
};

bool
signature_word_known(const char *word)
{
	for (size_t i = 0; i < COUNT(signature_words); i++)
		if (text_same(signature_words[i].word, word))
			return true;
	return false;
}

/* One that no policy can name keeps OpenSSL's name. */
static bool
add_signature(struct list *l, X509 *x)
{
	int hash = NID_undef, key = NID_undef, bits;
	uint32_t flags;
	char other[TRAIT_TEXT];

	if (X509_get_signature_info(x, &hash, &key, &bits, &flags) == 1)
		for (size_t i = 0; i < COUNT(signature_words); i++)
			if (signature_words[i].key == key && signature_words[i].hash == hash)
				return add(l, signature_words[i].word);
	const X509_ALGOR *algorithm;
	X509_get0_signature(NULL, &algorithm, x);
	if (OBJ_obj2txt(other, sizeof other, algorithm->algorithm, 0) <= 0)
		text_copy(other, sizeof other, "unknown");
	return add(l, other);
}

static const struct {
	int bit;
	const char *word;
} ku_words[] = {
	{0, "digitalSignature"},
	{1, "nonRepudiation"},
	{2, "keyEncipherment"},
	{3, "dataEncipherment"},
	{4, "keyAgreement"},
	{5, "keyCertSign"},
	{6, "cRLSign"},
	{7, "encipherOnly"},
	{8, "decipherOnly"},
};

bool
ku_word_known(const char *word)
{
	for (size_t i = 0; i < COUNT(ku_words); i++)
		if (text_same(ku_words[i].word, word))
			return true;
	return false;
}

/* OpenSSL's words of the usages that RFC 5280 has; any other is its number. */
static const int eku_nids[] = {NID_server_auth, NID_client_auth, NID_code_sign, NID_email_protect,
	NID_time_stamp, NID_OCSP_sign, NID_anyExtendedKeyUsage};

bool
eku_word_known(const char *word)
{
	for (size_t i = 0; i < COUNT(eku_nids); i++)
		if (text_same(OBJ_nid2sn(eku_nids[i]), word))
			return true;
	return *word && strspn(word, "0123456789.") == strlen(word) && strchr(word, '.') != NULL;
}

static bool
add_eku(struct list *l, const ASN1_OBJECT *usage)
{
	char number[TRAIT_TEXT];

	for (size_t i = 0; i < COUNT(eku_nids); i++)
		if (OBJ_obj2nid(usage) == eku_nids[i])
			return add(l, OBJ_nid2sn(eku_nids[i]));
	int len = OBJ_obj2txt(number, sizeof number, usage, 1);
	return len <= 0 || len >= (int)sizeof number || add(l, number);
}

/* An extension that is there but cannot be read allows nothing. */
static int
read_usages(X509 *leaf, struct chain_traits *t, struct err *e)
{
	int ku_found, eku_found;
	AUTO(ASN1_BIT_STRING)
	ASN1_BIT_STRING *ku = X509_get_ext_d2i(leaf, NID_key_usage, &ku_found, NULL);
	AUTO(EXTENDED_KEY_USAGE)
	EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(leaf, NID_ext_key_usage, &eku_found, NULL);

	t->has_ku = ku_found != -1;
	t->has_eku = eku_found != -1;
	for (size_t i = 0; ku && i < COUNT(ku_words); i++)
		if (ASN1_BIT_STRING_get_bit(ku, ku_words[i].bit) && !add(&t->ku, ku_words[i].word))
			return no_memory(e);
	for (int i = 0; eku && i < sk_ASN1_OBJECT_num(eku); i++)
		if (!add_eku(&t->eku, sk_ASN1_OBJECT_value(eku, i)))
			return no_memory(e);
	return 0;
}

/* Timestamps are milliseconds, and the logs' signatures are not checked here. */
static void
read_scts(X509 *leaf, struct chain_traits *t)
{
	STACK_OF(SCT) *scts = X509_get_ext_d2i(leaf, NID_ct_precert_scts, NULL, NULL);

	for (int i = 0; scts && i < sk_SCT_num(scts); i++) {
		const SCT *sct = sk_SCT_value(scts, i);
		if (SCT_get_version(sct) != SCT_VERSION_V1)
			continue;
		uint64_t seconds = SCT_get_timestamp(sct) / 1000;
		when_t at = (when_t)(seconds < LAST_MOMENT ? seconds : LAST_MOMENT);
		if (t->scts++ == 0 || at < t->first_sct)
			t->first_sct = at;
	}
	SCT_LIST_free(scts);
}

static int
read_dates(X509 *leaf, struct chain_traits *t, struct err *e)
{
	t->not_before = ossl_when(X509_get0_notBefore(leaf));
	t->not_after = ossl_when(X509_get0_notAfter(leaf));
	if (!t->not_before || !t->not_after)
		return err_set(e, ERR_AUTHORITY, "the certificate's dates cannot be read");
	read_scts(leaf, t);
	t->issued_at = t->first_sct > t->not_before ? t->first_sct : t->not_before;
	return 0;
}

static int
read_certificate(X509 *x, bool leaf, struct chain_traits *t, struct err *e)
{
	bool own = !leaf && X509_get_extension_flags(x) & EXFLAG_SS;

	if (!add_name(&t->issuers, X509_get_issuer_name(x)) ||
		(!leaf && !add_name(&t->issuers, X509_get_subject_name(x))) ||
		(!own && !add_signature(&t->signatures, x)))
		return no_memory(e);
	return add_key(&t->keys, x, e);
}

int
chain_traits(const struct chain *c, struct chain_traits *ret, struct err *e)
{
	AUTO(chain_traits) struct chain_traits t = {0};
	X509 *leaf = chain_leaf(c);

	if (read_dates(leaf, &t, e) < 0 || read_usages(leaf, &t, e) < 0)
		return -1;
	for (size_t i = 0; i < chain_count(c); i++)
		if (read_certificate(chain_at(c, i), i == 0, &t, e) < 0)
			return -1;
	t.weak = weak_of(X509_get0_pubkey(leaf));
	ERR_clear_error();
	*ret = t;
	t = (struct chain_traits){0};
	return 0;
}
