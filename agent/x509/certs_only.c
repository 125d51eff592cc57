#include "keystay/x509/certs_only.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "keystay/base/buf.h"
#include "keystay/base/text.h"
#include "keystay/x509/base64.h"
#include "keystay/x509/chain.h"

AUTO_DEFINE(CMS_ContentInfo, CMS_ContentInfo_free)

/* How much of something else is shown. */
#define SHOWN 40

struct certs {
	X509 *item[CERTS_COUNT_MAX];
	size_t count;
};

void
certs_free(struct certs *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		X509_free(c->item[i]);
	free(c);
}

size_t
certs_count(const struct certs *c)
{
	return c->count;
}

X509 *
certs_at(const struct certs *c, size_t index)
{
	return c->item[index];
}

struct certs *
certs_new(void)
{
	return calloc(1, sizeof(struct certs));
}

bool
certs_has(const struct certs *c, const X509 *x)
{
	for (size_t i = 0; i < c->count; i++)
		if (X509_cmp(c->item[i], x) == 0)
			return true;
	return false;
}

int
certs_pem(const struct certs *c, char **ret, struct err *e)
{
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	for (size_t i = 0; bio && i < c->count; i++)
		if (PEM_write_bio_X509(bio, c->item[i]) != 1)
			return ossl_fail(e, ERR_FAILED, "cannot write certificates");
	long len = bio ? BIO_get_mem_data(bio, &text) : 0;
	*ret = bio ? strndup(len > 0 ? text : "", (size_t)len) : NULL;
	return *ret ? 0 : err_set(e, ERR_FAILED, "no memory for certificates");
}

/* --- reading */

/* Takes over `x`. */
static int
add(struct certs *c, X509 *x, struct err *e)
{
	if (x && c->count < CERTS_COUNT_MAX && i2d_X509(x, NULL) <= CHAIN_DER_MAX) {
		c->item[c->count++] = x;
		return 0;
	}
	X509_free(x);
	if (c->count == CERTS_COUNT_MAX)
		return err_set(e, ERR_AUTHORITY, "the answer holds more than %d certificates",
			CERTS_COUNT_MAX);
	return err_set(e, ERR_AUTHORITY, "the answer holds a certificate of more than %d bytes",
		CHAIN_DER_MAX);
}

int
certs_add(struct certs *c, X509 *x, struct err *e)
{
	X509_up_ref(x);
	return add(c, x, e);
}

static int
add_all(struct certs *c, CMS_ContentInfo *cms, struct err *e)
{
	STACK_OF(X509) *all = CMS_get1_certs(cms);
	int rc = 0;

	for (int i = 0; i < sk_X509_num(all); i++) {
		X509 *x = sk_X509_value(all, i);
		if (rc == 0 && X509_up_ref(x))
			rc = add(c, x, e);
	}
	sk_X509_pop_free(all, X509_free);
	return rc;
}

/* A message, or a bare certificate, that is all of these bytes; false for anything else. */
static bool
read_binary(struct certs *c, const unsigned char *data, size_t len, bool *ret_plain, int *ret_rc,
	struct err *e)
{
	const unsigned char *p = data;

	AUTO(CMS_ContentInfo) CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)len);
	if (cms && p == data + len && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed) {
		*ret_rc = add_all(c, cms, e);
		return true;
	}
	p = data;
	X509 *x = d2i_X509(NULL, &p, (long)len);
	if (x && p == data + len) {
		*ret_plain = false;
		*ret_rc = add(c, x, e);
		return true;
	}
	X509_free(x);
	return false;
}

static int
not_a_message(const char *text, size_t len, struct err *e)
{
	char shown[SHOWN + 1] = "";

	while (len && *text && strchr(" \t\r\n", *text)) {
		text++;
		len--;
	}
	if (len == 0)
		return err_set(e, ERR_AUTHORITY, "the answer is empty");
	memcpy(shown, text, len < SHOWN ? len : SHOWN);
	text_printable(shown);
	/* What libcrypto found wrong with it, tried as one thing after the other, helps nobody. */
	ERR_clear_error();
	return err_set(e, ERR_AUTHORITY, "the answer is no certs-only message; it begins with '%s'",
		shown);
}

/* One or more blocks of PEM. */
static int
read_pem(struct certs *c, const char *text, size_t len, struct err *e)
{
	AUTO(BIO) BIO *bio = BIO_new_mem_buf(text, (int)len);
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long der_len = 0;
	bool plain, read = true;
	int rc = 0;

	while (bio && read && rc == 0 && PEM_read_bio(bio, &name, &header, &der, &der_len) == 1) {
		read = (text_same(name, "PKCS7") || text_same(name, "CMS") ||
			       text_same(name, "CERTIFICATE")) &&
		       read_binary(c, der, (size_t)der_len, &plain, &rc, e);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	return read && rc == 0 && c->count ? 0 : rc < 0 ? rc : not_a_message(text, len, e);
}

static int
read_any(struct certs *c, const char *text, size_t len, bool *ret_plain, struct err *e)
{
	AUTO(buf) struct buf der = BUF(CERTS_ONLY_MAX);
	int rc = 0;

	if (len && *text == 0x30 &&
		read_binary(c, (const unsigned char *)text, len, ret_plain, &rc, e)) {
		*ret_plain = false;
		return rc;
	}
	if (memmem(text, len, "-----BEGIN ", 11)) {
		*ret_plain = false;
		return read_pem(c, text, len, e);
	}
	if (base64_read(text, len, &der) &&
		read_binary(c, (const unsigned char *)der.text, der.len, ret_plain, &rc, e))
		return rc;
	return not_a_message(text, len, e);
}

int
certs_only_read(const void *body, size_t len, struct certs **ret, bool *ret_plain, struct err *e)
{
	AUTO(certs) struct certs *c = calloc(1, sizeof *c);

	*ret_plain = true;
	if (!c)
		return err_set(e, ERR_FAILED, "no memory for certificates");
	if (len > CERTS_ONLY_MAX)
		return err_set(
			e, ERR_AUTHORITY, "the answer is larger than %d bytes", CERTS_ONLY_MAX);
	if (read_any(c, body, len, ret_plain, e) < 0)
		return -1;
	ERR_clear_error();
	if (c->count == 0)
		return err_set(e, ERR_AUTHORITY, "the answer holds no certificate");
	*ret = take(&c);
	return 0;
}

/* --- looking at it */

int
certs_of_key(const struct certs *c, EVP_PKEY *public, X509 **ret, struct err *e)
{
	X509 *found = NULL;

	for (size_t i = 0; i < c->count; i++) {
		X509 *x = c->item[i];
		if (!X509_get0_pubkey(x) || EVP_PKEY_eq(X509_get0_pubkey(x), public) != 1)
			continue;
		if (found && X509_cmp(found, x) != 0)
			return ossl_fail(e, ERR_AUTHORITY,
				"the answer holds several certificates for our key");
		found = x;
	}
	ERR_clear_error();
	if (!found)
		return err_set(e, ERR_AUTHORITY,
			"the answer holds no certificate for the key of the request");
	*ret = found;
	return 0;
}

X509 *
certs_issuer(const struct certs *c, X509 *of)
{
	for (size_t i = 0; c && i < c->count; i++) {
		X509 *x = c->item[i];
		if (X509_check_issued(x, of) == X509_V_OK && X509_get0_pubkey(x) &&
			X509_verify(of, X509_get0_pubkey(x)) == 1)
			return x;
	}
	ERR_clear_error();
	return NULL;
}

static bool
self_signed(X509 *x)
{
	return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
}

int
certs_chain(X509 *leaf, const struct certs *c, const struct certs *more, char **ret, struct err *e)
{
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	X509 *x = leaf;
	char *text;

	/* A ring of cross certificates ends by the count. */
	for (int n = 0; bio && x && n < CHAIN_COUNT_MAX; n++) {
		if (PEM_write_bio_X509(bio, x) != 1)
			break;
		X509 *issuer = self_signed(x) ? NULL : certs_issuer(c, x);
		if (!issuer && !self_signed(x))
			issuer = certs_issuer(more, x);
		x = issuer && !self_signed(issuer) ? issuer : NULL;
	}
	ERR_clear_error();
	long len = bio ? BIO_get_mem_data(bio, &text) : 0;
	if (len <= 0 || !(*ret = strndup(text, (size_t)len)))
		return ossl_fail(e, ERR_FAILED, "no memory for a chain");
	return 0;
}
