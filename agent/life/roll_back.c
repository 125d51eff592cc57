/* What worked before is put back; the failure stays the error. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "keystay/state/inventory.h"
#include "internal.h"

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

/* The first certificate: there is nothing to put back. It stays, and the state says "not served".
 */
static void
stay(struct life *l, struct work *w, struct certificate_row *row, struct err *e)
{
	struct err ignored;

	row->not_served = true;
	(void)!certificate_save(l->db, row, &ignored);
	w->attempt.deadline = 0;
	/* The next try installs and looks again. */
	text_copy(w->attempt.step, sizeof w->attempt.step, step_word(STEP_INSTALL));
	add_to(e, "it is installed but not served; there was no certificate before it");
	err_hint(e, "'keystay server-config nginx %s' prints what the server needs", w->conf->name);
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
	if (row.live_version == 0) {
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
	(void)!life_journal(
		l, w->conf->name, "", "rolled-back", w->attempt.step, &why, "%s", e->text);
	return -1;
}
