#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "adding.h"
#include "identity.h"
#include "keystay/config/dropin.h"
#include "keystay/config/name.h"
#include "keystay/life/add.h"
#include "keystay/state/db.h"
#include "living.h"

/* One certificate that is to be added. */
struct addition {
	char name[65];
	struct watched_row watched;
	bool is_watched;
	char *path;
	struct buf text;
	bool changed; /* the file is to be written */
	bool there;   /* in the place of another */
};

struct request {
	struct add_wish wish;
	struct list certificates;
	bool from_watched, all, replace, dry_run;
	struct addition *item;
	size_t items;
	size_t left_out; /* of --all */
};

static void
request_free(struct request *q)
{
	for (size_t i = 0; i < q->items; i++) {
		watched_free(&q->item[i].watched);
		free(q->item[i].path);
		buf_free(&q->item[i].text);
	}
	free(q->item);
	list_free(&q->certificates);
	list_free(&q->wish.names);
	list_free(&q->wish.authority);
	list_free(&q->wish.keys);
	list_free(&q->wish.endpoints);
	list_free(&q->wish.paths);
}

/* --- which certificates */

static struct addition *
append(struct request *q, const char *name, struct err *e)
{
	struct addition *more = realloc(q->item, (q->items + 1) * sizeof *more);

	if (!more) {
		err_set(e, ERR_FAILED, "no memory");
		return NULL;
	}
	q->item = more;
	struct addition *a = &q->item[q->items++];
	*a = (struct addition){.text = BUF(DROPIN_MAX)};
	text_copy(a->name, sizeof a->name, name);
	return a;
}

/*
 * With --all, --owner and --authority choose: those of that owner, and those that name none, which
 * get it. What a list calls an authority and is none of the configuration is as good as none.
 */
static bool
is_chosen(const struct run *r, const struct request *q, const struct watched_row *w)
{
	const struct list *a = &q->wish.authority;

	if (q->wish.owner && *w->owner && !text_same(w->owner, q->wish.owner))
		return false;
	return a->count == 0 || list_has(a, w->authority) ||
	       !config_authority(r->config, w->authority);
}

struct choosing {
	struct run *r;
	struct request *q;
	struct list names;
};

static int
choose(void *ctx, const struct watched_row *w, struct err *e)
{
	struct choosing *c = ctx;

	if (!is_chosen(c->r, c->q, w)) {
		run_say(c->r, "%s: left out: owner '%s', authority '%s'", w->name, w->owner,
			w->authority);
		c->q->left_out++;
		return 0;
	}
	return list_add(&c->names, w->name) ? 0 : err_set(e, ERR_FAILED, "no memory");
}

static int
take_watched(struct run *r, struct request *q, struct db *db, const char *name, struct err *e)
{
	struct addition *a = append(q, name, e);

	if (!a || (db && watched_get(db, name, &a->watched, &a->is_watched, e) < 0))
		return -1;
	/* The file of a run that was cut short is there: it is finished. */
	if (a->is_watched || config_certificate(r->config, name))
		return 0;
	err_set(e, ERR_USAGE, "there is no watched certificate '%s'", name);
	return err_hint(e, "'keystay adopt' watches certificates, 'keystay status' lists them");
}

static int
take_all_watched(struct run *r, struct request *q, struct db *db, struct err *e)
{
	struct choosing c = {r, q, {0}};
	const struct list *names = q->all ? &c.names : &q->certificates;
	int rc = q->all && db ? watched_each(db, choose, &c, e) : 0;

	for (size_t i = 0; rc == 0 && i < names->count; i++)
		rc = take_watched(r, q, db, names->item[i], e);
	list_free(&c.names);
	return rc;
}

/* The database is the agent's, the configuration is root's: first the one, then the other. */
static int
choose_watched(struct run *r, struct request *q, struct err *e)
{
	struct db *db = NULL;
	struct err ignored;

	if (owner_begin(r->config->state, e) < 0)
		return -1;
	int rc = life_open_state(r->config, &db, e);
	if (rc == 0)
		rc = take_all_watched(r, q, db, e);
	db_close(db);
	if (owner_end(rc == 0 ? e : &ignored) < 0)
		return -1;
	return rc;
}

/* --- what would be written */

/* Lines that only one of the two texts has. */
static void
say_lines(struct run *r, const char *sign, const char *text, const char *other)
{
	AUTO(char) char *copy = strdup(text);
	char *rest = NULL;

	for (char *p = copy ? strtok_r(copy, "\n", &rest) : NULL; p;
		p = strtok_r(NULL, "\n", &rest)) {
		const char *found = strstr(other, p);
		size_t len = strlen(p);
		while (found && !((found == other || found[-1] == '\n') &&
					(found[len] == '\n' || !found[len])))
			found = strstr(found + 1, p);
		if (!found)
			run_say(r, "%s %s", sign, p);
	}
}

/* Somebody else's file is never written over, whatever is in it. */
static int
check_place(const struct config *c, const struct addition *a, struct err *e)
{
	const struct certificate_conf *now = config_certificate(c, a->name);

	if (now && !dropin_is_own(c, now))
		return dropin_not_own(c, now, "change", e);
	if (now || !config_text_of(c, a->path))
		return 0;
	err_set(e, ERR_CONFIG, "'%s' is there, and keystay did not write it for '%s'", a->path,
		a->name);
	return err_hint(e, "move it to another name");
}

static int
write_text(struct run *r, const struct request *q, struct addition *a, struct err *e)
{
	AUTO(certificate_conf) struct certificate_conf wish = {.name = NULL};

	a->path = dropin_path(r->config->path, a->name);
	if (!a->path)
		return err_set(e, ERR_FAILED, "no memory");
	if (check_place(r->config, a, e) < 0 ||
		add_conf(r->config, a->name, &q->wish, a->is_watched ? &a->watched : NULL, &wish,
			e) < 0)
		return -1;
	return dropin_text(&wish, &a->text, e);
}

/* The text as keystay itself reads it, against what is there. */
static int
compare(struct run *r, const struct request *q, const struct config *fresh, struct addition *a,
	struct err *e)
{
	const struct certificate_conf *now = config_certificate(r->config, a->name);
	AUTO(buf) struct buf before = BUF(DROPIN_MAX);

	buf_clear(&a->text);
	if (dropin_text(config_certificate(fresh, a->name), &a->text, e) < 0 ||
		(now && dropin_text(now, &before, e) < 0))
		return -1;
	a->there = now != NULL;
	a->changed = !now || !text_same(buf_text(&before), buf_text(&a->text));
	if (!a->there || !a->changed)
		return 0;
	run_say(r, "%s: %s", a->name, a->path);
	say_lines(r, "  -", buf_text(&before), buf_text(&a->text));
	say_lines(r, "  +", buf_text(&a->text), buf_text(&before));
	if (q->replace)
		return 0;
	err_set(e, ERR_CONFIG, "certificate '%s' is there already, and is another one", a->name);
	return err_hint(e, "--replace makes it this one");
}

/* All of it is read together before any of it lands. */
static int
judge(struct run *r, struct request *q, struct config **ret_fresh, struct err *e)
{
	struct config_text *texts = calloc(q->items + 1, sizeof *texts);

	if (!texts)
		return err_set(e, ERR_FAILED, "no memory");
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < q->items; i++) {
		struct addition *a = &q->item[i];
		rc = write_text(r, q, a, e);
		texts[i] = (struct config_text){a->path, buf_text(&a->text), a->text.len};
	}
	if (rc == 0)
		rc = config_read_with(r->config->path, texts, q->items, ret_fresh, e);
	free(texts);
	for (size_t i = 0; rc == 0 && i < q->items; i++)
		rc = compare(r, q, *ret_fresh, &q->item[i], e);
	return rc;
}

/* --- and done */

static const char *
result_of(const struct addition *a)
{
	return !a->changed ? "unchanged" : a->there ? "replaced" : "added";
}

static void
show(struct run *r, const struct request *q)
{
	size_t changed = 0;

	run_array(r, "certificates");
	for (size_t i = 0; i < q->items; i++) {
		const struct addition *a = &q->item[i];
		run_report(r, "certificates",
			json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", a->name, "result",
				result_of(a), "path", a->path, "content", buf_text(&a->text),
				"from_watched", a->is_watched));
		if (q->dry_run && a->changed)
			run_say(r, "%s: would be %s, in %s:\n%s", a->name, result_of(a), a->path,
				buf_text(&a->text));
		else
			run_say(r, "%s: %s, %s", a->name, result_of(a), a->path);
		changed += a->changed;
	}
	if (q->dry_run)
		run_say(r, "nothing was changed");
	else if (changed == 1 && q->items == 1)
		run_say(r, "next: 'keystay issue %s'; a running agent reads it at its reload",
			q->item[0].name);
	else if (changed)
		run_say(r, "next: 'keystay issue --all'; a running agent reads them at its reload");
	if (q->all)
		run_say(r, "%zu certificates, %zu left out", q->items, q->left_out);
}

/* The database is told, where there is one: without it nothing was watched and nothing removed. */
static int
note_all(struct run *r, const struct request *q, struct err *e)
{
	struct db *db = NULL;
	struct life *l;
	bool news;
	int rc = 0;

	if (become_owner(r->config->state, e) < 0 || life_open_state(r->config, &db, e) < 0)
		return -1;
	if (!db)
		return 0;
	db_close(db);
	if (run_open_life(r, "add", &l, e) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < q->items; i++)
		rc = life_added(l, config_certificate(r->config, q->item[i].name),
			q->item[i].changed, &news, e);
	life_close(l);
	return rc;
}

static int
add(struct run *r, struct request *q, struct err *e)
{
	struct config *fresh = NULL;

	if (run_need_config(r, e) < 0 || (q->from_watched && choose_watched(r, q, e) < 0))
		return -1;
	for (size_t i = 0; !q->from_watched && i < q->certificates.count; i++)
		if (!append(q, q->certificates.item[i], e))
			return -1;
	int rc = judge(r, q, &fresh, e);
	/* A kill between two files, or before the database knows: the same command goes on. */
	for (size_t i = 0; rc == 0 && !q->dry_run && i < q->items; i++)
		if (q->item[i].changed)
			rc = dropin_write(q->item[i].path, &q->item[i].text, e);
	if (rc == 0 && !q->dry_run) {
		config_free(r->config);
		r->config = take(&fresh);
		rc = note_all(r, q, e);
	}
	config_free(fresh);
	if (rc == 0)
		show(r, q);
	return rc;
}

/* --- the command line */

/* "a,b": each of them. */
static bool
take_words(struct list *l, const char *value)
{
	AUTO(char) char *copy = strdup(value);
	char *rest = NULL;
	bool whole = copy != NULL;

	for (char *p = copy ? strtok_r(copy, ", ", &rest) : NULL; p;
		p = strtok_r(NULL, ", ", &rest))
		whole = list_add(l, p) && whole;
	return whole;
}

static bool
take_value(struct request *q, const char *word, const char *value)
{
	struct add_wish *w = &q->wish;
	const struct {
		const char *word;
		const char **slot;
		struct list *list;
	} options[] = {{"--names", NULL, &w->names}, {"--owner", &w->owner, NULL},
		{"--token", &w->token, NULL}, {"--authority", NULL, &w->authority},
		{"--policy", &w->policy, NULL}, {"--keys", NULL, &w->keys},
		{"--subject", &w->subject, NULL}, {"--webroot", &w->webroot, NULL},
		{"--listen", &w->listen, NULL}, {"--install", &w->install, NULL},
		{"--endpoint", NULL, &w->endpoints}, {"--path", NULL, &w->paths},
		{"--like", &w->like, NULL}};

	for (size_t i = 0; i < COUNT(options); i++) {
		if (!text_same(options[i].word, word))
			continue;
		if (options[i].list)
			return options[i].list == &w->paths ? list_add(&w->paths, value)
							    : take_words(options[i].list, value);
		*options[i].slot = value;
		return true;
	}
	return false;
}

static bool
take_flag(struct request *q, const char *word)
{
	if (text_same(word, "--from-watched"))
		return q->from_watched = true;
	if (text_same(word, "--all"))
		return q->all = true;
	if (text_same(word, "--replace"))
		return q->replace = true;
	return text_same(word, "--dry-run") && (q->dry_run = true);
}

/* NULL where the command line is right. */
static const char *
what_is_wrong(const struct request *q)
{
	if (q->all && (!q->from_watched || q->certificates.count))
		return "--all is for --from-watched, without names";
	if (!q->all && q->certificates.count == 0)
		return "which certificate?";
	if (!q->from_watched && q->certificates.count > 1)
		return "one at a time, but with --from-watched";
	if (q->wish.names.count && (q->all || q->certificates.count > 1))
		return "--names is for one certificate";
	for (size_t i = 0; i < q->certificates.count; i++)
		if (!config_name_fits(q->certificates.item[i]))
			return "a name has " CONFIG_NAME_RULE;
	return NULL;
}

static int
read_line(struct run *r, struct request *q, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (take_flag(q, argv[i]))
			continue;
		if (i + 1 < argc && take_value(q, argv[i], argv[i + 1]))
			i++;
		else if (argv[i][0] == '-')
			return run_unknown(r, &command_add, argv[i]);
		else if (!list_has(&q->certificates, argv[i]) &&
			 !list_add(&q->certificates, argv[i]))
			return EXIT_FAILED;
	}
	const char *wrong = what_is_wrong(q);
	return wrong ? run_usage(r, &command_add, "%s", wrong) : EXIT_DONE;
}

static int
main_add(struct run *r, int argc, char **argv)
{
	struct request q = {.items = 0};
	struct err e;

	int status = read_line(r, &q, argc, argv);
	if (status == EXIT_DONE && add(r, &q, &e) < 0)
		status = run_fail(r, &e);
	request_free(&q);
	return status;
}

static const struct command_option options[] = {
	{"--names", "NAME,NAME", "the names that it is for; may be repeated"},
	{"--owner", "TEXT", "who is told"},
	{"--token", "NAME", "where its key is; else the only token"},
	{"--authority", "NAME", "who issues it; repeated, in order; else the only authority"},
	{"--policy", "NAME", "else that of all other certificates of the authority"},
	{"--keys", "TYPE,TYPE", "ec-p256, ec-p384, rsa-2048, rsa-3072, rsa-4096"},
	{"--subject", "TEXT", "O=...,OU=...,L=...,ST=...,C=GB"},
	{"--webroot", "FOLDER", "for http-01: a server shows this folder at port 80"},
	{"--listen", "ADDR:PORT", "for http-01: keystay's own listener"},
	{"--install", "nginx|files", "where it is put"},
	{"--endpoint", "ADDR:PORT", "where it is served; may be repeated"},
	{"--path", "KIND=PATH", "of '--install files': fullchain=/etc/ssl/x.pem"},
	{"--like", "NAME", "what is not said is as another certificate has it"},
	{"--from-watched", NULL, "of certificates that 'keystay adopt' watches"},
	{"--all", NULL, "all of them; --owner and --authority choose"},
	{"--replace", NULL, "change one that is there"},
	{"--dry-run", NULL, "show the file, and change nothing"},
	{0},
};

const struct command command_add = {
	.name = "add",
	.group = COMMANDS_ESTATE,
	.synopsis = "NAME --names a,b [OPTION...] | --from-watched NAME...|--all [OPTION...]",
	.summary = "manage a certificate: write its file into certificates.d",
	.options = options,
	.example = "keystay add payments --names payments.example.org,www.payments.example.org\n"
		   "keystay add --from-watched --all --authority portal --dry-run",
	.main = main_add,
};
