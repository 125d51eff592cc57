/*
 * HTTPS requests to an authority, one after the other on one kept connection. HTTPS only (but for
 * what `plain` is for), every answer under a ceiling, every request under a deadline, no redirect
 * but where asked for.
 */
#ifndef KEYSTAY_NET_HTTP_H
#define KEYSTAY_NET_HTTP_H

#include "keystay/base/buf.h"
#include "keystay/base/err.h"
#include "keystay/base/secret.h"
#include "keystay/base/text.h"
#include "keystay/net/header.h"
#include "keystay/net/identity.h"

/* Seconds to connect, and for a whole request (DESIGN: the loop must not hang). */
#define HTTP_CONNECT_LIMIT 10
#define HTTP_REQUEST_LIMIT 30

struct http;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST };

/* A name and a password, sent to a server only after its certificate was verified. */
struct http_login {
	const char *username;          /* may be "" */
	const struct secret *password; /* borrowed for the request */
	bool digest;                   /* RFC 7616; else Basic (RFC 7617), without being asked */
};

struct http_request {
	enum http_method method;
	const char *url; /* https://... */
	const char *content_type;
	const char *accept; /* may be NULL */
	const void *body;
	size_t body_len;
	size_t ceiling;     /* of the answer's body */
	bool follow;        /* up to 3 redirects, to https only; never for POST */
	bool plain;         /* http:// may be asked, without a login: the answer proves nothing */
	const char *header; /* one field more, "Name: value"; NULL = none */
	const struct http_login *login; /* NULL = none */
	/*
	 * Writes the body anew when the connection is there, on a fresh one: at most `room` (the
	 * body_len above) bytes; what it leaves is filled with line feeds. NULL = `body` as it is.
	 */
	int (*complete)(void *ctx, const struct http_channel *channel, char *body, size_t room,
		struct err *e);
	void *ctx;
};

struct http_answer {
	int status;
	unsigned challenges; /* of WWW-Authenticate: a set of enum challenge (net/header.h) */
	struct buf body;
	char content_type[96]; /* media type alone, lower case */
	char location[512];
	char nonce[256];      /* Replay-Nonce */
	char retry_after[64]; /* as sent; net/header.h reads it */
	when_t date;          /* of the server's clock; 0 where it does not say */
	struct list links;    /* Link fields as sent */
};

/*
 * A connection-to-be. `trust` is a PEM bundle or "system"; NULL asks a server that nothing is known
 * of yet: its answer proves nothing, and only a GET without a login may be sent. `name` stands in
 * errors ("authority 'public'") and is copied. The caller frees *ret with http_close.
 */
int http_open(const char *name, const char *trust, struct http **ret, struct err *e) MUST_USE;
void http_close(struct http *h);

/*
 * From now on, on new connections: the server is verified by these anchors (PEM, copied) alone, in
 * the place of `trust`.
 */
int http_trust(struct http *h, const char *pem, struct err *e) MUST_USE;

/*
 * From now on, on new connections: NULL for nobody. Takes references of its own. ERR_FAILED where
 * the key is not the certificate's.
 */
int http_identify(struct http *h, const struct http_identity *id, struct err *e) MUST_USE;

/*
 * Sends and waits. *ret must be zeroed or freed before and is filled on success, whatever the
 * status; free it with http_answer_free. ERR_NETWORK: no connection, untrusted, cut short, too
 * slow. ERR_AUTHORITY: an answer over the ceiling, a URL that is not https, or our certificate was
 * refused or is missing, by the server's own alert. An error of `complete` is given back as it is.
 */
int http_send(struct http *h, const struct http_request *r, struct http_answer *ret,
	struct err *e) MUST_USE;

void http_answer_free(struct http_answer *a);

/* Whether the server asked for a certificate on a connection since http_identify. */
bool http_asked_for_certificate(const struct http *h);

/* Whether the last request failed because the server refused our certificate, or misses one. */
bool http_refused_us(const struct http *h);

/* Requests sent and connections made so far. */
void http_counts(const struct http *h, unsigned *ret_requests, unsigned *ret_connections);

AUTO_DEFINE_VALUE(http_answer, http_answer_free)

#endif
