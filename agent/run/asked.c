#include "asked.h"

#include <string.h>

#include "commands.h"
#include "estate_calendar.h"
#include "estate_words.h"

/* Each takes its value, or says what is wrong with it. */

static const char *
each_word(const char *value, bool (*add)(void *to, const char *word), void *to, const char *wrong)
{
	AUTO(char) char *copy = strdup(value);
	char *rest = NULL;
	bool good = copy && *value;

	for (char *w = copy ? strtok_r(copy, ",", &rest) : NULL; w; w = strtok_r(NULL, ",", &rest))
		good = add(to, w) && good;
	return good ? NULL : wrong;
}

static bool
add_word(void *to, const char *word)
{
	return list_add(to, word);
}

static bool
add_state(void *to, const char *word)
{
	enum estate_state state;

	if (!estate_state_of(word, &state))
		return false;
	*(unsigned *)to |= 1u << state;
	return true;
}

static const char *
take_owner(struct asked *a, const char *value)
{
	a->filter.owner = value;
	return *value ? NULL : "no owner has an empty name";
}

static const char *
take_authority(struct asked *a, const char *value)
{
	return each_word(value, add_word, &a->filter.authority, "no authority has an empty name");
}

static const char *
take_policy(struct asked *a, const char *value)
{
	return each_word(value, add_word, &a->filter.policy, "no policy has an empty name");
}

static const char *
take_state(struct asked *a, const char *value)
{
	return each_word(value, add_state, &a->filter.states,
		"it is valid, due, waiting, missing, failed, not_served, expired or watched, or "
		"several with commas");
}

static const char *
take_expiring(struct asked *a, const char *value)
{
	return duration_parse(value, &a->expiring) && a->expiring ? NULL : "it is no duration";
}

static const char *
take_sort(struct asked *a, const char *value)
{
	a->sorted = true;
	return estate_sort_of(value, &a->sort)
		       ? NULL
		       : "it is state, name, owner, authority, expiry, renewal, age or use";
}

static const char *
take_reverse(struct asked *a, const char *value)
{
	(void)value;
	a->sorted = a->reverse = true;
	return NULL;
}

static const char *
take_wide(struct asked *a, const char *value)
{
	(void)value;
	a->wide = true;
	return NULL;
}

static const char *
take_csv(struct asked *a, const char *value)
{
	(void)value;
	a->csv = true;
	return NULL;
}

static const char *
take_calendar(struct asked *a, const char *value)
{
	(void)value;
	a->calendar = true;
	return NULL;
}

static const char *
take_weeks(struct asked *a, const char *value)
{
	int64_t weeks;

	if (!number_parse(value, 1, CALENDAR_WEEKS_MAX, &weeks))
		return "it is a number from 1 to 520";
	a->weeks = (int)weeks;
	a->calendar = true;
	return NULL;
}

const struct command_option asked_options[] = {
	{"--owner", "TEXT", "those whose owner has this in it, in any case"},
	{"--authority", "NAME,...", "those from one of these"},
	{"--policy", "NAME,...", "those with one of these"},
	{"--state", "STATE,...", "those in one of these states"},
	{"--expiring", "DURATION", "those that end within it, or are over"},
	{"--sort", "state|name|owner|authority|expiry|renewal|age|use",
		"in this order; without it, the worst state first"},
	{"--reverse", NULL, "in the opposite order"},
	{"--wide", NULL, "every column, and nothing cut"},
	{"--csv", NULL, "CSV for a spreadsheet, as 'adopt' reads it"},
	{"--calendar", NULL, "renewals and ends by week"},
	{"--weeks", "NUMBER", "so many of them (26)"},
	{0},
};

/* In the order of the options. */
static const char *(*const takes[COUNT(asked_options) - 1])(struct asked *a, const char *value) = {
	take_owner,
	take_authority,
	take_policy,
	take_state,
	take_expiring,
	take_sort,
	take_reverse,
	take_wide,
	take_csv,
	take_calendar,
	take_weeks,
};

static const struct command_option *
find_option(const char *word)
{
	for (const struct command_option *o = asked_options; o->word; o++)
		if (text_same(o->word, word))
			return o;
	return NULL;
}

int
asked_read(struct run *r, int argc, char **argv, struct asked *a)
{
	a->plain = true;
	for (int i = 0; i < argc; i++) {
		const struct command_option *o = find_option(argv[i]);
		if (!o && argv[i][0] == '-')
			return run_unknown(r, &command_status, argv[i]);
		if (!o) {
			list_add(&a->filter.names, argv[i]);
			continue;
		}
		a->plain = false;
		if (o->value && i + 1 == argc)
			return run_usage(r, &command_status, "'%s' needs a value", o->word);
		const char *value = o->value ? argv[++i] : "";
		const char *wrong = takes[o - asked_options](a, value);
		if (wrong)
			return run_usage(r, &command_status, "%s '%s': %s", o->word, value, wrong);
	}
	if (r->json + a->csv > 1 || a->calendar + a->csv > 1)
		return run_usage(r, &command_status, "--csv, --json or --calendar, not both");
	list_sort(&a->filter.names);
	return 0;
}

void
asked_free(struct asked *a)
{
	list_free(&a->filter.names);
	list_free(&a->filter.authority);
	list_free(&a->filter.policy);
}
