/* When a failed attempt is tried again by itself. The kind of the error decides. */
#include "internal.h"

when_t
retry_at(const struct err *e, int64_t tries, when_t now)
{
	when_t steps[] = {MINUTE, 10 * MINUTE, 100 * MINUTE, DAY};
	size_t step = tries < 1 ? 0 : tries > 4 ? 3 : (size_t)tries - 1;

	switch (e->kind) {
	case ERR_BUSY:
		return e->retry_at > now ? e->retry_at : now + HOUR;
	case ERR_AUTHORITY:
		return now + DAY / 2;
	case ERR_CONFIG:
	case ERR_POLICY:
	case ERR_USAGE:
		return now + DAY;
	default:
		return now + steps[step];
	}
}

when_t
retry_in_time(const struct err *e, when_t at, when_t now, when_t not_after)
{
	/* Authorities count validations that fail in an hour. */
	when_t least = e->kind == ERR_AUTHORITY ? HOUR : 10 * MINUTE;
	when_t pause = (not_after - now) / 12;

	if (e->kind == ERR_BUSY || e->kind == ERR_CONFIG || e->kind == ERR_POLICY ||
		e->kind == ERR_USAGE || e->kind == ERR_PIN)
		return at;
	if (pause < least)
		pause = least;
	return at > now + pause ? now + pause : at;
}
