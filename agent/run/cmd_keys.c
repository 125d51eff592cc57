#include "commands.h"

#include <string.h>

#include "identity.h"
#include "keystay/life/keys.h"
#include "keystay/life/revoke.h"
#include "keystay/state/compromised.h"
#include "keystay/state/db.h"
#include "living.h"
#include "revoking.h"
#include "used.h"

static json_t *
key_json(const struct key_row *k)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "id", k->id,
		"label", k->label, "token", k->token, "type", k->type, "purpose", k->purpose,
		"owner", k->owner, "state", k->state, "public_key_sha256", k->public_hash, "uri",
		k->uri, "created_at", json_when(k->created_at), "state_at", json_when(k->state_at));
}

/* With what it was used for, and its limits. */
static json_t *
used_key_json(const struct key_row *k, const struct key_usage *u)
{
	json_t *json = key_json(k);
	add_usage(json, u);
	return json;
}

struct listing {
	struct run *run;
	struct usage *usage;
	bool all;
};

static int
list_key(void *ctx, const struct key_row *k, struct err *e)
{
	struct listing *l = ctx;
	char day[WHEN_TEXT], used[USAGE_TEXT];
	struct key_usage u;

	/* What is gone, and what was only tried, is history. */
	if (!l->all && (text_same(k->state, KEY_DESTROYED) || text_same(k->purpose, "probe")))
		return 0;
	if (usage_of(l->usage, k, &u, e) < 0)
		return -1;
	run_report(l->run, "keys", used_key_json(k, &u));
	run_say(l->run, "%-11s %-8s %-11s %-10s %s  %s%s%s", k->state, k->type, k->purpose,
		k->token, when_format_day(k->created_at, day), k->label, u.known ? "  " : "",
		usage_text(&u, used));
	return 0;
}

static int
list(struct run *r, bool all, struct err *e)
{
	AUTO(db) struct db *db = NULL;
	AUTO(usage) struct usage *usage = NULL;

	if (run_need_config(r, e) < 0 || become_owner(r->config->state, e) < 0 ||
		life_open_state(r->config, &db, e) < 0 || usage_open(r->config, db, &usage, e) < 0)
		return -1;
	struct listing l = {r, usage, all};
	run_array(r, "keys");
	return db ? keys_each(db, NULL, list_key, &l, e) : 0;
}

static int
show(struct run *r, const char *word, struct err *e)
{
	AUTO(db) struct db *db = NULL;
	AUTO(usage) struct usage *usage = NULL;
	char text[WHEN_TEXT], made[WHEN_TEXT], used[USAGE_TEXT];
	struct key_usage usage_now;
	struct key_uses uses;
	struct key_row k;
	bool compromised;

	if (run_need_config(r, e) < 0 || become_owner(r->config->state, e) < 0 ||
		life_open_state(r->config, &db, e) < 0)
		return -1;
	if (!db) {
		err_set(e, ERR_USAGE, "there is no key '%s'", word);
		return err_hint(e, "there are no keys yet: 'keystay issue' makes them");
	}
	if (key_pick(db, word, &k, e) < 0 || key_uses(db, k.id, &uses, e) < 0 ||
		compromised_has(db, k.public_hash, &compromised, e) < 0 ||
		usage_open(r->config, db, &usage, e) < 0 || usage_of(usage, &k, &usage_now, e) < 0)
		return -1;
	json_t *json = used_key_json(&k, &usage_now);
	json_object_set_new(json, "compromised", json_boolean(compromised));
	json_object_set_new(json, "live_certificates", json_integer(uses.live));
	run_report(r, "keys", json);
	run_say(r, "label    %s", k.label);
	run_say(r, "id       %s", k.id);
	run_say(r, "type     %s, in token '%s'", k.type, k.token);
	run_say(r, "for      %s '%s'%s", k.purpose, k.owner,
		uses.live       ? ", and its certificate is live"
		: uses.attempts ? ", and an attempt under way uses it"
				: "");
	run_say(r, "made     %s", when_format(k.created_at, made));
	run_say(r, "state    %s since %s%s", k.state, when_format(k.state_at, text),
		compromised ? ", COMPROMISED: refused for ever" : "");
	run_say(r, "public   SHA-256 %s", k.public_hash[0] ? k.public_hash : "(not made)");
	run_say(r, "uri      %s", k.uri);
	run_say(r, "used     %s", usage_now.known ? usage_text(&usage_now, used) : "(not counted)");
	return 0;
}

static const char *
said_word(enum said said)
{
	return said == SAID_YES ? "yes" : said == SAID_NO ? "no" : "not said";
}

static json_t *
try_json(const struct attempt_to_leave *a)
{
	return json_pack(
		"{s:b, s:s, s:s}", "worked", a->worked, "how", a->how, "answer", a->answer);
}

/* Four lines for a person. */
static void
say_evidence(struct run *r, const struct key_row *k, const struct key_evidence *v)
{
	static const char *const classes[] = {
		[CLASS_SOFTWARE] = "software: files of this machine, no hardware assurance",
		[CLASS_TPM] = "tpm: by the word of the module; the TPM does not enforce attributes",
		[CLASS_HSM_CLAIMED] = "hsm-claimed: by the vendor's word, nothing here attests it"};

	run_say(r, "%s: %s%s", k->label, v->stays ? "stays in its token" : "IN DOUBT: ", v->doubt);
	run_say(r,
		"  attributes: sensitive %s (always %s), extractable %s (never %s), made in the token "
		"%s%s%s, sign %s, decrypt %s, unwrap %s, derive %s",
		said_word(v->facts.sensitive), said_word(v->facts.always_sensitive),
		said_word(v->facts.extractable), said_word(v->facts.never_extractable),
		said_word(v->facts.local), v->generated_by[0] ? " by " : "", v->generated_by,
		said_word(v->facts.sign), said_word(v->facts.decrypt), said_word(v->facts.unwrap),
		said_word(v->facts.derive));
	run_say(r, "  attempts: reading it %s (%s %s), wrapping it %s (%s%s%s)",
		v->read.worked ? "WORKED" : "failed", v->read.how, v->read.answer,
		v->wrap.worked ? "WORKED" : "failed", v->wrap.how, v->wrap.answer[0] ? " " : "",
		v->wrap.answer);
	run_say(r, "  where: %s; token '%s' serial %s, %s %s firmware %s; module %s %s, SHA-256 %s",
		classes[v->class], v->token.label, v->token.serial, v->token.manufacturer,
		v->token.model, v->token.firmware, v->module.description, v->module.version,
		v->module.library_sha256);
}

/* What stands behind `compromise KEY`. */
struct compromising {
	const char *reason; /* for the journal */
	bool revoke;
};

static int
prove(struct run *r, struct life *l, struct key_row *k, const struct compromising *unused,
	struct err *e)
{
	struct key_evidence v;

	(void)unused;
	if (life_key_prove(l, k, &v, e) < 0)
		return -1;
	json_t *json = key_json(k);
	json_object_set_new(json, "evidence",
		json_pack("{s:b, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "stays", v.stays,
			"doubt", v.doubt, "class", token_class_word(v.class), "key_gen_mechanism",
			v.generated_by, "attributes", key_facts_json(&v.facts), "read",
			try_json(&v.read), "wrap", try_json(&v.wrap), "module",
			module_identity_json(&v.module), "token", token_identity_json(&v.token)));
	run_report(r, "keys", json);
	say_evidence(r, k, &v);
	if (v.stays)
		return 0;
	err_set(e, ERR_POLICY, "key '%s' is in doubt: %s", k->label, v.doubt);
	if (text_same(k->purpose, "certificate"))
		err_hint(e, "'keystay renew --key new %s' makes another", k->owner);
	return -1;
}

static int
disable(struct run *r, struct life *l, struct key_row *k, const struct compromising *unused,
	struct err *e)
{
	(void)unused;
	if (text_same(k->state, KEY_ACTIVE) &&
		run_confirm(r, e,
			"key '%s' is in use: its servers and its account stop working now",
			k->label) < 0)
		return -1;
	if (life_key_disable(l, k, e) < 0)
		return -1;
	run_say(r, "%s: may not sign any more; 'keystay keys enable %.12s' undoes it", k->label,
		k->id);
	return 0;
}

static int
enable(struct run *r, struct life *l, struct key_row *k, const struct compromising *unused,
	struct err *e)
{
	(void)unused;
	if (life_key_enable(l, k, e) < 0)
		return -1;
	run_say(r, "%s: may sign again, and is %s", k->label, k->state);
	return 0;
}

static int
destroy(struct run *r, struct life *l, struct key_row *k, const struct compromising *unused,
	struct err *e)
{
	(void)unused;
	if (run_confirm(r, e, "key '%s' (%s) is destroyed for ever", k->label, k->state) < 0 ||
		life_key_destroy(l, k, e) < 0)
		return -1;
	run_say(r, "%s: destroyed", k->label);
	return 0;
}

/* Every certificate of the key that is not expired. */
static int
revoke_all(struct run *r, struct life *l, const struct key_row *k, struct err *e)
{
	AUTO(revocation) struct revocation v = {.items = 0};

	if (life_revocation_of_key(l, k, &v, e) < 0)
		return -1;
	int rc = life_revoke(l, &v, e);
	tell_revoked(r, &v);
	if (rc < 0 && !e->hint[0])
		err_hint(e, "'keystay keys compromise %.12s --revoke' asks again", k->id);
	return rc;
}

/* The authority is told only when it is asked for: it may take an outage until the next is served.
 */
static int
hint_at_revoking(struct run *r, struct life *l, const struct key_row *k, struct err *e)
{
	AUTO(revocation) struct revocation v = {.items = 0};
	size_t left = 0;

	if (life_revocation_of_key(l, k, &v, e) < 0)
		return -1;
	for (size_t i = 0; i < v.items; i++)
		left += !v.item[i].version.revoked_at;
	if (left)
		run_say(r,
			"its authority does not know: 'keystay keys compromise %.12s --revoke' has %zu "
			"certificate%s revoked",
			k->id, left, left > 1 ? "s" : "");
	return 0;
}

static int
compromise(struct run *r, struct life *l, struct key_row *k, const struct compromising *how,
	struct err *e)
{
	AUTO(list) struct list certificates = {0};
	const char *reason = how->reason ? how->reason : "said so by hand";
	char names[512];
	bool staged, known;

	if (compromised_has(life_db(l), k->public_hash, &known, e) < 0)
		return -1;
	if (run_confirm(r, e, "the public key of '%s' is refused for ever%s", k->label,
		    how->revoke ? ", and its certificates are revoked" : "") < 0 ||
		(!known && life_key_compromise(l, k, reason, &certificates, &staged, e) < 0))
		return -1;
	run_say(r, "%s: compromised%s, and refused for ever", k->label, known ? " before" : "");
	if (certificates.count)
		run_say(r, "due now%s: %s; run 'keystay renew --due'",
			staged ? ", with a new key ready" : "",
			list_join(&certificates, names, sizeof names));
	return how->revoke ? revoke_all(r, l, k, e) : hint_at_revoking(r, l, k, e);
}

static const struct {
	const char *word;
	int (*act)(struct run *, struct life *, struct key_row *, const struct compromising *,
		struct err *);
} verbs[] = {
	{"prove", prove},
	{"disable", disable},
	{"enable", enable},
	{"destroy", destroy},
	{"compromise", compromise},
};

static int
act(struct run *r, size_t verb, const char *word, const struct compromising *how, struct err *e)
{
	struct life *l;
	struct key_row k;

	if (run_open_life(r, "keys", &l, e) < 0)
		return -1;
	int rc = key_pick(life_db(l), word, &k, e);
	if (rc == 0)
		rc = verbs[verb].act(r, l, &k, how, e);
	/* What was done is told as it stands now. */
	if (rc == 0 && verbs[verb].act != prove)
		run_report(r, "keys", key_json(&k));
	life_close(l);
	return rc;
}

/*
 * [--reason TEXT] [--revoke] behind `compromise KEY`; nothing may stand behind the others. The
 * argument that has no place; NULL when all is read.
 */
static const char *
read_rest(int argc, char **argv, struct compromising *ret)
{
	bool may = text_same(argv[0], "compromise");

	for (int i = 2; i < argc; i++) {
		if (may && text_same(argv[i], "--revoke"))
			ret->revoke = true;
		else if (may && text_same(argv[i], "--reason") && i + 1 < argc)
			ret->reason = argv[++i];
		else
			return argv[i];
	}
	return NULL;
}

static int
main_list(struct run *r, int argc, char **argv)
{
	bool all = argc > 1 && text_same(argv[1], "--all");
	struct err e;

	if (argc > 1 + all)
		return run_unknown(r, &command_keys, argv[1 + all]);
	return list(r, all, &e) < 0 ? run_fail(r, &e) : EXIT_DONE;
}

static int
main_keys(struct run *r, int argc, char **argv)
{
	struct compromising how = {.reason = NULL};
	size_t verb = 0;
	struct err e;

	if (argc && text_same(argv[0], "list"))
		return main_list(r, argc, argv);
	while (argc && verb < COUNT(verbs) && !text_same(argv[0], verbs[verb].word))
		verb++;
	bool shows = argc && text_same(argv[0], "show");
	if (argc == 0 || (!shows && verb == COUNT(verbs)))
		return run_no_verb(r, &command_keys, argc ? argv[0] : NULL);
	if (argc == 1 || argv[1][0] == '-')
		return argc == 1 ? run_usage(r, &command_keys, "which key?")
				 : run_unknown(r, &command_keys, argv[1]);
	const char *rest = read_rest(argc, argv, &how);
	if (rest)
		return run_unknown(r, &command_keys, rest);
	int rc = shows ? show(r, argv[1], &e) : act(r, verb, argv[1], &how, &e);
	return rc < 0 ? run_fail(r, &e) : EXIT_DONE;
}

static const struct command_option options[] = {
	{"--all", NULL, "of list: also those that are destroyed, or were only tried"},
	{"--reason", "TEXT", "of compromise: why, for the journal"},
	{"--revoke", NULL, "of compromise: have its certificates revoked, too"},
	{0},
};

static const struct command_verb texts[] = {
	{"list", "[--all]", "the keys that are there"},
	{"show", "KEY", "all that is known of one"},
	{"prove", "KEY", "ask the token where the key is, and try to get it out"},
	{"disable", "KEY", "switch it off"},
	{"enable", "KEY", "switch it on again"},
	{"destroy", "KEY", "remove it from the token, for ever"},
	{"compromise", "KEY [--reason TEXT] [--revoke]", "refuse its public key for ever"},
	{0},
};

const struct command command_keys = {
	.name = "keys",
	.group = COMMANDS_KEYS,
	.synopsis =
		"list [--all] | show KEY | prove KEY | disable KEY | enable KEY | destroy KEY | "
		"compromise KEY [--reason TEXT] [--revoke]",
	.summary = "the keys that the agent made: their state, their proof, their end",
	.options = options,
	.verbs = texts,
	.example = "keystay keys list\n"
		   "keystay keys prove shop",
	.main = main_keys,
};
