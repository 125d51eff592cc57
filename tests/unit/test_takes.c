/* What shells may offer, read from usage lines. */
#include "support/unit.h"

#include <string.h>

#include "../../agent/run/takes.h"

static void
a_value_says_what_it_is(void **state)
{
	static const struct {
		const char *value;
		enum takes takes;
	} rows[] = {
		{"new|same|auto", TAKES_WORDS},
		{"unspecified|keyCompromise", TAKES_WORDS},
		{"file:PATH|credential:NAME|prompt", TAKES_SOURCE},
		{"FILE", TAKES_FILE},
		{"NAME", TAKES_CERTIFICATE},
		{"AUTHORITY", TAKES_AUTHORITY},
		{"POLICY", TAKES_POLICY},
		{"DURATION", TAKES_ANYTHING},
		{"N", TAKES_ANYTHING},
		{"NAMES", TAKES_ANYTHING},
		{"", TAKES_ANYTHING},
		{"PEM|HOST:PORT|FILE.csv", TAKES_FILE},
		{"HOST:PORT|FILE.csv", TAKES_FILE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(takes_word(takes_of(rows[i].value)), takes_word(rows[i].takes));
}

static void
a_usage_line_says_what_stands_where(void **state)
{
	static const struct command_option options[] = {{"--wait", "DURATION", ""},
		{"--key", "new|same|auto", ""}, {"--reason", "REASON", ""}, {"--new", "SOURCE", ""},
		{"--retry", NULL, ""}, {0}};
	static const struct {
		const char *usage, *places;
	} rows[] = {
		{"", ""},
		{"[--all]", ""},
		{"NAME", "certificate"},
		{"[NAME]", "certificate"},
		{"[NAME...] [--due|--force] [--key new|same|auto] [--wait DURATION]",
			"certificate..."},
		{"NAME... | --all  [--wait DURATION]", "certificate..."},
		{"NAME --reason REASON [--version N]", "certificate anything"},
		{"TOKEN --retry | --new SOURCE", "token"},
		{"NAME FILE", "certificate file"},
		{"nginx NAME", "anything certificate"},
		{"A B C D E F G H I J",
			"anything anything anything anything anything anything anything anything"},
	};
	char text[200];
	struct places p;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		text[0] = '\0';
		takes_places(rows[i].usage, options, &p);
		for (size_t k = 0; k < p.count; k++) {
			strncat(text, k ? " " : "", sizeof text - strlen(text) - 1);
			strncat(text, takes_word(p.place[k]), sizeof text - strlen(text) - 1);
		}
		if (p.more)
			strncat(text, "...", sizeof text - strlen(text) - 1);
		assert_string_equal(text, rows[i].places);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_says_what_it_is),
		cmocka_unit_test(a_usage_line_says_what_stands_where),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
