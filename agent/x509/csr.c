#include "keystay/x509/csr.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "keystay/x509/names.h"
#include "keystay/x509/ossl.h"

static GENERAL_NAME *
general_name(const char *name)
{
	unsigned char address[16];
	GENERAL_NAME *g = GENERAL_NAME_new();
	size_t len = strlen(name);
	const void *data = name;
	int type = GEN_DNS;

	if (inet_pton(AF_INET, name, address) == 1) {
		type = GEN_IPADD;
		data = address;
		len = 4;
	} else if (inet_pton(AF_INET6, name, address) == 1) {
		type = GEN_IPADD;
		data = address;
		len = 16;
	}
	ASN1_STRING *value = type == GEN_DNS ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();
	if (!g || !value || ASN1_STRING_set(value, data, (int)len) != 1) {
		GENERAL_NAME_free(g);
		ASN1_STRING_free(value);
		return NULL;
	}
	GENERAL_NAME_set0_value(g, type, value);
	return g;
}

static bool
add_names(X509_REQ *req, const struct list *names)
{
	AUTO(GENERAL_NAMES) GENERAL_NAMES *san = GENERAL_NAMES_new();
	STACK_OF(X509_EXTENSION) *extensions = NULL;

	if (!san)
		return false;
	for (size_t i = 0; i < names->count; i++) {
		GENERAL_NAME *g = general_name(names->item[i]);
		if (!g || !sk_GENERAL_NAME_push(san, g)) {
			GENERAL_NAME_free(g);
			return false;
		}
	}
	bool ok = X509V3_add1_i2d(&extensions, NID_subject_alt_name, san, 0, 0) == 1 &&
		  X509_REQ_add_extensions(req, extensions) == 1;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return ok;
}

static bool
add_subject(X509_REQ *req, const struct subject *s)
{
	const struct {
		const char *field;
		const char *value;
	} fields[] = {{"C", s->country}, {"ST", s->state}, {"L", s->locality},
		{"O", s->organization}, {"OU", s->unit}};
	X509_NAME *name = X509_REQ_get_subject_name(req);

	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].value &&
			X509_NAME_add_entry_by_txt(name, fields[i].field, MBSTRING_UTF8,
				(const unsigned char *)fields[i].value, -1, -1, 0) != 1)
			return false;
	return true;
}

/* SHA-384 goes with P-384 (RFC 5480 4); everything else is SHA-256. */
static const EVP_MD *
digest_for(EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384()
									: EVP_sha256();
}

int
csr_make(OSSL_LIB_CTX *context, EVP_PKEY *key, EVP_PKEY *public, const struct subject *subject,
	const struct list *names, struct buf *ret_der, struct err *e)
{
	AUTO(X509_REQ) X509_REQ *req = X509_REQ_new_ex(context, NULL);
	unsigned char *der = NULL;

	if (!req || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
		X509_REQ_set_pubkey(req, public) != 1)
		return ossl_fail(e, ERR_FAILED, "cannot make a request");
	if (!add_subject(req, subject))
		return ossl_fail(e, ERR_CONFIG, "a field of 'subject:' does not fit a certificate");
	if (!add_names(req, names))
		return ossl_fail(e, ERR_FAILED, "cannot put the names into a request");
	if (X509_REQ_sign(req, key, digest_for(public)) <= 0)
		return ossl_fail(e, ERR_LOST, "the token did not sign the request");
	int len = i2d_X509_REQ(req, &der);
	if (len <= 0)
		return ossl_fail(e, ERR_FAILED, "cannot encode the request");
	int rc = csr_judge(der, (size_t)len, public, names, e);
	if (rc == 0) {
		buf_add(ret_der, der, (size_t)len);
		if (ret_der->full)
			rc = err_set(e, ERR_CONFIG, "the request is larger than %zu bytes",
				ret_der->ceiling);
	}
	OPENSSL_free(der);
	return rc;
}

bool
san_names(const GENERAL_NAMES *san, struct list *ret)
{
	char text[NAME_TEXT], name[NAME_TEXT];
	struct err ignored;

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		int type;
		const ASN1_STRING *value =
			GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(san, i), &type);
		if (type != GEN_DNS && type != GEN_IPADD)
			return false;
		const unsigned char *data = ASN1_STRING_get0_data(value);
		int len = ASN1_STRING_length(value);
		if (type == GEN_IPADD) {
			if ((len != 4 && len != 16) ||
				!inet_ntop(len == 4 ? AF_INET : AF_INET6, data, name, sizeof name))
				return false;
		} else {
			if (len <= 0 || len >= NAME_TEXT || memchr(data, 0, (size_t)len))
				return false;
			memcpy(text, data, (size_t)len);
			text[len] = '\0';
			if (name_normal(text, name, &ignored) < 0 || name_is_ip(name))
				return false;
		}
		if (!list_has(ret, name) && !list_add(ret, name))
			return false;
	}
	return true;
}

static bool
request_names_equal(X509_REQ *req, const struct list *names)
{
	AUTO(list) struct list found = {0};
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
	GENERAL_NAMES *san = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);

	bool ok = sk_X509_EXTENSION_num(extensions) == 1 && san && san_names(san, &found) &&
		  names_equal(&found, names);
	GENERAL_NAMES_free(san);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return ok;
}

bool
csr_has_names(const void *der, size_t len, const struct list *names)
{
	const unsigned char *p = der;
	AUTO(X509_REQ) X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)len);

	bool ok = req && request_names_equal(req, names);
	ERR_clear_error();
	return ok;
}

int
csr_judge(const void *der, size_t len, EVP_PKEY *public, const struct list *names, struct err *e)
{
	const unsigned char *p = der;
	AUTO(X509_REQ) X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)len);

	if (!req || p != (const unsigned char *)der + len)
		return ossl_fail(e, ERR_TOKEN, "the request is not one DER structure");
	if (EVP_PKEY_eq(X509_REQ_get0_pubkey(req), public) != 1)
		return ossl_fail(e, ERR_TOKEN, "the request is for another key");
	if (X509_REQ_verify(req, public) != 1) {
		ossl_fail(e, ERR_TOKEN, "the signature of the request does not verify");
		return err_hint(e,
			"the token or its OpenSSL provider signs wrongly; the request was "
			"not sent");
	}
	if (!request_names_equal(req, names))
		return ossl_fail(e, ERR_TOKEN, "the request is for other names");
	return 0;
}

int
csr_pem(const void *der, size_t len, char **ret, struct err *e)
{
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	if (!bio || PEM_write_bio(bio, "CERTIFICATE REQUEST", "", der, (long)len) <= 0)
		return ossl_fail(e, ERR_FAILED, "cannot encode the request as PEM");
	long n = BIO_get_mem_data(bio, &data);
	*ret = strndup(data, (size_t)n);
	return *ret ? 0 : err_set(e, ERR_FAILED, "no memory for a request");
}
