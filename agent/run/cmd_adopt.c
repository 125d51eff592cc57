#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"
#include "keystay/base/endpoint.h"
#include "keystay/life/adopt.h"
#include "keystay/state/db.h"
#include "living.h"

struct request {
	struct adopt_wish wish;
	struct list sources;
	bool nginx, dry_run;
	const char *binary, *conf;
};

static const char *const result_words[] = {
	[ADOPTED_NEW] = "new",
	[ADOPTED_UPDATED] = "updated",
	[ADOPTED_UNCHANGED] = "unchanged",
	[ADOPTED_MANAGED] = "managed",
};

static void
show_one(struct run *r, const struct adopted_row *item, bool dry_run)
{
	const struct watched_row *w = &item->row;
	char end[WHEN_TEXT];
	json_t *names = json_array();

	for (size_t i = 0; i < w->names.count; i++)
		json_array_append_new(names, json_string(w->names.item[i]));
	run_report(r, "certificates",
		json_pack("{s:s, s:o, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s}", "name",
			w->name, "names", names, "managed", item->result == ADOPTED_MANAGED,
			"result", result_words[item->result], "source", w->source, "place",
			w->place, "config", w->config, "owner", w->owner, "authority", w->authority,
			"not_after", json_when(w->not_after), "fingerprint_sha256",
			w->fingerprint));
	if (item->result == ADOPTED_MANAGED) {
		run_say(r, "%s: is managed by keystay already", w->name);
		return;
	}
	run_say(r, "%s: %s%s%s%s, %zu name%s, ends %s, from %s%s%s", w->name,
		dry_run && item->result != ADOPTED_UNCHANGED ? "would be " : "",
		result_words[item->result], *item->before ? ", called so far " : "", item->before,
		w->names.count, w->names.count == 1 ? "" : "s", when_format_day(w->not_after, end),
		w->place, *w->config ? ", named at " : "", w->config);
}

static void
show(struct run *r, const struct adoption *a, bool dry_run)
{
	size_t count[COUNT(result_words)] = {0};

	run_array(r, "certificates");
	for (size_t i = 0; i < a->told.count; i++) {
		run_report(r, "findings",
			json_pack("{s:s, s:s, s:s, s:s}", "level", "ok", "where", "", "text",
				a->told.item[i], "hint", ""));
		run_say(r, "%s", a->told.item[i]);
	}
	for (size_t i = 0; i < a->items; i++) {
		show_one(r, &a->item[i], dry_run);
		count[a->item[i].result]++;
	}
	run_say(r, "%zu certificates: %zu new, %zu updated, %zu unchanged, %zu managed already%s",
		a->items, count[ADOPTED_NEW], count[ADOPTED_UPDATED], count[ADOPTED_UNCHANGED],
		count[ADOPTED_MANAGED], dry_run ? "; nothing was changed" : "");
}

/* The agent looks again by itself: what it cannot read, only its administrator can. */
static int
tell_unreadable(struct adoption *a, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < a->items; i++) {
		struct watched_row *w = &a->item[i].row;
		if (text_same(w->source, WATCHED_FILE) && access(w->place, R_OK) < 0)
			snprintf(w->problem, sizeof w->problem,
				"the agent's user cannot read '%.400s'", w->place);
	}
	return 0;
}

static int
collect_one(struct run *r, const struct request *q, const char *source, struct adoption *a,
	struct err *e)
{
	char host[ENDPOINT_HOST], port[ENDPOINT_PORT];
	const char *dot = strrchr(source, '.');

	if (dot && (text_same(dot, ".csv") || text_same(dot, ".CSV")))
		return adopt_list(source, a, e);
	if (!strchr(source, '/') && endpoint_split(source, host, port))
		return adopt_endpoint(source, q->wish.sni, r->services, a, e);
	return adopt_file(source, r->services, a, e);
}

static int
collect(struct run *r, const struct request *q, struct adoption *a, struct err *e)
{
	for (size_t i = 0; i < q->sources.count; i++)
		if (collect_one(r, q, q->sources.item[i], a, e) < 0)
			return -1;
	if (q->nginx && adopt_server(r->config, r->services, q->binary, q->conf, a, e) < 0)
		return -1;
	return adoption_complete(a, &q->wish, e);
}

static int
look(struct run *r, struct adoption *a, struct err *e)
{
	AUTO(db) struct db *db = NULL;

	if (become_owner(r->config->state, e) < 0 || life_open_state(r->config, &db, e) < 0)
		return -1;
	return adoption_judge(a, r->config, db, services_now(r->services), e);
}

static int
adopt(struct run *r, struct adoption *a, struct err *e)
{
	struct life *l;

	if (run_open_life(r, "adopt", &l, e) < 0)
		return -1;
	int rc = tell_unreadable(a, e);
	if (rc == 0)
		rc = adoption_judge(a, r->config, life_db(l), services_now(r->services), e);
	if (rc == 0)
		rc = life_adopt(l, a, e);
	life_close(l);
	return rc;
}

/* What root may read is read first; the database is the agent's own. */
static int
do_it(struct run *r, const struct request *q, struct err *e)
{
	AUTO(adoption) struct adoption a = {.items = 0};

	if (run_need_config(r, e) < 0 || collect(r, q, &a, e) < 0)
		return -1;
	if ((q->dry_run ? look(r, &a, e) : adopt(r, &a, e)) < 0)
		return -1;
	show(r, &a, q->dry_run);
	return 0;
}

static bool
take_value(struct request *q, const char *word, const char *value)
{
	const struct {
		const char *word;
		const char **slot;
	} options[] = {{"--name", &q->wish.name}, {"--owner", &q->wish.owner},
		{"--authority", &q->wish.authority}, {"--policy", &q->wish.policy},
		{"--token", &q->wish.token}, {"--notes", &q->wish.notes}, {"--sni", &q->wish.sni},
		{"--binary", &q->binary}, {"--nginx-conf", &q->conf}};

	for (size_t i = 0; i < COUNT(options); i++)
		if (text_same(options[i].word, word)) {
			*options[i].slot = value;
			return true;
		}
	return false;
}

static int
main_adopt(struct run *r, int argc, char **argv)
{
	struct request q = {.binary = "nginx"};
	struct err e;
	int status = EXIT_FAILED;

	for (int i = 0; i < argc; i++) {
		if (text_same(argv[i], "--nginx"))
			q.nginx = true;
		else if (text_same(argv[i], "--dry-run"))
			q.dry_run = true;
		else if (i + 1 < argc && take_value(&q, argv[i], argv[i + 1]))
			i++;
		else if (argv[i][0] == '-') {
			list_free(&q.sources);
			return run_unknown(r, &command_adopt, argv[i]);
		} else if (!list_add(&q.sources, argv[i]))
			return EXIT_FAILED;
	}
	if (q.sources.count == 0 && !q.nginx)
		status = run_usage(r, &command_adopt, "which certificates?");
	else
		status = do_it(r, &q, &e) < 0 ? run_fail(r, &e) : EXIT_DONE;
	list_free(&q.sources);
	return status;
}

static const struct command_option options[] = {
	{"--nginx", NULL, "what the nginx of this machine serves, by 'nginx -T'"},
	{"--binary", "PATH", "of --nginx: another program"},
	{"--nginx-conf", "PATH", "of --nginx: another configuration"},
	{"--sni", "NAME", "the name that an endpoint is asked for, where it is not its host"},
	{"--name", "NAME", "what it is called here; else its first name"},
	{"--owner", "TEXT", "who is told, in the place of what the source says"},
	{"--authority", "NAME", "who issues it"},
	{"--policy", "NAME", "the policy that it is to have"},
	{"--token", "NAME", "the token that its key is to be in"},
	{"--notes", "TEXT", "for people"},
	{"--dry-run", NULL, "say what would be done, and change nothing"},
	{0},
};

const struct command command_adopt = {
	.name = "adopt",
	.group = COMMANDS_ESTATE,
	.synopsis = "PEM|HOST:PORT|FILE.csv|--nginx ... [--name NAME] [--owner TEXT] [--dry-run]",
	.summary = "watch certificates that exist, without managing them",
	.options = options,
	.example = "keystay adopt estate.csv --dry-run\n"
		   "keystay adopt www.example.org:443 --owner web-team@example.org\n"
		   "keystay adopt --nginx",
	.main = main_adopt,
};
