#include "keystay/net/probe.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "keystay/base/clock.h"
#include "keystay/base/endpoint.h"
#include "keystay/base/text.h"
#include "keystay/x509/names.h"
#include "keystay/x509/ossl.h"

static bool
wait_for(int fd, short events, int64_t until)
{
	int64_t left = until - clock_ms();
	struct pollfd p = {.fd = fd, .events = events};
	return left > 0 && poll(&p, 1, (int)left) == 1;
}

static int
connect_to(const char *endpoint, int64_t until, struct err *e)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char host[ENDPOINT_HOST], port[ENDPOINT_PORT];
	int fd = -1, why = EHOSTUNREACH;

	if (!endpoint_split(endpoint, host, port))
		return err_set(e, ERR_CONFIG, "'%s' is not HOST:PORT", endpoint);
	int rc = getaddrinfo(host, port, &hints, &list);
	if (rc != 0)
		return err_set(e, ERR_NETWORK, "endpoint '%s': %s", endpoint, gai_strerror(rc));
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		int s = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		socklen_t len = sizeof why;
		if (s < 0)
			continue;
		why = 0;
		if (connect(s, a->ai_addr, a->ai_addrlen) < 0) {
			why = errno;
			if (why == EINPROGRESS) {
				why = ETIMEDOUT;
				if (wait_for(s, POLLOUT, until))
					getsockopt(s, SOL_SOCKET, SO_ERROR, &why, &len);
			}
		}
		if (why == 0)
			fd = s;
		else
			close(s);
	}
	freeaddrinfo(list);
	if (fd < 0) {
		err_errno(e, ERR_NETWORK, why, "endpoint '%s': no connection", endpoint);
		return err_hint(e, "does the server listen there?");
	}
	return fd;
}

static SSL_CTX *
make_context(const struct probe_request *r)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	const char *sigalgs = r->key == PROBE_ECDSA
				      ? "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512"
				      : "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
					"RSA+SHA256:RSA+SHA384:RSA+SHA512";

	if (!ctx)
		return NULL;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	if (r->key != PROBE_ANY && SSL_CTX_set1_sigalgs_list(ctx, sigalgs) != 1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static int
shake_hands(SSL *ssl, int fd, const char *endpoint, int64_t until, struct err *e)
{
	int rc;

	while ((rc = SSL_connect(ssl)) != 1) {
		int want = SSL_get_error(ssl, rc);
		if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE) {
			const char *why = ERR_reason_error_string(ERR_peek_error());
			err_set(e, ERR_SERVED, "endpoint '%s': the handshake fails: %s", endpoint,
				why ? why : "the server closed the connection");
			ERR_clear_error();
			return err_hint(e, "can the server's workers read the token? "
					   "'keystay server-config' shows what they need");
		}
		if (!wait_for(fd, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until))
			return err_set(
				e, ERR_SERVED, "endpoint '%s': no handshake in time", endpoint);
	}
	return 0;
}

static int
read_leaf(SSL *ssl, const struct probe_request *r, struct probe_answer *ret, struct err *e)
{
	AUTO(X509) X509 *leaf = SSL_get1_peer_certificate(ssl);
	unsigned char digest[32], *der = NULL;

	if (!leaf || X509_digest(leaf, EVP_sha256(), digest, NULL) != 1)
		return err_set(
			e, ERR_SERVED, "endpoint '%s': no certificate was shown", r->endpoint);
	hex_encode(digest, sizeof digest, ret->fingerprint);
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
	bool hashed =
		len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	if (!hashed)
		return err_set(e, ERR_SERVED, "endpoint '%s': the key that is shown cannot be read",
			r->endpoint);
	hex_encode(digest, sizeof digest, ret->public_hash);
	unsigned char *whole = NULL;
	len = r->leaf ? i2d_X509(leaf, &whole) : 0;
	if (len > 0)
		buf_add(r->leaf, whole, (size_t)len);
	OPENSSL_free(whole);
	return 0;
}

int
probe(const struct probe_request *r, struct probe_answer *ret, struct err *e)
{
	int64_t until = clock_ms() + r->limit_ms;
	struct probe_answer answer;
	int rc = -1;

	int fd = connect_to(r->endpoint, until, e);
	if (fd < 0)
		return -1;
	SSL_CTX *ctx = make_context(r);
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	if (!ssl || SSL_set_fd(ssl, fd) != 1 ||
		(r->sni && *r->sni && !name_is_ip(r->sni) &&
			SSL_set_tlsext_host_name(ssl, r->sni) != 1))
		ossl_fail(e, ERR_FAILED, "cannot set up a handshake");
	else if (shake_hands(ssl, fd, r->endpoint, until, e) == 0)
		rc = read_leaf(ssl, r, &answer, e);
	/* A polite end, so that the server logs no error; its answer is not waited for. */
	if (rc == 0)
		(void)SSL_shutdown(ssl);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	ERR_clear_error();
	if (rc == 0)
		*ret = answer;
	return rc;
}
