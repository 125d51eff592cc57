#include "support/double_ca.h"

#include <openssl/pem.h>

#include "keystay/x509/ossl.h"
#include "support/unit.h"

struct double_ca double_ca;

static const struct services *services;
static EVP_PKEY *ca_key;

static int
double_open(
	const struct authority_conf *conf, const struct ca_needs *needs, void **ret, struct err *e)
{
	(void)e;
	services = needs->services;
	if (!ca_key)
		ca_key = EVP_EC_gen("P-256");
	*ret = (void *)(uintptr_t)conf->name;
	return 0;
}

static void
add_extension(X509 *x, const char *name, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx_nodb(&ctx);
	X509_EXTENSION *ext = X509V3_EXT_conf(NULL, &ctx, name, value);
	assert_non_null(ext);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
}

/* One certificate of the double's CA, as PEM behind what is in `bio`. */
static void
certify(BIO *bio, EVP_PKEY *key, const char *subject, const char *san, bool ca)
{
	static long serial = 1000;
	X509 *x = X509_new();
	when_t now = services_now(services);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(now - HOUR));
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(now - HOUR + double_ca.lifetime));
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)subject, -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)"double", -1, -1, 0);
	X509_set_pubkey(x, key);
	add_extension(x, "basicConstraints", ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (san)
		add_extension(x, "subjectAltName", san);
	X509_sign(x, ca_key, EVP_sha256());
	PEM_write_bio_X509(bio, x);
	X509_free(x);
}

static char *
issue(const struct ca_order *o)
{
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	AUTO(buf) struct buf san = BUF(8192);
	const unsigned char *p = o->csr;
	AUTO(X509_REQ) X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)o->csr_len);
	char *data;

	assert_non_null(req);
	for (size_t i = 0; i < o->names->count; i++)
		if (!double_ca.drop || !text_same(double_ca.drop, o->names->item[i]))
			buf_addf(&san, "%sDNS:%s", san.len ? "," : "", o->names->item[i]);
	certify(bio, double_ca.other_key ? ca_key : X509_REQ_get0_pubkey(req), "leaf",
		buf_text(&san), false);
	certify(bio, ca_key, "double", NULL, true);
	long len = BIO_get_mem_data(bio, &data);
	return strndup(data, (size_t)len);
}

static void
note(const char *authority, const char *what)
{
	size_t len = strlen(double_ca.story);

	snprintf(double_ca.story + len, sizeof double_ca.story - len, "%s%s %s", len ? ", " : "",
		authority, what);
}

static int
double_advance(void *ca, struct ca_order *o, enum ca_progress *ret, struct err *e)
{
	double_ca.advances++;
	if (double_ca.fails != ERR_NONE &&
		(!double_ca.fails_at || text_same(double_ca.fails_at, ca))) {
		err_set(e, double_ca.fails, "the double was told to fail");
		e->retry_at = double_ca.retry_at;
		return -1;
	}
	if (!o->cookie) {
		double_ca.orders++;
		note(ca, "order");
		o->cookie = strdup("0");
		*ret = CA_AGAIN;
		return 0;
	}
	int waited = o->cookie[0] - '0';
	if (waited < double_ca.waits) {
		o->cookie[0]++;
		o->not_before = services_now(services) + double_ca.wait;
		*ret = CA_WAIT;
		return 0;
	}
	o->chain = issue(o);
	note(ca, "issue");
	*ret = CA_ISSUED;
	return 0;
}

static void
double_settle(void *ca, const struct ca_order *o)
{
	(void)o;
	note(ca, "settle");
	double_ca.settled++;
}

static const char *
double_account(void *ca)
{
	(void)ca;
	return "https://double.example/account";
}

static int
double_check(const struct authority_conf *conf, const struct ca_needs *needs, struct err *e)
{
	(void)conf;
	(void)needs;
	(void)e;
	return 0;
}

static int
double_revoke(void *ca, const void *der, size_t len, enum revocation_reason reason, struct err *e)
{
	const unsigned char *p = der;
	X509 *x = d2i_X509(NULL, &p, (long)len);

	(void)ca;
	assert_non_null(x);
	X509_free(x);
	if (double_ca.fails != ERR_NONE)
		return err_set(e, double_ca.fails, "the double was told to fail");
	double_ca.revoked++;
	double_ca.reason = reason;
	return 0;
}

static void
double_close(void *ca)
{
	(void)ca;
	EVP_PKEY_free(ca_key);
	ca_key = NULL;
}

const struct ca_ops double_ca_ops = {
	.word = "double",
	.needs_account = true,
	.open = double_open,
	.advance = double_advance,
	.settle = double_settle,
	.account = double_account,
	.check = double_check,
	.close = double_close,
	.revoke = double_revoke,
};
