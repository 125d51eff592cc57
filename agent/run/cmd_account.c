#include "commands.h"

#include "keystay/life/rollover.h"
#include "keystay/life/usage.h"
#include "living.h"
#include "used.h"

static json_t *
account_json(const char *authority, const struct account_view *v, const struct key_usage *u)
{
	json_t *contact = json_array(), *key = json_null();

	for (size_t i = 0; i < v->at.contact.count; i++)
		json_array_append_new(contact, json_string(v->at.contact.item[i]));
	if (v->made) {
		json_decref(key);
		key = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", v->key.id, "label", v->key.label,
			"token", v->key.token, "type", v->key.type, "state", v->key.state);
		add_usage(key, u);
	}
	return json_pack("{s:s, s:b, s:s, s:s, s:o, s:b, s:o}", "authority", authority, "made",
		v->made, "url", v->at.url, "status", v->at.status, "contact", contact,
		"terms_agreed", v->at.agreed, "key", key);
}

/* What the words mean that are not the authority's. */
static const char *
explain(const char *status)
{
	if (text_same(status, "unknown"))
		return " (the authority has none of this key: the next order makes one)";
	if (text_same(status, "refused"))
		return " (the authority takes no request of it any more)";
	return "";
}

static void
say_account(struct run *r, const char *authority, const struct account_view *v,
	const struct key_usage *u)
{
	char contact[512], used[USAGE_TEXT];

	if (!v->made) {
		run_say(r, "authority '%s': no account was made yet; the first order makes one",
			authority);
		return;
	}
	run_say(r, "account  %s", v->at.url[0] ? v->at.url : "(none)");
	run_say(r, "status   %s%s", v->at.status, explain(v->at.status));
	run_say(r, "contact  %s",
		v->at.contact.count ? list_join(&v->at.contact, contact, sizeof contact)
				    : "(none)");
	run_say(r, "key      %s, %s in token '%s', %s", v->key.label, v->key.type, v->key.token,
		v->key.state);
	run_say(r, "id       %s", v->key.id);
	run_say(r, "used     %s", u->known ? usage_text(u, used) : "(not counted)");
}

static int
show_usage(struct run *r, struct life *l, const struct account_view *v, struct key_usage *ret,
	struct err *e)
{
	AUTO(usage) struct usage *usage = NULL;

	*ret = (struct key_usage){.known = false};
	if (!v->made)
		return 0;
	if (usage_open(r->config, life_db(l), &usage, e) < 0)
		return -1;
	return usage_of(usage, &v->key, ret, e);
}

static int
show(struct run *r, struct life *l, const char *authority, struct err *e)
{
	AUTO(account_view) struct account_view v = {.made = false};
	struct key_usage u;

	if (life_account(l, authority, &v, e) < 0 || show_usage(r, l, &v, &u, e) < 0)
		return -1;
	run_report(r, "accounts", account_json(authority, &v, &u));
	say_account(r, authority, &v, &u);
	return 0;
}

static int
deactivate(struct run *r, struct life *l, const char *authority, struct err *e)
{
	AUTO(account_view) struct account_view v = {.made = false};
	struct key_usage u;

	if (run_confirm(r, e,
		    "the account at '%s' ends for ever, and what it issued can no longer be revoked "
		    "by it",
		    authority) < 0 ||
		life_account_deactivate(l, authority, &v, e) < 0 || show_usage(r, l, &v, &u, e) < 0)
		return -1;
	run_report(r, "accounts", account_json(authority, &v, &u));
	if (!v.made)
		run_say(r, "authority '%s': no account was made yet", authority);
	else
		run_say(r,
			"authority '%s': the account is %s%s and forgotten; the next order makes "
			"another, with another key",
			authority, v.at.status, explain(v.at.status));
	return 0;
}

static int
rollover(struct run *r, struct life *l, const char *authority, struct err *e)
{
	AUTO(account_view) struct account_view v = {.made = false};
	struct key_usage u;

	if (life_account_rollover(l, authority, &v, e) < 0 || show_usage(r, l, &v, &u, e) < 0)
		return -1;
	run_report(r, "accounts", account_json(authority, &v, &u));
	if (!v.made)
		run_say(r, "authority '%s': no account was made yet", authority);
	else
		run_say(r, "authority '%s': the account has another key, %s; the old one drains",
			authority, v.key.label);
	return 0;
}

static const struct {
	const char *word;
	int (*act)(struct run *, struct life *, const char *, struct err *);
} verbs[] = {
	{"show", show},
	{"rollover", rollover},
	{"deactivate", deactivate},
};

static int
act(struct run *r, size_t verb, const char *authority, struct err *e)
{
	struct life *l;

	if (run_open_life(r, "account", &l, e) < 0)
		return -1;
	int rc = verbs[verb].act(r, l, authority, e);
	life_close(l);
	return rc;
}

static int
main_account(struct run *r, int argc, char **argv)
{
	struct err e;

	size_t verb = 0;

	while (argc && verb < COUNT(verbs) && !text_same(argv[0], verbs[verb].word))
		verb++;
	if (argc == 0 || verb == COUNT(verbs))
		return run_no_verb(r, &command_account, argc ? argv[0] : NULL);
	if (argc == 1)
		return run_usage(r, &command_account, "which authority?");
	if (argc > 2 || argv[1][0] == '-')
		return run_unknown(r, &command_account, argv[argc > 2 ? 2 : 1]);
	return act(r, verb, argv[1], &e) < 0 ? run_fail(r, &e) : EXIT_DONE;
}

static const struct command_verb texts[] = {
	{"show", "AUTHORITY", "what the authority says of it, and its key"},
	{"rollover", "AUTHORITY", "another key for it"},
	{"deactivate", "AUTHORITY", "its end, for ever"},
	{0},
};

const struct command command_account = {
	.name = "account",
	.group = COMMANDS_KEYS,
	.synopsis = "show AUTHORITY | rollover AUTHORITY | deactivate AUTHORITY",
	.summary = "the account at an authority: what it says of it, another key, its end",
	.verbs = texts,
	.example = "keystay account show le",
	.main = main_account,
};
