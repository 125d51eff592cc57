#include "est.h"

#include "keystay/base/file.h"
#include "keystay/base/text.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/rand.h>

static void
auto_PKCS7(PKCS7 **slot)
{
	PKCS7_free(*slot);
}

static void
auto_exts(STACK_OF(X509_EXTENSION) * *slot)
{
	sk_X509_EXTENSION_pop_free(*slot, X509_EXTENSION_free);
}

/* ---- the message of a client */

X509_REQ *
issue_read(const struct buf *body)
{
	AUTO(buf) struct buf text = BUF(BODY_MAX), der = BUF(BODY_MAX + 4);
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < body->len; i++)
		if (!body->text[i] || !strchr(" \t\r\n", body->text[i]))
			buf_add(&text, body->text + i, 1);
	size_t n = strspn(buf_text(&text), alphabet);
	size_t pad = strspn(buf_text(&text) + n, "=");
	if (!n || n + pad != text.len || text.len % 4 || pad > 2)
		return NULL;
	unsigned char *out = malloc(text.len);
	if (!out)
		return NULL;
	int len = EVP_DecodeBlock(out, (const unsigned char *)text.text, (int)text.len);
	const unsigned char *p = out;
	X509_REQ *req = len > 0 ? d2i_X509_REQ(NULL, &p, len - (long)pad) : NULL;
	if (req && p != out + len - pad) {
		X509_REQ_free(req);
		req = NULL;
	}
	free(out);
	ERR_clear_error();
	return req;
}

bool
binding_text(SSL *ssl, bool server, char text[64])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	static const char label[] = "EXPORTER-Channel-Binding"; /* RFC 9266 */
	size_t n = 32;

	if (SSL_version(ssl) >= TLS1_3_VERSION) {
		if (SSL_export_keying_material(ssl, raw, n, label, sizeof label - 1, NULL, 0, 0) !=
			1)
			return false;
	} else {
		/* The first Finished (RFC 5929 3.1): the client's, on a resumed session the
		 * server's. */
		bool own = server == (SSL_session_reused(ssl) == 1);
		n = own ? SSL_get_finished(ssl, raw, sizeof raw)
			: SSL_get_peer_finished(ssl, raw, sizeof raw);
		if (n == 0 || n > 40)
			return false;
	}
	EVP_EncodeBlock((unsigned char *)text, raw, (int)n);
	return true;
}

enum pop
issue_pop(SSL *ssl, X509_REQ *req)
{
	char wanted[64];
	int at = X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, -1);

	if (at < 0)
		return POP_NONE;
	const ASN1_TYPE *value = X509_ATTRIBUTE_get0_type(X509_REQ_get_attr(req, at), 0);
	if (!value || !binding_text(ssl, true, wanted) ||
		(value->type != V_ASN1_PRINTABLESTRING && value->type != V_ASN1_UTF8STRING &&
			value->type != V_ASN1_IA5STRING && value->type != V_ASN1_T61STRING))
		return POP_WRONG;
	const ASN1_STRING *said = value->value.asn1_string;
	if ((size_t)ASN1_STRING_length(said) != strlen(wanted) ||
		memcmp(ASN1_STRING_get0_data(said), wanted, strlen(wanted)) != 0)
		return POP_WRONG;
	return SSL_version(ssl) >= TLS1_3_VERSION ? POP_EXPORTER : POP_UNIQUE;
}

const char *
pop_word(enum pop pop)
{
	static const char *const word[] = {
		[POP_NONE] = "none",
		[POP_UNIQUE] = "unique",
		[POP_EXPORTER] = "exporter",
		[POP_WRONG] = "wrong",
	};
	return word[pop];
}

/* The value of a SAN; NULL = there is none. Borrowed. */
static const ASN1_OCTET_STRING *
san_of(const STACK_OF(X509_EXTENSION) * exts)
{
	int at = X509v3_get_ext_by_NID(exts, NID_subject_alt_name, -1);

	return at < 0 ? NULL : X509_EXTENSION_get_data(X509v3_get_ext(exts, at));
}

bool
issue_same_names(X509_REQ *req, X509 *cert)
{
	__attribute__((cleanup(auto_exts))) STACK_OF(X509_EXTENSION) *exts =
		X509_REQ_get_extensions(req);
	const ASN1_OCTET_STRING *asked = san_of(exts), *had = san_of(X509_get0_extensions(cert));

	if (X509_NAME_cmp(X509_REQ_get_subject_name(req), X509_get_subject_name(cert)) != 0)
		return false;
	return asked && had ? ASN1_OCTET_STRING_cmp(asked, had) == 0 : asked == had;
}

/* ---- certificates */

struct issuer {
	X509 *cert;
	EVP_PKEY *key;
};

static bool
add_ext(X509 *leaf, const struct issuer *by, int nid, const char *text)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, by->cert, leaf, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, text);
	bool ok = ext && X509_add_ext(leaf, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

/* What was asked for, or what the profile has instead (NULL = nothing). */
static bool
add_asked(X509 *leaf, const struct issuer *by, const STACK_OF(X509_EXTENSION) * asked, int nid,
	const char *instead)
{
	int at = X509v3_get_ext_by_NID(asked, nid, -1);

	if (at >= 0)
		return X509_add_ext(leaf, X509v3_get_ext(asked, at), -1) == 1;
	return !instead || add_ext(leaf, by, nid, instead);
}

static bool
add_usage(X509 *leaf, const struct issuer *by, const STACK_OF(X509_EXTENSION) * asked,
	const struct rule *rule)
{
	if (rule->act == ACT_IS_CA && rule->argument[0])
		return add_ext(leaf, by, NID_key_usage, rule->argument);
	return add_asked(leaf, by, asked, NID_key_usage, "critical,digitalSignature");
}

/* The names as they were asked for, or as the rule has them. */
static bool
add_names(X509 *leaf, const struct issuer *by, const STACK_OF(X509_EXTENSION) * asked,
	const struct rule *rule)
{
	if (rule->act == ACT_DROP_SAN)
		return true;
	if (rule->act != ACT_MORE_SAN)
		return add_asked(leaf, by, asked, NID_subject_alt_name, NULL);
	X509_EXTENSION *san = wrong_san(asked, rule->argument);
	bool ok = san && X509_add_ext(leaf, san, -1) == 1;
	X509_EXTENSION_free(san);
	return ok;
}

static bool
add_extensions(X509 *leaf, const struct settings *s, const struct issuer *by, X509_REQ *req,
	const struct rule *rule)
{
	__attribute__((cleanup(auto_exts))) STACK_OF(X509_EXTENSION) *asked =
		X509_REQ_get_extensions(req);
	const char *eku = "serverAuth,clientAuth";

	if (strcmp(s->profile, "both") != 0)
		eku = strcmp(s->profile, "server") == 0 ? "serverAuth" : "clientAuth";
	return add_ext(leaf, by, NID_basic_constraints, wrong_constraints(rule->act)) &&
	       add_ext(leaf, by, NID_subject_key_identifier, "hash") &&
	       add_ext(leaf, by, NID_authority_key_identifier, "keyid:always") &&
	       add_usage(leaf, by, asked, rule) &&
	       (rule->act == ACT_EKU ? add_ext(leaf, by, NID_ext_key_usage, rule->argument)
				     : add_asked(leaf, by, asked, NID_ext_key_usage, eku)) &&
	       add_names(leaf, by, asked, rule);
}

static bool
set_serial(X509 *leaf)
{
	BIGNUM *n = BN_new();
	bool ok = n && BN_rand(n, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(n, X509_get_serialNumber(leaf));

	BN_free(n);
	return ok;
}

static bool
set_subject(X509 *leaf, X509_REQ *req, enum act act)
{
	AUTO(X509_NAME) X509_NAME *other = wrong_subject(act);

	return X509_set_subject_name(leaf, other ? other : X509_REQ_get_subject_name(req)) == 1;
}

/* Ed25519 and the like bring their own hash. */
static const EVP_MD *
hash_for(EVP_PKEY *key)
{
	int nid = NID_undef;

	return EVP_PKEY_get_default_digest_nid(key, &nid) == 2 && nid == NID_undef ? NULL
										   : EVP_sha256();
}

static X509 *
make_leaf(const struct settings *s, const struct issuer *by, X509_REQ *req, const struct rule *rule)
{
	AUTO(X509) X509 *leaf = X509_new();
	AUTO(EVP_PKEY) EVP_PKEY *other = rule->act == ACT_OTHER_KEY ? EVP_EC_gen("P-256") : NULL;
	EVP_PKEY *public = other ? other : X509_REQ_get0_pubkey(req);
	long from = -60, to = s->lifetime;

	wrong_dates(rule->act, &from, &to);
	if (!leaf || !public || X509_set_version(leaf, X509_VERSION_3) != 1 || !set_serial(leaf) ||
		!set_subject(leaf, req, rule->act) ||
		X509_set_issuer_name(leaf, X509_get_subject_name(by->cert)) != 1 ||
		!X509_gmtime_adj(X509_getm_notBefore(leaf), from) ||
		!X509_gmtime_adj(X509_getm_notAfter(leaf), to) ||
		X509_set_pubkey(leaf, public) != 1 || !add_extensions(leaf, s, by, req, rule) ||
		X509_sign(leaf, by->key, hash_for(by->key)) <= 0)
		return NULL;
	return take(&leaf);
}

/* ---- bags */

static PKCS7 *
bag_new(void)
{
	AUTO(PKCS7) PKCS7 *bag = PKCS7_new();

	if (!bag || PKCS7_set_type(bag, NID_pkcs7_signed) != 1 ||
		!(bag->d.sign->cert = sk_X509_new_null()))
		return NULL;
	bag->d.sign->contents->type = OBJ_nid2obj(NID_pkcs7_data);
	return take(&bag);
}

/* Takes the certificate over; NULL is an error. */
static bool
bag_add(PKCS7 *bag, X509 *cert)
{
	if (cert && sk_X509_push(bag->d.sign->cert, cert) > 0)
		return true;
	X509_free(cert);
	return false;
}

static bool
bag_add_file(PKCS7 *bag, const char *path)
{
	AUTO(buf) struct buf text = BUF(FILE_MAX);
	struct err e;

	if (file_read(path, &text, &e) < 0) {
		fprintf(stderr, "est-server: %s\n", e.text);
		return false;
	}
	AUTO(BIO) BIO *in = BIO_new_mem_buf(text.text, (int)text.len);
	X509 *cert;
	bool ok = in != NULL;
	while (ok && (cert = PEM_read_bio_X509(in, NULL, NULL, NULL)))
		ok = bag_add(bag, cert);
	ERR_clear_error();
	return ok;
}

static bool
bag_der(PKCS7 *bag, enum act act, struct buf *ret)
{
	unsigned char *der = NULL;
	int n = act == ACT_BER ? i2d_PKCS7_NDEF(bag, &der) : i2d_PKCS7(bag, &der);

	if (n > 0)
		buf_add(ret, der, (size_t)n);
	OPENSSL_free(der);
	return n > 0 && !ret->full;
}

/* "FILE-CERT FILE-KEY" */
static bool
read_issuer(const char *argument, struct issuer *ret)
{
	char cert[1024];

	text_copy(cert, sizeof cert, argument);
	const char *key = rule_rest(cert);
	AUTO(BIO) BIO *a = BIO_new_file(cert, "r");
	AUTO(BIO) BIO *b = BIO_new_file(key, "r");
	ret->cert = a ? PEM_read_bio_X509(a, NULL, NULL, NULL) : NULL;
	ret->key = b ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;
	ERR_clear_error();
	return ret->cert && ret->key;
}

bool
issue(const struct settings *s, X509_REQ *req, const struct rule *rule, struct buf *ret_der)
{
	AUTO(PKCS7) PKCS7 *bag = bag_new();
	AUTO(X509) X509 *cert = NULL;
	AUTO(EVP_PKEY) EVP_PKEY *key = NULL;
	struct issuer by = {.cert = s->ca, .key = s->ca_key};

	if (rule->act == ACT_OTHER_CA) {
		bool ok = read_issuer(rule->argument, &by);
		cert = by.cert;
		key = by.key;
		if (!ok)
			return false;
	}
	if (!bag || ((rule->act == ACT_EXTRA || rule->act == ACT_ONLY) &&
			    !bag_add_file(bag, rule->argument)))
		return false;
	int leaves = rule->act == ACT_TWO ? 2 : rule->act != ACT_NO_CERT && rule->act != ACT_ONLY;
	for (int i = 0; i < leaves; i++)
		if (!bag_add(bag, make_leaf(s, &by, req, rule)))
			return false;
	return bag_der(bag, rule->act, ret_der);
}

bool
issue_cacerts(const struct settings *s, const struct rule *rule, struct buf *ret_der)
{
	AUTO(PKCS7) PKCS7 *bag = bag_new();

	if (!bag || ((rule->act == ACT_EXTRA || rule->act == ACT_ONLY) &&
			    !bag_add_file(bag, rule->argument)))
		return false;
	if (rule->act != ACT_NO_CERT && rule->act != ACT_ONLY) {
		if (s->cacerts && !bag_add_file(bag, s->cacerts))
			return false;
		if (!s->cacerts && (X509_up_ref(s->ca) != 1 || !bag_add(bag, s->ca)))
			return false;
	}
	return bag_der(bag, rule->act, ret_der);
}

void
base64_lines(const struct buf *der, size_t columns, const char *eol, struct buf *ret)
{
	unsigned char *out = malloc(der->len / 3 * 4 + 8);
	size_t n = out ? (size_t)EVP_EncodeBlock(
				 out, (const unsigned char *)buf_text(der), (int)der->len)
		       : 0;

	for (size_t i = 0; i < n; i += columns ? columns : n) {
		size_t rest = n - i;
		buf_add(ret, out + i, columns && columns < rest ? columns : rest);
		buf_adds(ret, columns ? eol : "");
	}
	free(out);
}
