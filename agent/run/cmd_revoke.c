#include "commands.h"

#include <stdio.h>

#include "keystay/life/revoke.h"
#include "living.h"
#include "revoking.h"

struct request {
	const char *name;
	enum revocation_reason reason;
	int64_t version;
};

static int
confirm(struct run *r, const struct revocation *v, struct err *e)
{
	size_t left = 0;

	for (size_t i = 0; i < v->items; i++)
		left += !v->item[i].version.revoked_at;
	if (left == 0 && v->reason != REVOKE_KEY_COMPROMISE)
		return 0;
	const struct version_row *first = &v->item[0].version;
	if (left <= 1)
		return run_confirm(r, e, "version %lld of '%s' (serial %s) is revoked for ever%s%s",
			(long long)first->number, first->certificate, first->serial,
			v->reason == REVOKE_KEY_COMPROMISE ? ", and its key refused" : "",
			v->live ? "; it is live" : "");
	return run_confirm(r, e, "%zu certificates of '%s' are revoked for ever%s%s", left,
		first->certificate,
		v->reason == REVOKE_KEY_COMPROMISE ? ", and their keys refused" : "",
		v->live ? "; one is live" : "");
}

static int
revoke_it(struct run *r, const struct request *q, struct err *e)
{
	AUTO(revocation) struct revocation v = {.items = 0};
	struct life *l;

	if (run_open_life(r, "revoke", &l, e) < 0)
		return -1;
	int rc = life_revocation(l, q->name, q->version, q->reason, &v, e);
	if (rc == 0)
		rc = confirm(r, &v, e);
	if (rc == 0) {
		rc = life_revoke(l, &v, e);
		tell_revoked(r, &v);
	}
	life_close(l);
	return rc;
}

static int
main_revoke(struct run *r, int argc, char **argv)
{
	struct request q = {.version = 0};
	const char *reason = NULL;
	struct err e;

	for (int i = 0; i < argc; i++) {
		if (text_same(argv[i], "--reason") && i + 1 < argc)
			reason = argv[++i];
		else if (text_same(argv[i], "--version") && i + 1 < argc) {
			if (!number_parse(argv[++i], 1, INT32_MAX, &q.version))
				return run_usage(r, &command_revoke, "'%s' is no version", argv[i]);
		} else if (argv[i][0] == '-' || q.name)
			return run_unknown(r, &command_revoke, argv[i]);
		else
			q.name = argv[i];
	}
	if (!q.name)
		return run_usage(r, &command_revoke, "which certificate?");
	if (reason && !reason_of(reason, &q.reason))
		return run_no_value(r, &command_revoke, "--reason", reason);
	if (!reason)
		return run_usage(r, &command_revoke, "--reason is one of %s", reason_words());
	return revoke_it(r, &q, &e) < 0 ? run_fail(r, &e) : EXIT_DONE;
}

static const struct command_option options[] = {
	{"--reason",
		"unspecified|keyCompromise|affiliationChanged|superseded|cessationOfOperation|"
		"privilegeWithdrawn",
		"why; with keyCompromise the key is refused for ever, too"},
	{"--version", "N", "that version, instead of the live one"},
	{0},
};

const struct command command_revoke = {
	.name = "revoke",
	.group = COMMANDS_DAILY,
	.synopsis = "NAME --reason REASON [--version N]",
	.summary = "have the live certificate (or another version) revoked at its authority",
	.options = options,
	.example = "keystay revoke shop --reason superseded",
	.main = main_revoke,
};
