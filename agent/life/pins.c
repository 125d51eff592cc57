#include "keystay/life/pins.h"

#include <stdio.h>
#include <string.h>

#include "keystay/state/refusals.h"
#include "keystay/token/admin.h"
#include "keystay/base/source.h"
#include "keystay/token/pin.h"

/* A PIN that was refused is not tried again until its source changes. */
static int
may_try_pin(struct db *db, const struct token_conf *t, struct err *e)
{
	struct refusal was;
	char when[WHEN_TEXT];
	bool found;

	if (refusal_get(db, t->name, &was, &found, e) < 0)
		return -1;
	if (!found || !text_same(was.source, t->pin))
		return 0;
	struct pin_mark now = pin_source_mark(t->pin);
	if (source_is_file(t->pin) && (was.inode != now.inode || was.changed_ns != now.changed_ns ||
					      was.size != now.size))
		return 0;
	err_set(e, ERR_PIN,
		"token '%s': the PIN of '%s' was refused on %s%s%s%s and is not tried again",
		t->name, t->pin, when_format(was.at, when), was.flag[0] ? " (the token said '" : "",
		was.flag, was.flag[0] ? "')" : "");
	if (source_is_file(t->pin))
		return err_hint(e, "put the right PIN into '%s'", t->pin + strlen("file:"));
	return err_hint(e, "set the right PIN, then 'keystay token pin %s --retry'", t->name);
}

bool
token_pin_refused(struct db *db, const struct token_conf *t)
{
	struct err why;

	return may_try_pin(db, t, &why) < 0;
}

/* What goes wrong here must not hide the refusal itself. */
static void
remember_refusal(struct db *db, const struct token_conf *t, const struct pin_mark *mark,
	const struct pin_answer *answer, when_t now)
{
	struct refusal r = {.inode = mark->inode,
		.changed_ns = mark->changed_ns,
		.size = mark->size,
		.at = now};
	struct err ignored;

	text_copy(r.source, sizeof r.source, t->pin);
	text_copy(r.flag, sizeof r.flag, answer->flag);
	if (db)
		(void)!refusal_save(db, t->name, &r, &ignored);
}

static int
open_fresh(struct db *db, const struct services *s, const struct token_conf *t, enum road road,
	struct secret **kept, struct token **ret, struct err *e)
{
	AUTO(secret) struct secret *pin = NULL;
	struct pin_answer answer;
	char what[128];

	if (db && may_try_pin(db, t, e) < 0)
		return -1;
	/* The mark is taken before the PIN is read: a change in between is seen as a change. */
	struct pin_mark mark = pin_source_mark(t->pin);
	snprintf(what, sizeof what, "PIN of token '%s'", t->name);
	if (source_get(t->pin, what, &pin, e) < 0)
		return -1;
	if (token_open(t, road, pin, ret, &answer, e) < 0) {
		if (answer.refused)
			remember_refusal(db, t, &mark, &answer, services_now(s));
		return -1;
	}
	if (kept)
		*kept = take(&pin);
	return db ? refusal_clear(db, t->name, e) : 0;
}

int
token_open_once(struct db *db, const struct services *s, const struct token_conf *t, enum road road,
	struct secret **kept, struct token **ret, struct err *e)
{
	struct pin_answer answer;

	if (!kept || !*kept)
		return open_fresh(db, s, t, road, kept, ret, e);
	if (token_open(t, road, *kept, ret, &answer, e) == 0)
		return 0;
	/* It was changed on the token meanwhile: this one is never tried again. */
	if (answer.refused) {
		struct pin_mark mark = pin_source_mark(t->pin);
		secret_free(*kept);
		*kept = NULL;
		remember_refusal(db, t, &mark, &answer, services_now(s));
	}
	return -1;
}

int
token_change_pin_once(struct db *db, const struct services *s, const struct token_conf *t,
	const struct secret *new_pin, struct err *e)
{
	AUTO(secret) struct secret *old_pin = NULL;
	struct pin_answer answer;

	if (db && may_try_pin(db, t, e) < 0)
		return -1;
	struct pin_mark mark = pin_source_mark(t->pin);
	if (source_get(t->pin, "PIN of now", &old_pin, e) < 0)
		return -1;
	if (token_change_pin(t, old_pin, new_pin, &answer, e) == 0)
		return 0;
	if (answer.refused)
		remember_refusal(db, t, &mark, &answer, services_now(s));
	return -1;
}
