/*
 * An ACME order (agent/ca/acme_protocol.h) against a server that answers with the input.
 *
 * The input is a row of answers with "\n---\n" between them, one for each request. The first line
 * of an answer is STATUS CONTENT-TYPE LOCATION NONCE RETRY-AFTER, "-" for an absent field, and the
 * rest is the body. A first part "cookie TEXT" is no answer but the order as it was stored; a first
 * part "account" has the account shown, its key changed, a certificate revoked and the account
 * ended instead.
 */
#include "../../agent/ca/acme_protocol.h"

#include <dirent.h>
#include <limits.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "fuzz.h"
#include "keystay/base/buf.h"
#include "keystay/base/file.h"
#include "keystay/base/json.h"
#include "keystay/net/http.h"

#define CALLS_MAX 30
#define CHALLENGES "/.well-known/acme-challenge"

static const char separator[] = "\n---\n";

/* The server. Its clock moves with each request, so that what waits for a deadline reaches it. */
struct server {
	const char *next; /* NULL = there are no more answers */
	const char *end;
	when_t now;
};

static char webroot[] = "/tmp/keystay-fuzz-XXXXXX";

/* What a configuration would own. */
static char authority[] = "fuzz", url[] = "https://ca/dir", trust[] = "system", profile[] = "tls";
static char http_01[] = "http-01", dns_name[] = "www.example.org", address[] = "192.0.2.1";

static when_t
server_now(void *ctx)
{
	return ((struct server *)ctx)->now;
}

/* The next part of the input; false behind the last. */
static bool
next_part(struct server *s, const char **ret, size_t *ret_len)
{
	if (!s->next)
		return false;
	size_t left = (size_t)(s->end - s->next);
	const char *stop = memmem(s->next, left, separator, strlen(separator));
	*ret = s->next;
	*ret_len = stop ? (size_t)(stop - s->next) : left;
	s->next = stop ? stop + strlen(separator) : NULL;
	return true;
}

/* The next word of the first line, or with `rest` all that is left of it, as http.c keeps it. */
static void
next_field(const char **at, const char *end, char *dst, size_t size, bool rest)
{
	while (*at < end && **at == ' ')
		(*at)++;
	const char *start = *at;
	while (*at < end && (rest || **at != ' '))
		(*at)++;
	size_t len = (size_t)(*at - start);
	if (len >= size || memchr(start, '\0', len) || (len == 1 && *start == '-'))
		return;
	memcpy(dst, start, len);
	dst[len] = '\0';
	text_printable(dst);
}

static void
fill_answer(struct http_answer *ret, const char *part, size_t len, const struct http_request *r)
{
	const char *newline = memchr(part, '\n', len);
	const char *end = newline ? newline : part + len;
	char status[8] = "";
	int64_t number = 0;

	*ret = (struct http_answer){.body = BUF(r->ceiling)};
	next_field(&part, end, status, sizeof status, false);
	next_field(&part, end, ret->content_type, sizeof ret->content_type, false);
	next_field(&part, end, ret->location, sizeof ret->location, false);
	next_field(&part, end, ret->nonce, sizeof ret->nonce, false);
	next_field(&part, end, ret->retry_after, sizeof ret->retry_after, true);
	(void)number_parse(status, 100, 599, &number);
	ret->status = (int)number;
}

/* As http_send promises: https only, a ceiling, no body after HEAD. */
static int
server_http(void *ctx, struct http *connection, const struct http_request *r,
	struct http_answer *ret, struct err *e)
{
	struct server *s = ctx;
	const char *part;
	size_t len;

	MUST(connection && r->url && r->ceiling);
	MUST(r->method != HTTP_POST || (r->body && r->body_len && r->content_type));
	s->now++;
	if (!text_starts(r->url, "https://"))
		return err_set(e, ERR_AUTHORITY, "'%s' is not an https URL", r->url);
	if (!next_part(s, &part, &len))
		return err_set(e, ERR_NETWORK, "no answer");
	fill_answer(ret, part, len, r);
	const char *newline = memchr(part, '\n', len);
	if (newline && r->method != HTTP_HEAD)
		buf_add(&ret->body, newline + 1, len - (size_t)(newline + 1 - part));
	if (!ret->body.full)
		return 0;
	http_answer_free(ret);
	return err_set(e, ERR_AUTHORITY, "the answer is too large");
}

/* How many answers to challenges stand in the webroot. */
static unsigned
challenges_left(void)
{
	char path[PATH_MAX];
	unsigned count = 0;

	snprintf(path, sizeof path, "%s%s", webroot, CHALLENGES);
	DIR *dir = opendir(path);
	if (!dir)
		return 0;
	for (struct dirent *d; (d = readdir(dir));)
		count += d->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void
remove_webroot(void)
{
	char path[PATH_MAX];
	struct err ignored;

	snprintf(path, sizeof path, "%s%s", webroot, CHALLENGES);
	(void)!folder_remove(path, &ignored);
	snprintf(path, sizeof path, "%s/.well-known", webroot);
	(void)rmdir(path);
	(void)rmdir(webroot);
}

/* One stage, and what it promises whatever came. */
static enum ca_progress
advance(void *ca, struct ca_order *o, struct server *s, bool *ret_failed)
{
	AUTO(json_t) json_t *cookie = NULL;
	enum ca_progress progress = CA_AGAIN;
	struct err e = {0}, why;
	when_t before = s->now;

	*ret_failed = acme_ops.advance(ca, o, &progress, &e) < 0;
	if (*ret_failed)
		MUST(e.kind != ERR_NONE && e.text[0] && memchr(e.text, '\0', sizeof e.text));
	MUST(!o->cookie || json_read(o->cookie, strlen(o->cookie), &cookie, &why) == 0);
	MUST(memchr(o->doing, '\0', sizeof o->doing));
	if (*ret_failed) {
		/* The next try may come from a new process. */
		o->armed = false;
	} else if (progress == CA_WAIT) {
		MUST(o->cookie && o->not_before > before && o->not_before <= s->now + 30 * DAY);
		if (s->now < o->not_before)
			s->now = o->not_before;
	} else if (progress == CA_ISSUED) {
		MUST(o->chain && *o->chain);
	}
	return progress;
}

static void
order(void *ca, struct ca_order *o, struct server *s, bool stored)
{
	/* A stage without a request (a damaged cookie) does not end the input, so calls do. */
	for (int i = 0; i < CALLS_MAX && s->next; i++) {
		bool failed;
		if (advance(ca, o, s, &failed) == CA_ISSUED && !failed)
			break;
	}
	MUST(acme_ops.account(ca));
	acme_ops.settle(ca, o);
	/* A stored order may have lost the names of its files; ours has not. */
	if (!stored)
		MUST(challenges_left() == 0);
}

static void
look_at_account(void *ca, bool deactivate)
{
	struct ca_account account = {.url = ""};
	struct err e = {0};

	if (acme_ops.show_account(ca, deactivate, &account, &e) < 0) {
		MUST(e.kind != ERR_NONE && e.text[0] && !account.contact.count);
		return;
	}
	MUST(account.status[0] && fuzz_printable(account.status));
	MUST(memchr(account.url, '\0', sizeof account.url));
	for (size_t i = 0; i < account.contact.count; i++)
		MUST(fuzz_printable(account.contact.item[i]));
	list_free(&account.contact);
}

static void
use_account(void *ca, EVP_PKEY *key)
{
	struct err e = {0};

	look_at_account(ca, false);
	if (acme_ops.revoke(ca, "der", 3, REVOKE_SUPERSEDED, &e) < 0)
		MUST(e.kind != ERR_NONE && e.text[0]);
	e = (struct err){0};
	if (acme_ops.change_key(ca, key, key, &e) < 0)
		MUST(e.kind != ERR_NONE && e.text[0]);
	look_at_account(ca, true);
}

static EVP_PKEY *
start(void)
{
	static EVP_PKEY *key;

	if (!key) {
		key = EVP_EC_gen("P-256");
		if (!key || !mkdtemp(webroot))
			BUG("no key or no folder");
		(void)atexit(remove_webroot);
	}
	return key;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char cookie[] = "cookie ", account_word[] = "account\n---\n";
	static char *name[] = {dns_name, address};
	EVP_PKEY *key = start();
	AUTO(char) char *text = fuzz_bytes(data, size);
	struct server s = {text, text + size, 1795282774};
	const struct services services = {.now = server_now, .http = server_http, .ctx = &s};
	const struct authority_conf conf = {.name = authority,
		.ops = &acme_ops,
		.url = url,
		.agree_terms = true,
		.trust = trust,
		.profile = profile};
	const struct ca_needs needs = {.services = &services,
		.account_key = key,
		.account_public = key,
		.account_url = ""};
	const struct list names = {name, COUNT(name)};
	const struct challenge_conf challenge = {.type = http_01, .webroot = webroot};
	struct ca_order o = {.certificate = "web",
		.names = &names,
		.challenge = &challenge,
		.csr = "csr",
		.csr_len = 3};
	struct err e = {0};
	const char *part;
	size_t len;
	void *ca;

	bool stored = size >= strlen(cookie) && memcmp(text, cookie, strlen(cookie)) == 0;
	if (stored && next_part(&s, &part, &len)) {
		o.cookie = fuzz_text((const uint8_t *)part + strlen(cookie), len - strlen(cookie));
		if (!s.next)
			s.next = s.end;
	}
	bool account = size >= strlen(account_word) &&
		       memcmp(text, account_word, strlen(account_word)) == 0;
	if (account && next_part(&s, &part, &len) && !s.next)
		s.next = s.end;
	if (acme_ops.open(&conf, &needs, &ca, &e) < 0)
		BUG(e.text);
	if (account)
		use_account(ca, key);
	else
		order(ca, &o, &s, stored);
	acme_ops.close(ca);
	free(o.cookie);
	free(o.chain);
	return 0;
}
