/*
 * What EST asks of a connection (net/http.h): who we are, why a server refuses that, a password, a
 * body that is made for its channel. A TLS server of this test answers with what it saw.
 */
#include "support/certificate.h"
#include "support/unit.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <unistd.h>

#include "keystay/net/http.h"
#include "keystay/x509/ossl.h"

static EVP_PKEY *ca_key, *server_key, *our_key, *other_key;
static X509 *ca, *server, *misnamed, *ours, *expired, *foreign, *other_ca;
static const char *trust;
static pthread_t server_thread;
static int listener;
static char url[64];

/* What the server is this time. */
struct behaviour {
	int version; /* TLS1_2_VERSION, TLS1_3_VERSION: this one alone */
	int verify;  /* SSL_VERIFY_... of the client */
	bool is_misnamed;
	const char *text; /* its answer to whatever is asked; NULL = what it saw */
};

/* --- the server */

static void
say_binding(SSL *ssl, char text[64])
{
	unsigned char data[64];
	size_t len = 32;

	if (SSL_version(ssl) >= TLS1_3_VERSION)
		SSL_export_keying_material(
			ssl, data, len, "EXPORTER-Channel-Binding", 24, NULL, 0, 0);
	else
		len = SSL_session_reused(ssl) ? SSL_get_finished(ssl, data, sizeof data)
					      : SSL_get_peer_finished(ssl, data, sizeof data);
	EVP_EncodeBlock((unsigned char *)text, data, (int)len);
}

/* One request after the other; answers what it saw, or what it is to say. */
static void
answer(SSL *ssl, const char *instead)
{
	char in[8192] = "", out[9000], binding[64], *end;
	size_t have = 0, wanted = 0;
	X509 *peer = SSL_get0_peer_certificate(ssl);
	char subject[80] = "-";

	if (peer)
		X509_NAME_get_text_by_NID(
			X509_get_subject_name(peer), NID_commonName, subject, sizeof subject);
	for (;;) {
		int n = SSL_read(ssl, in + have, (int)(sizeof in - 1 - have));
		if (n <= 0)
			return;
		have += (size_t)n;
		in[have] = '\0';
		if (!(end = strstr(in, "\r\n\r\n")))
			continue;
		const char *length = strcasestr(in, "content-length:");
		wanted = (size_t)(end + 4 - in) + (length ? strtoul(length + 15, NULL, 10) : 0);
		if (have >= wanted)
			break;
	}
	if (instead) {
		SSL_write(ssl, instead, (int)strlen(instead));
		SSL_shutdown(ssl);
		return;
	}
	const char *auth = strstr(in, "Authorization: ");
	int auth_len = auth ? (int)(strchr(auth, '\r') - auth) : 0;
	say_binding(ssl, binding);
	char text[8800];
	int n = snprintf(text, sizeof text, "%.*s|%s|%s|%s", auth_len, auth ? auth : "", subject,
		binding, end + 4);
	n = snprintf(out, sizeof out,
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", n,
		text);
	SSL_write(ssl, out, n);
	SSL_shutdown(ssl);
}

static void *
serve(void *behaviour)
{
	const struct behaviour *b = behaviour;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int fd;

	SSL_CTX_set_min_proto_version(ctx, b->version);
	SSL_CTX_set_max_proto_version(ctx, b->version);
	SSL_CTX_use_certificate(ctx, b->is_misnamed ? misnamed : server);
	SSL_CTX_use_PrivateKey(ctx, server_key);
	SSL_CTX_set_verify(ctx, b->verify, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca);
	SSL_CTX_add_client_CA(ctx, ca);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		SSL *ssl = SSL_new(ctx);
		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1)
			answer(ssl, b->text);
		SSL_free(ssl);
		shutdown(fd, SHUT_WR);
		/* What the client still sends is read, or its alert would be lost by a reset. */
		char rest[1000];
		while (read(fd, rest, sizeof rest) > 0)
			;
		close(fd);
	}
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return NULL;
}

static void
start_as(struct behaviour as)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	static struct behaviour b;
	socklen_t len = sizeof at;

	b = as;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	snprintf(url, sizeof url, "https://127.0.0.1:%d/op", ntohs(at.sin_port));
	assert_int_equal(pthread_create(&server_thread, NULL, serve, &b), 0);
}

static void
start(int version, int verify)
{
	start_as((struct behaviour){.version = version, .verify = verify});
}

/* After the client's connections are closed. */
static void
stop(void)
{
	shutdown(listener, SHUT_RDWR);
	pthread_join(server_thread, NULL);
	close(listener);
}

/* --- the client */

static int
identify(struct http *h, X509 *certificate, EVP_PKEY *key)
{
	const struct http_identity id = {.certificate = certificate, .key = key};

	return http_identify(h, &id, UNIT_ERR);
}

static struct http *
connection(void)
{
	struct http *h;

	assert_ok(http_open("authority 'est'", trust, &h, UNIT_ERR));
	return h;
}

static void
answers(struct http *h, struct http_request r, const char *wanted)
{
	AUTO(http_answer) struct http_answer a = {0};

	r.url = url;
	r.ceiling = 10000;
	assert_ok(http_send(h, &r, &a, UNIT_ERR));
	assert_int_equal(a.status, 200);
	if (!strstr(buf_text(&a.body), wanted))
		fail_msg("no '%s' in '%s'", wanted, buf_text(&a.body));
}

static void
is_refused(struct http *h, enum err_kind kind, const char *why, const char *hint)
{
	const struct http_request r = {.method = HTTP_GET, .url = url, .ceiling = 10000};
	struct http_answer a = {0};
	struct err e;

	assert_int_equal(http_send(h, &r, &a, &e), -1);
	assert_int_equal(e.kind, kind);
	if (!strstr(e.text, why) || !strstr(e.hint, hint))
		fail_msg("no '%s' and '%s' in '%s' and '%s'", why, hint, e.text, e.hint);
}

/* Neither in its text nor in its hint. */
static void
is_refused_without(struct http *h, const char *words)
{
	const struct http_request r = {.method = HTTP_GET, .url = url, .ceiling = 10000};
	struct http_answer a = {0};
	struct err e;

	assert_int_equal(http_send(h, &r, &a, &e), -1);
	assert_null(strstr(e.text, words));
	assert_null(strstr(e.hint, words));
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void
our_certificate_is_shown_where_it_is_asked_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		start(versions[i], SSL_VERIFY_PEER);
		struct http *h = connection();
		answers(h, (struct http_request){.method = HTTP_GET}, "|-|");
		assert_ok(identify(h, ours, our_key));
		answers(h, (struct http_request){.method = HTTP_GET}, "|us|");
		/* From now on somebody else: on another connection. */
		assert_ok(http_identify(h, NULL, UNIT_ERR));
		answers(h, (struct http_request){.method = HTTP_GET}, "|-|");
		assert_refused(identify(h, ours, other_key), ERR_FAILED,
			"the client certificate is not for the key");
		http_close(h);
		stop();
	}
}

static void
a_server_that_refuses_us_is_not_blamed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		start(versions[i], SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
		struct http *h = connection();
		is_refused(h, ERR_AUTHORITY, "wants a client certificate, and there is none",
			"'identity:'");
		assert_ok(identify(h, expired, our_key));
		is_refused(h, ERR_AUTHORITY,
			"refused our client certificate '/CN=expired': alert 'certificate expired'",
			"");
		assert_ok(identify(h, foreign, our_key));
		is_refused(h, ERR_AUTHORITY, "'/CN=foreign': alert 'unknown CA'",
			"it takes certificates of '/CN=test CA' and ours is of another issuer");
		http_close(h);
		stop();
	}
}

static void
a_server_that_is_not_trusted_is(void **state)
{
	struct http *h;

	(void)state;
	AUTO(char) char *pem = certificate_pem((X509 *const[]){other_ca, NULL});
	assert_ok(http_open("authority 'est'", unit_file("other-ca.pem", pem), &h, UNIT_ERR));
	start(TLS1_3_VERSION, SSL_VERIFY_PEER);
	assert_ok(identify(h, ours, our_key));
	is_refused(h, ERR_NETWORK, "no answer from", "name its CA in 'trust:'");
	http_close(h);
	stop();
}

static void
a_server_of_another_name_is_not_a_matter_of_trust(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct http *h = connection();
		start_as((struct behaviour){
			.version = versions[i], .verify = SSL_VERIFY_NONE, .is_misnamed = true});
		is_refused(h, ERR_NETWORK, "no answer from",
			"is for another name: is the 'url:' right?");
		is_refused_without(h, "'trust:'");
		/* Where nothing is known of the server, no name is, either. */
		struct http *any;
		assert_ok(http_open("authority 'est'", NULL, &any, UNIT_ERR));
		answers(any, (struct http_request){.method = HTTP_GET}, "|-|");
		http_close(any);
		http_close(h);
		stop();
	}
}

static void
anchors_in_memory_are_all_that_is_trusted(void **state)
{
	AUTO(char) char *right = certificate_pem((X509 *const[]){ca, NULL});
	AUTO(char) char *wrong = certificate_pem((X509 *const[]){other_ca, NULL});
	AUTO(char) char *both = certificate_pem((X509 *const[]){other_ca, ca, NULL});
	const char *const opened_with[] = {NULL, trust, "system"};

	(void)state;
	for (size_t i = 0; i < COUNT(opened_with); i++) {
		struct http *h;
		start(TLS1_3_VERSION, SSL_VERIFY_PEER);
		assert_ok(http_open("authority 'est'", opened_with[i], &h, UNIT_ERR));
		assert_ok(http_trust(h, wrong, UNIT_ERR));
		is_refused(h, ERR_NETWORK, "no answer from", "name its CA in 'trust:'");
		assert_ok(http_trust(h, both, UNIT_ERR));
		answers(h, (struct http_request){.method = HTTP_GET}, "|-|");
		/* It is somebody now, so that what is ours may go there. */
		assert_ok(http_trust(h, right, UNIT_ERR));
		assert_ok(identify(h, ours, our_key));
		answers(h, (struct http_request){.method = HTTP_GET}, "|us|");
		/* And none of it by a connection that was kept. */
		assert_ok(http_trust(h, wrong, UNIT_ERR));
		is_refused(h, ERR_NETWORK, "no answer from", "name its CA in 'trust:'");
		http_close(h);
		stop();
	}
}

static void
text_that_holds_no_anchor_trusts_nobody(void **state)
{
	static const char *const texts[] = {"", "\n", "no PEM\n",
		"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct http *h = connection();
		start(TLS1_3_VERSION, SSL_VERIFY_NONE);
		assert_ok(http_trust(h, texts[i], UNIT_ERR));
		is_refused(h, ERR_NETWORK, "no answer from", "");
		http_close(h);
		stop();
	}
}

static void
what_is_no_http_is_no_answer(void **state)
{
	static const char *const texts[] = {"SSH-2.0-OpenSSH_9.6\r\n", "220 smtp ready\r\n",
		"<html></html>\n", "HTTP/9.9 200 OK\r\n\r\n", ""};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct http *h = connection();
		start_as((struct behaviour){.version = TLS1_3_VERSION, .text = texts[i]});
		/* The URL is right: it is not said that it were none of https. */
		is_refused(h, ERR_NETWORK, "no answer from", "");
		assert_false(http_refused_us(h));
		http_close(h);
		stop();
	}
}

/* An answer whose head is that long; the caller frees. */
static char *
long_head(size_t len)
{
	static const char end[] = "Content-Length: 2\r\n\r\n";
	struct buf b = BUF(len + 10);

	buf_adds(&b, "HTTP/1.1 200 OK\r\n");
	while (b.len + sizeof end - 1 < len) {
		size_t left = len - (sizeof end - 1) - b.len;
		/* At the end, one field of what is left; none is shorter than 10 bytes. */
		int n = (int)(left < 1100 ? left : 1000) - 5;
		buf_addf(&b, "X: %0*d\r\n", n, 0);
	}
	buf_adds(&b, end);
	assert_int_equal(b.len, len);
	buf_adds(&b, "ok");
	return buf_take(&b);
}

static void
a_head_has_a_ceiling(void **state)
{
	AUTO(char) char *fits = long_head(64 * 1024), *too_long = long_head(64 * 1024 + 1);
	AUTO(char) char *far_too_long = long_head(200 * 1024);
	const char *const refused[] = {too_long, far_too_long};

	(void)state;
	start_as((struct behaviour){.version = TLS1_3_VERSION, .text = fits});
	struct http *h = connection();
	answers(h, (struct http_request){.method = HTTP_GET}, "ok");
	http_close(h);
	stop();
	for (size_t i = 0; i < COUNT(refused); i++) {
		start_as((struct behaviour){.version = TLS1_3_VERSION, .text = refused[i]});
		h = connection();
		is_refused(h, ERR_AUTHORITY, "is larger than 65536 bytes", "");
		is_refused(h, ERR_AUTHORITY, "the head of the answer of 'https://127.0.0.1:", "");
		http_close(h);
		stop();
	}
}

static void
whether_a_server_asks_for_a_certificate_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct http *h = connection();
		start(versions[i], SSL_VERIFY_NONE);
		assert_false(http_asked_for_certificate(h));
		answers(h, (struct http_request){.method = HTTP_GET}, "|-|");
		assert_false(http_asked_for_certificate(h));
		assert_ok(identify(h, ours, our_key));
		answers(h, (struct http_request){.method = HTTP_GET}, "|-|");
		assert_false(http_asked_for_certificate(h));
		http_close(h);
		stop();
		h = connection();
		start(versions[i], SSL_VERIFY_PEER);
		answers(h, (struct http_request){.method = HTTP_GET}, "|-|");
		assert_true(http_asked_for_certificate(h));
		/* Counted from here anew. */
		assert_ok(identify(h, ours, our_key));
		assert_false(http_asked_for_certificate(h));
		answers(h, (struct http_request){.method = HTTP_GET}, "|us|");
		assert_true(http_asked_for_certificate(h));
		assert_ok(http_identify(h, NULL, UNIT_ERR));
		assert_false(http_asked_for_certificate(h));
		http_close(h);
		stop();
		/* One that refuses for the want of it asked, too. */
		h = connection();
		start(versions[i], SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
		is_refused(h, ERR_AUTHORITY, "wants a client certificate", "'identity:'");
		assert_true(http_asked_for_certificate(h));
		assert_true(http_refused_us(h));
		assert_ok(identify(h, ours, our_key));
		answers(h, (struct http_request){.method = HTTP_GET}, "|us|");
		assert_false(http_refused_us(h));
		http_close(h);
		stop();
	}
}

static void
a_password_goes_to_a_server_that_is_trusted(void **state)
{
	AUTO(secret) struct secret *password = secret_new();
	const struct http_login login = {"estuser", password, false};
	struct http *h = connection();

	(void)state;
	assert_ok(secret_add(password, "est:pwd", 7, UNIT_ERR));
	start(TLS1_3_VERSION, SSL_VERIFY_NONE);
	answers(h, (struct http_request){.method = HTTP_GET, .login = &login},
		"Authorization: Basic ZXN0dXNlcjplc3Q6cHdk|");
	/* It stays with the request that it was for. */
	answers(h, (struct http_request){.method = HTTP_GET}, "|-|");
	http_close(h);
	stop();
}

static int
put_binding(void *ctx, const struct http_channel *c, char *body, size_t room, struct err *e)
{
	int *calls = ctx;

	(void)e;
	++*calls;
	assert_true(strlen(c->binding) < room);
	memcpy(body, c->binding, strlen(c->binding));
	return 0;
}

static int
put_nothing(void *ctx, const struct http_channel *c, char *body, size_t room, struct err *e)
{
	(void)ctx;
	(void)c;
	(void)body;
	(void)room;
	return err_set(e, ERR_TOKEN, "the token is away");
}

static void
a_body_is_made_for_its_channel(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct http *h = connection();
		int calls = 0;
		const struct http_request r = {.method = HTTP_POST,
			.url = url,
			.content_type = "application/pkcs10",
			.header = "Content-Transfer-Encoding: base64",
			.body_len = 80,
			.ceiling = 10000,
			.complete = put_binding,
			.ctx = &calls};
		start(versions[i], SSL_VERIFY_PEER);
		assert_ok(identify(h, ours, our_key));
		/* Twice: no session is resumed, which would have another name. */
		for (int k = 0; k < 2; k++) {
			AUTO(http_answer) struct http_answer a = {0};
			assert_ok(http_send(h, &r, &a, UNIT_ERR));
			/* AUTH|SUBJECT|BINDING|BODY, and the body is the binding and line feeds. */
			const char *binding = strstr(buf_text(&a.body), "|us|");
			assert_non_null(binding);
			const char *body = strchr(binding + 4, '|');
			assert_non_null(body);
			size_t len = (size_t)(body - binding) - 4;
			assert_int_equal(len, versions[i] == TLS1_3_VERSION ? 44 : 16);
			assert_memory_equal(binding + 4, body + 1, len);
			assert_int_equal(strspn(body + 1 + len, "\n"), 80 - len);
		}
		assert_int_equal(calls, 2);
		struct http_request fails = r;
		struct http_answer a = {0};
		fails.complete = put_nothing;
		assert_refused(http_send(h, &fails, &a, UNIT_ERR), ERR_TOKEN, "the token is away");
		http_close(h);
		stop();
	}
}

static void
a_server_that_nothing_is_known_of_may_be_asked(void **state)
{
	struct http *h;

	(void)state;
	assert_ok(http_open("authority 'est'", NULL, &h, UNIT_ERR));
	start(TLS1_3_VERSION, SSL_VERIFY_PEER);
	answers(h, (struct http_request){.method = HTTP_GET}, "|-|");
	http_close(h);
	stop();
}

static int
make_all(void **state)
{
	when_t now = (when_t)time(NULL);
	struct spec s = {.subject = "test CA",
		.constraints = "critical,CA:TRUE",
		.from = now - DAY,
		.until = now + DAY};

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	ca_key = EVP_EC_gen("P-256");
	server_key = EVP_EC_gen("P-256");
	our_key = EVP_EC_gen("P-256");
	other_key = EVP_EC_gen("P-256");
	s.key = ca_key;
	ca = certificate_make(&s);
	s.subject = "other CA";
	s.key = other_key;
	other_ca = certificate_make(&s);
	s = (struct spec){.subject = "server",
		.key = server_key,
		.issuer = ca,
		.issuer_key = ca_key,
		.names = "IP:127.0.0.1",
		.from = now - DAY,
		.until = now + DAY};
	server = certificate_make(&s);
	s.names = "IP:127.0.0.2,DNS:est.example,DNS:127.0.0.1";
	misnamed = certificate_make(&s);
	s.names = "IP:127.0.0.1";
	s.subject = "us";
	s.key = our_key;
	ours = certificate_make(&s);
	s.subject = "expired";
	s.until = now - HOUR;
	expired = certificate_make(&s);
	s.subject = "foreign";
	s.until = now + DAY;
	s.issuer = other_ca;
	s.issuer_key = other_key;
	foreign = certificate_make(&s);
	AUTO(char) char *pem = certificate_pem((X509 *const[]){ca, NULL});
	trust = unit_file("ca.pem", pem);
	return 0;
}

static int
free_all(void **state)
{
	X509 *const certificates[] = {ca, server, misnamed, ours, expired, foreign, other_ca};
	EVP_PKEY *const keys[] = {ca_key, server_key, our_key, other_key};

	(void)state;
	for (size_t i = 0; i < COUNT(certificates); i++)
		X509_free(certificates[i]);
	for (size_t i = 0; i < COUNT(keys); i++)
		EVP_PKEY_free(keys[i]);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_certificate_is_shown_where_it_is_asked_for),
		cmocka_unit_test(a_server_that_refuses_us_is_not_blamed),
		cmocka_unit_test(a_server_that_is_not_trusted_is),
		cmocka_unit_test(a_server_of_another_name_is_not_a_matter_of_trust),
		cmocka_unit_test(anchors_in_memory_are_all_that_is_trusted),
		cmocka_unit_test(text_that_holds_no_anchor_trusts_nobody),
		cmocka_unit_test(what_is_no_http_is_no_answer),
		cmocka_unit_test(a_head_has_a_ceiling),
		cmocka_unit_test(whether_a_server_asks_for_a_certificate_is_told),
		cmocka_unit_test(a_password_goes_to_a_server_that_is_trusted),
		cmocka_unit_test(a_body_is_made_for_its_channel),
		cmocka_unit_test(a_server_that_nothing_is_known_of_may_be_asked),
	};
	return cmocka_run_group_tests_name("http", tests, make_all, free_all);
}
