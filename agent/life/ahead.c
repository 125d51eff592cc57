/* What a pass looks at before certificates that are due by time, and when there is one again. */
#include <string.h>

#include "keystay/life/keys.h"
#include "alert.h"
#include "clock.h"
#include "due.h"
#include "ends.h"
#include "trust.h"
#include "watch.h"
#include "watch_others.h"
#include "windows.h"

/* The ledger is looked at, and old keys are, though nothing is due. */
#define PASS_EVERY HOUR

int
life_look_ahead(struct life *l, struct err *e)
{
	if (clock_look(l, e) < 0) {
		db_rollback(l->db);
		if (e->kind == ERR_WAIT)
			alert_also(l, "clock", "clock", e);
		return -1;
	}
	alert_over(l, "clock", "clock", "the clock is right again");
	if (rebuild_all(l, e) < 0 || windows_look(l, e) < 0 || trust_look(l, e) < 0 ||
		watch_served(l, e) < 0 || watch_tokens(l, e) < 0 || watch_others(l, e) < 0)
		return -1;
	alert_expiries(l);
	ends_tell(l);
	return 0;
}

static void
sooner(struct life_next *n, when_t at, const char *certificate, const char *why)
{
	if (n->certificate[0] && n->certificate_at <= at)
		return;
	n->certificate_at = at;
	text_copy(n->certificate, sizeof n->certificate, certificate);
	text_copy(n->why, sizeof n->why, why);
}

int
life_next(struct life *l, struct life_next *ret, struct err *e)
{
	when_t now = services_now(l->services), windows, retire, watch;
	struct life_next n = {.at = now + PASS_EVERY};
	const struct due *due;

	if (life_result_at(l, 0))
		life_due_again(l);
	for (size_t i = 0; i < l->config->certificates; i++) {
		const struct certificate_conf *c = &l->config->certificate[i];
		if (life_due(l, c, &due, e) < 0)
			return -1;
		if (due->attempt)
			sooner(&n, due->parked_until, c->name, "is tried again");
		else
			sooner(&n, due->at, c->name, due->at ? due->reason : "is not there yet");
	}
	if (windows_next(l, &windows, e) < 0 || life_retire_next(l, &retire, e) < 0 ||
		watch_next(l, &watch, e) < 0)
		return -1;
	if (n.certificate[0] && n.certificate_at < n.at)
		n.at = n.certificate_at;
	if (windows < n.at)
		n.at = windows;
	if (retire && retire < n.at)
		n.at = retire;
	if (watch && watch < n.at)
		n.at = watch;
	*ret = n;
	return 0;
}
