#include "keystay/ca/reasons.h"

#include <stdio.h>

static const struct {
	enum revocation_reason reason;
	const char *word;
} reasons[] = {
	{REVOKE_UNSPECIFIED, "unspecified"},
	{REVOKE_KEY_COMPROMISE, "keyCompromise"},
	{REVOKE_AFFILIATION_CHANGED, "affiliationChanged"},
	{REVOKE_SUPERSEDED, "superseded"},
	{REVOKE_CESSATION_OF_OPERATION, "cessationOfOperation"},
	{REVOKE_PRIVILEGE_WITHDRAWN, "privilegeWithdrawn"},
};

const char *
reason_word(enum revocation_reason reason)
{
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (reasons[i].reason == reason)
			return reasons[i].word;
	return reasons[0].word;
}

bool
reason_of(const char *word, enum revocation_reason *ret)
{
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (text_same(reasons[i].word, word)) {
			*ret = reasons[i].reason;
			return true;
		}
	return false;
}

const char *
reason_words(void)
{
	static char words[160];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(reasons) && n < sizeof words; i++)
		n += (size_t)snprintf(
			words + n, sizeof words - n, "%s%s", i ? ", " : "", reasons[i].word);
	return words;
}
