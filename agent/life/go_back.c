#include "keystay/life/go_back.h"

#include <stdio.h>
#include <string.h>

#include "keystay/life/rebuild.h"
#include "back.h"
#include "due.h"

/* The whole command; the patience of the served check is far less. */
#define WAIT (10 * MINUTE)

/* The number that is meant; ERR_USAGE where there is none. */
static int
choose(struct life *l, const struct certificate_conf *c, int64_t *to, int64_t *ret_from,
	struct err *e)
{
	struct certificate_row row;

	if (certificate_get(l->db, c->name, &row, e) < 0)
		return -1;
	if (!row.live_version) {
		err_set(e, ERR_USAGE, "no version of '%s' is live", c->name);
		return err_hint(e, "'keystay issue %s' gets the first", c->name);
	}
	*ret_from = row.live_version;
	if (!*to && version_before(l->db, c->name, row.live_version, to, e) < 0)
		return -1;
	if (!*to) {
		err_set(e, ERR_USAGE, "there is no version of '%s' before version %lld", c->name,
			(long long)row.live_version);
		return err_hint(e, "'keystay history %s' shows what there was", c->name);
	}
	if (*to != row.live_version)
		return 0;
	err_set(e, ERR_USAGE, "version %lld of '%s' is live already", (long long)*to, c->name);
	return err_hint(e, "'keystay install %s' puts it on its targets again", c->name);
}

/* Only an attempt to go back to the same version may be there: it is gone on with. */
static int
refuse_other(const struct attempt *a, int64_t to, struct err *e)
{
	if (goes_back(a) && a->version == to)
		return 0;
	if (goes_back(a))
		err_set(e, ERR_WAIT, "certificate '%s' is on its way back to version %lld",
			a->certificate, (long long)a->version);
	else
		err_set(e, ERR_WAIT, "an attempt for '%s' is under way, at step %s", a->certificate,
			a->step);
	return err_hint(e, "'keystay renew %s' goes on with it; then roll back", a->certificate);
}

static int
begin(struct life *l, const struct certificate_conf *c, int64_t to, struct err *e)
{
	AUTO(attempt) struct attempt a = {.started_at = services_now(l->services)};
	struct known k;

	if (known_load(l->db, c->name, to, &k, e) < 0 || back_judge(l, &k, e) < 0) {
		if (e->kind == ERR_FAILED && !e->hint[0])
			err_hint(e, "'keystay renew %s' gets another", c->name);
		return -1;
	}
	text_copy(a.certificate, sizeof a.certificate, c->name);
	text_copy(a.step, sizeof a.step, step_word(STEP_INSTALL));
	snprintf(a.reason, sizeof a.reason, "back to version %lld, by hand", (long long)to);
	text_copy(a.key_mode, sizeof a.key_mode, MODE_BACK);
	text_copy(a.authority, sizeof a.authority, k.part[0].authority);
	if (known_parts(l, &k, &a, e) < 0)
		return -1;
	return attempt_save(l->db, &a, e);
}

/* While the lock was given back, the agent may have gone on with it, and failed. */
static int
confirm(struct life *l, const struct certificate_conf *c, int64_t to, struct err *e)
{
	struct certificate_row row;

	if (certificate_get(l->db, c->name, &row, e) < 0)
		return -1;
	if (row.live_version == to)
		return 0;
	err_set(e, ERR_SERVED,
		"certificate '%s': another process went on with it, and version %lld is live",
		c->name, (long long)row.live_version);
	return err_hint(e, "'keystay history %s' tells why", c->name);
}

int
life_go_back(struct life *l, const struct certificate_conf *c, int64_t to, struct went_back *ret,
	struct err *e)
{
	const struct wish wish = {.reason = "rolled back by hand"};
	AUTO(attempt) struct attempt there = {0};
	const struct due *due;
	bool found, started;

	*ret = (struct went_back){0};
	/* What the files know better is taken over before a version is chosen. */
	if (rebuild_one(l, c, e) < 0 || choose(l, c, &to, &ret->from, e) < 0 ||
		attempt_load(l->db, c->name, &there, &found, e) < 0 ||
		(found ? refuse_other(&there, to, e) : begin(l, c, to, e)) < 0)
		return -1;
	ret->to = to;
	life_due_again(l);
	if (life_want(l, c, &wish, &started, e) < 0 || life_go(l, WAIT, e) < 0)
		return -1;
	ret->result = *life_result_at(l, 0);
	if (ret->result.state == LIFE_DONE && confirm(l, c, to, &ret->result.err) < 0)
		ret->result.state = LIFE_FAILED;
	life_due_again(l);
	if (life_due(l, c, &due, e) < 0)
		return -1;
	ret->due_at = due->at;
	text_copy(ret->due_reason, sizeof ret->due_reason, due->reason);
	return 0;
}
