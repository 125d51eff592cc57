/* Certificates that are found themselves: in a file, at an endpoint. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keystay/base/endpoint.h"
#include "keystay/base/file.h"
#include "keystay/net/probe.h"
#include "keystay/x509/leaf.h"
#include "adopt.h"

/* A bundle with the key, its chain and a few more. */
#define FILE_CEILING ((size_t)1024 * 1024)

#define LOOK_LIMIT_MS 10000

int
adopt_facts(struct watched_row *row, const struct chain *chain, struct err *e)
{
	struct leaf_facts facts;

	if (chain_leaf_facts(chain, &facts, e) < 0)
		return -1;
	list_free(&row->names);
	if (!leaf_names(chain, &row->names))
		return err_set(e, ERR_FAILED, "no memory for a certificate's names");
	if (row->names.count == 0)
		return err_set(e, ERR_CONFIG, "the certificate names no host");
	leaf_subject(chain, row->subject, sizeof row->subject);
	leaf_key_word(chain, row->key_type, sizeof row->key_type);
	text_copy(row->issuer, sizeof row->issuer, facts.issuer);
	text_copy(row->serial, sizeof row->serial, facts.serial);
	text_copy(row->fingerprint, sizeof row->fingerprint, facts.fingerprint);
	row->not_before = facts.not_before;
	row->not_after = facts.not_after;
	return 0;
}

int
adopt_read_file(const char *path, struct chain **ret, struct err *e)
{
	AUTO(buf) struct buf text = BUF(FILE_CEILING);

	int rc = file_read(path, &text, e);
	if (rc == 0 && chain_first(buf_text(&text), text.len, ret, e) < 0)
		rc = err_in(e, "'%s'", path);
	/* There may be a private key beside the certificate. */
	if (text.text)
		OPENSSL_cleanse(text.text, text.room);
	return rc;
}

int
adopt_look(const struct services *s, const char *endpoint, const char *sni, struct chain **ret,
	struct err *e)
{
	AUTO(buf) struct buf leaf = BUF(CHAIN_DER_MAX);
	char host[ENDPOINT_HOST], port[ENDPOINT_PORT];
	struct probe_answer answer;

	if (!endpoint_split(endpoint, host, port))
		return err_set(e, ERR_USAGE, "'%s' is not HOST:PORT or [ADDRESS]:PORT", endpoint);
	const struct probe_request r = {.endpoint = endpoint,
		.sni = sni ? sni : host,
		.limit_ms = LOOK_LIMIT_MS,
		.leaf = &leaf};
	if (s->probe(s->ctx, &r, &answer, e) < 0)
		return err_hint(e, "does a TLS server listen there?");
	if (chain_first(buf_text(&leaf), leaf.len, ret, e) < 0)
		return err_in(e, "endpoint '%s'", endpoint);
	return 0;
}

/* An absolute path, so that the agent finds it too; links stay, since what they show may change. */
int
adopt_place(const char *path, char place[WATCHED_PLACE], struct err *e)
{
	AUTO(char) char *here = *path == '/' ? NULL : getcwd(NULL, 0);

	if (*path != '/' && !here)
		return err_errno(e, ERR_FAILED, errno, "'%s': which folder is this?", path);
	if (snprintf(place, WATCHED_PLACE, "%s%s%s", here ? here : "", here ? "/" : "", path) <
		WATCHED_PLACE)
		return 0;
	return err_set(e, ERR_USAGE, "the path '%.80s...' is too long", path);
}

int
adopt_file(const char *path, const struct services *s, struct adoption *a, struct err *e)
{
	AUTO(chain) struct chain *chain = NULL;

	if (adopt_read_file(path, &chain, e) < 0)
		return -1;
	struct adopted_row *item = adoption_add(a, e);
	if (!item || adopt_place(path, item->row.place, e) < 0)
		return -1;
	text_copy(item->row.source, sizeof item->row.source, WATCHED_FILE);
	item->row.looked_at = services_now(s);
	return adopt_facts(&item->row, chain, e) < 0 ? err_in(e, "'%s'", path) : 0;
}

int
adopt_endpoint(const char *endpoint, const char *sni, const struct services *s, struct adoption *a,
	struct err *e)
{
	AUTO(chain) struct chain *chain = NULL;

	if (adopt_look(s, endpoint, sni, &chain, e) < 0)
		return -1;
	struct adopted_row *item = adoption_add(a, e);
	if (!item)
		return -1;
	int n = snprintf(item->row.place, sizeof item->row.place, "%s%s%s", endpoint,
		sni ? " " : "", sni ? sni : "");
	if (n >= (int)sizeof item->row.place)
		return err_set(e, ERR_USAGE, "'%s' is too long", endpoint);
	if (!list_add(&item->row.endpoints, endpoint))
		return err_set(e, ERR_FAILED, "no memory");
	text_copy(item->row.source, sizeof item->row.source, WATCHED_ENDPOINT);
	item->row.looked_at = services_now(s);
	return adopt_facts(&item->row, chain, e) < 0 ? err_in(e, "endpoint '%s'", endpoint) : 0;
}
