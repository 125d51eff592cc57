#include "shown.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keystay/base/file.h"
#include "keystay/base/log.h"
#include "keystay/state/inventory.h"
#include "keystay/x509/chain.h"
#include "wish.h"

void
shown_free(struct shown *s)
{
	X509_free(s->id.certificate);
	sk_X509_pop_free(s->id.issuers, X509_free);
	EVP_PKEY_free(s->id.key);
	*s = (struct shown){.there = false};
}

/* The certificates of a file: the leaf, and what is shown with it. */
static int
read_certificates(const char *path, struct shown *s, struct err *e)
{
	AUTO(buf) struct buf pem = BUF(CHAIN_MAX);
	AUTO(chain) struct chain *chain = NULL;

	if (file_read(path, &pem, e) < 0 || chain_parse(buf_text(&pem), pem.len, &chain, e) < 0)
		return err_in(e, "'%s'", path);
	s->id.certificate = chain_leaf(chain);
	X509_up_ref(s->id.certificate);
	if (!(s->id.issuers = sk_X509_new_null()))
		return err_set(e, ERR_FAILED, "no memory for a client certificate");
	for (size_t i = 1; i < chain_count(chain); i++) {
		X509 *x = chain_at(chain, i);
		if (!X509_up_ref(x) || !sk_X509_push(s->id.issuers, x))
			return err_set(e, ERR_FAILED, "no memory for a client certificate");
	}
	return 0;
}

static int
load_key(struct life *l, const struct authority_conf *a, struct shown *s, struct err *e)
{
	const char *token = a->est.identity.token;
	EVP_PKEY *public = X509_get0_pubkey(s->id.certificate);
	struct key_name name;
	char hash[KEY_HASH_TEXT];
	struct token *t;

	if (!public)
		return err_set(e, ERR_CONFIG,
			"the certificate of 'identity:' has no key that can be "
			"read");
	if (life_token(l, token, &t, e) < 0 ||
		key_of_public(t, public, a->est.identity.key, &name, e) < 0 ||
		key_public_hash(public, hash, e) < 0)
		return -1;
	return key_load(t, &name, hash, &s->id.key, e);
}

int
shown_identity(struct life *l, const struct authority_conf *a, struct shown *ret, struct err *e)
{
	const char *path = a->est.identity.certificate;

	*ret = (struct shown){.there = false};
	if (!path)
		return 0;
	/* It may be one that is to be got by login, from this very authority. */
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		snprintf(ret->why, sizeof ret->why,
			"the certificate of 'identity:', '%s', is not there", path);
		return 0;
	}
	if (read_certificates(path, ret, e) < 0 || load_key(l, a, ret, e) < 0)
		return err_in(e, "authority '%s': identity", a->name);
	ret->there = true;
	return 0;
}

struct looking {
	const char *key_type;
	struct version_row row;
	size_t index, position; /* of the type, among those of the version */
	bool found;
};

static int
find_type(void *ctx, const struct version_row *v, struct err *e)
{
	struct looking *f = ctx;

	(void)e;
	if (text_same(v->key_type, f->key_type)) {
		f->row = *v;
		f->position = f->index;
		f->found = true;
	}
	f->index++;
	return 0;
}

static int
load_live(struct life *l, const struct looking *f, struct shown *s, struct err *e)
{
	char folder[4096], path[4400];
	struct key_row key;
	struct token *t;

	path_version(l->config, f->row.certificate, f->row.number, folder);
	snprintf(path, sizeof path, "%s/fullchain%s%s.pem", folder, f->position ? "." : "",
		f->position ? f->key_type : "");
	if (read_certificates(path, s, e) < 0 || key_get(l->db, f->row.key_id, &key, e) < 0)
		return -1;
	if (text_same(key.state, KEY_COMPROMISED) || text_same(key.state, KEY_DISABLED) ||
		text_same(key.state, KEY_DESTROYED))
		return err_set(e, ERR_POLICY, "its key '%s' is %s", key.label, key.state);
	return life_key_load(l, &key, &s->id.key, &t, e);
}

int
shown_live(struct life *l, const struct certificate_conf *c, const struct authority_conf *a,
	const char *key_type, struct shown *ret, struct err *e)
{
	struct looking f = {.key_type = key_type};
	struct certificate_row row;
	char wish[WISH_TEXT];
	struct err why;

	*ret = (struct shown){.there = false};
	if (certificate_get(l->db, c->name, &row, e) < 0 ||
		(row.live_version &&
			version_each(l->db, c->name, row.live_version, find_type, &f, e) < 0))
		return -1;
	if (!f.found)
		return 0;
	if (!text_same(f.row.authority, a->name)) {
		snprintf(ret->why, sizeof ret->why, "what is live is from authority '%s'",
			f.row.authority);
		return 0;
	}
	if (load_live(l, &f, ret, &why) < 0) {
		/* A token that is lost is noticed where the request is signed. */
		shown_free(ret);
		snprintf(ret->why, sizeof ret->why, "what is live cannot be shown: %.240s",
			why.text);
		return 0;
	}
	wish_text(c, wish);
	const char *differs = wish_differs(row.wish, wish);
	ret->same = *row.wish &&
		    (!differs || text_same(differs, "key types") || text_same(differs, "token"));
	ret->there = true;
	return 0;
}
