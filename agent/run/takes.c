#include "takes.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/text.h"

static const char *const words[TAKES] = {
	[TAKES_ANYTHING] = "anything",
	[TAKES_WORDS] = "words",
	[TAKES_FILE] = "file",
	[TAKES_SOURCE] = "source",
	[TAKES_CERTIFICATE] = "certificate",
	[TAKES_AUTHORITY] = "authority",
	[TAKES_TOKEN] = "token",
	[TAKES_POLICY] = "policy",
};

/* The capitals of usage lines. A key goes by the name of its certificate, too. */
static const struct {
	const char *capitals;
	enum takes takes;
} rows[] = {
	{"NAME", TAKES_CERTIFICATE},
	{"KEY", TAKES_CERTIFICATE},
	{"AUTHORITY", TAKES_AUTHORITY},
	{"TOKEN", TAKES_TOKEN},
	{"POLICY", TAKES_POLICY},
	{"FILE", TAKES_FILE},
	{"PATH", TAKES_FILE},
	{"PEM", TAKES_FILE},
	{"SOURCE", TAKES_SOURCE},
};

#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

const char *
takes_word(enum takes takes)
{
	return words[takes];
}

/* One of "PEM|HOST:PORT|FILE.csv" is enough. */
static enum takes
takes_of_capitals(const char *text)
{
	while (*text) {
		size_t len = strspn(text, CAPITALS);
		for (size_t i = 0; i < COUNT(rows); i++)
			if (strlen(rows[i].capitals) == len &&
				strncmp(rows[i].capitals, text, len) == 0)
				return rows[i].takes;
		text += strcspn(text, "|");
		text += *text == '|';
	}
	return TAKES_ANYTHING;
}

enum takes
takes_of(const char *value)
{
	if (text_starts(value, "file:"))
		return TAKES_SOURCE;
	/* Words may have capitals within: "unspecified|keyCompromise". */
	if (strchr(value, '|') && !strchr(CAPITALS, value[0]) && !strchr(value, ':'))
		return TAKES_WORDS;
	return takes_of_capitals(value);
}

static bool
takes_value(const char *word, const struct command_option *o)
{
	for (; o && o->word; o++)
		if (text_same(o->word, word))
			return o->value != NULL;
	return false;
}

void
takes_places(const char *usage, const struct command_option *options, struct places *ret)
{
	bool is_value = false;

	*ret = (struct places){.count = 0};
	while (*usage) {
		char word[64];
		size_t len = strcspn(usage, " []");
		snprintf(word, sizeof word, "%.*s", (int)len, usage);
		usage += len + (usage[len] != '\0');
		if (len == 0 || text_same(word, "|"))
			continue;
		bool of_option = is_value;
		is_value = word[0] == '-' && takes_value(word, options);
		if (of_option || word[0] == '-' || ret->count == TAKES_PLACES)
			continue;
		ret->more = len > 3 && text_same(word + strlen(word) - 3, "...");
		ret->place[ret->count++] = takes_of_capitals(word);
	}
}
