#include "est.h"

#include "keystay/base/file.h"
#include "keystay/base/text.h"

#include <regex.h>

static const char *const words[] = {
	[ACT_STATUS] = "status",
	[ACT_REDIRECT] = "redirect",
	[ACT_BODY] = "body",
	[ACT_GARBAGE] = "garbage",
	[ACT_HTML] = "html",
	[ACT_EMPTY] = "empty",
	[ACT_HUGE] = "huge",
	[ACT_CLOSE_EARLY] = "close-early",
	[ACT_ALERT] = "alert",
	[ACT_BUSY] = "busy",
	[ACT_PENDING] = "pending",
	[ACT_CMC] = "cmc",
	[ACT_AUTH] = "auth",
	[ACT_RAW] = "raw",
	[ACT_ONELINE] = "oneline",
	[ACT_CRLF] = "crlf",
	[ACT_PEM] = "pem",
	[ACT_DER] = "der",
	[ACT_BER] = "ber",
	[ACT_CUT] = "cut",
	[ACT_STALL] = "stall",
	[ACT_TYPE] = "type",
	[ACT_NO_CERT] = "no-cert",
	[ACT_EXTRA] = "extra",
	[ACT_TWO] = "two",
	[ACT_OTHER_KEY] = "other-key",
	[ACT_OTHER_CA] = "other-ca",
	[ACT_DROP_SAN] = "drop-san",
	[ACT_OTHER_SUBJECT] = "other-subject",
	[ACT_EXPIRED] = "expired",
	[ACT_NOT_YET] = "not-yet",
	[ACT_IS_CA] = "is-ca",
	[ACT_MORE_SAN] = "more-san",
	[ACT_EKU] = "eku",
	[ACT_ONLY] = "only",
};
_Static_assert(COUNT(words) == ACT_UNKNOWN, "every action has its word");

char *
rule_rest(char *text)
{
	char *rest = text + strcspn(text, " \t");

	if (*rest)
		*rest++ = '\0';
	return rest + strspn(rest, " \t");
}

static enum act
act_of(const char *word)
{
	for (size_t i = ACT_NONE + 1; i < COUNT(words); i++)
		if (strcmp(words[i], word) == 0)
			return (enum act)i;
	return ACT_UNKNOWN;
}

static bool
matches(const char *regex, const char *path)
{
	regex_t compiled;

	if (regcomp(&compiled, regex, REG_EXTENDED | REG_NOSUB) != 0) {
		fprintf(stderr, "est-server: '%s' is no regular expression\n", regex);
		return false;
	}
	bool found = regexec(&compiled, path, 0, NULL, 0) == 0;
	regfree(&compiled);
	return found;
}

struct rule
rule_for(const char *file, const char *path)
{
	AUTO(buf) struct buf text = BUF(64 * 1024);
	struct rule rule = {0};
	struct err e;

	if (file_read(file, &text, &e) < 0 || !text.len)
		return rule;
	char *next = text.text;
	while (next) {
		char *line = next + strspn(next, " \t");
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		char *act = rule_rest(line);
		if (*line == '\0' || *line == '#' || !matches(line, path))
			continue;
		char *argument = rule_rest(act);
		rule.act = act_of(act);
		text_copy(rule.argument, sizeof rule.argument, argument);
		return rule;
	}
	return rule;
}
