#include "keystay/base/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "keystay/base/text.h"

static const char months[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

const char *
when_format(when_t when, char *text)
{
	time_t t = (time_t)when;
	struct tm tm;

	if (when == 0 || !gmtime_r(&t, &tm) ||
		strftime(text, WHEN_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		memcpy(text, "-", 2);
	return text;
}

const char *
when_format_day(when_t when, char *text)
{
	when_format(when, text);
	char *t = strchr(text, 'T');
	if (t)
		*t = '\0';
	return text;
}

bool
duration_parse(const char *text, when_t *ret)
{
	static const when_t limit = 3660 * DAY;
	when_t sum = 0;

	if (*text == '\0')
		return false;
	while (*text) {
		when_t n = 0;
		if (*text < '0' || *text > '9')
			return false;
		while (*text >= '0' && *text <= '9') {
			n = n * 10 + (*text++ - '0');
			if (n > limit)
				return false;
		}
		when_t unit = *text == 'd'   ? DAY
			      : *text == 'h' ? HOUR
			      : *text == 'm' ? MINUTE
			      : *text == 's' ? 1
					     : 0;
		if (unit == 0 || n > limit / unit)
			return false;
		sum += n * unit;
		if (sum > limit)
			return false;
		text++;
	}
	*ret = sum;
	return true;
}

const char *
duration_format(when_t seconds, char *text)
{
	static const struct {
		when_t unit;
		char letter;
	} units[] = {{DAY, 'd'}, {HOUR, 'h'}, {MINUTE, 'm'}, {1, 's'}};

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (seconds % units[i].unit == 0) {
			snprintf(text, WHEN_TEXT, "%lld%c", (long long)(seconds / units[i].unit),
				units[i].letter);
			break;
		}
	return text;
}

when_t
when_from_utc(int year, int month, int day, int hour, int minute, int second)
{
	/* Days from the civil date, counted in eras of 400 years that begin on 1 March. */
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return (era * 146097 + doe - 719468) * DAY + hour * HOUR + minute * MINUTE + second;
}

static int
month_length(int year, int month)
{
	static const int length[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return length[month - 1] + (month == 2 && leap);
}

static bool
date_valid(int year, int month, int day, int hour, int minute, int second)
{
	if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1)
		return false;
	if (day > month_length(year, month))
		return false;
	return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
}

/* sscanf is lenient (signs, blanks); the text must be one of the three forms to the letter. */
static bool
is_written(const char *text, int month, int year, int day, int hour, int minute, int second)
{
	static const char *const days[] = {
		"Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"};
	const char *weekday = days[when_from_utc(year, month + 1, day, 0, 0, 0) / DAY % 7];
	char form[3][64];

	snprintf(form[0], 64, "%.3s, %02d %s %04d %02d:%02d:%02d GMT", weekday, day, months[month],
		year, hour, minute, second);
	snprintf(form[1], 64, "%s, %02d-%s-%02d %02d:%02d:%02d GMT", weekday, day, months[month],
		year % 100, hour, minute, second);
	snprintf(form[2], 64, "%.3s %s %2d %02d:%02d:%02d %04d", weekday, months[month], day, hour,
		minute, second, year);
	return strcmp(text, form[0]) == 0 || strcmp(text, form[1]) == 0 ||
	       strcmp(text, form[2]) == 0;
}

bool
when_parse_http(const char *text, size_t len, when_t *ret)
{
	char copy[48], month[4] = "";
	int year, day, hour, minute, second, end = 0;

	if (len >= sizeof copy || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (sscanf(copy, "%*3[A-Za-z], %2d %3s %4d %2d:%2d:%2d GMT%n", &day, month, &year, &hour,
		    &minute, &second, &end) == 6 &&
		end == (int)len) {
		/* IMF-fixdate */
	} else if (sscanf(copy, "%*[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &day, month,
			   &year, &hour, &minute, &second, &end) == 6 &&
		   end == (int)len) {
		year += year < 70 ? 2000 : 1900;
	} else if (sscanf(copy, "%*3[A-Za-z] %3s %2d %2d:%2d:%2d %4d%n", month, &day, &hour,
			   &minute, &second, &year, &end) == 6 &&
		   end == (int)len) {
		/* asctime */
	} else {
		return false;
	}
	int m = 0;
	while (m < 12 && strcmp(months[m], month) != 0)
		m++;
	if (!date_valid(year, m + 1, day, hour, minute, second))
		return false;
	if (!is_written(copy, m, year, day, hour, minute, second))
		return false;
	*ret = when_from_utc(year, m + 1, day, hour, minute, second);
	return true;
}

/* "Z", or "+HH:MM": seconds east of Greenwich. */
static bool
read_offset(const char *text, when_t *ret)
{
	int hours, minutes, end = 0;
	char sign;

	*ret = 0;
	if (text_same(text, "Z") || text_same(text, "z"))
		return true;
	if (strlen(text) != 6 || strspn(text + 1, "0123456789:") != 5 ||
		sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &end) != 3 || end != 6 ||
		(sign != '+' && sign != '-') || hours > 23 || minutes > 59)
		return false;
	*ret = (hours * HOUR + minutes * MINUTE) * (sign == '-' ? -1 : 1);
	return true;
}

bool
when_parse_rfc3339(const char *text, when_t *ret)
{
	int year, month, day, hour, minute, second, end = 0;
	when_t offset;

	if (strspn(text, "0123456789-Tt:") < 19 || strlen(text) > 40 ||
		sscanf(text, "%4d-%2d-%2d%*1[Tt]%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute,
			&second, &end) != 6 ||
		end != 19 || !date_valid(year, month, day, hour, minute, second))
		return false;
	const char *rest = text + end;
	if (*rest == '.') {
		size_t digits = strspn(rest + 1, "0123456789");
		if (digits == 0)
			return false;
		rest += 1 + digits;
	}
	if (!read_offset(rest, &offset))
		return false;
	*ret = when_from_utc(year, month, day, hour, minute, second) - offset;
	return true;
}

bool
when_parse(const char *text, when_t *ret, bool *ret_day)
{
	char moment[40];
	when_t when;
	bool day = strlen(text) == strlen("2026-11-21");

	snprintf(moment, sizeof moment, "%.10sT00:00:00Z", text);
	if (!when_parse_rfc3339(day ? moment : text, &when) || when <= 0)
		return false;
	*ret = when;
	*ret_day = day;
	return true;
}

when_t
when_add_months(when_t when, int64_t count)
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		return when;
	int64_t month = (tm.tm_year + (int64_t)1900) * 12 + tm.tm_mon + count;
	int of_year = (int)((month % 12 + 12) % 12) + 1;
	int year = (int)((month - (of_year - 1)) / 12);
	int last = month_length(year, of_year);
	return when_from_utc(year, of_year, tm.tm_mday < last ? tm.tm_mday : last, tm.tm_hour,
		tm.tm_min, tm.tm_sec);
}
