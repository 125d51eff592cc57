#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "identity.h"
#include "keystay/config/dropin.h"
#include "keystay/life/remove.h"
#include "keystay/life/revoke.h"
#include "keystay/state/inventory.h"
#include "keystay/state/watched.h"
#include "living.h"
#include "revoking.h"

struct request {
	struct list names;
	bool keep_key, revoke, force, dry_run;
	enum revocation_reason reason;
};

/* What is known of one before anything is done. */
struct removal {
	const char *name;
	const struct certificate_conf *conf; /* NULL = it is not in the configuration */
	bool watched, managed;
	bool served;
	char at[512]; /* where */
};

static int
look(struct run *r, struct life *l, const char *name, struct removal *ret, struct err *e)
{
	AUTO(watched_row) struct watched_row w = {.added_at = 0};
	struct certificate_row row;

	*ret = (struct removal){.name = name, .conf = config_certificate(r->config, name)};
	if (certificate_get(life_db(l), name, &row, e) < 0 ||
		watched_get(life_db(l), name, &w, &ret->watched, e) < 0)
		return -1;
	ret->managed = ret->conf || row.live_version;
	if (!ret->managed && !ret->watched && row.last_version == 0)
		return run_no_certificate(r, name, e);
	return row.live_version
		       ? life_still_served(l, name, ret->at, sizeof ret->at, &ret->served, e)
		       : 0;
}

static void
report(struct run *r, const char *name, const char *result)
{
	run_report(r, "certificates", json_pack("{s:s, s:s}", "name", name, "result", result));
}

/* --- what will happen, in words */

static void
describe(struct run *r, const struct removal *m, const struct request *q, struct buf *ret)
{
	const struct policy *p = m->conf ? policy_find(r->config->policies, m->conf->policy) : NULL;
	char drain[WHEN_TEXT], disable[WHEN_TEXT];

	duration_format(policy_drain(p), drain);
	duration_format(policy_disable(p), disable);
	if (q->revoke)
		buf_addf(ret, "it is revoked (%s); ", reason_word(q->reason));
	if (q->keep_key)
		buf_addf(ret, "its key stays in the token");
	else
		buf_addf(ret,
			"its key is switched off %s from now and destroyed %s after that, not "
			"before it is served nowhere",
			drain, disable);
	if (m->served)
		buf_addf(
			ret, "; it is still served at %s, where nothing renews it any more", m->at);
}

/* A removal by itself takes no site down; a revocation does. */
static int
refuse_served(const struct removal *m, const struct request *q, struct err *e)
{
	if (!m->served || !q->revoke || q->force)
		return 0;
	err_set(e, ERR_USAGE, "certificate '%s' is still served at %s, and would be revoked",
		m->name, m->at);
	return err_hint(e, "take it out of the server's configuration first, or say --force");
}

/* --- doing it */

static int
revoke_live(struct run *r, struct life *l, const char *name, enum revocation_reason reason,
	struct err *e)
{
	AUTO(revocation) struct revocation v = {.items = 0};
	struct certificate_row row;

	if (certificate_get(life_db(l), name, &row, e) < 0)
		return -1;
	if (row.live_version == 0)
		return 0;
	if (life_revocation(l, name, 0, reason, &v, e) < 0)
		return -1;
	int rc = life_revoke(l, &v, e);
	tell_revoked(r, &v);
	return rc;
}

static int
finish(struct run *r, struct life *l, const struct removal *m, const struct request *q,
	struct err *e)
{
	bool known;

	if (m->watched && !m->managed) {
		if (watched_delete(life_db(l), m->name, e) < 0)
			return -1;
		report(r, m->name, "forgotten");
		run_say(r, "%s: is not watched any more", m->name);
		return 0;
	}
	if ((q->revoke && revoke_live(r, l, m->name, q->reason, e) < 0) ||
		life_removal_go(l, m->name, &known, e) < 0)
		return -1;
	report(r, m->name, m->managed ? "removed" : "nothing to do");
	run_say(r, "%s: %s", m->name,
		m->managed ? "removed" : "nothing to do; it is removed already");
	return 0;
}

static int
finish_all(struct run *r, const struct request *q, const struct removal *m, struct err *e)
{
	struct life *l;
	int rc = 0;

	if (run_open_life(r, "remove", &l, e) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < q->names.count; i++)
		rc = finish(r, l, &m[i], q, e);
	life_close(l);
	return rc;
}

/* Asks about each, and stores what is wanted; as the owner of the state folder. */
static int
prepare(struct run *r, const struct request *q, struct removal *m, struct err *e)
{
	AUTO(buf) struct buf what = BUF(2048);
	struct removed_row row;
	struct life *l;
	int rc = 0;

	if (owner_begin(r->config->state, e) < 0)
		return -1;
	if (run_open_life(r, "remove", &l, e) < 0) {
		struct err ignored;
		(void)!owner_end(&ignored);
		return -1;
	}
	for (size_t i = 0; rc == 0 && i < q->names.count; i++) {
		rc = look(r, l, q->names.item[i], &m[i], e);
		if (rc < 0 || !m[i].managed || (rc = refuse_served(&m[i], q, e)) < 0)
			continue;
		buf_clear(&what);
		describe(r, &m[i], q, &what);
		if (q->dry_run)
			run_say(r, "%s: would be removed: %s", m[i].name, buf_text(&what));
		else
			rc = run_confirm(r, e, "'%s' is removed: %s", m[i].name, buf_text(&what));
		if (rc == 0 && !q->dry_run && m[i].conf)
			rc = life_removal_begin(l, m[i].conf, q->keep_key, &row, e);
	}
	life_close(l);
	struct err why;
	if (owner_end(&why) < 0 && rc == 0) {
		*e = why;
		rc = -1;
	}
	return rc;
}

/* Only what keystay wrote, and all or nothing. */
static int
check_own(struct run *r, const struct request *q, struct err *e)
{
	for (size_t i = 0; i < q->names.count; i++) {
		const struct certificate_conf *c = config_certificate(r->config, q->names.item[i]);
		if (c && !dropin_is_own(r->config, c))
			return dropin_not_own(r->config, c, "take out", e);
	}
	return 0;
}

static int
take_out(struct run *r, const struct request *q, struct err *e)
{
	for (size_t i = 0; i < q->names.count; i++) {
		if (!config_certificate(r->config, q->names.item[i]))
			continue;
		AUTO(char) char *path = dropin_path(r->config_path, q->names.item[i]);
		if (!path)
			return err_set(e, ERR_FAILED, "no memory for a path");
		if (dropin_remove(path, e) < 0)
			return -1;
	}
	config_free(r->config);
	r->config = NULL;
	return 0;
}

/*
 * What is wanted is stored first. Then the files go, which root may do and the owner of the state
 * folder may not: root becomes that owner for good only behind it. Then keys begin to drain. What
 * stops it in between, the same command goes on with.
 */
static int
remove_all(struct run *r, const struct request *q, struct err *e)
{
	struct removal *m = calloc(q->names.count + 1, sizeof *m);
	int rc = m ? 0 : err_set(e, ERR_FAILED, "no memory");

	if (rc == 0 &&
		(run_need_config(r, e) < 0 || check_own(r, q, e) < 0 || prepare(r, q, m, e) < 0))
		rc = -1;
	if (rc == 0 && q->dry_run)
		run_say(r, "nothing was changed");
	if (rc == 0 && !q->dry_run) {
		rc = take_out(r, q, e);
		if (rc == 0)
			rc = finish_all(r, q, m, e);
	}
	free(m);
	return rc;
}

static int
read_line(struct run *r, struct request *q, int argc, char **argv)
{
	const char *reason = NULL;

	for (int i = 0; i < argc; i++) {
		if (text_same(argv[i], "--keep-key"))
			q->keep_key = true;
		else if (text_same(argv[i], "--revoke"))
			q->revoke = true;
		else if (text_same(argv[i], "--force"))
			q->force = true;
		else if (text_same(argv[i], "--dry-run"))
			q->dry_run = true;
		else if (text_same(argv[i], "--reason") && i + 1 < argc)
			reason = argv[++i];
		else if (argv[i][0] == '-')
			return run_unknown(r, &command_remove, argv[i]);
		else if (!list_has(&q->names, argv[i]) && !list_add(&q->names, argv[i]))
			return EXIT_FAILED;
	}
	q->reason = REVOKE_CESSATION_OF_OPERATION;
	if (q->names.count == 0)
		return run_usage(r, &command_remove, "which certificate?");
	if (reason && !q->revoke)
		return run_usage(r, &command_remove, "--reason is for --revoke");
	if (reason && !reason_of(reason, &q->reason))
		return run_usage(r, &command_remove, "--reason is one of %s", reason_words());
	return EXIT_DONE;
}

static int
main_remove(struct run *r, int argc, char **argv)
{
	struct request q = {.keep_key = false};
	struct err e;

	int status = read_line(r, &q, argc, argv);
	if (status == EXIT_DONE && remove_all(r, &q, &e) < 0)
		status = run_fail(r, &e);
	list_free(&q.names);
	return status;
}

static const struct command_option options[] = {
	{"--keep-key", NULL, "its key stays in the token as it is"},
	{"--revoke", NULL, "have the live certificate revoked at its authority"},
	{"--reason", "REASON", "of the revocation; else cessationOfOperation"},
	{"--force", NULL, "revoke it though it is still served"},
	{"--dry-run", NULL, "say what would be done, and change nothing"},
	{0},
};

const struct command command_remove = {
	.name = "remove",
	.group = COMMANDS_ESTATE,
	.synopsis = "NAME... [--keep-key] [--revoke [--reason REASON] [--force]] [--dry-run]",
	.summary = "take a certificate out of keystay's care; its key drains and is destroyed",
	.options = options,
	.example = "keystay remove old-intranet --dry-run",
	.main = main_remove,
};
