#include "keystay/life/facts.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/file.h"
#include "keystay/base/json.h"
#include "keystay/state/inventory.h"
#include "keystay/state/keys.h"
#include "keystay/token/key_type.h"
#include "internal.h"

void
facts_free(struct facts *f)
{
	traits_free(&f->issued);
	list_free(&f->authority_issuers);
}

void
facts_wish(const struct certificate_conf *c, when_t now, struct facts *ret)
{
	for (size_t i = 0; i < c->keys; i++)
		ret->key_type[i] = key_type_word(c->key[i]);
	ret->policy = (struct policy_facts){.now = now,
		.certificate = c->name,
		.key_type = ret->key_type,
		.key_types = c->keys,
		.names = &c->names,
		.subject = &c->subject,
		.owner = c->owner};
}

int
facts_chain(const struct chain *c, struct facts *ret, struct err *e)
{
	traits_free(&ret->issued);
	ret->policy.issued = NULL;
	if (chain_traits(c, &ret->issued, e) < 0)
		return -1;
	ret->policy.issued = &ret->issued;
	return 0;
}

/* The chain of a key type in a folder of a version; NULL where it cannot be read. */
static struct chain *
read_chain(const char *folder, size_t index, const char *key_type)
{
	AUTO(buf) struct buf pem = BUF(CHAIN_MAX);
	struct chain *c = NULL;
	char path[4400];
	struct err ignored;

	snprintf(path, sizeof path, "%s/fullchain%s%s.pem", folder, index ? "." : "",
		index ? key_type : "");
	if (file_read(path, &pem, &ignored) < 0 ||
		chain_parse(buf_text(&pem), pem.len, &c, &ignored) < 0)
		return NULL;
	return c;
}

static int
add_all(struct list *to, const struct list *from, struct err *e)
{
	for (size_t i = 0; i < from->count; i++)
		if (!list_add(to, from->item[i]))
			return err_set(e, ERR_FAILED, "no memory");
	return 0;
}

int
facts_authority(const struct config *config, struct db *db, const char *authority,
	struct facts *ret, struct err *e)
{
	AUTO(chain_traits) struct chain_traits t = {0};
	struct version_row last;
	char folder[4096];
	struct err ignored;
	bool found = false;

	list_free(&ret->authority_issuers);
	ret->policy.authority = authority;
	ret->policy.authority_issuers = NULL;
	if (db && version_last_of(db, authority, &last, &found, e) < 0)
		return -1;
	if (!found)
		return 0;
	path_version(config, last.certificate, last.number, folder);
	AUTO(chain) struct chain *c = read_chain(folder, 0, "");
	if (!c || chain_traits(c, &t, &ignored) < 0)
		return 0;
	/* Names and keys alike: a policy may speak of either. The leaf's key is the first. */
	if (add_all(&ret->authority_issuers, &t.issuers, e) < 0)
		return -1;
	for (size_t i = 1; i < t.keys.count; i++)
		if (!list_add(&ret->authority_issuers, t.keys.item[i]))
			return err_set(e, ERR_FAILED, "no memory");
	ret->policy.authority_issuers = &ret->authority_issuers;
	return 0;
}

static void
read_evidence(const json_t *said, struct facts *ret)
{
	bool *origin = ret->policy.origin.said;
	const char *class = json_text_at(said, "token_class");

	text_copy(ret->token_class, sizeof ret->token_class, *class ? class : "unknown");
	ret->policy.token_class = ret->token_class;
	ret->policy.origin.known = true;
	origin[ORIGIN_LOCAL] = json_is_true(json_object_get(said, "local"));
	origin[ORIGIN_SENSITIVE] = json_is_true(json_object_get(said, "sensitive"));
	origin[ORIGIN_ALWAYS_SENSITIVE] = json_is_true(json_object_get(said, "always_sensitive"));
	origin[ORIGIN_NOT_EXTRACTABLE] = json_is_false(json_object_get(said, "extractable"));
	origin[ORIGIN_NEVER_EXTRACTABLE] = json_is_true(json_object_get(said, "never_extractable"));
}

int
facts_key(
	struct db *db, const char *key_id, const EVP_PKEY *public, struct facts *ret, struct err *e)
{
	AUTO(char) char *evidence = NULL;
	AUTO(json_t) json_t *said = NULL;
	struct err ignored;

	ret->policy.token_class = NULL;
	ret->policy.origin = (struct key_origin){.known = false};
	ret->policy.weak = NULL;
	if (key_evidence_get(db, key_id, &evidence, e) < 0)
		return -1;
	if (evidence && json_read(evidence, strlen(evidence), &said, &ignored) == 0)
		read_evidence(said, ret);
	if (public) {
		ret->weak = weak_of(public);
		ret->policy.weak = &ret->weak;
	}
	return 0;
}

int
facts_judge_wish(const struct config *config, struct db *db, const struct certificate_conf *c,
	const char *first, struct facts *ret, struct judgement judged[RULES], struct err *e)
{
	const struct policy *p = policy_find(config->policies, c->policy);
	const struct list *all = &c->authority;
	size_t start = 0;

	while (first && start < all->count && !text_same(all->item[start], first))
		start++;
	for (size_t i = 0; i < all->count; i++) {
		struct judgement one[RULES];
		const char *authority = all->item[(start + i) % all->count];
		if (facts_authority(config, db, authority, ret, e) < 0)
			return -1;
		enum verdict verdict = policy_judge(p, &ret->policy, one);
		if (i == 0 || verdict < VERDICT_REFUSED)
			memcpy(judged, one, sizeof one);
		if (verdict < VERDICT_REFUSED)
			return 0;
	}
	return facts_authority(config, db, all->item[start % all->count], ret, e);
}

struct living {
	const struct config *config;
	struct db *db;
	const struct certificate_conf *conf;
	when_t now;
	facts_fn each;
	void *ctx;
	struct judgement *judged;
	size_t index;
};

static int
judge_part(void *ctx, const struct version_row *v, struct err *e)
{
	struct living *all = ctx;
	AUTO(facts) struct facts f = {0};
	struct judgement judged[RULES];
	char folder[4096];

	facts_wish(all->conf, all->now, &f);
	path_live(all->config, all->conf->name, folder);
	AUTO(chain) struct chain *c = read_chain(folder, all->index, v->key_type);
	struct err ignored;
	if (c && facts_chain(c, &f, &ignored) < 0)
		f.policy.issued = NULL;
	if (facts_key(all->db, v->key_id, NULL, &f, e) < 0 ||
		(all->each && all->each(all->ctx, v->key_type, v->key_id, &f, e) < 0) ||
		facts_judge_wish(all->config, all->db, all->conf, NULL, &f, judged, e) < 0)
		return -1;
	if (all->index++ == 0)
		memcpy(all->judged, judged, sizeof judged);
	else
		(void)policy_worse(all->judged, judged);
	return 0;
}

int
facts_judge_live(const struct config *config, struct db *db, const struct certificate_conf *c,
	when_t now, facts_fn each, void *ctx, struct judgement judged[RULES], struct err *e)
{
	struct living all = {config, db, c, now, each, ctx, judged, 0};
	AUTO(facts) struct facts wish = {0};
	struct certificate_row row;

	if (db && certificate_get(db, c->name, &row, e) < 0)
		return -1;
	if (db && row.live_version &&
		version_each(db, c->name, row.live_version, judge_part, &all, e) < 0)
		return -1;
	if (all.index)
		return 0;
	facts_wish(c, now, &wish);
	return facts_judge_wish(config, db, c, NULL, &wish, judged, e);
}
