/*
 * Moments and durations. A moment is seconds since 1970-01-01T00:00:00Z; 0 means "none".
 * Nothing here reads a clock: the moment comes from services (base/services.h).
 */
#ifndef KEYSTAY_BASE_WHEN_H
#define KEYSTAY_BASE_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t when_t;

#define MINUTE ((when_t)60)
#define HOUR ((when_t)3600)
#define DAY ((when_t)86400)

/* Room for "2026-11-21T18:19:34Z" and its NUL. */
#define WHEN_TEXT 24

/* Writes `when` into `text` (WHEN_TEXT bytes) as RFC 3339 UTC; "-" for 0. Returns text. */
const char *when_format(when_t when, char *text);

/* Writes only the day, "2026-11-21"; "-" for 0. Returns text. */
const char *when_format_day(when_t when, char *text);

/*
 * Reads "30d", "48h", "10m", "5s" or a sum such as "1d12h": the whole of `text`, at most ten years.
 * Stores seconds in *ret and answers true, or answers false and leaves *ret alone.
 */
bool duration_parse(const char *text, when_t *ret);

/* Writes a duration in its largest exact unit ("30d", "90m") into `text` (WHEN_TEXT bytes). */
const char *duration_format(when_t seconds, char *text);

/*
 * Reads the three date forms of RFC 9110 5.6.7 (IMF-fixdate, RFC 850, asctime), `len` bytes, not
 * NUL-terminated. Answers false for anything else and leaves *ret alone.
 */
bool when_parse_http(const char *text, size_t len, when_t *ret);

/*
 * Reads an RFC 3339 date and time ("2026-11-21T18:19:34Z", an offset, a fraction of a second, which
 * is cut), the whole of `text`. Answers false for anything else and leaves *ret alone.
 */
bool when_parse_rfc3339(const char *text, when_t *ret);

/*
 * Reads a day ("2026-11-21", its first second) or what when_parse_rfc3339 reads, of 1970 or later.
 * *ret_day says which. Answers false for anything else and leaves both alone.
 */
bool when_parse(const char *text, when_t *ret, bool *ret_day);

/* The same time of day so many calendar months later, on that month's last day at the latest. */
when_t when_add_months(when_t when, int64_t count);

/* The moment of a broken-down UTC date; month 1..12. The proleptic Gregorian calendar. */
when_t when_from_utc(int year, int month, int day, int hour, int minute, int second);

#endif
