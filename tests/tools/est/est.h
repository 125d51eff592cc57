/*
 * The parts of est-server: what it was told, one request, and what is done for it.
 */
#ifndef TESTS_TOOLS_EST_H
#define TESTS_TOOLS_EST_H

#include "keystay/base/buf.h"
#include "keystay/x509/ossl.h"

#include <openssl/ssl.h>

/* Ceilings: a file that is read, the body of a request, its head, and one line of that. */
#define FILE_MAX (4 * 1024 * 1024)
#define BODY_MAX (1024 * 1024)
#define HEAD_MAX (32 * 1024)
#define LINE_ROOM 8192

#define LABELS_MAX 16
#define TYPE_CERTS "application/pkcs7-mime"
#define TYPE_ISSUED TYPE_CERTS "; smime-type=certs-only"

struct settings {
	const char *server_cert, *server_key, *rules;
	X509 *ca;
	EVP_PKEY *ca_key;
	const char *clients, *users, *cacerts, *csrattrs, *retry_after, *profile, *tls;
	const char *label[LABELS_MAX];
	size_t labels;
	bool require_client, digest, digest_md5, only_labels, pop, strict_reenroll, anybody;
	bool http10, chunked, close;
	long lifetime; /* seconds */
	long pending;
};

struct conn {
	SSL *ssl;
	const struct settings *s;
	char in[LINE_ROOM];
	size_t at, len; /* what of `in` is not used up yet */
	bool broken;    /* ends without a word */
};

struct request {
	char method[16], path[1024], type[128];
	char *authorization; /* NULL = none */
	bool old;            /* HTTP/1.0 */
	bool close;
	struct buf body;
};

/* ---- rules.c: what the file RULES says */

enum act {
	ACT_NONE,
	/* instead of an answer */
	ACT_STATUS,
	ACT_REDIRECT,
	ACT_BODY,
	ACT_GARBAGE,
	ACT_HTML,
	ACT_EMPTY,
	ACT_HUGE,
	ACT_CLOSE_EARLY,
	ACT_ALERT,
	ACT_BUSY,
	ACT_PENDING,
	ACT_CMC,
	ACT_AUTH,
	ACT_RAW,
	/* the true answer, written otherwise */
	ACT_ONELINE,
	ACT_CRLF,
	ACT_PEM,
	ACT_DER,
	ACT_BER,
	ACT_CUT,
	ACT_STALL,
	ACT_TYPE,
	/* the true answer, with other certificates */
	ACT_NO_CERT,
	ACT_EXTRA,
	ACT_TWO,
	ACT_OTHER_KEY,
	ACT_OTHER_CA,
	ACT_DROP_SAN,
	ACT_OTHER_SUBJECT,
	ACT_EXPIRED,
	ACT_NOT_YET,
	ACT_IS_CA,
	ACT_MORE_SAN,
	ACT_EKU,
	ACT_ONLY,
	ACT_UNKNOWN, /* a word that is none of these */
	ACTS
};

struct rule {
	enum act act;
	char argument[1024]; /* the rest of the line */
};

/* The first line of `file` whose regex matches `path`; ACT_NONE when there is none. */
struct rule rule_for(const char *file, const char *path);

/* Takes the first word off `text`: cuts it out of there, and returns what follows it. */
char *rule_rest(char *text);

/* ---- http.c: requests and answers as bytes */

struct answer {
	int status;
	char type[256];           /* "" = no Content-Type */
	struct buf headers, body; /* lines with their ends; the body as it is sent */
};

/* Reads one request; false at the end of the connection, or after a 400 to what is none. */
bool http_read(struct conn *c, struct request *ret);
void http_request_free(struct request *r);

/* Sends it; false when the connection is over after it. */
bool http_send(struct conn *c, const struct request *r, const struct answer *a, bool cut);

/* The bytes of a file, whatever they are. */
void http_send_raw(struct conn *c, const char *path);

/* 300 MiB of one letter, of no length that is told before. */
void http_send_huge(struct conn *c, const char *type);

/* A fatal alert to the client, as for a record that was changed on its way. */
void http_alert(struct conn *c);

void answer_text(struct answer *a, int status, const char *text);
void answer_free(struct answer *a);

AUTO_DEFINE_VALUE(answer, answer_free)

/* ---- auth.c: who is it */

/* "basic" or "digest" for what a request brings, else "cert" or "none". */
const char *auth_word(const struct request *r, X509 *cert);

/* Whether the request's user and password are right. */
bool auth_right(const struct settings *s, const struct request *r);

/* The WWW-Authenticate lines of a 401. */
void auth_ask(const struct settings *s, struct answer *a);

/* Before the first connection: what nonces are made with. */
bool auth_start(void);

/* ---- issue.c: requests for certificates, and certificates */

/* Whether the challengePassword names this connection (RFC 7030 3.5, RFC 9148 3). */
enum pop { POP_NONE, POP_UNIQUE, POP_EXPORTER, POP_WRONG };
enum pop issue_pop(SSL *ssl, X509_REQ *req);
const char *pop_word(enum pop pop);

/* The channel binding of a connection, in base64; false without one. `server`: of the server's end.
 */
bool binding_text(SSL *ssl, bool server, char text[64]);

/* The request for a certificate in a body (base64 of DER); NULL for anything else. */
X509_REQ *issue_read(const struct buf *body);

/* Whether it asks for the subject and the names of a certificate (RFC 7030 4.2.2). */
bool issue_same_names(X509_REQ *req, X509 *cert);

/* The bag for a request, with what the rule does to it; false when nothing can be made. */
bool issue(const struct settings *s, X509_REQ *req, const struct rule *rule, struct buf *ret_der);

/* The bag of the certificates in a PEM file, or of the CA's own when that is NULL. */
bool issue_cacerts(const struct settings *s, const struct rule *rule, struct buf *ret_der);

/* Base64 in lines of `columns` characters that end with `eol`; one line without end for 0. */
void base64_lines(const struct buf *der, size_t columns, const char *eol, struct buf *ret);

/* ---- wrong.c: what a rule makes wrong in a certificate */

/* From when until when, in seconds from now. */
void wrong_dates(enum act act, long *from, long *until);

/* Basic constraints. */
const char *wrong_constraints(enum act act);

/* The subject; NULL = the one that was asked for. The caller frees it. */
X509_NAME *wrong_subject(enum act act);

/* The SAN `asked` with one name more; NULL when it cannot be made. The caller frees it. */
X509_EXTENSION *wrong_san(const STACK_OF(X509_EXTENSION) * asked, const char *name);

/* ---- client.c: one request that names its connection */

/* PORT CA-CERT PATH 1.2|1.3 none|own|wrong|again [USER:PASSWORD]; the exit status. */
int client(int argc, char **argv);

/* A socket of 127.0.0.1 that gives up after half a minute. */
void socket_limit(int fd);

static inline void
auto_SSL_CTX(SSL_CTX **slot)
{
	SSL_CTX_free(*slot);
}

static inline void
auto_SSL(SSL **slot)
{
	SSL_free(*slot);
}

#endif
