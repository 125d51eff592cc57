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

/* Adds one that will do, or what is wrong with it. */
static void
add_asker(const struct est *s, struct est_askers *all, const struct http_identity *id,
	const char *what)
{
	char wrong[IDENTITY_WHY], subject[200];
	size_t len = strlen(all->why);

	if (identity_suits(id->certificate, services_now(s->needs.services), wrong)) {
		all->id[all->count++] = id;
		return;
	}
	X509_NAME_oneline(X509_get_subject_name(id->certificate), subject, (int)sizeof subject);
	text_printable(subject);
	snprintf(all->why + len, sizeof all->why - len, "%sthe certificate %s ('%.120s') %s",
		len ? "; " : "", what, subject, wrong);
}

static void
add_why(struct est_askers *all, const char *why)
{
	size_t len = strlen(all->why);

	if (why && *why)
		snprintf(all->why + len, sizeof all->why - len, "%s%s", len ? "; " : "", why);
}

void
est_askers(const struct est *s, const struct ca_order *o, struct est_askers *ret)
{
	*ret = (struct est_askers){.count = 0};
	if (o->live)
		add_asker(s, ret, o->live, "that is renewed");
	else
		add_why(ret, o->no_live);
	if (s->needs.identity)
		add_asker(s, ret, s->needs.identity, "of 'identity:'");
	else
		add_why(ret, s->needs.no_identity);
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
choose_operation(struct est_asking *a, const struct http_identity *id)
{
	bool renewed = id && a->o->live && X509_cmp(id->certificate, a->o->live->certificate) == 0;

	a->operation = a->renews && renewed ? EST_REENROLL : EST_ENROLL;
}

/* It wants a login beside the certificate. */
static int
ask_with_both(struct est_asking *a, struct http *h, struct http_answer *ret, struct err *e)
{
	struct http_login room;
	const struct http_login *login;

	http_answer_free(ret);
	*ret = (struct http_answer){0};
	if (est_login(a->s, &room, &login, e) < 0)
		return -1;
	return post(a, h, login, ret, e);
}

/* *ret_refused: the server took the certificate for none of its own, as `e` says. */
static int
ask_by_certificate(struct est_asking *a, const struct http_identity *id, bool *ret_refused,
	struct http_answer *ret, struct err *e)
{
	struct http *h;

	*ret_refused = false;
	if (est_somebody(a->s, id, &h, e) < 0)
		return -1;
	if (post(a, h, NULL, ret, e) < 0) {
		*ret_refused = http_refused_us(h);
		return -1;
	}
	if (ret->status != 401 || !a->s->conf->est.username)
		return 0;
	if (!http_asked_for_certificate(h)) {
		http_answer_free(ret);
		*ret = (struct http_answer){0};
		*ret_refused = true;
		return err_set(e, ERR_AUTHORITY, "its server asks for no certificate");
	}
	return ret->challenges ? ask_with_both(a, h, ret, e) : 0;
}

static int
ask_by_login(struct est_asking *a, struct http_answer *ret, struct err *e)
{
	struct http_login room;
	const struct http_login *login;

	if (est_login(a->s, &room, &login, e) < 0)
		return -1;
	return post(a, a->s->anybody, login, ret, e);
}

/* The journal names the authority itself. */
static const char *
without_name(const struct est *s, const char *text)
{
	char name[96];
	size_t len = strlen(est_name(s, name));

	return strncmp(text, name, len) == 0 && text_starts(text + len, ": ") ? text + len + 2
									      : text;
}

int
est_ask(struct est_asking *a, struct http_answer *ret, struct err *e)
{
	bool has_login = a->s->conf->est.username != NULL, refused;
	struct est_askers all;

	est_askers(a->s, a->o, &all);
	for (size_t i = 0; i < all.count; i++) {
		choose_operation(a, all.id[i]);
		if (ask_by_certificate(a, all.id[i], &refused, ret, e) == 0) {
			/* What is wrong with an identity does not matter where it is not needed. */
			if (all.id[i] != a->o->live)
				snprintf(a->o->note, sizeof a->o->note, "%s", all.why);
			return 0;
		}
		if (!refused || (i + 1 == all.count && !has_login))
			return -1;
		add_why(&all, without_name(a->s, e->text));
	}
	choose_operation(a, NULL);
	if (ask_by_login(a, ret, e) < 0)
		return -1;
	if (has_login && all.why[0])
		snprintf(a->o->note, sizeof a->o->note, "%.360s; asked with the login", all.why);
	return 0;
}
