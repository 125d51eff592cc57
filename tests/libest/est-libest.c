/*
 * est-libest - an EST server (RFC 7030) on libest, for tests: what another maker's server wants of
 * the agent. It issues from a CA in files, on a port of 127.0.0.1, until it is killed.
 *
 *	--port N		where it listens
 *	--ca FILE --ca-key FILE	what it issues with
 *	--cert FILE --key FILE	what it shows in TLS (TLS 1.2 at most: libest knows no other)
 *	--curve NAME		the one curve that it knows, also of clients' keys (prime256v1)
 *	--trust FILE		the CAs of clients' certificates; without it, --ca
 *	--cacerts FILE		the answer of /cacerts; without it, --ca
 *	--login FILE		who may enroll without a certificate: NAME:PASSWORD
 *	--auth WHO		either (a client certificate or the login; as without the option),
 *				certificate (no login is asked for) or login (always asked for)
 *	--digest		the login by Digest (RFC 7616), not by Basic
 *	--pop			challengePassword must be the tls-unique of the connection
 *	--wait SECONDS:N	the first N requests for a key get 202 and Retry-After (60 or more)
 *	--attributes BASE64	the answer of /csrattrs, which is 204 without it
 *	--enforce-attributes	a request must have them (libest does not count challengePassword)
 *	--valid SECONDS		how long from now certificates are valid (a day; 0 = ended)
 *	--server-only		certificates are for TLS servers, not for clients
 *	--same-names		a renewal has the subject and the subjectAltName of the client's
 *				certificate, or is refused
 *
 * A line on standard output tells of each request that came to the CA:
 *
 *	enroll login=estuser certificate=no key=1f0ba3c2 request=77d1e05a subject='CN = a.example':
 *	EST_ERR_NONE
 *
 * (key and request are the first digits of the SHA-256 of both).
 *
 * What libest does besides: one request for each connection, HTTP/1.0, no labels in the path, no
 * body above 8 KiB, 400 for base64 that is not broken into lines; a challengePassword is looked at
 * also without --pop.
 */
#include <arpa/inet.h>
#include <est/est.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keystay/base/buf.h"
#include "keystay/base/file.h"
#include "keystay/base/text.h"
#include "keystay/x509/base64.h"
#include "keystay/x509/ossl.h"

#define REALM "estrealm"
#define BODY_MAX (64 * 1024)
#define KEYS_MAX 1024

AUTO_DEFINE(PKCS7, PKCS7_free)
AUTO_DEFINE(X509_EXTENSION, X509_EXTENSION_free)

enum word {
	OPTION_PORT = 1,
	OPTION_CA,
	OPTION_CA_KEY,
	OPTION_CERT,
	OPTION_KEY,
	OPTION_CURVE,
	OPTION_TRUST,
	OPTION_CACERTS,
	OPTION_LOGIN,
	OPTION_AUTH,
	OPTION_DIGEST,
	OPTION_POP,
	OPTION_WAIT,
	OPTION_ATTRIBUTES,
	OPTION_ENFORCE,
	OPTION_VALID,
	OPTION_SERVER,
	OPTION_SAME,
	OPTIONS
};
static const struct option_row {
	const char *name;
	int has_value;
} rows[OPTIONS] = {
	[OPTION_PORT] = {"port", 1},
	[OPTION_CA] = {"ca", 1},
	[OPTION_CA_KEY] = {"ca-key", 1},
	[OPTION_CERT] = {"cert", 1},
	[OPTION_KEY] = {"key", 1},
	[OPTION_CURVE] = {"curve", 1},
	[OPTION_TRUST] = {"trust", 1},
	[OPTION_CACERTS] = {"cacerts", 1},
	[OPTION_LOGIN] = {"login", 1},
	[OPTION_AUTH] = {"auth", 1},
	[OPTION_DIGEST] = {"digest", 0},
	[OPTION_POP] = {"pop", 0},
	[OPTION_WAIT] = {"wait", 1},
	[OPTION_ATTRIBUTES] = {"attributes", 1},
	[OPTION_ENFORCE] = {"enforce-attributes", 0},
	[OPTION_VALID] = {"valid", 1},
	[OPTION_SERVER] = {"server-only", 0},
	[OPTION_SAME] = {"same-names", 0},
};
static const char *given[OPTIONS]; /* "" for an option without a value */

static X509 *ca;
static EVP_PKEY *ca_key;
static char *login_name, *login_password;
static int64_t valid_seconds = 86400, wait_seconds, wait_tries;

/* How often a request for a key was answered with 202. */
static struct waiting {
	unsigned char hash[32];
	int64_t tries;
} waiting[KEYS_MAX];
static size_t waiting_count;
static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER;

_Noreturn static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "est-libest: %s: %s\n", what, why);
	exit(2);
}

static void
must(EST_ERROR rc, const char *what)
{
	if (rc != EST_ERR_NONE)
		fail(what, EST_ERR_NUM_TO_STR(rc));
}

/* NULL for anything but a request that its own key signed. */
static X509_REQ *
request_read(const unsigned char *body, int len)
{
	AUTO(buf) struct buf der = BUF(BODY_MAX);
	AUTO(X509_REQ) X509_REQ *request = NULL;

	if (len <= 0 || !base64_read((const char *)body, (size_t)len, &der))
		return NULL;
	const unsigned char *at = (const unsigned char *)der.text;
	request = d2i_X509_REQ(NULL, &at, (long)der.len);
	if (!request || X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1)
		return NULL;
	return take(&request);
}

/* A copy of the request's subjectAltName; NULL = it has none. */
static X509_EXTENSION *
request_names(X509_REQ *request)
{
	STACK_OF(X509_EXTENSION) *all = X509_REQ_get_extensions(request);
	int at = X509v3_get_ext_by_NID(all, NID_subject_alt_name, -1);
	X509_EXTENSION *names = at < 0 ? NULL : X509_EXTENSION_dup(X509v3_get_ext(all, at));

	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	return names;
}

static bool
same_names(X509_REQ *request, const X509 *peer)
{
	AUTO(X509_EXTENSION) X509_EXTENSION *asked = request_names(request);
	int at = X509_get_ext_by_NID(peer, NID_subject_alt_name, -1);

	if (X509_NAME_cmp(X509_REQ_get_subject_name(request), X509_get_subject_name(peer)) != 0)
		return false;
	if (!asked || at < 0)
		return !asked && at < 0;
	return ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(asked),
		       X509_EXTENSION_get_data(X509_get_ext(peer, at))) == 0;
}

static bool
hash_key(X509_REQ *request, unsigned char hash[32])
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(X509_REQ_get0_pubkey(request), &der);
	bool ok = len > 0 && EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return ok;
}

static bool
must_wait(X509_REQ *request)
{
	unsigned char hash[32];
	bool wait = false;
	size_t i = 0;

	if (hash_key(request, hash)) {
		pthread_mutex_lock(&waiting_lock);
		while (i < waiting_count && memcmp(waiting[i].hash, hash, sizeof hash) != 0)
			i++;
		if (i == waiting_count && i < KEYS_MAX)
			memcpy(waiting[waiting_count++].hash, hash, sizeof hash);
		wait = i < KEYS_MAX && waiting[i].tries++ < wait_tries;
		pthread_mutex_unlock(&waiting_lock);
	}
	return wait;
}

static bool
set_serial(X509 *cert)
{
	unsigned char bytes[16];

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x3f) | 0x40;
	BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	return ok;
}

static bool
add_extensions(X509 *cert, X509_REQ *request)
{
	const struct {
		int nid;
		const char *value;
	} own[] = {
		{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, "critical,digitalSignature"},
		{NID_ext_key_usage, given[OPTION_SERVER] ? "serverAuth" : "clientAuth,serverAuth"},
		{NID_subject_key_identifier, "hash"},
		{NID_authority_key_identifier, "keyid"},
	};
	AUTO(X509_EXTENSION) X509_EXTENSION *names = request_names(request);
	X509V3_CTX context;

	X509V3_set_ctx(&context, ca, cert, request, NULL, 0);
	for (size_t i = 0; i < COUNT(own); i++) {
		AUTO(X509_EXTENSION)
		X509_EXTENSION *made =
			X509V3_EXT_conf_nid(NULL, &context, own[i].nid, own[i].value);
		if (!made || !X509_add_ext(cert, made, -1))
			return false;
	}
	return !names || X509_add_ext(cert, names, -1);
}

/* NULL when libcrypto does not want to. */
static X509 *
issue(X509_REQ *request)
{
	AUTO(X509) X509 *cert = X509_new();

	if (!cert || !X509_set_version(cert, X509_VERSION_3) || !set_serial(cert) ||
		!X509_set_issuer_name(cert, X509_get_subject_name(ca)) ||
		!X509_set_subject_name(cert, X509_REQ_get_subject_name(request)) ||
		!X509_gmtime_adj(X509_getm_notBefore(cert), -60) ||
		!X509_gmtime_adj(X509_getm_notAfter(cert), (long)valid_seconds) ||
		!X509_set_pubkey(cert, X509_REQ_get0_pubkey(request)) ||
		!add_extensions(cert, request) || !X509_sign(cert, ca_key, EVP_sha256()))
		return NULL;
	return take(&cert);
}

/* The certs-only message that holds this one, in base64. */
static bool
certs_only(X509 *cert, struct buf *ret)
{
	AUTO(PKCS7) PKCS7 *message = PKCS7_new();
	unsigned char *der = NULL;

	if (!message || !PKCS7_set_type(message, NID_pkcs7_signed) ||
		!PKCS7_content_new(message, NID_pkcs7_data) || !PKCS7_set_detached(message, 1) ||
		!PKCS7_add_certificate(message, cert))
		return false;
	int len = i2d_PKCS7(message, &der);
	bool ok = len > 0 && base64_write(der, (size_t)len, ret);
	OPENSSL_free(der);
	return ok;
}

static EST_ERROR
decide(bool again, X509_REQ *request, const X509 *peer, struct buf *ret)
{
	if (again && given[OPTION_SAME] && peer && !same_names(request, peer))
		return EST_ERR_CA_ENROLL_FAIL;
	if (wait_tries > 0 && must_wait(request))
		return EST_ERR_CA_ENROLL_RETRY;
	AUTO(X509) X509 *cert = issue(request);
	return cert && certs_only(cert, ret) ? EST_ERR_NONE : EST_ERR_CA_ENROLL_FAIL;
}

/* Which key and which request it is, for the log. */
static void
name_request(X509_REQ *request, char key[9], char whole[9])
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	snprintf(key, 9, "-");
	snprintf(whole, 9, "-");
	if (!request)
		return;
	if (hash_key(request, hash))
		hex_encode(hash, 4, key);
	if (X509_REQ_digest(request, EVP_sha256(), hash, NULL) == 1)
		hex_encode(hash, 4, whole);
}

static int
answer(bool again, const unsigned char *body, int len, unsigned char **ret, int *ret_len,
	const char *login, const X509 *peer)
{
	AUTO(X509_REQ) X509_REQ *request = request_read(body, len);
	AUTO(buf) struct buf text = BUF(BODY_MAX);
	AUTO(BIO) BIO *subject = BIO_new(BIO_s_mem());
	EST_ERROR rc = EST_ERR_BAD_PKCS10;
	char *name = NULL, key[9], whole[9];
	long name_len = 0;

	name_request(request, key, whole);
	if (request) {
		rc = decide(again, request, peer, &text);
		X509_NAME_print_ex(subject, X509_REQ_get_subject_name(request), 0, XN_FLAG_ONELINE);
		name_len = BIO_get_mem_data(subject, &name);
	}
	printf("%s login=%s certificate=%s key=%s request=%s subject='%.*s': %s\n",
		again ? "reenroll" : "enroll", login && *login ? login : "-", peer ? "yes" : "no",
		key, whole, (int)name_len, name_len > 0 ? name : "", EST_ERR_NUM_TO_STR(rc));
	if (rc == EST_ERR_NONE) {
		*ret_len = (int)text.len;
		*ret = (unsigned char *)buf_take(&text); /* libest frees it */
	}
	return (int)rc;
}

static int
enroll(unsigned char *body, int len, unsigned char **ret, int *ret_len, char *login, X509 *peer,
	char *label, void *data)
{
	(void)label;
	(void)data;
	return answer(false, body, len, ret, ret_len, login, peer);
}

static int
reenroll(unsigned char *body, int len, unsigned char **ret, int *ret_len, char *login, X509 *peer,
	char *label, void *data)
{
	(void)label;
	(void)data;
	return answer(true, body, len, ret, ret_len, login, peer);
}

static bool
digest_right(EST_HTTP_AUTH_HDR *said)
{
	AUTO(buf) struct buf secret = BUF(1024);
	unsigned char hash[16];
	char hex[2 * sizeof hash + 1];

	buf_addf(&secret, "%s:%s:%s", login_name, REALM, login_password);
	if (EVP_Digest(buf_text(&secret), secret.len, hash, NULL, EVP_md5(), NULL) != 1)
		return false;
	AUTO(char)
	char *wanted = est_server_generate_auth_digest(said, hex_encode(hash, sizeof hash, hex));
	return wanted && said->response && text_same(wanted, said->response);
}

static int
login_right(EST_CTX *context, EST_HTTP_AUTH_HDR *said, X509 *peer, char *label, void *data)
{
	(void)context;
	(void)peer;
	(void)label;
	(void)data;
	if (!login_name || !said->user || !text_same(said->user, login_name))
		return 0;
	if (said->mode == AUTH_DIGEST)
		return digest_right(said);
	return said->mode == AUTH_BASIC && said->pwd && text_same(said->pwd, login_password);
}

static void
log_line(char *format, va_list values)
{
	vfprintf(stderr, format, values);
}

static void
parse(int argc, char **argv)
{
	struct option options[OPTIONS] = {0};
	int found;

	for (int i = 1; i < OPTIONS; i++)
		options[i - 1] = (struct option){rows[i].name, rows[i].has_value, NULL, i};
	while ((found = getopt_long(argc, argv, "", options, NULL)) > 0) {
		if (found >= OPTIONS)
			exit(2);
		given[found] = optarg ? optarg : "";
	}
	if (optind < argc)
		fail(argv[optind], "is no option");
	for (int i = OPTION_PORT; i <= OPTION_KEY; i++)
		if (!given[i])
			fail(rows[i].name, "is not given");
}

static void
read_all(const char *path, struct buf *ret)
{
	struct err e;

	if (file_read(path, ret, &e) < 0)
		fail(path, e.text);
}

static X509 *
read_cert(const char *path)
{
	AUTO(buf) struct buf pem = BUF(BODY_MAX);

	read_all(path, &pem);
	AUTO(BIO) BIO *bio = BIO_new_mem_buf(pem.text, (int)pem.len);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (!cert)
		fail(path, "is no certificate");
	return cert;
}

static EVP_PKEY *
read_key(const char *path)
{
	AUTO(buf) struct buf pem = BUF(BODY_MAX);

	read_all(path, &pem);
	AUTO(BIO) BIO *bio = BIO_new_mem_buf(pem.text, (int)pem.len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	if (!key)
		fail(path, "is no key");
	return key;
}

static void
read_login(void)
{
	struct buf text = BUF(512);

	read_all(given[OPTION_LOGIN], &text);
	login_name = buf_take(&text);
	login_name[strcspn(login_name, "\n")] = '\0';
	login_password = strchr(login_name, ':');
	if (!login_password)
		fail(given[OPTION_LOGIN], "is not NAME:PASSWORD");
	*login_password++ = '\0';
}

static void
read_wait(void)
{
	char seconds[16];
	const char *colon = strchr(given[OPTION_WAIT], ':');

	snprintf(seconds, sizeof seconds, "%.*s", colon ? (int)(colon - given[OPTION_WAIT]) : 0,
		given[OPTION_WAIT]);
	if (!colon || !number_parse(seconds, 60, 172800, &wait_seconds) ||
		!number_parse(colon + 1, 1, 1000000, &wait_tries))
		fail("wait", "is not SECONDS:N");
}

static void
set_auth(EST_CTX *context)
{
	const char *who = given[OPTION_AUTH] ? given[OPTION_AUTH] : "either";

	if (!text_same(who, "either") && !text_same(who, "certificate") && !text_same(who, "login"))
		fail(who, "is none of: either, certificate, login");
	if (!text_same(who, "certificate")) {
		must(est_set_http_auth_cb(context, login_right), "login");
		must(est_server_set_auth_mode(
			     context, given[OPTION_DIGEST] ? AUTH_DIGEST : AUTH_BASIC),
			"auth");
	}
	must(est_set_http_auth_required(context,
		     text_same(who, "login") ? HTTP_AUTH_REQUIRED : HTTP_AUTH_NOT_REQUIRED),
		"auth");
}

static EST_CTX *
set_up(void)
{
	AUTO(buf) struct buf trust = BUF(BODY_MAX), cacerts = BUF(BODY_MAX);

	read_all(given[OPTION_TRUST] ? given[OPTION_TRUST] : given[OPTION_CA], &trust);
	read_all(given[OPTION_CACERTS] ? given[OPTION_CACERTS] : given[OPTION_CA], &cacerts);
	ca = read_cert(given[OPTION_CA]);
	ca_key = read_key(given[OPTION_CA_KEY]);
	EST_CTX *context = est_server_init((unsigned char *)trust.text, (int)trust.len,
		(unsigned char *)cacerts.text, (int)cacerts.len, EST_CERT_FORMAT_PEM, (char *)REALM,
		read_cert(given[OPTION_CERT]), read_key(given[OPTION_KEY]));
	if (!context)
		fail("libest", "does not take these certificates");
	must(est_set_ca_enroll_cb(context, enroll), "enroll");
	must(est_set_ca_reenroll_cb(context, reenroll), "reenroll");
	set_auth(context);
	/* By itself libest asks everybody for it. */
	must(given[OPTION_POP] ? est_server_enable_pop(context) : est_server_disable_pop(context),
		"pop");
	if (given[OPTION_CURVE])
		must(est_server_set_ecdhe_curve(context, OBJ_txt2nid(given[OPTION_CURVE])),
			"curve");
	if (wait_seconds > 0)
		must(est_server_set_retry_period(context, (int)wait_seconds), "wait");
	if (given[OPTION_ATTRIBUTES])
		must(est_server_init_csrattrs(context, (char *)given[OPTION_ATTRIBUTES],
			     (int)strlen(given[OPTION_ATTRIBUTES])),
			"attributes");
	if (given[OPTION_ENFORCE])
		must(est_server_enforce_csrattr(context), "enforce-attributes");
	must(est_server_start(context), "libest");
	return context;
}

struct connection {
	EST_CTX *context;
	int fd;
};

static void *
serve(void *data)
{
	struct connection *c = data;

	(void)est_server_handle_request(c->context, c->fd);
	close(c->fd);
	free(c);
	return NULL;
}

static int
listen_on(int64_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
		bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0) {
		perror("est-libest: listen");
		exit(1);
	}
	return fd;
}

int
main(int argc, char **argv)
{
	int64_t port;

	parse(argc, argv);
	if (!number_parse(given[OPTION_PORT], 1, 65535, &port))
		fail("port", "is no port");
	if (given[OPTION_VALID] && !number_parse(given[OPTION_VALID], 0, INT32_MAX, &valid_seconds))
		fail("valid", "is no number of seconds");
	if (given[OPTION_LOGIN])
		read_login();
	if (given[OPTION_WAIT])
		read_wait();
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	est_init_logger(EST_LOG_LVL_ERR, log_line);
	EST_CTX *context = set_up();
	int server = listen_on(port);
	for (;;) {
		struct connection *c = calloc(1, sizeof *c);
		pthread_t thread;
		if (!c)
			return 1;
		c->context = context;
		c->fd = accept(server, NULL, NULL);
		if (c->fd < 0) {
			free(c);
			continue;
		}
		if (pthread_create(&thread, NULL, serve, c) == 0) {
			pthread_detach(thread);
			continue;
		}
		close(c->fd);
		free(c);
	}
}
