#include "ends.h"

#include <stdio.h>
#include <string.h>

#include "keystay/life/dated.h"
#include "keystay/state/memory.h"
#include "alert.h"

#define KIND_ENDS "ending"
#define KIND_UNITS "units"

static const int64_t stages[] = {1, 3, 7, 14, 30, 90, 180};

/* The nearest one that is reached, in days; 0 when `at` is over, -1 while it is further than all.
 */
static int64_t
stage_of(when_t at, when_t now)
{
	if (now > at)
		return 0;
	for (size_t i = 0; i < COUNT(stages); i++)
		if (at - now <= stages[i] * DAY)
			return stages[i];
	return -1;
}

static bool
ends_soon(const struct dated *d, when_t now)
{
	return !d->goes_on && stage_of(d->ends, now) >= 0;
}

static bool
is_used_up_soon(const struct dated *d, when_t now)
{
	return d->units_out && stage_of(d->units_out, now) >= 0;
}

/* "contract 'ca-2026'", "domain validation of 'example.org' by 'portal'". */
static void
say_subject(const struct dated *d, char *text, size_t size)
{
	if (d->contract)
		snprintf(text, size, "%s '%s'", d->kind, d->name);
	else
		snprintf(text, size, "%s validation of '%s' by '%s'", d->kind, d->name,
			d->authority);
}

static void
tell_end(struct life *l, const struct dated *d, const char *subject, when_t now)
{
	char day[WHEN_TEXT], stage[64], losses[600];
	int64_t days = stage_of(d->ends, now);
	struct err why;

	snprintf(stage, sizeof stage, "%lld, %lld", (long long)days, (long long)d->ends);
	when_format_day(d->ends, day);
	if (days == 0)
		err_set(&why, ERR_FAILED, "%s ended on %s; it takes down %s", subject, day,
			dated_losses_text(d, losses, sizeof losses));
	else
		err_set(&why, ERR_FAILED, "%s ends on %s, in %lld days; it would take down %s",
			subject, day, (long long)d->days_left,
			dated_losses_text(d, losses, sizeof losses));
	err_hint(&why, "its owner is '%s'; write its new end at %s:%d", d->owner, d->at.file,
		d->at.line);
	alert_stage(l, subject, KIND_ENDS, stage, &why);
}

static void
tell_units(struct life *l, const struct dated *d, const char *subject, when_t now)
{
	char day[WHEN_TEXT], stage[32], losses[600];
	struct err why;

	snprintf(stage, sizeof stage, "%lld", (long long)stage_of(d->units_out, now));
	err_set(&why, ERR_FAILED,
		"%s has %lld units left, which last until %s; it would take down %s", subject,
		(long long)d->units_left, when_format_day(d->units_out, day),
		dated_losses_text(d, losses, sizeof losses));
	err_hint(&why, "its owner is '%s'; write new units at %s:%d", d->owner, d->at.file,
		d->at.line);
	alert_stage(l, subject, KIND_UNITS, stage, &why);
}

/* What was told of and is not near any more, or is not configured any more. */
static int
tell_over(
	struct life *l, const char *kind, const struct list *near, const char *text, struct err *e)
{
	AUTO(list) struct list told = {0};

	if (alert_subjects(l->db, kind, &told, e) < 0)
		return -1;
	for (size_t i = 0; i < told.count; i++)
		if (!list_has(near, told.item[i]))
			alert_over(l, told.item[i], kind, text);
	return 0;
}

static int
look(struct life *l, struct err *e)
{
	AUTO(estate) struct estate s = {0};
	AUTO(dates) struct dates all = {0};
	AUTO(list) struct list ends = {0}, units = {0};
	when_t now = services_now(l->services);
	bool any = l->config->contracts || l->config->validations;
	char subject[700];

	if (any && (estate_read(l->config, l->db, now, false, &s, e) < 0 ||
			   dates_look(l->config, &s, now, &all, e) < 0))
		return -1;
	for (size_t i = 0; i < all.count && !life_stopping(l); i++) {
		const struct dated *d = &all.item[i];
		say_subject(d, subject, sizeof subject);
		if (ends_soon(d, now))
			tell_end(l, d, subject, now);
		if (is_used_up_soon(d, now))
			tell_units(l, d, subject, now);
		if ((ends_soon(d, now) && !list_add(&ends, subject)) ||
			(is_used_up_soon(d, now) && !list_add(&units, subject)))
			return err_set(e, ERR_FAILED, "no memory");
	}
	if (life_stopping(l))
		return 0;
	if (tell_over(l, KIND_ENDS, &ends, "its end is far away again", e) < 0)
		return -1;
	return tell_over(l, KIND_UNITS, &units, "there are units for a while again", e);
}

void
ends_tell(struct life *l)
{
	struct err why;

	if (l->conf.unattended && look(l, &why) < 0)
		life_warn(l, &why);
}
