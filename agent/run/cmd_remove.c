#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "identity.h"
#include "keystay/config/dropin.h"
#include "keystay/life/remove.h"
#include "keystay/life/revoke.h"
#include "keystay/state/db.h"
#include "keystay/state/inventory.h"
#include "keystay/state/removed.h"
#include "keystay/state/watched.h"
#include "living.h"
#include "revoking.h"

enum kind {
	KIND_MANAGED, /* configured, in a file that keystay wrote */
	KIND_WATCHED,
	KIND_REMOVED, /* by an earlier run: what is left of it is done */
	KIND_LOST,    /* somebody took it out of the configuration by hand */
};

/* One name of the command line. */
struct candidate {
	const char *name;
	enum kind kind;
	char *path;
	struct removal removal;
};

struct request {
	struct list names;
	bool revoke, keep_key, force, dry_run;
	bool state; /* there is a database: something was issued or watched */
	enum revocation_reason reason;
	struct candidate *item;
	size_t items;
};

static void
request_free(struct request *q)
{
	for (size_t i = 0; i < q->items; i++) {
		free(q->item[i].path);
		removal_free(&q->item[i].removal);
	}
	free(q->item);
	list_free(&q->names);
}

/* --- what each of them is */

static int
judge_gone(struct run *r, struct db *db, struct candidate *s, struct err *e)
{
	AUTO(watched_row) struct watched_row w = {.added_at = 0};
	AUTO(removed_row) struct removed_row row = {.removed_at = 0};
	struct certificate_row c = {.live_version = 0};
	bool watched = false, removed = false;

	if (db && (watched_get(db, s->name, &w, &watched, e) < 0 ||
			  removed_get(db, s->name, &row, &removed, e) < 0 ||
			  certificate_get(db, s->name, &c, e) < 0))
		return -1;
	if (watched)
		s->kind = KIND_WATCHED;
	else if (removed)
		s->kind = KIND_REMOVED;
	else if (c.last_version)
		s->kind = KIND_LOST;
	else
		return run_no_certificate(r, s->name, e);
	return 0;
}

static int
judge_one(struct run *r, struct db *db, struct candidate *s, struct err *e)
{
	const struct certificate_conf *c = config_certificate(r->config, s->name);

	if (!c)
		return judge_gone(r, db, s, e);
	if (!dropin_is_own(r->config, c))
		return dropin_not_own(r->config, c, "take it out", e);
	s->kind = KIND_MANAGED;
	s->path = dropin_path(r->config->path, s->name);
	if (!s->path)
		return err_set(e, ERR_FAILED, "no memory");
	return life_removal(r->config, db, r->services, c, &s->removal, e);
}

static int
judge_all(struct run *r, struct request *q, struct db *db, struct err *e)
{
	q->item = calloc(q->names.count + 1, sizeof *q->item);
	if (!q->item)
		return err_set(e, ERR_FAILED, "no memory");
	for (size_t i = 0; i < q->names.count; i++) {
		struct candidate *s = &q->item[q->items++];
		s->name = q->names.item[i];
		if (judge_one(r, db, s, e) < 0)
			return -1;
	}
	return 0;
}

/* --- what will happen */

static void
tell_managed(struct run *r, const struct request *q, const struct candidate *s)
{
	const struct removal *v = &s->removal;
	char drain[WHEN_TEXT], disable[WHEN_TEXT];

	run_say(r, "%s: its file '%s' is taken away, and it is not renewed any more", s->name,
		s->path);
	if (v->attempt)
		run_say(r, "%s: what is under way for it is dropped", s->name);
	if (v->keys && q->keep_key)
		run_say(r, "%s: its keys (%zu) stay as they are", s->name, v->keys);
	else if (v->keys)
		run_say(r,
			"%s: its keys (%zu) are switched off after %s and destroyed after %s more",
			s->name, v->keys, duration_format(v->drain, drain),
			duration_format(v->disable, disable));
	for (size_t i = 0; i < v->served.count; i++)
		run_say(r, "%s: it is still served at %s", s->name, v->served.item[i]);
	for (size_t i = 0; i < v->copies.count; i++)
		run_say(r, "%s: the copy '%s' stays", s->name, v->copies.item[i]);
	if (q->revoke)
		run_say(r, "%s: its last certificate is revoked (%s)", s->name,
			reason_word(q->reason));
}

static void
tell(struct run *r, const struct request *q, const struct candidate *s)
{
	switch (s->kind) {
	case KIND_MANAGED:
		tell_managed(r, q, s);
		break;
	case KIND_WATCHED:
		run_say(r, "%s: is watched, not managed: it is forgotten", s->name);
		break;
	case KIND_REMOVED:
		run_say(r, "%s: was removed before", s->name);
		break;
	case KIND_LOST:
		run_say(r, "%s: is in no file of the configuration any more: its keys %s", s->name,
			q->keep_key ? "stay" : "end");
		break;
	}
}

static json_t *
texts(const struct list *l)
{
	json_t *array = json_array();

	for (size_t i = 0; i < l->count; i++)
		json_array_append_new(array, json_string(l->item[i]));
	return array;
}

static void
report(struct run *r, const struct request *q)
{
	static const char *const words[][2] = {
		[KIND_MANAGED] = {"removed", "would be removed"},
		[KIND_WATCHED] = {"forgotten", "would be forgotten"},
		[KIND_REMOVED] = {"removed before", "removed before"},
		[KIND_LOST] = {"removed", "would be removed"},
	};

	run_array(r, "certificates");
	for (size_t i = 0; i < q->items; i++) {
		const struct candidate *s = &q->item[i];
		run_report(r, "certificates",
			json_pack("{s:s, s:s, s:s, s:b, s:i, s:o, s:o}", "name", s->name, "result",
				words[s->kind][q->dry_run], "path", s->path ? s->path : "",
				"keep_key", q->keep_key, "keys", (int)s->removal.keys, "served",
				texts(&s->removal.served), "copies", texts(&s->removal.copies)));
	}
}

/* A removal takes no site down: while something serves it, only --force goes on, and even then its
 * key stays until nothing does. */
static int
refuse_served(const struct request *q, struct err *e)
{
	for (size_t i = 0; i < q->items && !q->force; i++) {
		const struct candidate *s = &q->item[i];
		char places[512];
		if (s->removal.served.count == 0)
			continue;
		err_set(e, ERR_POLICY, "certificate '%s' is still served at %s", s->name,
			list_join(&s->removal.served, places, sizeof places));
		return err_hint(e, "take it off the server first; with --force it is removed, and "
				   "its key stays until nothing shows it");
	}
	return 0;
}

static int
confirm(struct run *r, const struct request *q, struct err *e)
{
	char names[256];
	bool change = false;

	for (size_t i = 0; i < q->items; i++) {
		tell(r, q, &q->item[i]);
		change = change || q->item[i].kind != KIND_REMOVED || q->revoke;
	}
	if (q->dry_run || refuse_served(q, e) < 0)
		return q->dry_run ? 0 : -1;
	fflush(stdout);
	return change ? run_confirm(r, e, "%s: remove%s", list_join(&q->names, names, sizeof names),
				q->revoke ? " and revoke" : "")
		      : 0;
}

/* --- and done */

/* The state is the agent's, the file is root's: the lock is held over both. */
static int
remove_file(struct life *l, const struct candidate *s, const char *state, struct err *e)
{
	struct err ignored;

	if (owner_end(e) < 0)
		return -1;
	int rc = dropin_remove(s->path, e);
	if (owner_begin(state, rc == 0 ? e : &ignored) < 0)
		return -1;
	/* It is there still, and so is the certificate. */
	if (rc < 0)
		(void)!life_remove_undo(l, s->name, &ignored);
	return rc;
}

static int
do_one(struct run *r, struct life *l, const struct request *q, const struct candidate *s,
	struct err *e)
{
	bool found;

	switch (s->kind) {
	case KIND_MANAGED:
		if (life_remove_note(l, config_certificate(r->config, s->name), q->keep_key, e) < 0)
			return -1;
		return remove_file(l, s, r->config->state, e);
	case KIND_WATCHED:
		return life_forget_watched(l, s->name, &found, e);
	case KIND_LOST:
		return life_remove_lost(l, s->name, q->keep_key, &found, e);
	case KIND_REMOVED:
		break;
	}
	return 0;
}

static int
revoke_one(struct run *r, struct life *l, const struct request *q, const char *name, struct err *e)
{
	AUTO(revocation) struct revocation v = {.items = 0};
	int64_t last;

	if (life_last_version(life_db(l), name, &last, e) < 0)
		return -1;
	if (last == 0)
		return 0;
	int rc = life_revocation(l, name, last, q->reason, &v, e);
	if (rc == 0) {
		rc = life_revoke(l, &v, e);
		tell_revoked(r, &v);
	}
	return rc;
}

/* With the configuration as it is now: opening the state settles what was removed. */
static int
settle(struct run *r, const struct request *q, struct err *e)
{
	struct config *fresh = NULL;
	struct life *l;
	int rc = 0;

	if (config_read(r->config->path, &fresh, e) < 0)
		return -1;
	config_free(r->config);
	r->config = fresh;
	if (run_open_life(r, "remove", &l, e) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && q->revoke && i < q->items; i++)
		if (q->item[i].kind != KIND_WATCHED)
			rc = revoke_one(r, l, q, q->item[i].name, e);
	life_close(l);
	return rc;
}

/* Nothing was ever issued: there are only files. */
static int
remove_files(const struct request *q, struct err *e)
{
	for (size_t i = 0; i < q->items; i++)
		if (q->item[i].path && dropin_remove(q->item[i].path, e) < 0)
			return -1;
	return 0;
}

static int
remove_all(struct run *r, const struct request *q, struct err *e)
{
	struct life *l;
	struct err ignored;

	if (!q->state)
		return remove_files(q, e);
	if (owner_begin(r->config->state, e) < 0)
		return -1;
	int rc = run_open_life(r, "remove", &l, e);
	if (rc == 0) {
		for (size_t i = 0; rc == 0 && i < q->items; i++)
			rc = do_one(r, l, q, &q->item[i], e);
		life_close(l);
	}
	if (owner_end(rc == 0 ? e : &ignored) < 0 || rc < 0)
		return -1;
	return settle(r, q, e);
}

/* Looks without a lock, and without making anything. */
static int
look(struct run *r, struct request *q, struct err *e)
{
	struct db *db = NULL;
	struct err ignored;

	if (run_need_config(r, e) < 0 || owner_begin(r->config->state, e) < 0)
		return -1;
	int rc = life_open_state(r->config, &db, e);
	q->state = db != NULL;
	if (rc == 0)
		rc = judge_all(r, q, db, e);
	db_close(db);
	if (owner_end(rc == 0 ? e : &ignored) < 0)
		return -1;
	return rc;
}

static int
do_it(struct run *r, struct request *q, struct err *e)
{
	if (look(r, q, e) < 0 || confirm(r, q, e) < 0)
		return -1;
	if (q->dry_run)
		run_say(r, "nothing was changed");
	else if (remove_all(r, q, e) < 0)
		return -1;
	report(r, q);
	for (size_t i = 0; !q->dry_run && i < q->items; i++)
		if (q->item[i].kind != KIND_REMOVED)
			run_say(r, "%s: %s", q->item[i].name,
				q->item[i].kind == KIND_WATCHED ? "forgotten" : "removed");
	return 0;
}

static int
main_remove(struct run *r, int argc, char **argv)
{
	struct request q = {.reason = REVOKE_CESSATION_OF_OPERATION};
	const char *reason = NULL;
	struct err e;
	int status = EXIT_DONE;

	for (int i = 0; i < argc && status == EXIT_DONE; i++) {
		if (text_same(argv[i], "--revoke"))
			q.revoke = true;
		else if (text_same(argv[i], "--keep-key"))
			q.keep_key = true;
		else if (text_same(argv[i], "--force"))
			q.force = true;
		else if (text_same(argv[i], "--dry-run"))
			q.dry_run = true;
		else if (text_same(argv[i], "--reason") && i + 1 < argc)
			reason = argv[++i];
		else if (argv[i][0] == '-')
			status = run_unknown(r, &command_remove, argv[i]);
		else if (!list_has(&q.names, argv[i]) && !list_add(&q.names, argv[i]))
			status = EXIT_FAILED;
	}
	if (status == EXIT_DONE && q.names.count == 0)
		status = run_usage(r, &command_remove, "which certificate?");
	if (status == EXIT_DONE && reason && (!q.revoke || !reason_of(reason, &q.reason)))
		status = run_usage(r, &command_remove, "--reason, with --revoke, is one of %s",
			reason_words());
	if (status == EXIT_DONE && do_it(r, &q, &e) < 0)
		status = run_fail(r, &e);
	request_free(&q);
	return status;
}

static const struct command_option options[] = {
	{"--revoke", NULL, "have its last certificate revoked at its authority"},
	{"--reason", "REASON", "of --revoke; else cessationOfOperation"},
	{"--keep-key", NULL, "its keys stay as they are, in the token"},
	{"--force", NULL, "though it is still served"},
	{"--dry-run", NULL, "say what would be done, and change nothing"},
	{0},
};

const struct command command_remove = {
	.name = "remove",
	.group = COMMANDS_ESTATE,
	.synopsis = "NAME... [--revoke [--reason REASON]] [--keep-key] [--force] [--dry-run]",
	.summary = "stop managing (or watching) a certificate; its keys drain and are destroyed",
	.options = options,
	.example = "keystay remove payments --dry-run\n"
		   "keystay remove payments --revoke",
	.main = main_remove,
};
