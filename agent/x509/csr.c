#include "keystay/x509/csr.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "keystay/x509/names.h"
#include "keystay/x509/ossl.h"

static GENERAL_NAME *
general_name(const char *name)
{
	static const int types[] = {[NAME_DNS] = GEN_DNS,
		[NAME_IP] = GEN_IPADD,
		[NAME_EMAIL] = GEN_EMAIL,
		[NAME_URI] = GEN_URI};
	unsigned char address[16];
	GENERAL_NAME *g = GENERAL_NAME_new();
	size_t len = strlen(name);
	const void *data = name;
	int type = types[name_kind(name)];

	if (type == GEN_IPADD) {
		data = address;
		len = inet_pton(AF_INET, name, address) == 1 ? 4 : 16;
		if (len == 16)
			inet_pton(AF_INET6, name, address);
	}
	ASN1_STRING *value = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
	if (!g || !value || ASN1_STRING_set(value, data, (int)len) != 1) {
		GENERAL_NAME_free(g);
		ASN1_STRING_free(value);
		return NULL;
	}
	GENERAL_NAME_set0_value(g, type, value);
	return g;
}

/* The subjectAltName of these names, or that of the certificate that is renewed, as it is there. */
static X509_EXTENSION *
names_extension(const struct csr_wish *w)
{
	AUTO(GENERAL_NAMES) GENERAL_NAMES *san = NULL;

	if (w->renews) {
		int at = X509_get_ext_by_NID(w->renews, NID_subject_alt_name, -1);
		return at < 0 ? NULL : X509_EXTENSION_dup(X509_get_ext(w->renews, at));
	}
	if (!(san = GENERAL_NAMES_new()))
		return NULL;
	for (size_t i = 0; i < w->names->count; i++) {
		GENERAL_NAME *g = general_name(w->names->item[i]);
		if (!g || !sk_GENERAL_NAME_push(san, g)) {
			GENERAL_NAME_free(g);
			return NULL;
		}
	}
	return X509V3_EXT_i2d(NID_subject_alt_name, 0, san);
}

/* All extensions of a wish, the names first; the caller frees. */
static STACK_OF(X509_EXTENSION) * wished_extensions(const struct csr_wish *w)
{
	STACK_OF(X509_EXTENSION) *all = NULL;
	X509_EXTENSION *names = names_extension(w);

	bool ok = names && X509v3_add_ext(&all, names, -1);
	X509_EXTENSION_free(names);
	for (int i = 0; ok && i < sk_X509_EXTENSION_num(w->extensions); i++)
		ok = X509v3_add_ext(&all, sk_X509_EXTENSION_value(w->extensions, i), -1) != NULL;
	if (ok)
		return all;
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	return NULL;
}

static bool
add_field(X509_NAME *name, const char *oid, const char *value)
{
	return X509_NAME_add_entry_by_txt(
		       name, oid, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) == 1;
}

/* The caller frees; NULL where a field does not fit. */
static X509_NAME *
wished_subject(const struct csr_wish *w)
{
	static const struct subject none;
	const struct subject *s = w->subject ? w->subject : &none;
	const struct {
		const char *field;
		const char *value;
	} fields[] = {{"C", s->country}, {"ST", s->state}, {"L", s->locality},
		{"O", s->organization}, {"OU", s->unit}, {"serialNumber", s->serial_number},
		{"CN", s->common_name}};

	if (w->renews)
		return X509_NAME_dup(X509_get_subject_name(w->renews));
	AUTO(X509_NAME) X509_NAME *name = X509_NAME_new();
	for (size_t i = 0; name && i < COUNT(fields); i++)
		if (fields[i].value && !add_field(name, fields[i].field, fields[i].value))
			return NULL;
	for (size_t i = 0; name && w->fields && i < w->fields->count; i++) {
		char oid[80];
		const char *equals = strchr(w->fields->item[i], '=');
		if (!equals || (size_t)(equals - w->fields->item[i]) >= sizeof oid)
			return NULL;
		snprintf(oid, sizeof oid, "%.*s", (int)(equals - w->fields->item[i]),
			w->fields->item[i]);
		if (!add_field(name, oid, equals + 1))
			return NULL;
	}
	return take(&name);
}

/* SHA-384 goes with P-384 (RFC 5480 4); everything else is SHA-256. */
static const EVP_MD *
digest_for(EVP_PKEY *key, const struct csr_wish *w)
{
	if (w->digest != NID_undef)
		return EVP_get_digestbynid(w->digest);
	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384()
									: EVP_sha256();
}

/* All but the signature. */
static X509_REQ *
request_of(OSSL_LIB_CTX *context, EVP_PKEY *public, const struct csr_wish *w, struct err *e)
{
	AUTO(X509_REQ) X509_REQ *req = X509_REQ_new_ex(context, NULL);
	AUTO(X509_NAME) X509_NAME *subject = wished_subject(w);

	if (!subject || !req || X509_REQ_set_subject_name(req, subject) != 1) {
		ossl_fail(e, ERR_CONFIG, "a field of 'subject:' does not fit a certificate");
		return NULL;
	}
	STACK_OF(X509_EXTENSION) *extensions = wished_extensions(w);
	bool ok = X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
		  X509_REQ_set_pubkey(req, public) == 1 && extensions &&
		  X509_REQ_add_extensions(req, extensions) == 1 &&
		  (!w->challenge ||
			  X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, MBSTRING_ASC,
				  (const unsigned char *)w->challenge, -1) == 1);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	if (ok)
		return take(&req);
	ossl_fail(e, ERR_FAILED, "cannot make a request of these names");
	return NULL;
}

int
csr_make(OSSL_LIB_CTX *context, EVP_PKEY *key, EVP_PKEY *public, const struct csr_wish *wish,
	struct buf *ret_der, struct err *e)
{
	AUTO(X509_REQ) X509_REQ *req = request_of(context, public, wish, e);
	unsigned char *der = NULL;

	if (!req)
		return -1;
	if (!digest_for(public, wish)) {
		ERR_clear_error();
		return err_set(e, ERR_CONFIG, "there is no digest %d for a request", wish->digest);
	}
	if (X509_REQ_sign(req, key, digest_for(public, wish)) <= 0)
		return ossl_fail(e, ERR_LOST, "the token did not sign the request");
	int len = i2d_X509_REQ(req, &der);
	if (len <= 0)
		return ossl_fail(e, ERR_FAILED, "cannot encode the request");
	int rc = csr_judge(der, (size_t)len, public, wish, e);
	if (rc == 0) {
		buf_add(ret_der, der, (size_t)len);
		if (ret_der->full)
			rc = err_set(e, ERR_CONFIG, "the request is larger than %zu bytes",
				ret_der->ceiling);
	}
	OPENSSL_free(der);
	return rc;
}

/* Room for an algorithm identifier and the heads of SEQUENCE and BIT STRING. */
#define AROUND_SIGNATURE 96

size_t
csr_room(EVP_PKEY *public, const struct csr_wish *wish)
{
	struct err ignored;
	AUTO(X509_REQ) X509_REQ *req = request_of(NULL, public, wish, &ignored);
	int len = req ? i2d_re_X509_REQ_tbs(req, NULL) : 0, signature = EVP_PKEY_get_size(public);

	ERR_clear_error();
	return len > 0 && signature > 0 ? (size_t)len + (size_t)signature + AROUND_SIGNATURE : 0;
}

/* One name of a SAN, normalised; false for a kind that is not known, and for what is no such name.
 */
static bool
san_name(const GENERAL_NAME *g, char name[NAME_TEXT])
{
	char text[NAME_TEXT];
	struct err ignored;
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(g, &type);
	const enum name_kind kind = type == GEN_EMAIL ? NAME_EMAIL
				    : type == GEN_URI ? NAME_URI
						      : NAME_DNS;

	if (type != GEN_DNS && type != GEN_IPADD && type != GEN_EMAIL && type != GEN_URI)
		return false;
	const unsigned char *data = ASN1_STRING_get0_data(value);
	int len = ASN1_STRING_length(value);
	if (type == GEN_IPADD)
		return (len == 4 || len == 16) &&
		       inet_ntop(len == 4 ? AF_INET : AF_INET6, data, name, NAME_TEXT);
	if (len <= 0 || len >= NAME_TEXT || memchr(data, 0, (size_t)len))
		return false;
	memcpy(text, data, (size_t)len);
	text[len] = '\0';
	return name_normal(text, name, &ignored) == 0 && name_kind(name) == kind;
}

bool
san_names(const GENERAL_NAMES *san, struct list *ret)
{
	char name[NAME_TEXT];

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		if (!san_name(sk_GENERAL_NAME_value(san, i), name))
			return false;
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

	bool ok = san && san_names(san, &found) && names_equal(&found, names);
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

static bool
same_extension(const X509_EXTENSION *a, const X509_EXTENSION *b)
{
	return OBJ_cmp(X509_EXTENSION_get_object((X509_EXTENSION *)a),
		       X509_EXTENSION_get_object((X509_EXTENSION *)b)) == 0 &&
	       X509_EXTENSION_get_critical(a) == X509_EXTENSION_get_critical(b) &&
	       ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data((X509_EXTENSION *)a),
		       X509_EXTENSION_get_data((X509_EXTENSION *)b)) == 0;
}

/* The same extensions, byte for byte, in the same order. */
static bool
has_extensions(X509_REQ *req, const struct csr_wish *w)
{
	STACK_OF(X509_EXTENSION) *there = X509_REQ_get_extensions(req);
	STACK_OF(X509_EXTENSION) *wished = wished_extensions(w);
	int count = sk_X509_EXTENSION_num(wished);

	bool ok = wished && sk_X509_EXTENSION_num(there) == count;
	for (int i = 0; ok && i < count; i++)
		ok = same_extension(
			sk_X509_EXTENSION_value(there, i), sk_X509_EXTENSION_value(wished, i));
	sk_X509_EXTENSION_pop_free(there, X509_EXTENSION_free);
	sk_X509_EXTENSION_pop_free(wished, X509_EXTENSION_free);
	return ok;
}

/* Its challengePassword is that one; and there is no attribute beside it and the extensions. */
static bool
has_challenge(X509_REQ *req, const char *challenge)
{
	int at = X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, -1);

	if (X509_REQ_get_attr_count(req) != (challenge ? 2 : 1) || (at >= 0) != !!challenge)
		return false;
	if (!challenge)
		return true;
	if (X509_ATTRIBUTE_count(X509_REQ_get_attr(req, at)) != 1)
		return false;
	const ASN1_TYPE *value = X509_ATTRIBUTE_get0_type(X509_REQ_get_attr(req, at), 0);
	const ASN1_STRING *text = value && (value->type == V_ASN1_PRINTABLESTRING ||
						   value->type == V_ASN1_UTF8STRING ||
						   value->type == V_ASN1_IA5STRING)
					  ? value->value.asn1_string
					  : NULL;
	return text && (size_t)ASN1_STRING_length(text) == strlen(challenge) &&
	       memcmp(ASN1_STRING_get0_data(text), challenge, strlen(challenge)) == 0;
}

static bool
has_subject(X509_REQ *req, const struct csr_wish *w)
{
	AUTO(X509_NAME) X509_NAME *wished = wished_subject(w);

	return wished && X509_NAME_cmp(wished, X509_REQ_get_subject_name(req)) == 0;
}

int
csr_judge(const void *der, size_t len, EVP_PKEY *public, const struct csr_wish *wish, struct err *e)
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
	if (!request_names_equal(req, wish->names))
		return ossl_fail(e, ERR_TOKEN, "the request is for other names");
	if (!has_subject(req, wish))
		return ossl_fail(e, ERR_TOKEN, "the request has another subject");
	if (!has_extensions(req, wish) || !has_challenge(req, wish->challenge))
		return ossl_fail(e, ERR_TOKEN, "the request asks for more, or for less");
	ERR_clear_error();
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
