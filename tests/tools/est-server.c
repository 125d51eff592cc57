/*
 * est-server PORT SERVER-CERT SERVER-KEY CA-CERT CA-KEY RULES [option...] - a fair EST server (RFC
 * 7030, RFC 8951) on 127.0.0.1, which on demand does what a real one would never do. Certificates
 * are issued by CA-CERT, to a client certificate or a right password, with the subject, SAN, key
 * usage and extended key usage that were asked for.
 *
 *	--clients FILE        client certificates are asked for, of the CAs in this PEM file
 *	--require-client      and without one there is no connection
 *	--users FILE          lines "user:password", read at every request
 *	--digest              Digest (SHA-256 and MD5) instead of Basic; --digest-md5: MD5 only
 *	--cacerts FILE        what /cacerts answers (PEM), read at every request; else CA-CERT
 *	--csrattrs FILE       what /csrattrs answers (DER); else 204, with --pop challengePassword
 *	--label L             /.well-known/est/L/... is served too (repeatable)
 *	--only-labels         and the path without a label is not
 *	--pop                 the challengePassword must name the connection; a wrong one is refused
 *	                      always: tls-unique in TLS 1.2, tls-exporter (RFC 9266) in TLS 1.3
 *	--days N, --seconds N lifetime of what is issued (90 days), from a minute ago
 *	--tls 1.2|1.3|any
 *	--pending N           the first N tries for a key are answered 202
 *	--retry-after TEXT    what a 202 says (1); "" = nothing
 *	--anybody             certificates for whoever asks
 *	--strict-reenroll     a certificate of CA-CERT with the same subject and SAN is demanded
 *	--profile server|client|both   extended key usage where none is asked for (both)
 *	--http10, --chunked, --close   how answers are sent
 *
 * RULES is a file that is read at every request. The first line whose regex fits the path counts:
 *
 *	PATH-REGEX ACTION [ARGUMENT]
 *
 *	instead of an answer:
 *	status N [FILE]    this status, the body is the file
 *	redirect N URL     this status, and where to
 *	body FILE TYPE     200 with this body and type
 *	garbage            200 with what is no base64; also html, empty
 *	huge               300 MiB
 *	close-early        the connection closes; alert: with a fatal alert
 *	busy N             503, "Retry-After: N"
 *	pending TEXT       202, "Retry-After: TEXT"; - = without
 *	cmc                400 with a CMC response
 *	auth TEXT          401, "WWW-Authenticate: TEXT"
 *	raw FILE           the bytes of this file, head and all; then the connection closes
 *
 *	the true answer, but:
 *	oneline            base64 in one line; crlf: lines end with CR LF
 *	pem, der           instead of base64
 *	ber                of indefinite length
 *	cut                half of it under its full length
 *	stall N            after N seconds
 *	type TEXT          under this Content-Type
 *	no-cert            an empty bag
 *	extra FILE         with the certificates of this PEM file in front
 *	two                two leaves with different serials
 *	other-key          for a key that nobody has
 *	other-ca CERT KEY  issued by this CA
 *	drop-san           also other-subject, expired, not-yet
 *	is-ca [USAGE]      of a CA, with this key usage
 *	more-san NAME      with a name more
 *	eku TEXT           for this alone ("clientAuth")
 *	only FILE          the certificates of this PEM file, and none that is issued
 *
 * Each request is a line on standard output:
 *	METHOD PATH auth=none|basic|digest|cert cert=SUBJECT-or-"-" tls=1.2|1.3
 *	pop=none|unique|exporter|wrong len=N
 *
 * est-server --client PORT CA-CERT PATH 1.2|1.3 none|own|wrong|again [USER:PASSWORD] asks for a
 * certificate with a challengePassword (est/client.c); "again" is "own" on a resumed session.
 */
#include "est/est.h"

#include "keystay/base/file.h"
#include "keystay/base/text.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>

#define CONNECTIONS_MAX 64
#define KEYS_MAX 256

struct exchange {
	struct conn *c;
	struct request r;
	struct rule rule;
	X509 *cert; /* borrowed */
	X509_REQ *req;
	enum pop pop;
};

/* ---- instead of an answer */

static const char *
type_of(const struct exchange *x)
{
	const char *op = strrchr(x->r.path, '/') + 1;

	if (strcmp(op, "csrattrs") == 0)
		return "application/csrattrs";
	return strcmp(op, "cacerts") == 0 ? TYPE_CERTS : TYPE_ISSUED;
}

static void
set_body(struct answer *a, int status, const char *type, const void *body, size_t len)
{
	answer_text(a, status, "");
	text_copy(a->type, sizeof a->type, type);
	buf_add(&a->body, body, len);
}

static void
set_file(struct answer *a, int status, const char *type, const char *path)
{
	struct err e;

	answer_text(a, status, "");
	text_copy(a->type, sizeof a->type, type);
	if (*path && file_read(path, &a->body, &e) < 0)
		answer_text(a, 500, e.text);
}

static void
set_pending(struct answer *a, const char *retry_after)
{
	answer_text(a, 202, "Come back later.");
	if (*retry_after)
		buf_addf(&a->headers, "Retry-After: %s\r\n", retry_after);
}

/* A Full PKI Response: failed, badRequest, "no" (RFC 5272 3.2.2, 6.1.1). */
static void
set_cmc(struct answer *a)
{
	static const unsigned char der[] = {0x30, 0x50, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
		0x0d, 0x01, 0x07, 0x02, 0xa0, 0x43, 0x30, 0x41, 0x02, 0x01, 0x03, 0x31, 0x00, 0x30,
		0x38, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x0c, 0x03, 0xa0, 0x2c, 0x04,
		0x2a, 0x30, 0x28, 0x30, 0x22, 0x30, 0x20, 0x02, 0x01, 0x01, 0x06, 0x08, 0x2b, 0x06,
		0x01, 0x05, 0x05, 0x07, 0x07, 0x01, 0x31, 0x11, 0x30, 0x0f, 0x02, 0x01, 0x02, 0x30,
		0x03, 0x02, 0x01, 0x01, 0x0c, 0x02, 'n', 'o', 0x02, 0x01, 0x02, 0x30, 0x00, 0x30,
		0x00, 0x31, 0x00};
	AUTO(buf) struct buf bytes = BUF(sizeof der);

	set_body(a, 400, TYPE_CERTS "; smime-type=CMC-response", "", 0);
	buf_add(&bytes, der, sizeof der);
	base64_lines(&bytes, 64, "\n", &a->body);
}

/* False where the rule wants the true answer. */
static bool
answer_instead(const struct exchange *x, struct answer *a)
{
	static const char junk[] = "MIIB\x00\xff\x80 this is neither base64 nor DER {}\n";
	static const char page[] = "<html><body>Please accept our terms.</body></html>";
	char first[sizeof x->rule.argument];

	text_copy(first, sizeof first, x->rule.argument);
	const char *rest = rule_rest(first);
	int number = (int)strtol(first, NULL, 10);
	switch (x->rule.act) {
	case ACT_STATUS:
		set_file(a, number, *rest ? "text/plain" : "", rest);
		return true;
	case ACT_REDIRECT:
		answer_text(a, number, "");
		buf_addf(&a->headers, "Location: %s\r\n", rest);
		return true;
	case ACT_BODY:
		set_file(a, 200, rest, first);
		return true;
	case ACT_GARBAGE:
		set_body(a, 200, type_of(x), junk, sizeof junk - 1);
		return true;
	case ACT_HTML:
		set_body(a, 200, "text/html", page, sizeof page - 1);
		return true;
	case ACT_EMPTY:
		set_body(a, 200, type_of(x), "", 0);
		return true;
	case ACT_BUSY:
		answer_text(a, 503, "Too much to do.");
		buf_addf(&a->headers, "Retry-After: %s\r\n", first);
		return true;
	case ACT_PENDING:
		set_pending(a, strcmp(x->rule.argument, "-") == 0 ? "" : x->rule.argument);
		return true;
	case ACT_CMC:
		set_cmc(a);
		return true;
	case ACT_AUTH:
		answer_text(a, 401, "Who are you?");
		buf_addf(&a->headers, "WWW-Authenticate: %s\r\n", x->rule.argument);
		return true;
	case ACT_UNKNOWN:
		answer_text(a, 500, "est-server: the rule has no action that is known");
		return true;
	default:
		return false;
	}
}

/* ---- the true answer */

/* What is sent for DER. */
static void
set_der(const struct exchange *x, struct answer *a, const char *type, const struct buf *der)
{
	set_body(a, 200, x->rule.act == ACT_TYPE ? x->rule.argument : type, "", 0);
	if (x->rule.act == ACT_DER) {
		buf_add(&a->body, buf_text(der), der->len);
		return;
	}
	buf_adds(&a->headers, "Content-Transfer-Encoding: base64\r\n");
	if (x->rule.act == ACT_PEM)
		buf_adds(&a->body, "-----BEGIN PKCS7-----\n");
	base64_lines(der, x->rule.act == ACT_ONELINE ? 0 : 64,
		x->rule.act == ACT_CRLF ? "\r\n" : "\n", &a->body);
	if (x->rule.act == ACT_PEM)
		buf_adds(&a->body, "-----END PKCS7-----\n");
}

static void
answer_cacerts(const struct exchange *x, struct answer *a)
{
	AUTO(buf) struct buf der = BUF(FILE_MAX);

	if (issue_cacerts(x->c->s, &x->rule, &der))
		set_der(x, a, TYPE_CERTS, &der);
	else
		answer_text(a, 500, "There are no certificates.");
}

static void
answer_csrattrs(const struct exchange *x, struct answer *a)
{
	static const unsigned char challenge[] = {
		0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07};
	AUTO(buf) struct buf der = BUF(FILE_MAX);
	const struct settings *s = x->c->s;
	struct err e;

	if (s->csrattrs && file_read(s->csrattrs, &der, &e) < 0) {
		answer_text(a, 500, e.text);
		return;
	}
	if (!s->csrattrs && s->pop)
		buf_add(&der, challenge, sizeof challenge);
	if (!s->csrattrs && !s->pop)
		answer_text(a, 204, "");
	else
		set_der(x, a, "application/csrattrs", &der);
}

/* Whether this is one of the first tries for a key; when the table is full nobody waits. */
static bool
must_wait(const struct settings *s, X509_REQ *req)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct {
		unsigned char key[32];
		long tries;
	} known[KEYS_MAX];
	static size_t count;
	unsigned char key[32], *der = NULL;
	size_t i = 0;

	int n = s->pending ? i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &der) : 0;
	bool wait = n > 0 && EVP_Digest(der, (size_t)n, key, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	if (!wait)
		return false;
	pthread_mutex_lock(&lock);
	while (i < count && memcmp(known[i].key, key, sizeof key) != 0)
		i++;
	if (i == count && count < KEYS_MAX)
		memcpy(known[count++].key, key, sizeof key);
	wait = i < count && known[i].tries++ < s->pending;
	pthread_mutex_unlock(&lock);
	return wait;
}

/* The certificate of the connection is one of ours, with what is asked for again. */
static bool
may_renew(const struct exchange *x)
{
	X509 *ca = x->c->s->ca;

	return x->cert && X509_check_issued(ca, x->cert) == X509_V_OK &&
	       X509_verify(x->cert, X509_get0_pubkey(ca)) == 1 && issue_same_names(x->req, x->cert);
}

static void
answer_enroll(const struct exchange *x, struct answer *a)
{
	AUTO(buf) struct buf der = BUF(FILE_MAX);
	const struct settings *s = x->c->s;
	const char *wanted = "application/pkcs10";

	if (!s->anybody && !x->cert && !auth_right(s, &x->r)) {
		answer_text(a, 401, "A client certificate or a password is needed.");
		auth_ask(s, a);
		return;
	}
	if (strncasecmp(x->r.type, wanted, strlen(wanted)) != 0) {
		answer_text(a, 415, "This is not application/pkcs10.");
		return;
	}
	if (!x->req || X509_REQ_verify(x->req, X509_REQ_get0_pubkey(x->req)) != 1) {
		answer_text(a, 400, "This is not a signed PKCS#10 request in base64.");
		return;
	}
	if (x->pop == POP_WRONG || (x->pop == POP_NONE && s->pop)) {
		answer_text(a, 401, "Proof of Possession Mismatch.");
		return;
	}
	if (s->strict_reenroll && strstr(x->r.path, "/simplereenroll") && !may_renew(x)) {
		answer_text(a, 403, "This is not the subject of a certificate from here.");
		return;
	}
	if (must_wait(s, x->req))
		set_pending(a, s->retry_after);
	else if (issue(s, x->req, &x->rule, &der))
		set_der(x, a, TYPE_ISSUED, &der);
	else
		answer_text(a, 500, "No certificate could be made.");
}

static const struct op {
	const char *word, *method;
	void (*answer)(const struct exchange *x, struct answer *a);
} ops[] = {
	{"cacerts", "GET", answer_cacerts},
	{"csrattrs", "GET", answer_csrattrs},
	{"simpleenroll", "POST", answer_enroll},
	{"simplereenroll", "POST", answer_enroll},
};

/* Undoes percent-encoding in place; false for what is none. */
static bool
decode_path(char *path)
{
	char *to = path;

	for (const char *from = path; *from; from++) {
		char hex[3] = {0};
		*to = *from;
		if (*from == '%') {
			text_copy(hex, sizeof hex, from + 1);
			if (hex_decode(hex, to, 1) != 1 || *to == '\0')
				return false;
			from += 2;
		}
		to++;
	}
	*to = '\0';
	return true;
}

/* The operation of a path, with or without a label; NULL = there is none. */
static const struct op *
op_of(const struct settings *s, const char *path)
{
	static const char root[] = "/.well-known/est/";
	char text[sizeof((struct request *)0)->path];

	text_copy(text, sizeof text, path);
	if (!text_starts(text, root))
		return NULL;
	char *word = text + strlen(root), *slash = strrchr(word, '/');
	bool served = !s->only_labels;
	if (slash) {
		char *label = word;
		*slash = '\0';
		word = slash + 1;
		served = false;
		for (size_t i = 0; decode_path(label) && i < s->labels && !served; i++)
			served = strcmp(s->label[i], label) == 0;
	}
	for (size_t i = 0; served && i < COUNT(ops); i++)
		if (strcmp(ops[i].word, word) == 0)
			return &ops[i];
	return NULL;
}

static void
answer_truly(const struct exchange *x, struct answer *a)
{
	const struct op *op = op_of(x->c->s, x->r.path);

	if (!op) {
		answer_text(a, 404, "There is no such thing here.");
	} else if (strcmp(op->method, x->r.method) != 0) {
		answer_text(a, 405, "This is done with another method.");
		buf_addf(&a->headers, "Allow: %s\r\n", op->method);
	} else {
		op->answer(x, a);
	}
}

/* ---- connections */

static void
print_request(const struct exchange *x)
{
	AUTO(BIO) BIO *out = BIO_new(BIO_s_mem());
	char *subject = NULL;
	long n = 0;

	if (out && x->cert &&
		X509_NAME_print_ex(out, X509_get_subject_name(x->cert), 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_get_mem_data(out, &subject);
	for (long i = 0; i < n; i++)
		if (subject[i] <= ' ')
			subject[i] = '_';
	printf("%s %s auth=%s cert=%.*s tls=%s pop=%s len=%zu\n", x->r.method, x->r.path,
		auth_word(&x->r, x->cert), n > 0 ? (int)n : 1, n > 0 ? subject : "-",
		SSL_version(x->c->ssl) >= TLS1_3_VERSION ? "1.3" : "1.2", pop_word(x->pop),
		x->r.body.len);
	fflush(stdout);
}

/* False when the connection is over. */
static bool
handle(const struct exchange *x)
{
	AUTO(answer) struct answer a = {.headers = BUF(HEAD_MAX), .body = BUF(2 * FILE_MAX)};
	int64_t seconds;

	print_request(x);
	switch (x->rule.act) {
	case ACT_CLOSE_EARLY:
		x->c->broken = true;
		return false;
	case ACT_ALERT:
		x->c->broken = true;
		http_alert(x->c);
		return false;
	case ACT_HUGE:
		http_send_huge(x->c, type_of(x));
		return false;
	case ACT_RAW:
		http_send_raw(x->c, x->rule.argument);
		return false;
	case ACT_STALL:
		if (number_parse(x->rule.argument, 0, 3600, &seconds))
			sleep((unsigned)seconds);
		break;
	default:
		break;
	}
	if (!answer_instead(x, &a))
		answer_truly(x, &a);
	return http_send(x->c, &x->r, &a, x->rule.act == ACT_CUT);
}

static void
serve(struct conn *c)
{
	bool more = true;

	while (more) {
		struct exchange x = {.c = c};
		if (!http_read(c, &x.r))
			return;
		x.rule = rule_for(c->s->rules, x.r.path);
		x.cert = SSL_get0_peer_certificate(c->ssl);
		x.req = issue_read(&x.r.body);
		x.pop = x.req ? issue_pop(c->ssl, x.req) : POP_NONE;
		more = handle(&x);
		X509_REQ_free(x.req);
		http_request_free(&x.r);
		ERR_clear_error();
	}
}

/* What the client still sends is read: else the reset takes away what it was told last. */
static void
linger(int fd)
{
	const struct timeval limit = {.tv_sec = 2};
	char part[16384];

	shutdown(fd, SHUT_WR);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	for (int i = 0; i < 256 && recv(fd, part, sizeof part, 0) > 0; i++)
		continue;
}

static atomic_int connections;

static void *
connection(void *argument)
{
	struct conn *c = argument;
	int fd = SSL_get_fd(c->ssl);

	if (SSL_accept(c->ssl) == 1) {
		serve(c);
		if (!c->broken)
			SSL_shutdown(c->ssl);
	}
	if (!c->broken)
		linger(fd);
	ERR_clear_error();
	SSL_free(c->ssl);
	close(fd);
	free(c);
	connections--;
	return NULL;
}

/* Takes the descriptor over. */
static void
start_connection(SSL_CTX *ctx, const struct settings *s, int fd)
{
	struct conn *c = calloc(1, sizeof *c);
	SSL *ssl = SSL_new(ctx);
	pthread_t thread;

	socket_limit(fd);
	if (c && ssl && connections < CONNECTIONS_MAX && SSL_set_fd(ssl, fd) == 1) {
		c->ssl = ssl;
		c->s = s;
		connections++;
		if (pthread_create(&thread, NULL, connection, c) == 0) {
			pthread_detach(thread);
			return;
		}
		connections--;
	}
	SSL_free(ssl);
	free(c);
	close(fd);
}

static int
listen_on(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
		bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 32) < 0) {
		perror("est-server");
		exit(1);
	}
	return fd;
}

/* ---- the start */

static SSL_CTX *
make_context(const struct settings *s)
{
	AUTO(SSL_CTX) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	static const unsigned char name[] = "est-server";

	if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, s->server_cert) != 1 ||
		SSL_CTX_use_PrivateKey_file(ctx, s->server_key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_set_session_id_context(ctx, name, sizeof name - 1) != 1)
		return NULL;
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	bool only_3 = strcmp(s->tls, "1.3") == 0, only_2 = strcmp(s->tls, "1.2") == 0;
	SSL_CTX_set_min_proto_version(ctx, only_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(ctx, only_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
	if (s->clients) {
		STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(s->clients);
		if (!names || SSL_CTX_load_verify_file(ctx, s->clients) != 1)
			return NULL;
		SSL_CTX_set_client_CA_list(ctx, names);
		SSL_CTX_set_verify(ctx,
			SSL_VERIFY_PEER | (s->require_client ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
			NULL);
	}
	return take(&ctx);
}

enum kind { FLAG, TEXT, NUMBER, DAYS, LABEL };
#define AT(field) offsetof(struct settings, field)

static const struct option {
	const char *word;
	enum kind kind;
	size_t at;
} options[] = {
	{"--clients", TEXT, AT(clients)},
	{"--require-client", FLAG, AT(require_client)},
	{"--users", TEXT, AT(users)},
	{"--digest", FLAG, AT(digest)},
	{"--digest-md5", FLAG, AT(digest_md5)},
	{"--cacerts", TEXT, AT(cacerts)},
	{"--csrattrs", TEXT, AT(csrattrs)},
	{"--label", LABEL, AT(label)},
	{"--only-labels", FLAG, AT(only_labels)},
	{"--pop", FLAG, AT(pop)},
	{"--days", DAYS, AT(lifetime)},
	{"--seconds", NUMBER, AT(lifetime)},
	{"--tls", TEXT, AT(tls)},
	{"--pending", NUMBER, AT(pending)},
	{"--retry-after", TEXT, AT(retry_after)},
	{"--anybody", FLAG, AT(anybody)},
	{"--strict-reenroll", FLAG, AT(strict_reenroll)},
	{"--profile", TEXT, AT(profile)},
	{"--http10", FLAG, AT(http10)},
	{"--chunked", FLAG, AT(chunked)},
	{"--close", FLAG, AT(close)},
};

/* Sets an option; false for a value that is none. `value` is NULL at the end of the line. */
static bool
set_option(struct settings *s, const struct option *o, const char *value)
{
	char *field = (char *)s + o->at;
	int64_t n;

	if (o->kind == FLAG) {
		*(bool *)field = true;
		return true;
	}
	if (!value)
		return false;
	if (o->kind == TEXT) {
		*(const char **)field = value;
		return true;
	}
	if (o->kind == LABEL) {
		if (s->labels == LABELS_MAX)
			return false;
		s->label[s->labels++] = value;
		return true;
	}
	if (!number_parse(value, 0, 36500LL * 86400, &n))
		return false;
	*(long *)field = o->kind == DAYS ? (long)n * 86400 : (long)n;
	return true;
}

static bool
one_of(const char *word, const char *a, const char *b, const char *c)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

static bool
read_options(struct settings *s, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		size_t o = 0;
		while (o < COUNT(options) && strcmp(options[o].word, argv[i]) != 0)
			o++;
		if (o == COUNT(options) ||
			!set_option(s, &options[o], i + 1 < argc ? argv[i + 1] : NULL)) {
			fprintf(stderr, "est-server: '%s'?\n", argv[i]);
			return false;
		}
		i += options[o].kind != FLAG;
	}
	s->digest |= s->digest_md5;
	return (!s->require_client || s->clients) && one_of(s->tls, "1.2", "1.3", "any") &&
	       one_of(s->profile, "server", "client", "both");
}

static bool
read_ca(struct settings *s, const char *cert, const char *key)
{
	AUTO(BIO) BIO *a = BIO_new_file(cert, "r");
	AUTO(BIO) BIO *b = BIO_new_file(key, "r");

	s->ca = a ? PEM_read_bio_X509(a, NULL, NULL, NULL) : NULL;
	s->ca_key = b ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;
	return s->ca && s->ca_key && X509_check_private_key(s->ca, s->ca_key) == 1;
}

int
main(int argc, char **argv)
{
	struct settings s = {
		.retry_after = "1", .profile = "both", .tls = "any", .lifetime = 90 * 86400L};
	int64_t port;

	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && strcmp(argv[1], "--client") == 0)
		return client(argc - 2, argv + 2);
	if (argc < 7 || !number_parse(argv[1], 1, 65535, &port) ||
		!read_options(&s, argc - 7, argv + 7)) {
		fprintf(stderr,
			"usage: est-server PORT SERVER-CERT SERVER-KEY CA-CERT CA-KEY RULES "
			"[option...]\n");
		return 2;
	}
	s.server_cert = argv[2];
	s.server_key = argv[3];
	s.rules = argv[6];
	AUTO(SSL_CTX) SSL_CTX *ctx = make_context(&s);
	if (!read_ca(&s, argv[4], argv[5]) || !ctx || !auth_start()) {
		ERR_print_errors_fp(stderr);
		return 1;
	}
	int listener = listen_on((int)port);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			start_connection(ctx, &s, fd);
	}
}
