#include "keystay/life/reinstall.h"

#include <stdio.h>
#include <string.h>

#include "back.h"
#include "known.h"

/* The first version, installed and not served: its attempt goes on, and is recorded at its end. */
static int
go_on(struct life *l, const struct certificate_conf *c, struct err *e)
{
	const struct wish wish = {.reason = "installed by hand"};
	bool started;

	if (life_want(l, c, &wish, &started, e) < 0 || life_go(l, 10 * MINUTE, e) < 0)
		return -1;
	const struct life_result *r = life_result_at(l, 0);
	if (r->state == LIFE_DONE)
		return 0;
	*e = r->err;
	return -1;
}

static bool
has_come_to_install(const struct attempt *a)
{
	return a->version && step_of(a->step) >= STEP_INSTALL;
}

/* An attempt that has switched to another version, or may have, decides what is live. */
static int
refuse_during(const struct attempt *a, struct err *e)
{
	if (step_of(a->step) < STEP_RELOAD && !goes_back(a))
		return 0;
	err_set(e, ERR_WAIT, "an attempt for '%s' is under way, at step %s", a->certificate,
		a->step);
	return err_hint(e, "'keystay renew %s' goes on with it", a->certificate);
}

/* A second for old workers; others may work meanwhile. */
static int
give_time(struct life *l, const struct work *w, struct err *e)
{
	struct certificate_row row;

	if (life_pause(l, 1000, e) < 0 || certificate_get(l->db, w->conf->name, &row, e) < 0)
		return -1;
	return row.live_version == w->attempt.version
		       ? 0
		       : err_set(e, ERR_WAIT, "version %lld of '%s' became live meanwhile",
				 (long long)row.live_version, w->conf->name);
}

static int
prove(struct life *l, struct work *w, struct err *e)
{
	when_t until = services_now(l->services) + SERVED_PATIENCE;
	struct err why;

	life_progress(l, w, step_word(STEP_SERVED), "");
	while (look_everywhere(l, w, &why) < 0) {
		if (why.kind != ERR_SERVED || services_now(l->services) >= until) {
			*e = why;
			return -1;
		}
		life_progress(l, w, step_word(STEP_SERVED), "waits for it to be served");
		if (give_time(l, w, e) < 0)
			return -1;
	}
	return 0;
}

static int
put_in_place(struct life *l, struct work *w, struct err *e)
{
	life_progress(l, w, step_word(STEP_INSTALL), "");
	if (place_version(l, w, w->attempt.version, e) < 0 || test_all(l, w, e) < 0)
		return -1;
	life_progress(l, w, step_word(STEP_RELOAD), "");
	if (reload_all(l, w, e) < 0)
		return -1;
	return prove(l, w, e);
}

/* The journal, and the state of a certificate whose handshakes showed it. */
static int
store(struct life *l, const struct work *w, const struct err *why, struct err *e)
{
	struct certificate_row row;

	if (db_begin(l->db, e) < 0 || certificate_get(l->db, w->conf->name, &row, e) < 0)
		return -1;
	row.not_served = row.not_served && why;
	if (certificate_save(l->db, &row, e) < 0 ||
		life_journal(l, w->conf->name, "", why ? "failed" : "installed-again",
			step_word(why ? STEP_INSTALL : STEP_SERVED), e, "version %lld%s%s",
			(long long)w->attempt.version, why ? ": " : " is in place",
			why ? why->text : "") < 0)
		return -1;
	return db_commit(l->db, e);
}

static int
install(struct life *l, struct work *w, struct reinstalled *ret, struct err *e)
{
	struct err ignored;

	if (put_in_place(l, w, e) == 0) {
		ret->looked = has_endpoints(w->conf);
		return store(l, w, NULL, e);
	}
	if (store(l, w, e, &ignored) < 0)
		db_rollback(l->db);
	return err_in(e, "certificate '%s'", w->conf->name);
}

int
life_reinstall(
	struct life *l, const struct certificate_conf *c, struct reinstalled *ret, struct err *e)
{
	AUTO(attempt) struct attempt there = {0};
	struct work w = {.conf = c, .policy = policy_find(l->config->policies, c->policy)};
	struct certificate_row row;
	struct known k;
	bool found;

	*ret = (struct reinstalled){0};
	if (certificate_get(l->db, c->name, &row, e) < 0 ||
		attempt_load(l->db, c->name, &there, &found, e) < 0)
		return -1;
	ret->version = row.live_version;
	if (!row.live_version && found && has_come_to_install(&there)) {
		ret->version = there.version;
		return go_on(l, c, e);
	}
	if (!row.live_version) {
		err_set(e, ERR_USAGE, "no version of '%s' is there yet", c->name);
		return err_hint(e, "'keystay issue %s' gets the first", c->name);
	}
	if (found && refuse_during(&there, e) < 0)
		return -1;
	if (known_load(l->db, c->name, row.live_version, &k, e) < 0 || known_whole(l, &k, e) < 0 ||
		known_parts(l, &k, &w.attempt, e) < 0) {
		attempt_free(&w.attempt);
		return err_hint(e, "'keystay renew %s' gets another", c->name);
	}
	int rc = install(l, &w, ret, e);
	attempt_free(&w.attempt);
	return rc;
}
