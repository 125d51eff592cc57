#include "estate_details.h"

#include <string.h>

static int
add_key(void *ctx, const struct version_row *v, struct err *e)
{
	struct estate_details *d = ctx;
	struct estate_key *more = realloc(d->key, (d->keys + 1) * sizeof *more);

	if (!more)
		return err_set(e, ERR_FAILED, "no memory");
	d->key = more;
	more[d->keys++] = (struct estate_key){.version = *v};
	return 0;
}

static int
add_served(void *ctx, const struct served_row *s, struct err *e)
{
	struct estate_details *d = ctx;
	struct served_row *more = realloc(d->served, (d->served_count + 1) * sizeof *more);

	if (!more)
		return err_set(e, ERR_FAILED, "no memory");
	d->served = more;
	more[d->served_count++] = *s;
	return 0;
}

static int
look_at_keys(
	struct db *db, struct usage *usage, struct estate_details *d, bool brief, struct err *e)
{
	for (size_t i = 0; i < d->keys; i++) {
		struct estate_key *k = &d->key[i];
		if (key_get(db, k->version.key_id, &k->key, e) < 0 ||
			usage_of(usage, &k->key, &k->usage, e) < 0 ||
			(!brief && key_evidence_get(db, k->key.id, &k->evidence, e) < 0))
			return -1;
	}
	return 0;
}

int
estate_details_read(struct db *db, struct usage *usage, const char *name, bool brief,
	struct estate_details *ret, struct err *e)
{
	AUTO(estate_details) struct estate_details d = {.keys = 0};

	if (db && (certificate_get(db, name, &d.row, e) < 0 ||
			  attempt_load(db, name, &d.attempt, &d.has_attempt, e) < 0 ||
			  version_each(db, name, d.row.live_version, add_key, &d, e) < 0 ||
			  look_at_keys(db, usage, &d, brief, e) < 0))
		return -1;
	if (db && !brief && served_each(db, name, add_served, &d, e) < 0)
		return -1;
	*ret = d;
	memset(&d, 0, sizeof d);
	return 0;
}

void
estate_details_free(struct estate_details *d)
{
	for (size_t i = 0; i < d->keys; i++)
		free(d->key[i].evidence);
	free(d->key);
	free(d->served);
	attempt_free(&d->attempt);
	*d = (struct estate_details){.keys = 0};
}
