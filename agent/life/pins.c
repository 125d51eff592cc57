#include "keystay/life/pins.h"

#include <stdio.h>
#include <string.h>

#include "keystay/state/refusals.h"
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
	if (pin_source_is_file(t->pin) &&
		(was.inode != now.inode || was.changed_ns != now.changed_ns ||
			was.size != now.size))
		return 0;
	err_set(e, ERR_PIN, "token '%s': the PIN of '%s' was refused on %s and is not tried again",
		t->name, t->pin, when_format(was.at, when));
	if (pin_source_is_file(t->pin))
		return err_hint(e, "put the right PIN into '%s'", t->pin + strlen("file:"));
	return err_hint(e, "set the right PIN, then 'keystay token pin %s --retry'", t->name);
}

static int
remember_refusal(struct db *db, const struct token_conf *t, const struct pin_mark *mark, when_t now,
	struct err *e)
{
	struct refusal r = {.inode = mark->inode,
		.changed_ns = mark->changed_ns,
		.size = mark->size,
		.at = now};

	text_copy(r.source, sizeof r.source, t->pin);
	return refusal_save(db, t->name, &r, e);
}

int
token_open_once(struct db *db, const struct services *s, const struct token_conf *t,
	struct token **ret, struct err *e)
{
	AUTO(secret) struct secret *pin = NULL;
	char what[128];
	struct err ignored;
	bool refused;

	if (db && may_try_pin(db, t, e) < 0)
		return -1;
	/* The mark is taken before the PIN is read: a change in between is seen as a change. */
	struct pin_mark mark = pin_source_mark(t->pin);
	snprintf(what, sizeof what, "PIN of token '%s'", t->name);
	if (pin_get(t->pin, what, &pin, e) < 0)
		return -1;
	if (token_open(t, pin, ret, &refused, e) == 0)
		return db ? refusal_clear(db, t->name, e) : 0;
	if (refused && db)
		(void)!remember_refusal(db, t, &mark, services_now(s), &ignored);
	return -1;
}
