#include "estate_words.h"

#include <stdio.h>
#include <string.h>

static const char *const words[ESTATE_STATES] = {
	[ESTATE_EXPIRED] = "expired",
	[ESTATE_NOT_SERVED] = "not_served",
	[ESTATE_FAILED] = "failed",
	[ESTATE_MISSING] = "missing",
	[ESTATE_DUE] = "due",
	[ESTATE_WAITING] = "waiting",
	[ESTATE_VALID] = "valid",
	[ESTATE_WATCHED] = "watched",
};

const char *
estate_state_word(enum estate_state state)
{
	return words[state];
}

bool
estate_state_of(const char *word, enum estate_state *ret)
{
	for (int i = 0; i < ESTATE_STATES; i++)
		if (text_same(words[i], word)) {
			*ret = (enum estate_state)i;
			return true;
		}
	return false;
}

static const struct unit {
	when_t seconds;
	const char *letter, *word;
} units[] = {{DAY, "d", "day"}, {HOUR, "h", "hour"}, {MINUTE, "min", "minute"}};

/* The largest of which there are two; at the end minutes, however few. */
static const struct unit *
unit_of(when_t seconds)
{
	size_t i = 0;

	while (i + 1 < COUNT(units) && seconds < 2 * units[i].seconds)
		i++;
	return &units[i];
}

const char *
span_text(when_t seconds, char text[SPAN_TEXT])
{
	when_t length = seconds < 0 ? -seconds : seconds;
	const struct unit *u = unit_of(length);

	long long n = (long long)(length / u->seconds);

	snprintf(text, SPAN_TEXT, "%lld %s", seconds < 0 ? -n : n, u->letter);
	return text;
}

const char *
span_words(when_t seconds, char text[SPAN_TEXT])
{
	when_t length = seconds < 0 ? -seconds : seconds;
	const struct unit *u = unit_of(length);
	long long n = (long long)(length / u->seconds);

	snprintf(text, SPAN_TEXT, "%lld %s%s", n, u->word, n == 1 ? "" : "s");
	return text;
}

int64_t
days_until(when_t then, when_t now)
{
	when_t left = then - now;

	return left >= 0 ? left / DAY : -((-left + DAY - 1) / DAY);
}

const char *
count_text(int64_t n, char text[SPAN_TEXT])
{
	static const char letters[] = "kMGT";
	size_t i = 0;

	if (n < 10000) {
		snprintf(text, SPAN_TEXT, "%lld", (long long)n);
		return text;
	}
	for (; n >= 1000000 && letters[i + 1]; i++)
		n /= 1000;
	if (n < 10000 && n % 1000 >= 100)
		snprintf(text, SPAN_TEXT, "%lld.%lld%c", (long long)(n / 1000),
			(long long)(n % 1000 / 100), letters[i]);
	else
		snprintf(text, SPAN_TEXT, "%lld%c", (long long)(n / 1000), letters[i]);
	return text;
}

/* An attempt under way that nothing is wrong with. */
static void
next_of_attempt(const struct estate_row *r, when_t now, struct buf *b)
{
	bool asked = text_same(r->step, "order");
	char span[SPAN_TEXT];

	if (asked && r->by_hand) {
		buf_adds(b, "import answer");
		return;
	}
	if (asked && r->attempt_at)
		buf_addf(b, "wait for '%s'", r->attempt_authority);
	else
		buf_addf(b, "go on at step %s", r->step);
	if (r->attempt_at > now)
		buf_addf(b, ", %s", span_text(r->attempt_at - now, span));
}

/* Behind `text`, "KIND 'NAME': ", where that is what it begins with. */
static const char *
behind(const char *text, const char *kind, const char *name)
{
	char begin[96];

	snprintf(begin, sizeof begin, "%s '%s': ", kind, name);
	return text + (text_starts(text, begin) ? strlen(begin) : 0);
}

/* The error without the names that stand in its line already. */
static const char *
error_in_line(const struct estate_row *r)
{
	return behind(behind(r->error, "certificate", r->name), "authority", r->authority);
}

static void
next_of_failed(const struct estate_row *r, when_t now, struct buf *b)
{
	char span[SPAN_TEXT];

	/* It was told to come back; there is nothing to mend. */
	if (r->error_kind != ERR_BUSY)
		buf_adds(b, "mend: ");
	else if (r->attempt_at > now)
		buf_addf(b, "try again in %s: ", span_text(r->attempt_at - now, span));
	else
		buf_adds(b, "try again: ");
	buf_adds(b, error_in_line(r));
}

void
estate_next(const struct estate_row *r, when_t now, struct buf *b)
{
	char span[SPAN_TEXT];

	if (r->watched && r->watched->problem[0])
		buf_addf(b, "mend: %s", r->watched->problem);
	else if (r->watched)
		buf_adds(b, "watched: add it");
	else if (r->loss)
		buf_addf(b, "mend: %s", r->loss);
	else if (r->attempt && r->error_kind != ERR_NONE)
		next_of_failed(r, now, b);
	else if (r->attempt)
		next_of_attempt(r, now, b);
	else if (r->state == ESTATE_NOT_SERVED)
		buf_adds(b, "mend: no endpoint shows it");
	else if (!r->live_version)
		buf_adds(b, "issue");
	else if (r->due_at <= now)
		buf_adds(b, "renews now");
	else
		buf_addf(b, "renew in %s", span_text(r->due_at - now, span));
}

static bool
is_soon_over(const struct estate_row *r, when_t now)
{
	when_t soon = 30 * DAY, life = r->not_after - r->not_before;

	if (r->not_before && life / 6 < soon)
		soon = life / 6;
	return r->not_after && r->not_after - now <= soon;
}

enum hue
estate_hue(const struct estate_row *r, when_t now)
{
	if (r->loss)
		return HUE_WRONG;
	switch (r->state) {
	case ESTATE_EXPIRED:
	case ESTATE_NOT_SERVED:
	case ESTATE_FAILED:
		return HUE_WRONG;
	case ESTATE_DUE:
	case ESTATE_WAITING:
		return HUE_WARNING;
	default:
		return is_soon_over(r, now) ? HUE_WARNING : HUE_PLAIN;
	}
}
