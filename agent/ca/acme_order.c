#include "acme_order.h"

#include <string.h>

#include "acme.h"
#include "acme_account.h"
#include "acme_problem.h"
#include "keystay/base/log.h"
#include "keystay/net/header.h"
#include "keystay/x509/names.h"

/*
 * The cookie is a JSON object that is stored after each stage:
 *
 *	stage           what the next call does, a word of stages[]
 *	order           the order's URL, from newOrder (7.4)
 *	finalize, authorizations, certificate
 *	tokens          of the challenges that were published, for settle
 *	polls           how often the order was asked for in this stage
 *
 * "finalizing" is stored before finalize is sent. If a crash comes between the two, the stored
 * stage is found without order->armed, and the order is asked for first: finalize is never sent
 * twice to an order that took it.
 */
struct stage {
	const char *word;
	int (*run)(struct acme *a, struct ca_order *o, json_t *cookie, enum ca_progress *ret,
		struct err *e);
};

static void
set_stage(json_t *cookie, const char *word)
{
	json_object_set_new(cookie, "stage", json_string(word));
	json_object_set_new(cookie, "polls", json_integer(0));
}

/* The order is of no more use: the next try makes a new one. */
static int
drop(struct ca_order *o)
{
	free(o->cookie);
	o->cookie = NULL;
	return -1;
}

static json_t *
identifiers(const struct list *names)
{
	json_t *array = json_array();

	for (size_t i = 0; i < names->count; i++)
		json_array_append_new(array,
			json_pack("{s:s, s:s}", "type", name_is_ip(names->item[i]) ? "ip" : "dns",
				"value", names->item[i]));
	return array;
}

/* The server may shuffle and lower-case the names, but not change them. */
static int
compare_identifiers(const json_t *order, const struct list *names, struct err *e)
{
	json_t *theirs = json_array_at(order, "identifiers"), *item;
	AUTO(list) struct list found = {0};
	size_t i;
	char name[NAME_TEXT];
	struct err ignored;

	bool same = true;
	json_array_foreach(theirs, i, item)
	{
		if (name_normal(json_text_at(item, "value"), name, &ignored) < 0 ||
			list_has(&found, name) || !list_add(&found, name))
			same = false;
	}
	return same && names_equal(&found, names)
		       ? 0
		       : err_set(e, ERR_AUTHORITY,
				 "the authority's order is for other names than asked for");
}

/* True for a refusal that the same order without `replaces` would meet as well. */
static bool
refuses_in_any_case(const struct acme_reply *reply, const struct err *e)
{
	static const char *const types[] = {"accountDoesNotExist", "badNonce", "rateLimited",
		"userActionRequired", "rejectedIdentifier", "unsupportedIdentifier", "caa", "dns"};

	/* No answer, or not now; Pebble's 500 is of `replaces`, for an order it has not noted. */
	if (reply->status < 400 || e->kind == ERR_BUSY)
		return true;
	for (size_t i = 0; i < COUNT(types); i++)
		if (text_same(reply->problem, types[i]))
			return true;
	return false;
}

static int
send_order(struct acme *a, const struct ca_order *o, const char *replaces, struct acme_reply *reply,
	struct err *e)
{
	AUTO(json_t) json_t *payload = json_pack("{s:o}", "identifiers", identifiers(o->names));

	if (a->conf->profile && *a->conf->profile)
		json_object_set_new(payload, "profile", json_string(a->conf->profile));
	/* RFC 9773 5: such an order is outside the limits of many authorities. */
	if (*replaces)
		json_object_set_new(payload, "replaces", json_string(replaces));
	AUTO(char) char *text = json_line(payload);
	if (!text)
		return err_set(e, ERR_FAILED, "no memory for an order");
	return acme_post(a, a->new_order, text, reply, e);
}

/*
 * With `replaces` where the server has renewal windows. What it says against that (the certificate
 * is replaced already, it is another account's) is no reason to go without a certificate.
 */
static int
send_order_replacing(
	struct acme *a, const struct ca_order *o, struct acme_reply *reply, struct err *e)
{
	if (!a->renewal_info[0] || !o->replaces || !*o->replaces)
		return send_order(a, o, "", reply, e);
	if (send_order(a, o, o->replaces, reply, e) == 0)
		return 0;
	if (refuses_in_any_case(reply, e))
		return -1;
	log_debug("%s; without 'replaces' now", e->text);
	acme_reply_free(reply);
	*reply = (struct acme_reply){0};
	return send_order(a, o, "", reply, e);
}

static int
make_order(struct acme *a, struct ca_order *o, json_t *cookie, enum ca_progress *ret, struct err *e)
{
	AUTO(acme_reply) struct acme_reply reply = {0};
	char url[ACME_URL_MAX];

	if (send_order_replacing(a, o, &reply, e) < 0) {
		/* The account is gone at the server: the next call makes or finds it anew. */
		if (text_same(reply.problem, "accountDoesNotExist") && !o->armed) {
			a->account[0] = '\0';
			o->armed = true;
			*ret = CA_AGAIN;
			return 0;
		}
		return -1;
	}
	o->armed = false;
	/* The Location field in a {} to check it like the others. */
	AUTO(json_t) json_t *location = json_pack("{s:s}", "order", reply.answer.location);
	if (!location)
		return err_set(e, ERR_AUTHORITY, "the authority's 'order' is not an https URL");
	if (acme_url(location, "order", url, e) < 0 ||
		compare_identifiers(reply.json, o->names, e) < 0)
		return -1;
	json_object_set_new(cookie, "order", json_string(url));
	if (acme_url(reply.json, "finalize", url, e) < 0)
		return -1;
	json_object_set_new(cookie, "finalize", json_string(url));
	json_t *authorizations = json_array_at(reply.json, "authorizations");
	if (json_array_size(authorizations) > o->names->count)
		return err_set(e, ERR_AUTHORITY,
			"the authority's order has more authorizations than names");
	json_object_set(cookie, "authorizations", authorizations ? authorizations : json_null());
	/* Already ready, or even valid: a reused order or authorizations (nothing to prove). */
	bool pending = text_same(json_text_at(reply.json, "status"), "pending");
	set_stage(cookie, pending ? "ordered" : "answered");
	*ret = CA_AGAIN;
	return 0;
}

/* The http-01 challenge of an authorization; unknown types, or ones without token, are skipped. */
static json_t *
find_challenge(const json_t *authorization)
{
	json_t *challenge;
	size_t i;

	json_array_foreach(json_array_at(authorization, "challenges"), i, challenge)
	{
		if (text_same(json_text_at(challenge, "type"), "http-01") &&
			http01_token_valid(json_text_at(challenge, "token")))
			return challenge;
	}
	return NULL;
}

static void
name_of_authorization(const json_t *authorization, char name[NAME_TEXT])
{
	json_t *identifier = json_object_at(authorization, "identifier");

	text_copy(name, NAME_TEXT, identifier ? json_text_at(identifier, "value") : "?");
	text_printable(name);
}

/* The key authorization (8.1) of a token, where the authority will look for it. */
static int
publish(struct acme *a, struct ca_order *o, const char *token, struct err *e)
{
	char text[384];

	snprintf(text, sizeof text, "%s.%s", token, a->thumbprint);
	return http01_publish(&a->challenges, o->challenge, token, text, e);
}

/* Our own listener forgets its answers with the process: they are given to it again. */
static int
publish_again(struct acme *a, struct ca_order *o, const json_t *cookie, struct err *e)
{
	json_t *token;
	size_t i;

	json_array_foreach(json_array_at(cookie, "tokens"), i, token)
	{
		if (json_is_string(token) && http01_token_valid(json_string_value(token)) &&
			publish(a, o, json_string_value(token), e) < 0)
			return -1;
	}
	return 0;
}

/* Publishes the answer of one authorization and says so to the server (7.5.1). */
static int
answer_one(struct acme *a, struct ca_order *o, const json_t *authorization, json_t *cookie,
	when_t *latest, struct err *e)
{
	AUTO(acme_reply) struct acme_reply reply = {0};
	char url[ACME_URL_MAX], name[NAME_TEXT];

	name_of_authorization(authorization, name);
	json_t *challenge = find_challenge(authorization);
	if (!challenge) {
		err_set(e, ERR_AUTHORITY, "the authority offers no http-01 challenge for '%s'",
			name);
		return err_hint(e, "it may want dns-01, as for a wildcard");
	}
	if (acme_url(challenge, "url", url, e) < 0)
		return -1;
	const char *token = json_text_at(challenge, "token");
	if (publish(a, o, token, e) < 0)
		return -1;
	json_array_append_new(json_object_get(cookie, "tokens"), json_string(token));
	/* "processing": it was told so before a restart. */
	if (!text_same(json_text_at(challenge, "status"), "pending"))
		return 0;
	if (acme_post(a, url, "{}", &reply, e) < 0)
		return -1;
	when_t when = acme_come_back(a, &reply.answer, 1);
	if (when > *latest)
		*latest = when;
	return 0;
}

static int
answer_challenges(
	struct acme *a, struct ca_order *o, json_t *cookie, enum ca_progress *ret, struct err *e)
{
	json_t *urls = json_array_at(cookie, "authorizations"), *item;
	when_t latest = services_now(a->services) + 1;
	size_t i;

	/* Those of a try before stay in the list until they are taken away. */
	if (!json_array_at(cookie, "tokens"))
		json_object_set_new(cookie, "tokens", json_array());
	json_array_foreach(urls, i, item)
	{
		AUTO(acme_reply) struct acme_reply reply = {0};
		char url[ACME_URL_MAX], name[NAME_TEXT];
		AUTO(json_t) json_t *holder = json_pack("{s:O}", "authorization", item);
		if (acme_url(holder, "authorization", url, e) < 0)
			return -1;
		if (acme_post(a, url, NULL, &reply, e) < 0) {
			if (reply.status == 404)
				drop(o);
			return -1;
		}
		name_of_authorization(reply.json, name);
		const char *status = json_text_at(reply.json, "status");
		if (text_same(status, "valid"))
			continue;
		if (!text_same(status, "pending")) {
			drop(o);
			return err_set(e, ERR_AUTHORITY, "the authorization of '%s' is '%.32s'",
				name, status);
		}
		if (answer_one(a, o, reply.json, cookie, &latest, e) < 0)
			return -1;
	}
	set_stage(cookie, "answered");
	o->not_before = latest;
	snprintf(o->doing, sizeof o->doing, "waits for validation");
	*ret = CA_WAIT;
	return 0;
}

/* Why an order became invalid: the error of its authorizations' challenges (7.1.6). */
static int
explain_invalid(
	struct acme *a, struct ca_order *o, const json_t *order, json_t *cookie, struct err *e)
{
	json_t *problem = json_object_at(order, "error"), *item, *challenge;
	size_t i, k;

	if (problem) {
		problem_fail(problem, 0, 0, e);
		drop(o);
		return err_in(e, "authority '%s': the order became invalid", a->conf->name);
	}
	err_set(e, ERR_AUTHORITY, "the authority does not say why");
	json_array_foreach(json_array_at(cookie, "authorizations"), i, item)
	{
		AUTO(acme_reply) struct acme_reply reply = {0};
		struct err ignored;
		char name[NAME_TEXT];
		if (acme_post(a, json_string_value(item), NULL, &reply, &ignored) < 0)
			continue;
		if (!text_same(json_text_at(reply.json, "status"), "invalid"))
			continue;
		name_of_authorization(reply.json, name);
		json_array_foreach(json_array_at(reply.json, "challenges"), k, challenge)
		{
			problem = json_object_at(challenge, "error");
			if (!problem)
				continue;
			problem_fail(problem, 0, 0, e);
			err_in(e, "'%s'", name);
			drop(o);
			return err_in(e, "authority '%s': the order became invalid", a->conf->name);
		}
	}
	drop(o);
	return err_in(e, "authority '%s': the order became invalid", a->conf->name);
}

/* Asks for the order (POST-as-GET) and goes where its status leads (7.1.6). */
static int
poll_order(struct acme *a, struct ca_order *o, json_t *cookie, enum ca_progress *ret, struct err *e)
{
	AUTO(acme_reply) struct acme_reply reply = {0};
	char url[ACME_URL_MAX];
	json_int_t polls = json_integer_value(json_object_get(cookie, "polls"));
	polls = polls < 0 ? 0 : polls > 6 ? 6 : polls;

	if (acme_url(cookie, "order", url, e) < 0)
		return drop(o);
	if (o->challenge->listen && publish_again(a, o, cookie, e) < 0)
		return -1;
	if (acme_post(a, url, NULL, &reply, e) < 0) {
		/* The server forgot it: begin anew. */
		if (reply.status == 404)
			drop(o);
		return -1;
	}
	const char *status = json_text_at(reply.json, "status");
	if (text_same(status, "ready")) {
		set_stage(cookie, "finalizing");
		o->armed = true;
		*ret = CA_AGAIN;
		return 0;
	}
	if (text_same(status, "valid")) {
		if (acme_url(reply.json, "certificate", url, e) < 0)
			return drop(o);
		json_object_set_new(cookie, "certificate", json_string(url));
		set_stage(cookie, "valid");
		*ret = CA_AGAIN;
		return 0;
	}
	if (text_same(status, "invalid"))
		return explain_invalid(a, o, reply.json, cookie, e);
	if (!text_same(status, "pending") && !text_same(status, "processing")) {
		drop(o);
		return err_set(e, ERR_AUTHORITY, "authority '%s': the order is '%.32s'",
			a->conf->name, status);
	}
	/* 1, 2, 4 ... seconds where the server does not say. */
	o->not_before = acme_come_back(a, &reply.answer, 1 << polls);
	json_object_set_new(cookie, "polls", json_integer(polls + 1));
	snprintf(o->doing, sizeof o->doing, "waits for %s",
		text_same(status, "pending") ? "validation" : "the certificate");
	*ret = CA_WAIT;
	return 0;
}

static int
finalize(struct acme *a, struct ca_order *o, json_t *cookie, enum ca_progress *ret, struct err *e)
{
	AUTO(acme_reply) struct acme_reply reply = {0};
	AUTO(char) char *csr = base64url(o->csr, o->csr_len);
	char url[ACME_URL_MAX];

	if (!o->armed)
		return poll_order(a, o, cookie, ret, e);
	o->armed = false;
	AUTO(json_t) json_t *payload = json_pack("{s:s}", "csr", csr ? csr : "");
	AUTO(char) char *text = json_line(payload);
	if (!text)
		return err_set(e, ERR_FAILED, "no memory for a request");
	if (acme_url(cookie, "finalize", url, e) < 0)
		return drop(o);
	if (acme_post(a, url, text, &reply, e) < 0) {
		/* 7.4: not ready after all, or unclear: the order's own status decides. */
		if (text_same(reply.problem, "orderNotReady")) {
			set_stage(cookie, "answered");
			o->not_before = acme_come_back(a, &reply.answer, 1);
			*ret = CA_WAIT;
			return 0;
		}
		if (e->kind == ERR_AUTHORITY && reply.problem[0])
			drop(o);
		return -1;
	}
	const char *status = json_text_at(reply.json, "status");
	if (text_same(status, "valid") && acme_url(reply.json, "certificate", url, e) == 0) {
		json_object_set_new(cookie, "certificate", json_string(url));
		set_stage(cookie, "valid");
		*ret = CA_AGAIN;
		return 0;
	}
	set_stage(cookie, "answered");
	o->not_before = acme_come_back(a, &reply.answer, 1);
	snprintf(o->doing, sizeof o->doing, "waits for the certificate");
	*ret = CA_WAIT;
	return 0;
}

static int
download(struct acme *a, struct ca_order *o, json_t *cookie, enum ca_progress *ret, struct err *e)
{
	AUTO(acme_reply) struct acme_reply reply = {0};
	char url[ACME_URL_MAX];

	if (acme_url(cookie, "certificate", url, e) < 0)
		return drop(o);
	if (acme_post(a, url, NULL, &reply, e) < 0) {
		if (reply.status == 404)
			drop(o);
		return -1;
	}
	if (!text_same(reply.answer.content_type, "application/pem-certificate-chain"))
		return err_set(e, ERR_AUTHORITY,
			"authority '%s': the certificate comes as '%s' and not as a PEM chain",
			a->conf->name, reply.answer.content_type);
	if (memchr(buf_text(&reply.answer.body), '\0', reply.answer.body.len) ||
		reply.answer.body.len == 0)
		return err_set(e, ERR_AUTHORITY, "authority '%s': the chain is empty or not text",
			a->conf->name);
	free(o->chain);
	o->chain = buf_take(&reply.answer.body);
	if (!o->chain)
		return err_set(e, ERR_FAILED, "no memory for a chain");
	*ret = CA_ISSUED;
	return 0;
}

static const struct stage stages[] = {
	{"new", make_order},
	{"ordered", answer_challenges},
	{"answered", poll_order},
	{"finalizing", finalize},
	{"valid", download},
};

/* Takes the published answers of an order away. */
static void
withdraw_tokens(struct acme *a, const struct ca_order *o, const json_t *cookie)
{
	json_t *token;
	size_t i;

	json_array_foreach(json_array_at(cookie, "tokens"), i, token)
	{
		if (json_is_string(token) && http01_token_valid(json_string_value(token)))
			http01_withdraw(&a->challenges, o->challenge, json_string_value(token));
	}
}

static int
store_cookie(struct ca_order *o, const json_t *cookie, struct err *e)
{
	char *text = json_line(cookie);

	if (!text)
		return err_set(e, ERR_FAILED, "no memory for an order");
	free(o->cookie);
	o->cookie = text;
	return 0;
}

/* Runs the stage that the cookie names. */
static int
run_stage(struct acme *a, struct ca_order *o, json_t *cookie, enum ca_progress *ret, struct err *e)
{
	const char *word = json_text_at(cookie, "stage");

	if (acme_need_directory(a, e) < 0 || acme_need_account(a, e) < 0)
		return -1;
	for (size_t i = 0; i < COUNT(stages); i++)
		if (text_same(stages[i].word, word))
			return stages[i].run(a, o, cookie, ret, e);
	drop(o);
	return err_set(
		e, ERR_FAILED, "the stored order of '%s' has an unknown stage", o->certificate);
}

int
acme_advance(void *ca, struct ca_order *o, enum ca_progress *ret, struct err *e)
{
	AUTO(json_t) json_t *cookie = NULL;
	struct err ignored;

	if (!o->cookie)
		cookie = json_pack("{s:s}", "stage", "new");
	else if (json_read(o->cookie, strlen(o->cookie), &cookie, e) < 0)
		return drop(o);
	if (!cookie)
		return err_set(e, ERR_FAILED, "no memory for an order");
	if (run_stage(ca, o, cookie, ret, e) == 0)
		/* Still "new": nothing was ordered, so there is nothing to remember. */
		return text_same(json_text_at(cookie, "stage"), "new") ? 0
								       : store_cookie(o, cookie, e);
	if (o->cookie)
		(void)!store_cookie(o, cookie, &ignored);
	else
		withdraw_tokens(ca, o, cookie);
	return -1;
}

void
acme_settle(void *ca, const struct ca_order *o)
{
	AUTO(json_t) json_t *cookie = NULL;
	struct err ignored;

	if (o->cookie && json_read(o->cookie, strlen(o->cookie), &cookie, &ignored) == 0)
		withdraw_tokens(ca, o, cookie);
}
