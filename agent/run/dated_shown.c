#include "dated_shown.h"

#include <stdio.h>

#include "keystay/life/dated.h"

/* Days before an end from which on `check` warns. */
#define WARN_DAYS 30

static const char *
days_text(const struct dated *d, char text[64])
{
	if (d->days_left < 0)
		snprintf(text, 64, "over for %lld days", (long long)-d->days_left);
	else
		snprintf(text, 64, "%lld days left", (long long)d->days_left);
	return text;
}

static json_t *
losses_json(const struct dated *d)
{
	json_t *array = json_array();

	for (size_t i = 0; i < d->losses; i++)
		json_array_append_new(array,
			json_pack("{s:s, s:o, s:o, s:s?}", "name", d->loss[i].certificate->name,
				"renewal_at", json_when(d->loss[i].renewal_at), "not_after",
				json_when(d->loss[i].not_after), "goes_to", d->loss[i].goes_to));
	return array;
}

static void
report(struct run *r, const struct dated *d)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:o}",
		d->contract ? "name" : "subject", d->name, "kind", d->kind, "authority",
		d->authority, "owner", d->owner, "ends", json_when(d->ends), "days_left",
		(json_int_t)d->days_left, "takes_down", losses_json(d));

	if (d->contract) {
		bool counted = d->units_left >= 0;
		json_t *more = json_pack("{s:o, s:o, s:o, s:o, s:I, s:s?}", "units",
			counted ? json_integer(d->contract->units) : json_null(), "units_used",
			counted ? json_integer(d->contract->units_used) : json_null(), "units_left",
			counted ? json_integer(d->units_left) : json_null(), "units_out_at",
			json_when(d->units_out), "issued_known", (json_int_t)d->issued, "notes",
			d->contract->notes);
		json_object_update(json, more);
		json_decref(more);
	}
	run_report(r, d->contract ? "contracts" : "validations", json);
}

/* Who wrote the configuration may not know of what keystay took since. */
static bool
units_doubtful(const struct dated *d)
{
	return d->units_left >= 0 && !d->goes_on && d->issued > d->contract->units_used;
}

static void
say(struct run *r, const struct dated *d)
{
	char day[WHEN_TEXT], days[64], losses[600];

	run_say(r, "%-16s %s by '%s', ends %s, %s, owner %s", d->name, d->kind, d->authority,
		when_format_day(d->ends, day), days_text(d, days), d->owner);
	if (d->units_left >= 0)
		run_say(r, "  units: %lld of %lld left%s%s", (long long)d->units_left,
			(long long)d->contract->units, d->units_out ? ", used up on " : "",
			d->units_out ? when_format_day(d->units_out, day) : "");
	if (units_doubtful(d))
		run_say(r,
			"  'units_used' says %lld, and keystay knows of %lld certificates from "
			"there",
			(long long)d->contract->units_used, (long long)d->issued);
	run_say(r, "  takes down: %s%s", dated_losses_text(d, losses, sizeof losses),
		d->goes_on ? " (another one goes on)" : "");
	if (d->contract && d->contract->notes && *d->contract->notes)
		run_say(r, "  %s", d->contract->notes);
}

static int
look(struct run *r, struct db *db, struct dates *ret, struct err *e)
{
	AUTO(estate) struct estate s = {0};
	when_t now = services_now(r->services);

	if (r->config->contracts + r->config->validations == 0)
		return 0;
	if (estate_read(r->config, db, now, false, &s, e) < 0)
		return -1;
	return dates_look(r->config, &s, now, ret, e);
}

int
show_dated(struct run *r, struct db *db, struct err *e)
{
	AUTO(dates) struct dates all = {0};

	if (look(r, db, &all, e) < 0)
		return -1;
	run_array(r, "contracts");
	run_array(r, "validations");
	if (all.count)
		run_say(r, "\ncontracts and validations");
	for (size_t i = 0; i < all.count; i++) {
		report(r, &all.item[i]);
		say(r, &all.item[i]);
	}
	return 0;
}

static void
say_place(const struct dated *d, char where[700])
{
	if (d->contract)
		snprintf(where, 700, "%s '%s'", d->kind, d->name);
	else
		snprintf(where, 700, "%s validation of '%s'", d->kind, d->name);
}

static void
check_one(struct run *r, const struct dated *d)
{
	char where[700], hint[700], day[WHEN_TEXT], losses[600];

	say_place(d, where);
	snprintf(hint, sizeof hint, "its owner is '%s'; it is at %s:%d", d->owner, d->at.file,
		d->at.line);
	if (d->goes_on)
		return;
	if (d->days_left < WARN_DAYS)
		run_finding(r, "warn", where, hint, "%s on %s; it takes down %s",
			d->days_left < 0 ? "it ended" : "it ends", when_format_day(d->ends, day),
			dated_losses_text(d, losses, sizeof losses));
	if (d->units_out)
		run_finding(r, "warn", where, hint, "its %lld units last until %s",
			(long long)d->units_left, when_format_day(d->units_out, day));
	if (units_doubtful(d))
		run_finding(r, "warn", where, "bring 'units_used' up to date",
			"'units_used' says %lld, and keystay knows of %lld certificates from '%s'",
			(long long)d->contract->units_used, (long long)d->issued, d->authority);
	if (d->validation && d->losses == 0)
		run_finding(r, "warn", where, "mend or remove it",
			"no certificate that '%s' issues needs it", d->authority);
}

int
check_dated(struct run *r, struct db *db, struct err *e)
{
	AUTO(dates) struct dates all = {0};

	if (look(r, db, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.count; i++)
		check_one(r, &all.item[i]);
	return 0;
}
