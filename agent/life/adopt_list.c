/* The list of an estate, as a spreadsheet writes it (RFC 4180). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "keystay/base/csv.h"
#include "keystay/base/endpoint.h"
#include "keystay/base/file.h"
#include "keystay/config/name.h"
#include "keystay/token/key_type.h"
#include "keystay/x509/names.h"
#include "adopt.h"

enum column {
	COLUMN_NAME,
	COLUMN_NAMES,
	COLUMN_SUBJECT,
	COLUMN_OWNER,
	COLUMN_AUTHORITY,
	COLUMN_POLICY,
	COLUMN_TOKEN,
	COLUMN_KEY_TYPE,
	COLUMN_NOT_AFTER,
	COLUMN_ENDPOINTS,
	COLUMN_NOTES,
	COLUMNS
};

static const char *const column_words[COLUMNS] = {
	[COLUMN_NAME] = "name",
	[COLUMN_NAMES] = "names",
	[COLUMN_SUBJECT] = "subject",
	[COLUMN_OWNER] = "owner",
	[COLUMN_AUTHORITY] = "authority",
	[COLUMN_POLICY] = "policy",
	[COLUMN_TOKEN] = "token",
	[COLUMN_KEY_TYPE] = "key_type",
	[COLUMN_NOT_AFTER] = "not_after",
	[COLUMN_ENDPOINTS] = "endpoints",
	[COLUMN_NOTES] = "notes",
};

/* Of the lines that are wrong beside the first, so many are named. */
#define WRONG_TOLD 12

struct listing {
	const char *file;
	struct adoption *a;
	char place[WATCHED_PLACE];
	bool has_header;
	int column_of[CSV_FIELDS_MAX]; /* per field of the header; COLUMNS = not known */
	size_t fields;
	size_t first;   /* of its items in the adoption */
	struct err why; /* of the first row that is wrong */
	size_t wrong;
	struct buf lines; /* of the others, for people */
};

/* --- the header */

/* "Key Type" is "key_type". */
static void
header_word(const char *text, char word[64])
{
	text_copy(word, 64, text);
	for (char *p = word; *p; p++)
		*p = *p == ' ' || *p == '-' ? '_' : (char)tolower((unsigned char)*p);
	text_printable(word);
}

static int
read_header(struct listing *l, const struct csv_row *row, struct err *e)
{
	AUTO(list) struct list others = {0};
	bool seen[COLUMNS] = {false};
	char word[64], text[400];

	l->has_header = true;
	l->fields = row->fields;
	for (size_t i = 0; i < row->fields; i++) {
		int c = 0;
		header_word(row->field[i], word);
		while (c < COLUMNS && !text_same(column_words[c], word))
			c++;
		l->column_of[i] = c;
		if (c < COLUMNS && seen[c])
			return err_set(e, ERR_CONFIG, "%s:%d: the column '%s' is there twice",
				l->file, row->line, word);
		if (c < COLUMNS)
			seen[c] = true;
		else if (*word && !list_add(&others, word))
			return err_set(e, ERR_FAILED, "no memory for columns");
	}
	if (others.count && adoption_tell(l->a, e, "%s:%d: not read: %s", l->file, row->line,
				    list_join(&others, text, sizeof text)) < 0)
		return -1;
	if (seen[COLUMN_NAMES])
		return 0;
	err_set(e, ERR_CONFIG, "%s:%d: the header has no column 'names'", l->file, row->line);
	return err_hint(e, "the columns are: name,names,subject,owner,authority,policy,token,"
			   "key_type,not_after,endpoints,notes");
}

/* --- one row */

/* What csv_add put before a field that a spreadsheet would take for a formula. */
static const char *
plain(const char *field)
{
	return field[0] == '\'' && field[1] && strchr("=+-@", field[1]) ? field + 1 : field;
}

static int
keep(char *slot, size_t size, const char *field, enum column c, struct err *e)
{
	if (!text_copy(slot, size, field))
		return err_set(e, ERR_CONFIG, "the field '%s' is longer than %zu bytes",
			column_words[c], size - 1);
	text_printable(slot);
	return 0;
}

/* Words with blanks, commas or line ends between them. */
static int
each_word(const char *field, int (*each)(struct watched_row *w, const char *word, struct err *e),
	struct watched_row *w, struct err *e)
{
	AUTO(char) char *copy = strdup(field);
	char *rest = NULL;

	if (!copy)
		return err_set(e, ERR_FAILED, "no memory");
	for (char *p = strtok_r(copy, " ,;\t\r\n", &rest); p;
		p = strtok_r(NULL, " ,;\t\r\n", &rest))
		if (each(w, p, e) < 0)
			return -1;
	return 0;
}

static int
take_name(struct watched_row *w, const char *word, struct err *e)
{
	char name[NAME_TEXT];

	if (name_normal(word, name, e) < 0)
		return -1;
	if (list_has(&w->names, name))
		return 0;
	return list_add(&w->names, name) ? 0 : err_set(e, ERR_FAILED, "no memory");
}

static int
take_endpoint(struct watched_row *w, const char *word, struct err *e)
{
	char host[ENDPOINT_HOST], port[ENDPOINT_PORT], shown[128];

	text_copy(shown, sizeof shown, word);
	text_printable(shown);
	if (!endpoint_split(word, host, port))
		return err_set(e, ERR_CONFIG,
			"the endpoint '%s' is not HOST:PORT or [ADDRESS]:PORT", shown);
	return list_has(&w->endpoints, word) || list_add(&w->endpoints, word)
		       ? 0
		       : err_set(e, ERR_FAILED, "no memory");
}

/* "RSA 2048", "P-256" and the like, as keystay writes them; another word stays as it is. */
static void
key_type_text(char word[16])
{
	static const char *const same[][2] = {{"p-256", "ec-p256"}, {"p256", "ec-p256"},
		{"prime256v1", "ec-p256"}, {"secp256r1", "ec-p256"}, {"ecdsa-p256", "ec-p256"},
		{"ec-p-256", "ec-p256"}, {"ecc-p256", "ec-p256"}, {"p-384", "ec-p384"},
		{"p384", "ec-p384"}, {"secp384r1", "ec-p384"}, {"ecdsa-p384", "ec-p384"},
		{"ec-p-384", "ec-p384"}, {"ecc-p384", "ec-p384"}, {"rsa2048", "rsa-2048"},
		{"rsa3072", "rsa-3072"}, {"rsa4096", "rsa-4096"}};

	for (char *p = word; *p; p++)
		*p = *p == ' ' || *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	for (size_t i = 0; i < COUNT(same); i++)
		if (text_same(word, same[i][0]))
			text_copy(word, 16, same[i][1]);
}

/*
 * RFC 3339, a day (YYYY-MM-DD), or a day as British spreadsheets write it (DD/MM/YYYY). A year of
 * two digits says too little, and is refused.
 */
static int
take_moment(const char *field, when_t *ret, struct err *e)
{
	int day, month, year, end = 0;
	char shown[64], iso[16];
	bool is_day;

	if (!*field)
		return 0;
	if (when_parse(field, ret, &is_day))
		return 0;
	text_copy(shown, sizeof shown, field);
	text_printable(shown);
	if (strspn(field, "0123456789/") == strlen(field) &&
		sscanf(field, "%2d/%2d/%4d%n", &day, &month, &year, &end) == 3 && !field[end]) {
		if (year < 100)
			return err_set(e, ERR_CONFIG, "the year of '%s' has two digits", shown);
		snprintf(iso, sizeof iso, "%04d-%02d-%02d", year, month, day);
		if (when_parse(iso, ret, &is_day))
			return 0;
	}
	return err_set(e, ERR_CONFIG,
		"'%s' is no date: YYYY-MM-DD, DD/MM/YYYY, or a moment of RFC 3339", shown);
}

static int
take_field(struct adopted_row *item, enum column c, const char *field, struct err *e)
{
	struct watched_row *w = &item->row;

	switch (c) {
	case COLUMN_NAME:
		item->named = *field != '\0';
		if (item->named && !config_name_fits(field))
			return err_set(
				e, ERR_CONFIG, "'%.80s' is not a name: " CONFIG_NAME_RULE, field);
		return keep(w->name, sizeof w->name, field, c, e);
	case COLUMN_NAMES:
		return each_word(field, take_name, w, e);
	case COLUMN_SUBJECT:
		return keep(w->subject, sizeof w->subject, field, c, e);
	case COLUMN_OWNER:
		return keep(w->owner, sizeof w->owner, field, c, e);
	case COLUMN_AUTHORITY:
		return keep(w->authority, sizeof w->authority, field, c, e);
	case COLUMN_POLICY:
		return keep(w->policy, sizeof w->policy, field, c, e);
	case COLUMN_TOKEN:
		return keep(w->token, sizeof w->token, field, c, e);
	case COLUMN_KEY_TYPE:
		if (keep(w->key_type, sizeof w->key_type, field, c, e) < 0)
			return -1;
		key_type_text(w->key_type);
		return 0;
	case COLUMN_NOT_AFTER:
		return take_moment(field, &w->not_after, e);
	case COLUMN_ENDPOINTS:
		return each_word(field, take_endpoint, w, e);
	case COLUMN_NOTES:
		return keep(w->notes, sizeof w->notes, field, c, e);
	case COLUMNS:
		break;
	}
	return 0;
}

/* A name that a row before it has. */
static int
check_repeat(struct listing *l, const struct adopted_row *item, struct err *e)
{
	for (size_t i = l->first; item->named && i + 1 < l->a->items; i++)
		if (l->a->item[i].named && text_same(l->a->item[i].row.name, item->row.name))
			return err_set(e, ERR_CONFIG, "the name '%s' is in line %d too",
				item->row.name, l->a->item[i].line);
	return 0;
}

static int
read_row(struct listing *l, const struct csv_row *row, struct err *e)
{
	struct adopted_row *item = adoption_add(l->a, e);

	if (!item)
		return -1;
	item->line = row->line;
	text_copy(item->row.source, sizeof item->row.source, WATCHED_LIST);
	text_copy(item->row.place, sizeof item->row.place, l->place);
	if (row->fields > l->fields)
		return err_set(e, ERR_CONFIG, "%zu fields, and the header has %zu", row->fields,
			l->fields);
	for (size_t i = 0; i < row->fields; i++)
		if (take_field(item, (enum column)l->column_of[i], plain(row->field[i]), e) < 0)
			return -1;
	if (item->row.names.count == 0)
		return err_set(e, ERR_CONFIG, "the field 'names' is empty");
	return check_repeat(l, item, e);
}

/* A row that is wrong ends nothing yet: people mend all of them at once. */
static int
take_row(void *ctx, const struct csv_row *row, struct err *e)
{
	struct listing *l = ctx;
	struct err why;

	if (!l->has_header)
		return read_header(l, row, e);
	if (read_row(l, row, &why) == 0)
		return 0;
	if (l->wrong++ == 0) {
		l->why = why;
		return err_in(&l->why, "%s:%d", l->file, row->line), 0;
	}
	if (l->wrong <= WRONG_TOLD)
		buf_addf(&l->lines, "%s%d", l->wrong == 2 ? "" : ", ", row->line);
	return 0;
}

static int
fail_rows(const struct listing *l, struct err *e)
{
	char hint[sizeof e->hint];

	*e = l->why;
	if (l->wrong == 1)
		return -1;
	text_copy(hint, sizeof hint, e->hint);
	return err_hint(e, "%s%swrong too: line%s %s%s", hint, *hint ? "; " : "",
		l->wrong == 2 ? "" : "s", buf_text(&l->lines), l->wrong > WRONG_TOLD ? " ..." : "");
}

int
adopt_list(const char *path, struct adoption *a, struct err *e)
{
	AUTO(buf) struct buf text = BUF(CSV_MAX);
	struct listing l = {.file = path, .a = a, .first = a->items, .lines = BUF(1024)};

	if (file_read(path, &text, e) < 0)
		return -1;
	int rc = adopt_place(path, l.place, e);
	if (rc == 0)
		rc = csv_read(path, buf_text(&text), text.len, take_row, &l, e);
	if (rc == 0 && l.wrong)
		rc = fail_rows(&l, e);
	if (rc == 0 && a->items == l.first) {
		rc = err_set(e, ERR_CONFIG, "%s: there is no certificate in this list", path);
		err_hint(e, "its first line is the header: name,names,owner,...");
	}
	buf_free(&l.lines);
	return rc;
}
