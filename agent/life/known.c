#include "known.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keystay/base/file.h"

static int
add_part(void *ctx, const struct version_row *v, struct err *e)
{
	struct known *k = ctx;

	if (k->parts == PARTS_MAX)
		return err_set(e, ERR_FAILED, "the database has too many key types of a version");
	k->part[k->parts++] = *v;
	return 0;
}

int
known_load(struct db *db, const char *certificate, int64_t number, struct known *ret, struct err *e)
{
	struct known k = {.number = number};

	text_copy(k.certificate, sizeof k.certificate, certificate);
	if (version_each(db, certificate, number, add_part, &k, e) < 0)
		return -1;
	if (k.parts == 0) {
		err_set(e, ERR_USAGE, "no version %lld of '%s' is recorded", (long long)number,
			certificate);
		return err_hint(e, "'keystay history %s' tells which there were", certificate);
	}
	*ret = k;
	return 0;
}

static void
path_of(struct life *l, const struct known *k, size_t part, const char *word, char path[4400])
{
	char folder[4096];

	path_version(l->config, k->certificate, k->number, folder);
	snprintf(path, 4400, "%s/%s%s%s.pem", folder, word, part ? "." : "",
		part ? k->part[part].key_type : "");
}

int
known_chain(struct life *l, const struct known *k, size_t part, struct chain **ret, struct err *e)
{
	AUTO(chain) struct chain *chain = NULL;
	AUTO(buf) struct buf pem = BUF(CHAIN_MAX);
	struct leaf_facts facts;
	char path[4400];

	path_of(l, k, part, "fullchain", path);
	if (file_read(path, &pem, e) < 0 || chain_parse(buf_text(&pem), pem.len, &chain, e) < 0 ||
		chain_leaf_facts(chain, &facts, e) < 0) {
		e->kind = ERR_FAILED;
		return err_in(e, "version %lld", (long long)k->number);
	}
	if (!text_same(facts.fingerprint, k->part[part].fingerprint))
		return err_set(
			e, ERR_FAILED, "'%s' is not the certificate that was recorded", path);
	*ret = take(&chain);
	return 0;
}

int
known_whole(struct life *l, const struct known *k, struct err *e)
{
	static const char *const words[] = {"cert", "chain", "fullchain", "key", "combined"};
	char path[4400];

	for (size_t i = 0; i < k->parts; i++)
		for (size_t w = 0; w < COUNT(words); w++) {
			path_of(l, k, i, words[w], path);
			if (access(path, R_OK) < 0)
				return err_errno(e, ERR_FAILED, errno, "version %lld: '%s'",
					(long long)k->number, path);
		}
	return 0;
}

int
known_parts(struct life *l, const struct known *k, struct attempt *a, struct err *e)
{
	for (size_t i = 0; i < k->parts; i++) {
		AUTO(chain) struct chain *chain = NULL;
		struct part *p = &a->part[i];
		if (known_chain(l, k, i, &chain, e) < 0 ||
			chain_pem(chain, 0, chain_count(chain), &p->chain, e) < 0)
			return -1;
		text_copy(p->key_type, sizeof p->key_type, k->part[i].key_type);
		text_copy(p->key_id, sizeof p->key_id, k->part[i].key_id);
		a->parts = i + 1;
	}
	a->version = k->number;
	return 0;
}
