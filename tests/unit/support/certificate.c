#include "certificate.h"

#include "unit.h"

#include <openssl/pem.h>

#include "keystay/x509/ossl.h"

void
certificate_extend(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;

	if (!value)
		return;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(x, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

X509 *
certificate_make(const struct spec *s)
{
	static long serial = 0x1000;
	X509 *x = X509_new();
	X509_NAME *name = X509_NAME_new();

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_UTF8, (const unsigned char *)s->subject, -1, -1, 0);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, s->issuer ? X509_get_subject_name(s->issuer) : name);
	X509_NAME_free(name);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(s->from ? s->from : NOW - 30 * DAY));
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(s->until ? s->until : NOW + 30 * DAY));
	X509_set_pubkey(x, s->key);
	certificate_extend(x, NID_subject_alt_name, s->names);
	certificate_extend(x, NID_basic_constraints, s->constraints);
	certificate_extend(x, NID_key_usage, s->usage);
	certificate_extend(x, NID_ext_key_usage, s->purpose);
	assert_true(X509_sign(x, s->issuer_key ? s->issuer_key : s->key, EVP_sha256()) > 0);
	return x;
}

char *
certificate_pem(X509 *const *certificates)
{
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	for (; *certificates; certificates++)
		assert_int_equal(PEM_write_bio_X509(bio, *certificates), 1);
	long len = BIO_get_mem_data(bio, &data);
	return strndup(data, (size_t)len);
}
