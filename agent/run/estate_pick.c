#include "estate_pick.h"

#include <string.h>
#include <strings.h>

#include "columns.h"

bool
estate_is_whole(const struct estate_filter *f)
{
	return f->names.count == 0 && !f->owner && f->authority.count == 0 &&
	       f->policy.count == 0 && f->states == 0 && f->until == 0;
}

bool
estate_matches(const struct estate_filter *f, const struct estate_row *r)
{
	if (f->names.count && !list_sorted_has(&f->names, r->name))
		return false;
	if (f->owner && !columns_hold(r->owner, f->owner))
		return false;
	if (f->authority.count && !list_has(&f->authority, r->authority))
		return false;
	if (f->policy.count && !list_has(&f->policy, r->policy))
		return false;
	if (f->states && !(f->states & 1u << r->state))
		return false;
	return f->until == 0 || (r->not_after && r->not_after <= f->until);
}

static int
by_number(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

/* 0 is what is not known. */
static int
by_moment(when_t a, when_t b)
{
	return a && b ? by_number(a, b) : by_number(a == 0, b == 0);
}

static int
by_text(const char *a, const char *b)
{
	return *a && *b ? strcasecmp(a, b) : by_number(*a == '\0', *b == '\0');
}

static int
by_name(const struct estate_row *a, const struct estate_row *b)
{
	return strcmp(a->name, b->name);
}

static int
by_owner(const struct estate_row *a, const struct estate_row *b)
{
	return by_text(a->owner, b->owner);
}

static int
by_authority(const struct estate_row *a, const struct estate_row *b)
{
	return by_text(a->authority, b->authority);
}

static int
by_expiry(const struct estate_row *a, const struct estate_row *b)
{
	return by_moment(a->not_after, b->not_after);
}

/* One that is not there yet is obtained by the next pass. */
static when_t
wanted_at(const struct estate_row *r)
{
	return r->conf && !r->live_version ? 1 : r->due_at;
}

static int
by_renewal(const struct estate_row *a, const struct estate_row *b)
{
	return by_moment(wanted_at(a), wanted_at(b));
}

static int
by_age(const struct estate_row *a, const struct estate_row *b)
{
	return by_moment(a->key_made_at, b->key_made_at);
}

static int
by_use(const struct estate_row *a, const struct estate_row *b)
{
	if (a->usage.known != b->usage.known)
		return a->usage.known ? -1 : 1;
	return by_number(b->usage.signatures, a->usage.signatures);
}

/* One that is only watched is as good as a valid one: its end counts. Lost files are a failure. */
static int
rank_of(const struct estate_row *r)
{
	if (r->loss && r->state > ESTATE_FAILED)
		return ESTATE_FAILED;
	return r->state == ESTATE_WATCHED ? ESTATE_VALID : r->state;
}

static int
by_state(const struct estate_row *a, const struct estate_row *b)
{
	int c = by_number(rank_of(a), rank_of(b));

	return c ? c : by_expiry(a, b);
}

static const struct sort {
	const char *word;
	int (*compare)(const struct estate_row *a, const struct estate_row *b);
} sorts[SORTS] = {
	[SORT_STATE] = {"state", by_state},
	[SORT_NAME] = {"name", by_name},
	[SORT_OWNER] = {"owner", by_owner},
	[SORT_AUTHORITY] = {"authority", by_authority},
	[SORT_EXPIRY] = {"expiry", by_expiry},
	[SORT_RENEWAL] = {"renewal", by_renewal},
	[SORT_AGE] = {"age", by_age},
	[SORT_USE] = {"use", by_use},
};

bool
estate_sort_of(const char *word, enum estate_sort *ret)
{
	for (int i = 0; i < SORTS; i++)
		if (text_same(sorts[i].word, word)) {
			*ret = (enum estate_sort)i;
			return true;
		}
	return false;
}

static int
compare(const void *a, const void *b, void *sort)
{
	const struct estate_row *x = *(const struct estate_row *const *)a;
	const struct estate_row *y = *(const struct estate_row *const *)b;
	int c = ((const struct sort *)sort)->compare(x, y);

	return c ? c : by_name(x, y);
}

void
estate_pick_sort(struct estate_pick *p, enum estate_sort sort, bool reverse)
{
	qsort_r(p->row, p->count, sizeof(struct estate_row *), compare, (void *)&sorts[sort]);
	for (size_t i = 0; reverse && i < p->count / 2; i++) {
		const struct estate_row *other = p->row[p->count - 1 - i];
		p->row[p->count - 1 - i] = p->row[i];
		p->row[i] = other;
	}
}
