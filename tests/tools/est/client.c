/*
 * The other end, for what no common client does: a request for a certificate that names its
 * connection. Prints the status and the body of the answer.
 */
#include "est.h"

#include "keystay/base/text.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/time.h>

void
socket_limit(int fd)
{
	const struct timeval limit = {.tv_sec = 30};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/* A connection; `session` may be NULL. The caller frees, and closes its descriptor. */
static SSL *
shake_hands(SSL_CTX *ctx, int port, SSL_SESSION *session)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO(SSL) SSL *ssl = SSL_new(ctx);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return NULL;
	socket_limit(fd);
	if (ssl && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
		SSL_set_fd(ssl, fd) == 1 && (!session || SSL_set_session(ssl, session) == 1) &&
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1") == 1 &&
		SSL_connect(ssl) == 1)
		return take(&ssl);
	close(fd);
	return NULL;
}

static void
hang_up(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
}

static bool
make_request(const char *challenge, struct buf *ret_der)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = EVP_EC_gen("P-256");
	AUTO(X509_REQ) X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;

	if (!key || !req || X509_REQ_set_pubkey(req, key) != 1 ||
		X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8,
			(const unsigned char *)"pop.example", -1, -1, 0) != 1)
		return false;
	if (challenge && X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, MBSTRING_ASC,
				 (const unsigned char *)challenge, -1) != 1)
		return false;
	int n = X509_REQ_sign(req, key, EVP_sha256()) > 0 ? i2d_X509_REQ(req, &der) : 0;
	if (n > 0)
		buf_add(ret_der, der, (size_t)n);
	OPENSSL_free(der);
	return n > 0 && !ret_der->full;
}

/* Writes a request and reads what comes back until the end. */
static bool
ask(SSL *ssl, const struct buf *request, struct buf *ret)
{
	char part[4096];
	int n;

	if (SSL_write(ssl, request->text, (int)request->len) <= 0)
		return false;
	while ((n = SSL_read(ssl, part, sizeof part)) > 0 && !ret->full)
		buf_add(ret, part, (size_t)n);
	return ret->len && !ret->full;
}

static bool
write_request(SSL *ssl, const char *path, const char *pop, const char *user, struct buf *ret)
{
	AUTO(buf) struct buf der = BUF(BODY_MAX), body = BUF(BODY_MAX);
	AUTO(buf) struct buf login = BUF(512), basic = BUF(1024);
	char binding[64];

	if (!binding_text(ssl, false, binding))
		return false;
	if (strcmp(pop, "wrong") == 0)
		binding[0] = binding[0] == 'A' ? 'B' : 'A';
	if (!make_request(strcmp(pop, "none") == 0 ? NULL : binding, &der))
		return false;
	base64_lines(&der, 64, "\n", &body);
	buf_addf(ret,
		"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
		"Content-Type: application/pkcs10\r\n",
		path);
	if (user) {
		buf_adds(&login, user);
		base64_lines(&login, 0, "", &basic);
		buf_addf(ret, "Authorization: Basic %s\r\n", buf_text(&basic));
	}
	buf_addf(ret, "Content-Length: %zu\r\n\r\n%s", body.len, buf_text(&body));
	return !ret->full;
}

/* A session of an earlier connection. */
static SSL_SESSION *
earlier(SSL_CTX *ctx, int port)
{
	AUTO(buf) struct buf get = BUF(256), answer = BUF(BODY_MAX);
	SSL *ssl = shake_hands(ctx, port, NULL);

	if (!ssl)
		return NULL;
	buf_adds(&get, "GET /.well-known/est/cacerts HTTP/1.0\r\n\r\n");
	SSL_SESSION *session = ask(ssl, &get, &answer) ? SSL_get1_session(ssl) : NULL;
	hang_up(ssl);
	return session;
}

int
client(int argc, char **argv)
{
	AUTO(buf) struct buf request = BUF(2 * BODY_MAX), answer = BUF(BODY_MAX);
	AUTO(SSL_CTX) SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int64_t port;

	if (argc < 5 || !number_parse(argv[0], 1, 65535, &port) || !ctx ||
		SSL_CTX_load_verify_file(ctx, argv[1]) != 1)
		return 2;
	int version = strcmp(argv[3], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	bool again = strcmp(argv[4], "again") == 0;
	SSL_SESSION *session = again ? earlier(ctx, (int)port) : NULL;
	SSL *ssl = shake_hands(ctx, (int)port, session);
	SSL_SESSION_free(session);
	if (!ssl) {
		ERR_print_errors_fp(stderr);
		return 1;
	}
	bool ok = SSL_session_reused(ssl) == again &&
		  write_request(ssl, argv[2], argv[4], argc > 5 ? argv[5] : NULL, &request) &&
		  ask(ssl, &request, &answer);
	hang_up(ssl);
	const char *body = strstr(buf_text(&answer), "\r\n\r\n");
	if (!ok || !body || answer.len < 12)
		return 1;
	printf("%.3s\n%s", answer.text + 9, body + 4);
	return 0;
}
