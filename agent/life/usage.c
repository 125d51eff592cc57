#include "keystay/life/usage.h"

#include <stdio.h>

#include "counts.h"
#include "keystay/base/text.h"
#include "keystay/guard/book.h"
#include "keystay/state/uses.h"
#include "limits.h"

struct usage {
	const struct config *config;
	struct db *db;
	struct book *book; /* NULL where it cannot be read */
};

int
usage_open(const struct config *c, struct db *db, struct usage **ret, struct err *e)
{
	struct usage *u = calloc(1, sizeof *u);
	enum ledger_fault fault;
	char path[4200];

	if (!u)
		return err_set(e, ERR_FAILED, "no memory");
	u->config = c;
	u->db = db;
	snprintf(path, sizeof path, "%s/ledger", c->state);
	if (book_open(path, false, &u->book, &fault, e) < 0) {
		free(u);
		return -1;
	}
	*ret = u;
	return 0;
}

void
usage_close(struct usage *u)
{
	if (!u)
		return;
	book_close(u->book);
	free(u);
}

static int64_t
refused_of(const struct counts *c)
{
	return counts_misuse(c) + c->of[COUNT_OVER] + c->of[COUNT_OFF] + c->of[COUNT_UNKNOWN];
}

static void
fill(struct key_usage *ret, const struct counts *c, when_t last_use)
{
	ret->known = true;
	ret->signatures = c->of[COUNT_USES];
	ret->refused = refused_of(c);
	ret->last_use = last_use;
}

int
usage_of(struct usage *u, const struct key_row *k, struct key_usage *ret, struct err *e)
{
	const struct policy *p = limits_policy(u->config, k);
	struct key_usage found = {.known = false};
	unsigned char hash[BOOK_HASH];
	struct ledger_slot *s = NULL;
	struct use_row row;
	bool stored = false;

	if (p && p->rule[RULE_MAX_SIGNATURES].set) {
		found.soft = p->limits.soft;
		found.hard = p->limits.hard;
	}
	found.armed = limits_hard(p, k) != 0;
	if (u->book && hex_decode(k->public_hash, hash, sizeof hash) == sizeof hash)
		s = book_find(u->book, hash);
	if (!s && u->db && use_row_get(u->db, k->public_hash, &row, &stored, e) < 0)
		return -1;
	if (s) {
		const struct counts c = counts_read(s->count);
		fill(&found, &c, (when_t)(ledger_get(&s->last_use) & INT64_MAX));
	} else if (stored) {
		const struct counts c = counts_parse(row.counts);
		fill(&found, &c, row.last_use);
	}
	*ret = found;
	return 0;
}

static const char *
grouped(int64_t n, char text[32])
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)n), at = 0;

	for (size_t i = 0; i < len && at < 30; i++) {
		if (i && (len - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
	return text;
}

const char *
usage_text(const struct key_usage *u, char text[USAGE_TEXT])
{
	char made[32], limit[32], day[WHEN_TEXT], of[80] = "", last[48] = "", refused[48] = "";

	text[0] = '\0';
	if (!u->known)
		return text;
	if (u->armed && u->hard)
		snprintf(of, sizeof of, " of %s (hard limit)", grouped(u->hard, limit));
	else if (u->soft)
		snprintf(of, sizeof of, " of %s", grouped(u->soft, limit));
	if (u->last_use)
		snprintf(last, sizeof last, ", last on %s", when_format_day(u->last_use, day));
	if (u->refused)
		snprintf(refused, sizeof refused, ", %s refused", grouped(u->refused, limit));
	snprintf(text, USAGE_TEXT, "%s signatures%s%s%s", grouped(u->signatures, made), of, refused,
		last);
	return text;
}
