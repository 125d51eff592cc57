#include "est_enroll.h"

#include <stdio.h>
#include <string.h>

#include "est_http.h"
#include "est_identity.h"
#include "keystay/x509/base64.h"

#define OPERATION_CONTENT "application/pkcs10"
/* Servers that look at it want it (RFC 8951 3 has it ignored). */
#define ENCODING "Content-Transfer-Encoding: base64"
/* The longest channel binding, as text: 32 bytes. */
#define BINDING_TEXT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static bool
suits(const struct est *s, const struct http_identity *id, const char *what, char why[400])
{
	char wrong[IDENTITY_WHY], subject[200];

	if (identity_suits(id->certificate, services_now(s->needs.services), wrong))
		return true;
	X509_NAME_oneline(X509_get_subject_name(id->certificate), subject, (int)sizeof subject);
	text_printable(subject);
	snprintf(why, 400, "the certificate %s ('%s') %s", what, subject, wrong);
	return false;
}

const struct http_identity *
est_identity(const struct est *s, const struct ca_order *o, char why[400])
{
	why[0] = '\0';
	if (s->needs.identity && suits(s, s->needs.identity, "of 'identity:'", why))
		return s->needs.identity;
	if (o->live && suits(s, o->live, "that is renewed", why))
		return o->live;
	if (!why[0] && !o->live)
		text_copy(why, 400, o->no_live ? o->no_live : "");
	return NULL;
}

/* The connection is there: the request is made for it. */
static int
sign_here(void *asking, const struct http_channel *channel, char *body, size_t room, struct err *e)
{
	struct est_asking *a = asking;
	AUTO(buf) struct buf text = BUF(room);
	struct csr_wish wish = a->request->wish;

	wish.challenge = channel->binding;
	buf_clear(a->der);
	if (a->o->sign(a->o->ctx, &wish, a->der, e) < 0)
		return -1;
	if (!base64_write(a->der->text, a->der->len, &text))
		return err_set(e, ERR_FAILED, "the request has no room where it should go");
	memcpy(body, text.text, text.len);
	return 0;
}

/* Room for base64 in lines. */
static size_t
base64_room(size_t der)
{
	size_t text = (der + 2) / 3 * 4;

	return text + text / 64 + 2;
}

static int
post(struct est_asking *a, struct http *h, const struct http_login *login, struct http_answer *ret,
	struct err *e)
{
	AUTO(buf) struct buf body = BUF(base64_room(CSR_MAX));
	struct http_request r = {
		.method = HTTP_POST,
		.content_type = OPERATION_CONTENT,
		.header = ENCODING,
		.ceiling = EST_ANSWER_MAX,
		.login = login,
	};

	a->sent_login = login != NULL;
	if (a->pop) {
		struct csr_wish wish = a->request->wish;
		wish.challenge = BINDING_TEXT;
		r.body_len = base64_room(csr_room(a->o->public, &wish));
		r.complete = sign_here;
		r.ctx = a;
	} else {
		if (!base64_write(a->der->text, a->der->len, &body))
			return err_set(e, ERR_FAILED, "no memory for a request");
		r.body = body.text;
		r.body_len = body.len;
	}
	return est_send(a->s, h, a->operation, &r, ret, e);
}

static void
note(struct ca_order *o, const char *why)
{
	snprintf(o->note, sizeof o->note, "%.340s; asked with the login", why);
}

/* With the certificate; *ret_done is false where the login is to be tried alone. */
static int
ask_by_certificate(struct est_asking *a, const struct http_identity *id, bool *ret_done,
	struct http_answer *ret, struct err *e)
{
	struct http *h;
	struct http_login room;
	const struct http_login *login;
	bool has_login = a->s->conf->est.username != NULL;

	*ret_done = true;
	if (est_somebody(a->s, id, &h, e) < 0)
		return -1;
	if (post(a, h, NULL, ret, e) < 0) {
		if (!has_login || !http_refused_us(h))
			return -1;
		note(a->o, e->text);
		*ret_done = false;
		return 0;
	}
	if (ret->status != 401 || !ret->challenges || !has_login)
		return 0;
	/* It wants both. */
	http_answer_free(ret);
	*ret = (struct http_answer){0};
	if (est_login(a->s, &room, &login, e) < 0)
		return -1;
	return post(a, h, login, ret, e);
}

int
est_ask(struct est_asking *a, struct http_answer *ret, struct err *e)
{
	char why[400];
	const struct http_identity *id = est_identity(a->s, a->o, why);
	struct http_login room;
	const struct http_login *login;
	bool done = false;

	if (id && ask_by_certificate(a, id, &done, ret, e) < 0)
		return -1;
	if (done)
		return 0;
	if (est_login(a->s, &room, &login, e) < 0)
		return -1;
	if (login && why[0])
		note(a->o, why);
	return post(a, a->s->anybody, login, ret, e);
}
