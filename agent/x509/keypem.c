#include "keystay/x509/keypem.h"

#include <openssl/asn1t.h>
#include <openssl/pem.h>
#include <string.h>

#include "keystay/x509/ossl.h"

struct provider_uri {
	ASN1_VISIBLESTRING *version;
	ASN1_UTF8STRING *uri;
};
typedef struct provider_uri PROVIDER_URI;

ASN1_SEQUENCE(PROVIDER_URI) =
	{
		ASN1_SIMPLE(PROVIDER_URI, version, ASN1_VISIBLESTRING),
		ASN1_SIMPLE(PROVIDER_URI, uri, ASN1_UTF8STRING),
} static_ASN1_SEQUENCE_END(PROVIDER_URI)

		static const char version[] = "PKCS#11 Provider URI v1.0";

static const char label[] = "PKCS#11 PROVIDER URI";

int
keypem_make(const char *uri, char **ret, struct err *e)
{
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	unsigned char *der = NULL;
	char *data;

	if (strstr(uri, "pin-value"))
		BUG("a PIN in a key URI");
	PROVIDER_URI *p = (PROVIDER_URI *)ASN1_item_new(ASN1_ITEM_rptr(PROVIDER_URI));
	int len = -1;
	if (p && ASN1_STRING_set(p->version, version, (int)strlen(version)) == 1 &&
		ASN1_STRING_set(p->uri, uri, (int)strlen(uri)) == 1)
		len = ASN1_item_i2d((ASN1_VALUE *)p, &der, ASN1_ITEM_rptr(PROVIDER_URI));
	ASN1_item_free((ASN1_VALUE *)p, ASN1_ITEM_rptr(PROVIDER_URI));
	bool ok = len > 0 && bio && PEM_write_bio(bio, label, "", der, len) > 0;
	OPENSSL_free(der);
	if (!ok)
		return ossl_fail(e, ERR_FAILED, "cannot write a key reference");
	long n = BIO_get_mem_data(bio, &data);
	*ret = strndup(data, (size_t)n);
	return *ret ? 0 : err_set(e, ERR_FAILED, "no memory for a key reference");
}

int
keypem_read(const char *pem, size_t len, char **ret, struct err *e)
{
	AUTO(BIO) BIO *bio = len <= 4096 ? BIO_new_mem_buf(pem, (int)len) : NULL;
	char *name = NULL, *header = NULL, *uri = NULL;
	unsigned char *der = NULL;
	PROVIDER_URI *p = NULL;
	long der_len = 0;

	if (bio && PEM_read_bio(bio, &name, &header, &der, &der_len) == 1 && !strcmp(name, label)) {
		const unsigned char *at = der;
		p = (PROVIDER_URI *)ASN1_item_d2i(NULL, &at, der_len, ASN1_ITEM_rptr(PROVIDER_URI));
	}
	if (p && ASN1_STRING_length(p->uri) < 512 &&
		!memchr(ASN1_STRING_get0_data(p->uri), 0, (size_t)ASN1_STRING_length(p->uri)))
		uri = strndup((const char *)ASN1_STRING_get0_data(p->uri),
			(size_t)ASN1_STRING_length(p->uri));
	ASN1_item_free((ASN1_VALUE *)p, ASN1_ITEM_rptr(PROVIDER_URI));
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	if (!uri)
		return ossl_fail(e, ERR_FAILED, "not a key reference");
	*ret = uri;
	return 0;
}
