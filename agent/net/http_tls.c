#include "http_tls.h"

#include <openssl/err.h>
#include <string.h>

#include "keystay/base/text.h"
#include "keystay/x509/ossl.h"

#define EXPORTER "EXPORTER-Channel-Binding"
#define EXPORTER_BYTES 32

/* Where a context keeps its struct http_tls. */
static int
slot(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

static struct http_tls *
of(const SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), slot());
}

void
http_tls_free(struct http_tls *t)
{
	X509_free(t->certificate);
	sk_X509_pop_free(t->issuers, X509_free);
	EVP_PKEY_free(t->key);
	t->certificate = NULL;
	t->issuers = NULL;
	t->key = NULL;
}

void
http_tls_forget(struct http_tls *t)
{
	t->alert = -1;
	t->asked = t->stranger = t->done = false;
	t->wanted[0] = t->problem[0] = '\0';
}

int
http_tls_identify(
	struct http_tls *t, const char *name, const struct http_identity *id, struct err *e)
{
	http_tls_free(t);
	if (!id)
		return 0;
	if (EVP_PKEY_eq(X509_get0_pubkey(id->certificate), id->key) != 1)
		return ossl_fail(e, ERR_FAILED,
			"%s: the client certificate is not for the key that is to use it", name);
	if (id->issuers && !(t->issuers = X509_chain_up_ref(id->issuers)))
		return err_set(e, ERR_FAILED, "no memory for a client certificate");
	X509_up_ref(id->certificate);
	EVP_PKEY_up_ref(id->key);
	t->certificate = id->certificate;
	t->key = id->key;
	return 0;
}

/* The end of the handshake, and alerts: libcurl takes them for the server's own trouble. */
static void
hear(const SSL *ssl, int where, int value)
{
	struct http_tls *t = of(ssl);

	if (t && where & SSL_CB_HANDSHAKE_DONE)
		t->done = true;
	if (t && (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
		t->alert = value & 0xff;
}

static bool
is_taken(const STACK_OF(X509_NAME) * names, X509 *certificate)
{
	const X509_NAME *issuer = certificate ? X509_get_issuer_name(certificate) : NULL;

	for (int i = 0; issuer && i < sk_X509_NAME_num(names); i++)
		if (X509_NAME_cmp(sk_X509_NAME_value(names, i), issuer) == 0)
			return true;
	return false;
}

/* The server asks for a certificate: does it take one of ours? It goes either way. */
static int
note_question(SSL *ssl, void *ctx)
{
	struct http_tls *t = ctx;
	const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);

	t->asked = t->ever_asked = true;
	bool taken = sk_X509_NAME_num(names) <= 0 || is_taken(names, t->certificate);
	for (int i = 0; !taken && i < sk_X509_num(t->issuers); i++)
		taken = is_taken(names, sk_X509_value(t->issuers, i));
	t->stranger = t->certificate && !taken;
	if (t->stranger) {
		X509_NAME_oneline(sk_X509_NAME_value(names, 0), t->wanted, (int)sizeof t->wanted);
		text_printable(t->wanted);
	}
	return 1;
}

bool
http_tls_prepare(struct http_tls *t, SSL_CTX *ctx)
{
	bool ok = SSL_CTX_set_ex_data(ctx, slot(), t) == 1;

	SSL_CTX_set_info_callback(ctx, hear);
	SSL_CTX_set_cert_cb(ctx, note_question, t);
	if (ok && t->certificate)
		ok = SSL_CTX_use_cert_and_key(ctx, t->certificate, t->key, t->issuers, 1) == 1;
	if (!ok) {
		unsigned long code = ERR_peek_error();
		text_copy(t->problem, sizeof t->problem,
			code ? ERR_reason_error_string(code) : "libssl gives no reason");
		ERR_clear_error();
	}
	return ok;
}

static bool
is_about_certificates(int alert)
{
	switch (alert) {
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
	case TLS13_AD_CERTIFICATE_REQUIRED:
		return true;
	default:
		return false;
	}
}

bool
http_tls_blames_us(const struct http_tls *t, const char *name, const char *url, struct err *e)
{
	char subject[200] = "";

	/*
	 * Before it asked, it cannot mean ours. TLS 1.2 servers refuse with "handshake failure",
	 * and a key on a curve that they do not take with "illegal parameter".
	 */
	bool loosely = t->alert == SSL_AD_HANDSHAKE_FAILURE ||
		       (t->alert == SSL_AD_ILLEGAL_PARAMETER && t->certificate);
	if (!t->asked || (!is_about_certificates(t->alert) && !loosely))
		return false;
	/* libssl 3.0 has no word for it. */
	const char *alert = t->alert == TLS13_AD_CERTIFICATE_REQUIRED
				    ? "certificate required"
				    : SSL_alert_desc_string_long(t->alert);
	if (!t->certificate) {
		err_set(e, ERR_AUTHORITY,
			"%s: '%s' wants a client certificate, and there is none (alert '%s')", name,
			url, alert);
		err_hint(e, "name one in 'identity:' of the authority");
		return true;
	}
	X509_NAME_oneline(X509_get_subject_name(t->certificate), subject, (int)sizeof subject);
	text_printable(subject);
	err_set(e, ERR_AUTHORITY, "%s: '%s' refused our client certificate '%s': alert '%s'", name,
		url, subject, alert);
	if (t->stranger)
		err_hint(e, "it takes certificates of '%s' and ours is of another issuer",
			t->wanted);
	return true;
}

bool
http_tls_channel(SSL *ssl, struct http_channel *ret)
{
	unsigned char data[EVP_MAX_MD_SIZE];
	size_t len;

	ret->tls13 = SSL_version(ssl) >= TLS1_3_VERSION;
	if (ret->tls13) {
		len = EXPORTER_BYTES;
		if (SSL_export_keying_material(
			    ssl, data, len, EXPORTER, strlen(EXPORTER), NULL, 0, 0) != 1)
			return false;
	} else {
		/* The first Finished of the handshake: the server's where a session is resumed. */
		len = SSL_session_reused(ssl) ? SSL_get_peer_finished(ssl, data, sizeof data)
					      : SSL_get_finished(ssl, data, sizeof data);
		if (len == 0 || len > EXPORTER_BYTES)
			return false;
	}
	EVP_EncodeBlock((unsigned char *)ret->binding, data, (int)len);
	return true;
}
