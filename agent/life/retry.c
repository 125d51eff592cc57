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
