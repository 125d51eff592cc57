#include "keystay/x509/chain.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "keystay/x509/csr.h"
#include "keystay/x509/names.h"
#include "keystay/x509/ossl.h"

#define CLOCK_DIFFERENCE (5 * MINUTE)

struct chain {
	X509 *certificate[CHAIN_COUNT_MAX];
	size_t count;
};

void
chain_free(struct chain *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		X509_free(c->certificate[i]);
	free(c);
}

X509 *
chain_leaf(const struct chain *c)
{
	return c->certificate[0];
}

size_t
chain_count(const struct chain *c)
{
	return c->count;
}

X509 *
chain_at(const struct chain *c, size_t index)
{
	return c->certificate[index];
}

static const char begin[] = "-----BEGIN CERTIFICATE-----";
static const char end[] = "-----END CERTIFICATE-----";

/* The first thing in the text that is no blank; its end when there is none. */
static const char *
skip_blank(const char *p, const char *stop)
{
	while (p < stop && *p && strchr(" \t\r\n", *p))
		p++;
	return p;
}

static const char *
find(const char *p, const char *stop, const char *what)
{
	return memmem(p, (size_t)(stop - p), what, strlen(what));
}

static int
add_certificate(struct chain *c, const char *pem, size_t len, struct err *e)
{
	AUTO(BIO) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	unsigned char *der = NULL;
	char *name = NULL, *header = NULL;
	long der_len = 0;

	bool read = bio && PEM_read_bio(bio, &name, &header, &der, &der_len) == 1;
	bool plain = read && header[0] == '\0' && der_len <= CHAIN_DER_MAX;
	const unsigned char *p = der;
	X509 *x = plain ? d2i_X509(NULL, &p, der_len) : NULL;
	bool whole = x && p == der + der_len;
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	if (!whole) {
		X509_free(x);
		return ossl_fail(e, ERR_AUTHORITY, "certificate %zu of the chain cannot be read",
			c->count + 1);
	}
	c->certificate[c->count++] = x;
	return 0;
}

int
chain_parse(const char *pem, size_t len, struct chain **ret, struct err *e)
{
	AUTO(chain) struct chain *c = calloc(1, sizeof *c);
	const char *p = pem, *stop = pem + len;

	if (!c)
		return err_set(e, ERR_FAILED, "no memory for a chain");
	if (len > CHAIN_MAX)
		return err_set(e, ERR_AUTHORITY, "the chain is larger than %d bytes", CHAIN_MAX);
	while ((p = skip_blank(p, stop)) < stop) {
		if ((size_t)(stop - p) < strlen(begin) || memcmp(p, begin, strlen(begin)) != 0)
			return err_set(e, ERR_AUTHORITY,
				"the chain holds something that is no PEM certificate");
		const char *close = find(p, stop, end);
		if (!close)
			return err_set(e, ERR_AUTHORITY, "the chain is cut short");
		if (c->count == CHAIN_COUNT_MAX)
			return err_set(e, ERR_AUTHORITY,
				"the chain holds more than %d certificates", CHAIN_COUNT_MAX);
		close += strlen(end);
		if (add_certificate(c, p, (size_t)(close - p), e) < 0)
			return -1;
		p = close;
	}
	if (c->count == 0)
		return err_set(e, ERR_AUTHORITY, "the chain is empty");
	*ret = take(&c);
	return 0;
}

/* A certificate and nothing behind it. */
static X509 *
read_der(const char *data, size_t len)
{
	const unsigned char *p = (const unsigned char *)data;
	X509 *x = len <= CHAIN_DER_MAX ? d2i_X509(NULL, &p, (long)len) : NULL;

	if (x && p != (const unsigned char *)data + len) {
		X509_free(x);
		x = NULL;
	}
	ERR_clear_error();
	return x;
}

int
chain_first(const char *data, size_t len, struct chain **ret, struct err *e)
{
	AUTO(chain) struct chain *c = calloc(1, sizeof *c);
	const char *stop = data + len, *open = find(data, stop, begin);
	const char *close = open ? find(open, stop, end) : NULL;

	if (!c)
		return err_set(e, ERR_FAILED, "no memory for a certificate");
	if (!open && (c->certificate[0] = read_der(data, len)))
		c->count = 1;
	else if (!close || close - open > CHAIN_MAX)
		return err_set(e, ERR_CONFIG, "there is no certificate in it");
	else if (add_certificate(c, open, (size_t)(close - open) + strlen(end), e) < 0)
		return err_set(e, ERR_CONFIG, "its first certificate cannot be read");
	*ret = take(&c);
	return 0;
}

/*
 * The authority's key identifier and the serial number's DER content octets, with the 0 that keeps
 * a high bit from being a sign (RFC 9773 4.1). "" where there is no key identifier.
 */
static void
renewal_id(X509 *leaf, char id[ARI_ID_TEXT])
{
	const ASN1_OCTET_STRING *key = X509_get0_authority_key_id(leaf);
	unsigned char der[32], *p = der;
	const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);

	id[0] = '\0';
	if (!key || ASN1_STRING_length(key) < 1 || ASN1_STRING_length(key) > 40 ||
		i2d_ASN1_INTEGER(serial, NULL) > (int)sizeof der)
		return;
	int len = i2d_ASN1_INTEGER(serial, &p);
	AUTO(char) char *a = base64url(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key));
	AUTO(char) char *b = len > 2 ? base64url(der + 2, (size_t)len - 2) : NULL;
	if (a && b)
		snprintf(id, ARI_ID_TEXT, "%s.%s", a, b);
}

int
chain_leaf_facts(const struct chain *c, struct leaf_facts *ret, struct err *e)
{
	X509 *leaf = chain_leaf(c);
	struct leaf_facts f = {0};
	unsigned char digest[32];

	const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
	if (serial->length <= 0 || serial->length > 20)
		return err_set(e, ERR_AUTHORITY, "the certificate's serial number has %d bytes",
			serial->length);
	hex_encode(serial->data, (size_t)serial->length, f.serial);
	ossl_name_line(X509_get_issuer_name(leaf), f.issuer, sizeof f.issuer);
	f.not_before = ossl_when(X509_get0_notBefore(leaf));
	f.not_after = ossl_when(X509_get0_notAfter(leaf));
	if (!f.not_before || !f.not_after)
		return err_set(e, ERR_AUTHORITY, "the certificate's dates cannot be read");
	if (X509_digest(leaf, EVP_sha256(), digest, NULL) != 1)
		return ossl_fail(e, ERR_AUTHORITY, "the certificate cannot be hashed");
	hex_encode(digest, sizeof digest, f.fingerprint);
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
	if (len <= 0 || EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) != 1) {
		OPENSSL_free(der);
		return ossl_fail(e, ERR_AUTHORITY, "the certificate's key cannot be read");
	}
	OPENSSL_free(der);
	hex_encode(digest, sizeof digest, f.public_hash);
	renewal_id(leaf, f.ari_id);
	*ret = f;
	return 0;
}

bool
chain_names(const struct chain *c, struct list *ret)
{
	AUTO(GENERAL_NAMES)
	GENERAL_NAMES *san = X509_get_ext_d2i(chain_leaf(c), NID_subject_alt_name, NULL, NULL);

	return san && san_names(san, ret);
}

int
chain_leaf_der(const struct chain *c, unsigned char **ret, size_t *ret_len, struct err *e)
{
	int len = i2d_X509(chain_leaf(c), NULL);
	unsigned char *der = len > 0 ? malloc((size_t)len) : NULL, *p = der;

	if (!der || i2d_X509(chain_leaf(c), &p) != len) {
		free(der);
		return ossl_fail(e, ERR_FAILED, "no memory for a certificate");
	}
	*ret = der;
	*ret_len = (size_t)len;
	return 0;
}

static int
judge_names(const struct chain *c, const struct list *names, struct err *e)
{
	AUTO(list) struct list found = {0};

	if (!chain_names(c, &found))
		return ossl_fail(
			e, ERR_AUTHORITY, "the certificate has no list of names that can be read");
	for (size_t i = 0; i < names->count; i++)
		if (!list_has(&found, names->item[i]))
			return err_set(e, ERR_AUTHORITY, "the certificate lacks the name '%s'",
				names->item[i]);
	for (size_t i = 0; i < found.count; i++)
		if (!list_has(names, found.item[i]))
			return err_set(e, ERR_AUTHORITY,
				"the certificate has a name that was not asked for: '%s'",
				found.item[i]);
	return 0;
}

static int
judge_dates(X509 *leaf, when_t now, struct err *e)
{
	when_t from = ossl_when(X509_get0_notBefore(leaf));
	when_t until = ossl_when(X509_get0_notAfter(leaf));
	char text[WHEN_TEXT];

	if (from > now + CLOCK_DIFFERENCE) {
		err_set(e, ERR_AUTHORITY, "the certificate is not valid before %s",
			when_format(from, text));
		return err_hint(e, "is this host's clock right?");
	}
	if (until <= now) {
		err_set(e, ERR_AUTHORITY, "the certificate expired at %s",
			when_format(until, text));
		return err_hint(e, "is this host's clock right?");
	}
	if (until <= from)
		return err_set(e, ERR_AUTHORITY, "the certificate ends before it begins");
	return 0;
}

/* Each certificate must be signed by the next one, and every issuer must be a CA. */
static int
judge_links(const struct chain *c, struct err *e)
{
	for (size_t i = 0; i + 1 < c->count; i++) {
		X509 *issuer = c->certificate[i + 1];
		EVP_PKEY *key = X509_get0_pubkey(issuer);
		if (X509_check_issued(issuer, c->certificate[i]) != X509_V_OK || !key ||
			X509_verify(c->certificate[i], key) != 1)
			return ossl_fail(e, ERR_AUTHORITY,
				"certificate %zu of the chain is not signed by the next one",
				i + 1);
		if (X509_check_ca(issuer) < 1)
			return err_set(
				e, ERR_AUTHORITY, "certificate %zu of the chain is no CA", i + 2);
	}
	return 0;
}

static int
judge_anchor(const struct chain *c, const struct chain_wish *w, struct err *e)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *rest = sk_X509_new_null();
	int rc = -1;

	for (size_t i = 1; rest && i < c->count; i++)
		sk_X509_push(rest, c->certificate[i]);
	if (!store || !ctx || !rest || X509_STORE_load_file(store, w->anchors) != 1 ||
		X509_STORE_CTX_init(ctx, store, chain_leaf(c), rest) != 1) {
		ossl_fail(e, ERR_CONFIG, "cannot read the anchors in '%s'", w->anchors);
		err_hint(e, "mend 'issuer:' of the authority");
	} else {
		X509_STORE_CTX_set_time(ctx, 0, (time_t)w->now + CLOCK_DIFFERENCE);
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
		if (X509_verify_cert(ctx) == 1)
			rc = 0;
		else
			err_set(e, ERR_AUTHORITY, "the chain does not end at '%s': %s", w->anchors,
				X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	}
	sk_X509_free(rest);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return rc;
}

int
chain_judge(const struct chain *c, const struct chain_wish *w, bool *ret_anchored, struct err *e)
{
	X509 *leaf = chain_leaf(c);

	if (!X509_get0_pubkey(leaf) || EVP_PKEY_eq(X509_get0_pubkey(leaf), w->public) != 1) {
		ossl_fail(e, ERR_AUTHORITY, "the certificate is for another key than ours");
		return err_hint(e, "it was not installed; the old certificate stays");
	}
	if (judge_names(c, w->names, e) < 0 || judge_dates(leaf, w->now, e) < 0)
		return -1;
	/* libcrypto says that a CA without keyCertSign is none. */
	if (X509_check_ca(leaf) != 0 || X509_get_extension_flags(leaf) & EXFLAG_CA)
		return err_set(e, ERR_AUTHORITY, "the certificate is a CA's");
	if (!w->not_a_server && X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
		return err_set(e, ERR_AUTHORITY, "the certificate is not for TLS servers");
	if (judge_links(c, e) < 0)
		return -1;
	if (w->anchors && judge_anchor(c, w, e) < 0)
		return -1;
	*ret_anchored = w->anchors != NULL;
	return 0;
}

int
chain_pem(const struct chain *c, size_t from, size_t to, char **ret, struct err *e)
{
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	if (!bio)
		return ossl_fail(e, ERR_FAILED, "no memory for a chain");
	for (size_t i = from; i < to && i < c->count; i++)
		if (PEM_write_bio_X509(bio, c->certificate[i]) != 1)
			return ossl_fail(e, ERR_FAILED, "cannot write a chain");
	long len = BIO_get_mem_data(bio, &data);
	*ret = strndup(len > 0 ? data : "", (size_t)len);
	return *ret ? 0 : err_set(e, ERR_FAILED, "no memory for a chain");
}
