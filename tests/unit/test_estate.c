/*
 * The estate as `status` shows it: rows that are made by hand, and rows from a database; the table,
 * CSV, the calendar, what is picked and in what order.
 */
#include "support/unit.h"

#include <csv.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../../agent/run/columns.h"
#include "../../agent/run/estate.h"
#include "../../agent/run/estate_calendar.h"
#include "../../agent/run/estate_csv.h"
#include "../../agent/run/estate_json.h"
#include "../../agent/run/estate_pick.h"
#include "../../agent/run/estate_table.h"
#include "../../agent/run/estate_words.h"
#include "keystay/state/db.h"
#include "keystay/state/keys.h"

/* 2026-11-28T12:00:00Z, a Saturday. */
#define NOW ((when_t)1795867200)

/*
 * How often texts were compared: the program's own calls come here, too. So what grows with the
 * square of the rows is found without a clock.
 */
static size_t compared;

int
strcmp(const char *a, const char *b)
{
	compared++;
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

/* --- rows by hand */

static struct list one_name, three_names, endpoints;
static struct certificate_conf conf;
static struct watched_row watched = {.name = "old",
	.source = WATCHED_LIST,
	.place = "/root/estate.csv",
	.subject = "CN=old.example.org, O=\"Council, of\" X",
	.notes = "ask \"Jo\",\nthen me"};
static struct estate_row rows[6];
static const struct estate_row *picked[COUNT(rows)];
static struct estate_pick pick = {.row = picked};

enum { SHOP, PAYMENTS, BOARD, GONE, NEW, OLD };

static struct estate_row
valid_row(const char *name, const struct list *names, const char *owner)
{
	return (struct estate_row){.name = name,
		.names = names,
		.owner = owner,
		.policy = "web-public",
		.token = "web",
		.authority = "public",
		.key_types = "ec-p256",
		.conf = &conf,
		.state = ESTATE_VALID,
		.live_version = 1,
		.not_before = NOW - 6 * DAY,
		.not_after = NOW + 84 * DAY,
		.key_made_at = NOW - 6 * DAY,
		.usage = {.known = true, .signatures = 1234, .soft = 50000000},
		.due_at = NOW + 54 * DAY,
		.due_for = "share of lifetime"};
}

/* Of every sort one; owners in UTF-8, also of characters that are two columns wide. */
static int
make_rows(void **state)
{
	(void)state;
	if (one_name.count == 0) {
		list_add(&one_name, "shop.example.org");
		list_add(&three_names, "payments.example.org");
		list_add(&three_names, "www.payments.example.org");
		list_add(&three_names, "api.payments.example.org");
		list_add(&endpoints, "192.0.2.1:443");
		list_add(&endpoints, "[2001:db8::1]:443");
		watched.endpoints = endpoints;
	}
	rows[SHOP] = valid_row("shop", &one_name, "web-team@example.org");
	rows[PAYMENTS] = valid_row("payments", &three_names, "Büro für Zertifikate");
	rows[PAYMENTS].state = ESTATE_FAILED;
	rows[PAYMENTS].attempt = true;
	rows[PAYMENTS].error_kind = ERR_PIN;
	rows[PAYMENTS].error = "token 'web': login refused (CKR_PIN_INCORRECT), 2 tries left";
	rows[PAYMENTS].hint = "put the right PIN in '/etc/keystay/web.pin'";
	rows[PAYMENTS].usage.signatures = 62000000;
	rows[BOARD] = valid_row("board", &one_name, "証明書係");
	rows[BOARD].state = ESTATE_WAITING;
	rows[BOARD].attempt = rows[BOARD].by_hand = true;
	text_copy(rows[BOARD].step, sizeof rows[BOARD].step, "order");
	text_copy(rows[BOARD].authority, sizeof rows[BOARD].authority, "portal");
	rows[GONE] = valid_row("gone", &one_name, "");
	rows[GONE].state = ESTATE_EXPIRED;
	rows[GONE].not_after = NOW - 3 * DAY - 1;
	rows[GONE].due_at = NOW - 33 * DAY;
	rows[GONE].key_made_at = NOW - 400 * DAY;
	rows[NEW] = valid_row("new", &one_name, "web-team@example.org");
	rows[NEW].state = ESTATE_MISSING;
	rows[NEW].live_version = rows[NEW].not_after = rows[NEW].not_before = 0;
	rows[NEW].due_at = rows[NEW].key_made_at = 0;
	rows[NEW].usage.known = false;
	rows[OLD] = (struct estate_row){.name = "old",
		.names = &one_name,
		.owner = "Büro",
		.policy = "",
		.token = "",
		.authority = "the old CA",
		.key_types = "rsa-2048",
		.watched = &watched,
		.state = ESTATE_WATCHED,
		.not_after = NOW + 20 * DAY,
		.due_for = ""};
	pick.count = COUNT(rows);
	for (size_t i = 0; i < COUNT(rows); i++)
		picked[i] = &rows[i];
	return 0;
}

/* --- lines, as they come */

static struct list lines;

static void
keep_line(void *ctx, const char *text)
{
	(void)ctx;
	assert_true(list_add(&lines, text));
}

static void
table(size_t width, bool wide, bool colour)
{
	const struct table_look look = {.width = width, .wide = wide, .colour = colour};

	list_free(&lines);
	estate_table(&pick, NOW, &look, keep_line, NULL);
}

static void
lines_are(const char *const *wanted, size_t count)
{
	for (size_t i = 0; i < lines.count; i++)
		if (i >= count || !text_same(lines.item[i], wanted[i]))
			fail_msg("line %zu is\n%s\nnot\n%s", i, lines.item[i],
				i < count ? wanted[i] : "(nothing)");
	assert_int_equal(lines.count, count);
}
#define LINES_ARE(...)                                             \
	do {                                                       \
		static const char *const wanted[] = {__VA_ARGS__}; \
		lines_are(wanted, COUNT(wanted));                  \
	} while (0)

static void
widths_of_text(void **state)
{
	static const struct {
		const char *text;
		size_t width, room;
		const char *cut;
	} cases[] = {
		{"", 0, 3, ""},
		{"shop", 4, 4, "shop"},
		{"shop", 4, 3, "sh…"},
		{"shop", 4, 1, "…"},
		{"Büro", 4, 4, "Büro"},
		{"Büro", 4, 3, "Bü…"},
		{"証明書係", 8, 8, "証明書係"},
		/* No half of a character. */
		{"証明書係", 8, 7, "証明書…"},
		{"証明書係", 8, 6, "証明…"},
		{"e\xcc\x81t\xc3\xa9", 3, 3, "e\xcc\x81t\xc3\xa9"},
		{"e\xcc\x81t\xc3\xa9s", 4, 3, "e\xcc\x81t…"},
		{"\xff\xfe", 2, 2, "\xff\xfe"},
		{"a\xc3", 2, 2, "a\xc3"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(buf) struct buf b = BUF(256);
		assert_int_equal(columns_of(cases[i].text), cases[i].width);
		columns_add(&b, cases[i].text, cases[i].room);
		assert_string_equal(buf_text(&b), cases[i].cut);
		assert_true(columns_of(buf_text(&b)) <= cases[i].room);
	}
	AUTO(buf) struct buf b = BUF(256);
	columns_pad(&b, "証明", 6, false);
	columns_pad(&b, "7 d", 5, true);
	columns_pad(&b, "wider", 2, true);
	assert_string_equal(buf_text(&b), "証明    7 dwider");
}

static void
table_of_80(void **state)
{
	(void)state;
	table(80, false, false);
	LINES_ARE("NAME      NAMES             OWNER      AUTHORITY  LEFT  NEXT",
		"shop      shop.example.org  web-team…  public     84 d  renew in 54 d",
		"payments  payments.exa… +2  Büro für…  public     84 d  mend: token 'web': logi…",
		"board     shop.example.org  証明書係   portal     84 d  import answer",
		"gone      shop.example.org  -          public     -3 d  renews now",
		"new       shop.example.org  web-team…  public        -  issue",
		"old       shop.example.org  Büro       the old …  20 d  watched: add it");
}

static void
table_of_120(void **state)
{
	(void)state;
	table(120, false, false);
	LINES_ARE(
		"NAME      NAMES                    OWNER                 AUTHORITY   LEFT  KEY AGE   KEY USE  NEXT",
		"shop      shop.example.org         web-team@example.org  public      84 d      6 d  1234/50M  renew in 54 d",
		"payments  payments.example.org +2  Büro für Zertifikate  public      84 d      6 d   62M/50M  mend: token 'web': login …",
		"board     shop.example.org         証明書係              portal      84 d      6 d  1234/50M  import answer",
		"gone      shop.example.org         -                     public      -3 d    400 d  1234/50M  renews now",
		"new       shop.example.org         web-team@example.org  public         -        -         -  issue",
		"old       shop.example.org         Büro                  the old CA  20 d        -         -  watched: add it");
}

static void
table_of_200(void **state)
{
	(void)state;
	table(200, false, false);
	LINES_ARE(
		"NAME      NAMES                    OWNER                 AUTHORITY   POLICY      STATE    LEFT  KEY AGE   KEY USE  NEXT",
		"shop      shop.example.org         web-team@example.org  public      web-public  valid    84 d      6 d  1234/50M  renew in 54 d",
		"payments  payments.example.org +2  Büro für Zertifikate  public      web-public  failed   84 d      6 d   62M/50M  mend: token 'web': login refused (CKR_PIN_INCORRECT), 2 tries left",
		"board     shop.example.org         証明書係              portal      web-public  waiting  84 d      6 d  1234/50M  import answer",
		"gone      shop.example.org         -                     public      web-public  expired  -3 d    400 d  1234/50M  renews now",
		"new       shop.example.org         web-team@example.org  public      web-public  missing     -        -         -  issue",
		"old       shop.example.org         Büro                  the old CA  -           watched  20 d        -         -  watched: add it");
}

static void
table_in_full(void **state)
{
	(void)state;
	table(80, true, false);
	LINES_ARE(
		"NAME      NAMES                                                                   OWNER                 AUTHORITY   POLICY      TOKEN  KEY       STATE    UNTIL       LEFT  KEY AGE            KEY USE  NEXT",
		"shop      shop.example.org                                                        web-team@example.org  public      web-public  web    ec-p256   valid    2027-02-20  84 d      6 d      1234/50000000  renew in 54 d",
		"payments  payments.example.org www.payments.example.org api.payments.example.org  Büro für Zertifikate  public      web-public  web    ec-p256   failed   2027-02-20  84 d      6 d  62000000/50000000  mend: token 'web': login refused (CKR_PIN_INCORRECT), 2 tries left",
		"board     shop.example.org                                                        証明書係              portal      web-public  web    ec-p256   waiting  2027-02-20  84 d      6 d      1234/50000000  import answer",
		"gone      shop.example.org                                                        -                     public      web-public  web    ec-p256   expired  2026-11-25  -3 d    400 d      1234/50000000  renews now",
		"new       shop.example.org                                                        web-team@example.org  public      web-public  web    ec-p256   missing  -              -        -                  -  issue",
		"old       shop.example.org                                                        Büro                  the old CA  -           -      rsa-2048  watched  2026-12-18  20 d        -                  -  watched: add it");
}

/* Heads that are there. */
static size_t
heads(const char *line)
{
	static const char *const all[] = {"NAME ", "NAMES", "OWNER", "AUTHORITY", "POLICY", "STATE",
		"LEFT", "AGE", "USE", "NEXT"};
	size_t n = 0;

	for (size_t i = 0; i < COUNT(all); i++)
		n += strstr(line, all[i]) != NULL;
	return n;
}

/* At any width no line is wider, and no column goes when there is more room. */
static void
table_of_any_width(void **state)
{
	size_t before = 0;

	(void)state;
	for (size_t width = 1; width < 300; width++) {
		table(width, false, false);
		assert_int_equal(lines.count, 1 + COUNT(rows));
		for (size_t i = 0; i < lines.count; i++) {
			assert_true(columns_of(lines.item[i]) <= (width < 40 ? 40 : width));
			assert_null(text_find_foreign(lines.item[i], strlen(lines.item[i])));
		}
		assert_true(heads(lines.item[0]) >= before);
		before = heads(lines.item[0]);
		/* Name, time and what to do are always there. */
		assert_non_null(strstr(lines.item[0], "LEFT"));
		assert_non_null(strstr(lines.item[1], "shop"));
		assert_non_null(strstr(lines.item[2], "mend: "));
	}
	assert_int_equal(before, 10);
}

static void
colours(void **state)
{
	static const struct {
		int row;
		const char *begin;
	} wanted[] = {{SHOP, "shop"}, {PAYMENTS, "\033[31mpayments"}, {BOARD, "\033[33mboard"},
		{GONE, "\033[31mgone"}, {NEW, "new"}, {OLD, "\033[33mold"}};

	(void)state;
	table(80, false, true);
	for (size_t i = 0; i < COUNT(wanted); i++) {
		const char *line = lines.item[1 + wanted[i].row];
		const char *end = strstr(line, "\033[0m");
		if (!text_starts(line, wanted[i].begin))
			fail_msg("'%s' does not begin with '%s'", line, wanted[i].begin);
		assert_int_equal(end != NULL, *wanted[i].begin == '\033');
		assert_true(!end || end[4] == '\0');
	}
	table(80, false, false);
	for (size_t i = 0; i < lines.count; i++)
		assert_null(strchr(lines.item[i], '\033'));
	/* Soon over: 30 days, or a sixth of a life of 90. */
	rows[OLD].not_after = NOW + 31 * DAY;
	assert_int_equal(estate_hue(&rows[OLD], NOW), HUE_PLAIN);
	rows[SHOP].not_after = NOW + 16 * DAY;
	rows[SHOP].not_before = rows[SHOP].not_after - 90 * DAY;
	assert_int_equal(estate_hue(&rows[SHOP], NOW), HUE_PLAIN);
	assert_int_equal(estate_hue(&rows[SHOP], NOW + DAY), HUE_WARNING);
}

/* What other machines said steers no terminal. */
static void
table_is_printable(void **state)
{
	(void)state;
	rows[PAYMENTS].error = "no\033[2J\nnever\xc2\x9b";
	rows[OLD].owner = "a\tb\xe2\x80\xae";
	table(200, false, false);
	for (size_t i = 0; i < lines.count; i++)
		for (const char *c = lines.item[i]; *c; c++)
			assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
	assert_non_null(strstr(lines.item[1 + PAYMENTS], "no?[2J never??"));
}

/* --- words */

static void
next_is(int row, const char *wanted)
{
	AUTO(buf) struct buf b = BUF(4096);

	estate_next(&rows[row], NOW, &b);
	assert_string_equal(buf_text(&b), wanted);
}

static void
what_is_next(void **state)
{
	(void)state;
	next_is(SHOP, "renew in 54 d");
	next_is(NEW, "issue");
	next_is(BOARD, "import answer");
	next_is(OLD, "watched: add it");
	next_is(GONE, "renews now");
	next_is(PAYMENTS, "mend: token 'web': login refused (CKR_PIN_INCORRECT), 2 tries left");
	rows[PAYMENTS].error_kind = ERR_BUSY;
	rows[PAYMENTS].error = "too many orders";
	next_is(PAYMENTS, "try again: too many orders");
	rows[PAYMENTS].attempt_at = NOW + 3 * HOUR;
	next_is(PAYMENTS, "try again in 3 h: too many orders");
	rows[PAYMENTS].error = "certificate 'payments': it is busy";
	next_is(PAYMENTS, "try again in 3 h: it is busy");
	rows[PAYMENTS].error = "certificate 'payments': authority 'public': no answer";
	next_is(PAYMENTS, "try again in 3 h: no answer");
	rows[PAYMENTS].error = "authority 'other': no answer";
	next_is(PAYMENTS, "try again in 3 h: authority 'other': no answer");
	rows[PAYMENTS].loss = "the files of version 1 are gone";
	next_is(PAYMENTS, "mend: the files of version 1 are gone");
	rows[BOARD].by_hand = false;
	text_copy(rows[BOARD].attempt_authority, 65, "internal");
	next_is(BOARD, "go on at step order");
	rows[BOARD].attempt_at = NOW + 40 * MINUTE;
	next_is(BOARD, "wait for 'internal', 40 min");
	rows[BOARD].attempt_at = NOW - 1;
	next_is(BOARD, "wait for 'internal'");
	text_copy(rows[BOARD].step, sizeof rows[BOARD].step, "served");
	next_is(BOARD, "go on at step served");
	rows[SHOP].state = ESTATE_NOT_SERVED;
	next_is(SHOP, "mend: no endpoint shows it");
	watched.problem[0] = 'x';
	next_is(OLD, "mend: x");
	watched.problem[0] = '\0';
}

static void
spans_and_counts(void **state)
{
	static const struct {
		when_t seconds;
		const char *text, *words;
	} spans[] = {{0, "0 min", "0 minutes"}, {59, "0 min", "0 minutes"},
		{60, "1 min", "1 minute"}, {119 * MINUTE, "119 min", "119 minutes"},
		{2 * HOUR, "2 h", "2 hours"}, {2 * DAY - 1, "47 h", "47 hours"},
		{2 * DAY, "2 d", "2 days"}, {398 * DAY, "398 d", "398 days"},
		{-5, "0 min", "0 minutes"}, {-5 * HOUR, "-5 h", "5 hours"},
		{-3 * DAY, "-3 d", "3 days"}};
	static const struct {
		int64_t n;
		const char *text;
	} counts[] = {{0, "0"}, {9999, "9999"}, {10000, "10k"}, {12345, "12k"}, {999999, "999k"},
		{1000000, "1M"}, {1250000, "1.2M"}, {62000000, "62M"}, {5100000000, "5.1G"},
		{INT64_MAX, "9223372T"}};
	char text[SPAN_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(spans); i++) {
		assert_string_equal(span_text(spans[i].seconds, text), spans[i].text);
		assert_string_equal(span_words(spans[i].seconds, text), spans[i].words);
	}
	for (size_t i = 0; i < COUNT(counts); i++)
		assert_string_equal(count_text(counts[i].n, text), counts[i].text);
	assert_int_equal(days_until(NOW + DAY - 1, NOW), 0);
	assert_int_equal(days_until(NOW + DAY, NOW), 1);
	assert_int_equal(days_until(NOW - 1, NOW), -1);
	assert_int_equal(days_until(NOW - DAY, NOW), -1);
	assert_int_equal(days_until(NOW - DAY - 1, NOW), -2);
}

static void
state_words(void **state)
{
	enum estate_state s;

	(void)state;
	for (int i = 0; i < ESTATE_STATES; i++) {
		assert_true(estate_state_of(estate_state_word((enum estate_state)i), &s));
		assert_int_equal(s, i);
	}
	assert_false(estate_state_of("Valid", &s));
	assert_false(estate_state_of("", &s));
}

static void
summary_is(size_t all, const char *wanted)
{
	AUTO(buf) struct buf b = BUF(4096);

	estate_summary(&pick, all, NOW, &b);
	assert_string_equal(buf_text(&b), wanted);
}

static void
summaries(void **state)
{
	(void)state;
	rows[SHOP].due_at = NOW + 3 * DAY;
	summary_is(6,
		"6 certificates: 1 valid, 1 waiting, 1 missing, 1 failed, 1 expired, 1 watched; "
		"next: shop in 3 days");
	pick.count = 1;
	rows[SHOP].state = ESTATE_NOT_SERVED;
	rows[SHOP].due_at = NOW;
	summary_is(72, "1 of 72 certificates: 1 not served");
	summary_is(1, "1 certificate: 1 not served");
}

/* --- order and filters */

static void
order_is(enum estate_sort sort, bool reverse, const char *wanted)
{
	AUTO(buf) struct buf b = BUF(1024);

	estate_pick_sort(&pick, sort, reverse);
	for (size_t i = 0; i < pick.count; i++)
		buf_addf(&b, "%s%s", i ? " " : "", pick.row[i]->name);
	assert_string_equal(buf_text(&b), wanted);
}

static void
orders(void **state)
{
	static const char *const words[SORTS] = {
		"state", "name", "owner", "authority", "expiry", "renewal", "age", "use"};
	enum estate_sort sort;

	(void)state;
	for (int i = 0; i < SORTS; i++) {
		assert_true(estate_sort_of(words[i], &sort));
		assert_int_equal(sort, i);
	}
	assert_false(estate_sort_of("names", &sort));
	rows[SHOP].due_at = NOW + 2 * DAY;
	rows[BOARD].key_made_at = NOW - 50 * DAY;
	rows[BOARD].usage.signatures = 0;
	order_is(SORT_STATE, false, "gone payments new board old shop");
	order_is(SORT_STATE, true, "shop old board new payments gone");
	order_is(SORT_NAME, false, "board gone new old payments shop");
	order_is(SORT_OWNER, false, "old payments new shop board gone");
	order_is(SORT_AUTHORITY, false, "board gone new payments shop old");
	order_is(SORT_EXPIRY, false, "gone old board payments shop new");
	order_is(SORT_RENEWAL, false, "new gone shop board payments old");
	order_is(SORT_AGE, false, "gone board payments shop new old");
	order_is(SORT_USE, false, "payments gone shop board new old");
	order_is(SORT_USE, true, "old new board shop gone payments");
	/* What is lost is as bad as what failed. */
	rows[SHOP].loss = "the files of version 1 are gone";
	rows[SHOP].not_after--;
	order_is(SORT_STATE, false, "gone shop payments new board old");
	assert_int_equal(estate_hue(&rows[SHOP], NOW), HUE_WRONG);
}

static void
filter_is(const struct estate_filter *f, const char *wanted)
{
	AUTO(buf) struct buf b = BUF(1024);

	for (size_t i = 0; i < COUNT(rows); i++)
		if (estate_matches(f, &rows[i]))
			buf_addf(&b, "%s%s", b.len ? " " : "", rows[i].name);
	assert_string_equal(buf_text(&b), wanted);
}

static void
filters(void **state)
{
	struct estate_filter f = {.owner = NULL};

	(void)state;
	filter_is(&f, "shop payments board gone new old");
	f.owner = "WEB-team";
	filter_is(&f, "shop new");
	f.owner = "BÜRO";
	filter_is(&f, "payments old");
	f.owner = "büro FÜR";
	filter_is(&f, "payments");
	f.owner = "書";
	filter_is(&f, "board");
	f.owner = "Büros";
	filter_is(&f, "");
	f.owner = NULL;
	list_add(&f.authority, "portal");
	list_add(&f.authority, "the old CA");
	filter_is(&f, "board old");
	/* All together. */
	f.states = 1u << ESTATE_WATCHED | 1u << ESTATE_EXPIRED;
	filter_is(&f, "old");
	list_free(&f.authority);
	filter_is(&f, "gone old");
	list_add(&f.policy, "web-public");
	filter_is(&f, "gone");
	list_free(&f.policy);
	f.states = 0;
	/* One that is not there yet does not end. */
	f.until = NOW + 20 * DAY;
	filter_is(&f, "gone old");
	f.until--;
	filter_is(&f, "gone");
	f.until = NOW + 90 * DAY;
	filter_is(&f, "shop payments board gone old");
	list_add(&f.names, "old");
	list_add(&f.names, "new");
	list_sort(&f.names);
	filter_is(&f, "old");
	f.until = 0;
	filter_is(&f, "new old");
	list_free(&f.names);
}

/* --- CSV */

struct sheet {
	struct list field;
	size_t columns, rows;
};

static void
take_field(void *text, size_t len, void *ctx)
{
	struct sheet *s = ctx;
	AUTO(char) char *copy = strndup(text ? text : "", len);

	assert_true(list_add(&s->field, copy));
}

static void
take_row(int end, void *ctx)
{
	struct sheet *s = ctx;

	(void)end;
	if (s->rows++ == 0)
		s->columns = s->field.count;
	/* No row has more or fewer fields than there are heads. */
	assert_int_equal(s->field.count, s->rows * s->columns);
}

static const char *
at(const struct sheet *s, size_t row, const char *head)
{
	for (size_t i = 0; i < s->columns; i++)
		if (text_same(s->field.item[i], head))
			return s->field.item[(1 + row) * s->columns + i];
	fail_msg("there is no column '%s'", head);
	return NULL;
}

static void
csv_and_back(void **state)
{
	static const char listed[] = "name,names,subject,owner,authority,policy,token,key_type,"
				     "not_after,endpoints,notes,";
	char country[] = "GB", organization[] = "Council, \"North\"";
	struct target_conf install = {.endpoints = endpoints};
	struct sheet s = {.columns = 0};
	struct csv_parser parser;

	(void)state;
	conf.subject = (struct subject){.organization = organization, .country = country};
	conf.install = &install;
	conf.installs = 1;
	rows[BOARD].owner = "=HYPERLINK(\"https://evil.example\")";
	list_free(&lines);
	assert_ok(estate_csv(&pick, NOW, keep_line, NULL, UNIT_ERR));
	assert_int_equal(lines.count, 1 + COUNT(rows));
	assert_true(text_starts(lines.item[0], listed));
	assert_int_equal(csv_init(&parser, CSV_STRICT), 0);
	for (size_t i = 0; i < lines.count; i++) {
		size_t len = strlen(lines.item[i]);
		assert_string_equal(lines.item[i] + len - 2, "\r\n");
		assert_int_equal(
			csv_parse(&parser, lines.item[i], len, take_field, take_row, &s), len);
	}
	assert_int_equal(csv_fini(&parser, take_field, take_row, &s), 0);
	csv_free(&parser);
	assert_int_equal(s.rows, 1 + COUNT(rows));
	assert_string_equal(at(&s, PAYMENTS, "name"), "payments");
	assert_string_equal(at(&s, PAYMENTS, "names"),
		"payments.example.org www.payments.example.org api.payments.example.org");
	assert_string_equal(at(&s, PAYMENTS, "subject"), "O=Council\\, \\\"North\\\", C=GB");
	assert_string_equal(at(&s, PAYMENTS, "owner"), "Büro für Zertifikate");
	assert_string_equal(at(&s, PAYMENTS, "not_after"), "2027-02-20T12:00:00Z");
	assert_string_equal(at(&s, PAYMENTS, "endpoints"), "192.0.2.1:443 [2001:db8::1]:443");
	assert_string_equal(at(&s, PAYMENTS, "state"), "failed");
	assert_string_equal(at(&s, PAYMENTS, "error"), rows[PAYMENTS].error);
	assert_string_equal(at(&s, PAYMENTS, "hint"), rows[PAYMENTS].hint);
	assert_string_equal(at(&s, PAYMENTS, "signatures"), "62000000");
	assert_string_equal(at(&s, PAYMENTS, "soft_limit"), "50000000");
	assert_string_equal(at(&s, PAYMENTS, "hard_limit"), "");
	assert_string_equal(at(&s, BOARD, "owner"), "'=HYPERLINK(\"https://evil.example\")");
	assert_string_equal(at(&s, BOARD, "next"), "import answer");
	assert_string_equal(at(&s, GONE, "days_left"), "-4");
	assert_string_equal(at(&s, SHOP, "days_left"), "84");
	assert_string_equal(at(&s, SHOP, "renew_at"), "2027-01-21T12:00:00Z");
	assert_string_equal(at(&s, SHOP, "renew_reason"), "share of lifetime");
	assert_string_equal(at(&s, NEW, "not_after"), "");
	assert_string_equal(at(&s, NEW, "days_left"), "");
	assert_string_equal(at(&s, NEW, "signatures"), "");
	assert_string_equal(at(&s, NEW, "managed"), "yes");
	assert_string_equal(at(&s, OLD, "managed"), "no");
	assert_string_equal(at(&s, OLD, "subject"), watched.subject);
	assert_string_equal(at(&s, OLD, "notes"), watched.notes);
	assert_string_equal(at(&s, OLD, "endpoints"), "192.0.2.1:443 [2001:db8::1]:443");
	assert_string_equal(at(&s, OLD, "source"), "list");
	assert_string_equal(at(&s, OLD, "key_type"), "rsa-2048");
	list_free(&s.field);
	conf = (struct certificate_conf){.name = NULL};
}

/* --- the calendar */

static void
weeks_of_iso(void **state)
{
	static const struct {
		int year, month, day, week, of;
	} days[] = {{1970, 1, 1, 1, 1970}, {2020, 12, 31, 53, 2020}, {2021, 1, 3, 53, 2020},
		{2021, 1, 4, 1, 2021}, {2024, 12, 29, 52, 2024}, {2024, 12, 30, 1, 2025},
		{2026, 11, 28, 48, 2026}, {2027, 1, 1, 53, 2026}, {2027, 1, 3, 53, 2026},
		{2027, 1, 4, 1, 2027}, {2028, 2, 29, 9, 2028}};
	int year;

	(void)state;
	for (size_t i = 0; i < COUNT(days); i++) {
		when_t day = when_from_utc(days[i].year, days[i].month, days[i].day, 0, 0, 0);
		assert_int_equal(week_number(day, &year), days[i].week);
		assert_int_equal(year, days[i].of);
		assert_int_equal(week_number(day + DAY - 1, &year), days[i].week);
	}
	assert_int_equal(week_begin(NOW), when_from_utc(2026, 11, 23, 0, 0, 0));
	assert_int_equal(week_begin(when_from_utc(2026, 11, 23, 0, 0, 0)),
		when_from_utc(2026, 11, 23, 0, 0, 0));
	assert_int_equal(week_begin(when_from_utc(2026, 11, 22, 23, 59, 59)),
		when_from_utc(2026, 11, 16, 0, 0, 0));
}

static void
calendar(when_t now, int weeks, size_t width)
{
	list_free(&lines);
	estate_calendar(&pick, now, weeks, width, keep_line, NULL);
}

static void
across_the_year(void **state)
{
	(void)state;
	rows[SHOP].due_at = when_from_utc(2026, 12, 31, 23, 0, 0);
	rows[SHOP].not_after = when_from_utc(2027, 1, 4, 0, 0, 0);
	rows[PAYMENTS].due_at = when_from_utc(2027, 1, 3, 23, 59, 59);
	rows[PAYMENTS].not_after = when_from_utc(2027, 3, 1, 0, 0, 0);
	rows[BOARD].due_at = when_from_utc(2026, 12, 30, 0, 0, 0);
	rows[BOARD].not_after = when_from_utc(2028, 3, 1, 0, 0, 0);
	rows[OLD].not_after = when_from_utc(2026, 12, 29, 0, 0, 0);
	calendar(NOW, 26, 0);
	LINES_ARE("MONDAY      WEEK  RENEW   END  NAMES", "2026-11-23  W48       1     0  gone",
		"4 quiet weeks", "2026-12-28  W53       3     1  board, shop, payments; end: old",
		"2027-01-04  W01       0     1  end: shop", "7 quiet weeks",
		"2027-03-01  W09       0     1  end: payments", "11 quiet weeks",
		"later, from the week of 2028-02-28: 0 renewals, 1 ends", "over already: 1",
		"not there yet: 1");
	/* Up to the last of them, and no further. */
	rows[BOARD].not_after = when_from_utc(2027, 2, 22, 0, 0, 0);
	calendar(NOW, 26, 0);
	LINES_ARE("MONDAY      WEEK  RENEW   END  NAMES", "2026-11-23  W48       1     0  gone",
		"4 quiet weeks", "2026-12-28  W53       3     1  board, shop, payments; end: old",
		"2027-01-04  W01       0     1  end: shop", "6 quiet weeks",
		"2027-02-22  W08       0     1  end: board",
		"2027-03-01  W09       0     1  end: payments", "over already: 1",
		"not there yet: 1");
	/* Cut to the width; so many weeks. */
	calendar(NOW, 6, 48);
	LINES_ARE("MONDAY      WEEK  RENEW   END  NAMES", "2026-11-23  W48       1     0  gone",
		"4 quiet weeks", "2026-12-28  W53       3     1  board, shop, pay…",
		"later, from the week of 2027-01-04: 0 renewals, 3 ends", "over already: 1",
		"not there yet: 1");
	AUTO(json_t) json_t *json = estate_calendar_json(&pick, NOW, 26);
	assert_int_equal(json_array_size(json), 5);
	const json_t *w = json_array_get(json, 1);
	assert_string_equal(json_text_at(w, "week"), "2026-W53");
	assert_string_equal(json_text_at(w, "monday"), "2026-12-28");
	assert_int_equal(json_array_size(json_object_get(w, "renewals")), 3);
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(w, "expiries"), 0)), "old");
	pick.count = 0;
	calendar(NOW, 26, 0);
	LINES_ARE("MONDAY      WEEK  RENEW   END  NAMES");
}

/* --- many */

/* All that is done with `count` rows; how often texts were compared. */
static size_t
work_on(size_t count)
{
	struct estate_row *many = calloc(count, sizeof *many);
	char(*name)[24] = calloc(count, sizeof *name);
	struct estate_pick p = {.row = calloc(count, sizeof *p.row), .count = count};
	const struct table_look look = {.width = 120};
	struct estate_filter f = {.owner = NULL};
	AUTO(buf) struct buf summary = BUF(4096);

	assert_true(many && name && p.row);
	for (size_t i = 0; i < count; i++) {
		/* In no order. */
		snprintf(name[i], sizeof *name, "name-%zu", i * 7919 % count);
		many[i] = valid_row(name[i], &one_name, "web-team@example.org");
		many[i].due_at += (when_t)(i * 104729 % count) * HOUR;
		assert_true(list_add(&f.names, name[i]));
	}
	compared = 0;
	list_sort(&f.names);
	p.count = 0;
	for (size_t i = 0; i < count; i++)
		if (estate_matches(&f, &many[i]))
			p.row[p.count++] = &many[i];
	assert_int_equal(p.count, count);
	for (int sort = 0; sort < SORTS; sort++)
		estate_pick_sort(&p, (enum estate_sort)sort, false);
	list_free(&lines);
	estate_table(&p, NOW, &look, keep_line, NULL);
	estate_summary(&p, count, NOW, &summary);
	estate_calendar(&p, NOW, 26, 120, keep_line, NULL);
	assert_ok(estate_csv(&p, NOW, keep_line, NULL, UNIT_ERR));
	assert_true(lines.count > 2 * count);
	size_t ret = compared;
	list_free(&lines);
	list_free(&f.names);
	free(many);
	free(name);
	free(p.row);
	return ret;
}

static void
ten_thousand(void **state)
{
	(void)state;
	size_t small = work_on(1000), large = work_on(10000);

	/* The calls do come here; and ten times the rows are not a hundred times the work. */
	assert_true(small > 10 * 1000);
	if (large > 20 * small)
		fail_msg("%zu comparisons for 1,000 rows, %zu for 10,000", small, large);
}

/* --- from a database */

static struct db *db;
static struct config *config;
static struct estate *estate;

/* A configuration with these certificates, and a database beside it. */
static void
begin(const char *certificates)
{
	static int number;
	char text[4096], name[64], path[256];

	config_free(config);
	db_close(db);
	config = NULL;
	db = NULL;
	snprintf(path, sizeof path, "%s/state-%d", unit_folder(), ++number);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(name, sizeof name, "keystay-%d.yaml", number);
	snprintf(text, sizeof text,
		"state: %s\n"
		"tokens:\n"
		"  - {name: web, module: /nowhere.so, label: web, pin: 'file:/nowhere'}\n"
		"authorities:\n"
		"  - {name: ca, protocol: acme, url: 'https://ca.example/', account_key: {token: web}}\n"
		"  - {name: other, protocol: acme, url: 'https://ca.example/', account_key: {token: web}}\n"
		"%s",
		path, certificates);
	assert_ok(config_read(unit_file(name, text), &config, UNIT_ERR));
	strncat(path, "/keystay.db", sizeof path - strlen(path) - 1);
	assert_ok(db_open(path, &db, UNIT_ERR));
}

static void
look(void)
{
	estate_close(estate);
	estate = NULL;
	assert_ok(estate_open(config, db, NOW, &estate, UNIT_ERR));
}

#define PLAIN(name, more)                                                                      \
	"  - {name: " name ", names: [" name ".example], token: web, authority: [ca, other], " \
	"policy: lab, challenge: {type: http-01, webroot: /nowhere}" more "}\n"

/* A live version, one key of it, made so many days ago. */
static void
store_version(const char *name, const char *type, const char *id, when_t end, int age)
{
	struct certificate_row row = {.live_version = 3, .last_version = 3};
	struct version_row v = {.number = 3,
		.serial = "01ab",
		.issuer = "CN=ca",
		.not_before = NOW - 10 * DAY,
		.not_after = end,
		.installed_at = NOW - 10 * DAY};
	struct key_row k = {.created_at = NOW - age * DAY};

	text_copy(k.id, sizeof k.id, id);
	snprintf(k.label, sizeof k.label, "%s-%s", name, id);
	text_copy(k.token, sizeof k.token, "web");
	text_copy(k.type, sizeof k.type, type);
	text_copy(k.purpose, sizeof k.purpose, "certificate");
	text_copy(k.owner, sizeof k.owner, name);
	assert_ok(key_reserve(db, &k, UNIT_ERR));
	assert_ok(key_set_made(
		db, id, id, "pkcs11:x", "{\"sensitive\": true}", k.created_at, UNIT_ERR));
	assert_ok(key_set_state(db, id, KEY_ACTIVE, NOW, UNIT_ERR));
	text_copy(v.certificate, sizeof v.certificate, name);
	text_copy(v.key_type, sizeof v.key_type, type);
	text_copy(v.key_id, sizeof v.key_id, id);
	text_copy(v.authority, sizeof v.authority, "other");
	assert_ok(version_save(db, &v, UNIT_ERR));
	text_copy(row.name, sizeof row.name, name);
	assert_ok(certificate_save(db, &row, UNIT_ERR));
}

static void
store_watched(const char *name, when_t end)
{
	struct watched_row w = {.source = WATCHED_ENDPOINT,
		.place = "192.0.2.7:443",
		.issuer = "CN=Evil\033[2J\xc2\x9b",
		.not_after = end,
		.added_at = NOW};

	text_copy(w.name, sizeof w.name, name);
	list_add(&w.names, "old.example");
	list_add(&w.endpoints, "192.0.2.7:443");
	assert_ok(watched_save(db, &w, UNIT_ERR));
	watched_free(&w);
}

static void
rows_of_a_database(void **state)
{
	(void)state;
	begin("certificates:\n" PLAIN("two", ", keys: [ec-p256, rsa-3072], owner: us")
			PLAIN("bad", "") PLAIN("none", ""));
	store_version("two", "ec-p256", "aa", NOW + 80 * DAY, 10);
	store_version("two", "rsa-3072", "bb", NOW + 70 * DAY, 40);
	store_version("bad", "ec-p256", "cc", NOW + 5 * DAY, 5);
	struct attempt a = {.certificate = "bad",
		.step = "order",
		.authority = "ca",
		.tries = 2,
		.not_before = NOW + HOUR,
		.error_kind = ERR_AUTHORITY,
		.error_text = "no",
		.error_hint = "ask",
		.key_mode = "auto"};
	assert_ok(attempt_save(db, &a, UNIT_ERR));
	store_watched("z-old", NOW + 20 * DAY);
	store_watched("a-over", NOW - DAY);
	/* What is managed now is not shown as watched beside that. */
	store_watched("none", NOW + 20 * DAY);
	look();
	assert_int_equal(estate_count(estate), 5);
	const struct estate_row *r = estate_find(estate, "two");
	assert_ptr_equal(r, estate_at(estate, 0));
	assert_string_equal(r->key_types, "ec-p256 rsa-3072");
	assert_string_equal(r->authority, "other");
	assert_string_equal(r->owner, "us");
	assert_int_equal(r->not_after, NOW + 70 * DAY);
	assert_int_equal(r->key_made_at, NOW - 40 * DAY);
	assert_int_equal(r->live_version, 3);
	/* Its files are not there. */
	assert_non_null(strstr(r->loss, "the files of version 3 are gone"));
	r = estate_find(estate, "bad");
	assert_int_equal(r->state, ESTATE_FAILED);
	assert_string_equal(r->error, "no");
	assert_string_equal(r->hint, "ask");
	assert_int_equal(r->attempt_at, NOW + HOUR);
	assert_false(r->by_hand);
	r = estate_find(estate, "none");
	assert_int_equal(r->state, ESTATE_MISSING);
	assert_string_equal(r->authority, "ca");
	assert_string_equal(r->owner, "");
	assert_non_null(r->conf);
	r = estate_at(estate, 3);
	assert_string_equal(r->name, "a-over");
	assert_int_equal(r->state, ESTATE_EXPIRED);
	r = estate_find(estate, "z-old");
	assert_ptr_equal(r, estate_at(estate, 4));
	assert_int_equal(r->state, ESTATE_WATCHED);
	assert_string_equal(r->watched->issuer, "CN=Evil?[2J??");
	assert_null(estate_find(estate, "zz"));
	assert_null(estate_find(estate, ""));
}

static void
json_of_a_database(void **state)
{
	AUTO(json_t) json_t *json = NULL, *old = NULL, *none = NULL;

	(void)state;
	begin("certificates:\n" PLAIN("two", ", keys: [ec-p256, rsa-3072]") PLAIN("none", ""));
	store_version("two", "ec-p256", "aa", NOW + 80 * DAY, 10);
	store_version("two", "rsa-3072", "bb", NOW + 70 * DAY, 40);
	store_watched("old", NOW + 20 * DAY);
	look();
	assert_ok(estate_json(estate, estate_at(estate, 0), NOW, &json, UNIT_ERR));
	assert_string_equal(json_text_at(json, "authority"), "ca");
	assert_int_equal(json_integer_value(json_object_get(json, "days_left")), 70);
	assert_int_equal(json_integer_value(json_object_get(json, "key_age_days")), 40);
	assert_true(json_is_true(json_object_get(json, "managed")));
	assert_true(json_is_null(json_object_get(json, "owner")));
	assert_true(json_is_null(json_object_get(json, "attempt")));
	const json_t *keys = json_array_at(json, "keys"), *key = json_array_get(keys, 0);
	assert_int_equal(json_array_size(keys), 2);
	assert_string_equal(json_text_at(key, "authority"), "other");
	assert_true(json_is_true(json_object_get(key, "sensitive")));
	assert_int_equal(json_integer_value(json_object_get(key, "key_age_days")), 10);
	assert_ok(estate_json(estate, estate_at(estate, 1), NOW, &none, UNIT_ERR));
	assert_true(json_is_null(json_object_get(none, "not_after")));
	assert_true(json_is_null(json_object_get(none, "key_age_days")));
	assert_ok(estate_json(estate, estate_at(estate, 2), NOW, &old, UNIT_ERR));
	assert_true(json_is_false(json_object_get(old, "managed")));
	assert_string_equal(json_text_at(old, "state"), "watched");
	assert_string_equal(json_text_at(old, "source"), "endpoint");
	assert_string_equal(json_text_at(old, "issuer"), "CN=Evil?[2J??");
	assert_int_equal(json_array_size(json_array_at(old, "keys")), 0);
	assert_int_equal(json_array_size(json_array_at(old, "endpoints")), 1);
	assert_int_equal(json_integer_value(json_object_get(old, "days_left")), 20);
	/* What programs ask of a managed one is in it, too. */
	const char *word;
	json_t *value;
	json_object_foreach(json, word, value)
	{
		if (!text_same(word, "authorities") && !text_same(word, "key_age_days"))
			assert_non_null(json_object_get(old, word));
	}
}

/* Without any state: as before the first command. */
static void
no_database(void **state)
{
	(void)state;
	begin("certificates:\n" PLAIN("none", ""));
	db_close(db);
	db = NULL;
	look();
	assert_int_equal(estate_count(estate), 1);
	assert_int_equal(estate_at(estate, 0)->state, ESTATE_MISSING);
	assert_string_equal(estate_at(estate, 0)->key_types, "ec-p256");
	assert_null(estate_find(estate, "old"));
	begin("");
	look();
	assert_int_equal(estate_count(estate), 0);
}

/* Looking at the estate is no more than sorting it. */
static size_t
look_at_many(int count)
{
	char name[32];

	begin("certificates:\n" PLAIN("one", ""));
	assert_ok(db_begin(db, UNIT_ERR));
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, "old-%06d", i);
		store_watched(name, NOW + DAY);
	}
	assert_ok(db_commit(db, UNIT_ERR));
	compared = 0;
	look();
	assert_int_equal(estate_count(estate), count + 1);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, "old-%06d", i);
		assert_non_null(estate_find(estate, name));
	}
	return compared;
}

static void
ten_thousand_watched(void **state)
{
	(void)state;
	size_t small = look_at_many(1000), large = look_at_many(10000);

	assert_true(small > 1000);
	if (large > 20 * small)
		fail_msg("%zu comparisons for 1,000, %zu for 10,000", small, large);
}

static int
end(void **state)
{
	(void)state;
	estate_close(estate);
	config_free(config);
	db_close(db);
	list_free(&lines);
	list_free(&one_name);
	list_free(&three_names);
	list_free(&endpoints);
	return 0;
}

#define ROWS(test) cmocka_unit_test_setup(test, make_rows)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(widths_of_text),
		ROWS(table_of_80),
		ROWS(table_of_120),
		ROWS(table_of_200),
		ROWS(table_in_full),
		ROWS(table_of_any_width),
		ROWS(colours),
		ROWS(table_is_printable),
		ROWS(what_is_next),
		cmocka_unit_test(spans_and_counts),
		cmocka_unit_test(state_words),
		ROWS(summaries),
		ROWS(orders),
		ROWS(filters),
		ROWS(csv_and_back),
		cmocka_unit_test(weeks_of_iso),
		ROWS(across_the_year),
		ROWS(ten_thousand),
		cmocka_unit_test(rows_of_a_database),
		cmocka_unit_test(json_of_a_database),
		cmocka_unit_test(no_database),
		cmocka_unit_test(ten_thousand_watched),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
