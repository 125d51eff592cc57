/* What worked before is put back; the failure stays the error. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "keystay/state/inventory.h"
#include "back.h"
#include "internal.h"

struct looking {
	struct life *l;
	bool gone;
};

static void PRINTF_LIKE(2, 3) add_to(struct err *e, const char *fmt, ...)
{
	size_t n = strlen(e->text);
	va_list ap;

	n += (size_t)snprintf(e->text + n, sizeof e->text - n, "; ");
	va_start(ap, fmt);
	if (n < sizeof e->text)
		vsnprintf(e->text + n, sizeof e->text - n, fmt, ap);
	va_end(ap);
}

/* A key that is gone from the token serves nobody. */
static int
look_for_key(void *ctx, const struct version_row *v, struct err *e)
{
	struct looking *look = ctx;
	struct key_row key;

	if (key_get(look->l->db, v->key_id, &key, e) < 0)
		return -1;
	look->gone = look->gone || text_same(key.state, KEY_DESTROYED);
	return 0;
}

static bool
can_go_back(struct life *l, const struct certificate_row *row)
{
	struct looking look = {.l = l};
	struct err ignored;

	return row->live_version &&
	       version_each(l->db, row->name, row->live_version, look_for_key, &look, &ignored) ==
		       0 &&
	       !look.gone;
}

/* The first certificate, or one whose key is gone: there is nothing to put back. The new one stays,
 * and the state says "not served". */
static void
stay(struct life *l, struct work *w, struct certificate_row *row, struct err *e)
{
	struct err ignored;

	row->not_served = true;
	(void)!certificate_save(l->db, row, &ignored);
	w->attempt.deadline = 0;
	/* The next try installs and looks again. */
	text_copy(w->attempt.step, sizeof w->attempt.step, step_word(STEP_INSTALL));
	if (row->live_version == 0) {
		add_to(e, "it is installed but not served; there was no certificate before it");
		err_hint(e, "'keystay server-config nginx %s' prints what the server needs",
			w->conf->name);
		return;
	}
	add_to(e, "it is installed but not served; the key of the version before is gone");
	err_hint(e, "a server that was started before the token was replaced must be started anew");
}

int
roll_back(struct life *l, struct work *w, bool reload, struct err *e)
{
	struct certificate_row row;
	struct err why;

	if (certificate_get(l->db, w->conf->name, &row, &why) < 0) {
		add_to(e, "and the database cannot be read to roll back");
		return -1;
	}
	if (!can_go_back(l, &row)) {
		stay(l, w, &row, e);
		return -1;
	}
	text_copy(w->attempt.step, sizeof w->attempt.step, step_word(STEP_INSTALL));
	w->attempt.deadline = 0;
	if (place_version(l, w, row.live_version, &why) < 0 ||
		(reload && reload_all(l, w, &why) < 0)) {
		add_to(e, "the roll-back failed too: %s", why.text);
		return -1;
	}
	add_to(e, "rolled back to version %lld", (long long)row.live_version);
	if (goes_back(&w->attempt)) {
		(void)!back_drop(l, w, e->text, &why);
		return -1;
	}
	(void)!life_journal(
		l, w->conf->name, "", "rolled-back", w->attempt.step, &why, "%s", e->text);
	return -1;
}
