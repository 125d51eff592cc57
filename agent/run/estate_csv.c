#include "estate_csv.h"

#include <string.h>

#include "estate_words.h"
#include "keystay/base/csv.h"

/* A row with a thousand names of full length, and its notes. */
#define ROW_MAX (1024 * 1024)

/* A number is none of a spreadsheet's formulas, and one below 0 gets no "'". */
static void
add_number(struct buf *b, int64_t n, bool known)
{
	buf_adds(b, ",");
	if (known)
		buf_addf(b, "%lld", (long long)n);
}

static void
add_moment(struct buf *b, when_t when)
{
	char text[WHEN_TEXT];

	csv_add(b, when ? when_format(when, text) : "");
}

static void
add_list(struct buf *b, const struct list *l)
{
	AUTO(buf) struct buf text = BUF(ROW_MAX);

	for (size_t i = 0; i < l->count; i++)
		buf_addf(&text, "%s%s", i ? " " : "", l->item[i]);
	csv_add(b, buf_text(&text));
	b->full = b->full || text.full;
}

/* "O=Example Council, C=GB"; a comma within a value has a backslash before it (RFC 4514 2.4). */
static void
add_field(struct buf *b, const char *word, const char *value)
{
	if (!value)
		return;
	buf_addf(b, "%s%s=", b->len ? ", " : "", word);
	for (; *value; value++) {
		if (strchr(",+\"\\<>;", *value))
			buf_adds(b, "\\");
		buf_add(b, value, 1);
	}
}

static void
add_subject(struct buf *b, const struct subject *s)
{
	AUTO(buf) struct buf text = BUF(64 * 1024);

	add_field(&text, "O", s->organization);
	add_field(&text, "OU", s->unit);
	add_field(&text, "L", s->locality);
	add_field(&text, "ST", s->state);
	add_field(&text, "C", s->country);
	add_field(&text, "serialNumber", s->serial_number);
	csv_add(b, buf_text(&text));
}

static void
add_endpoints(struct buf *b, const struct certificate_conf *c)
{
	struct list all = {0};

	for (size_t i = 0; i < c->installs; i++)
		for (size_t k = 0; k < c->install[i].endpoints.count; k++)
			if (!list_has(&all, c->install[i].endpoints.item[k]) &&
				!list_add(&all, c->install[i].endpoints.item[k]))
				b->full = true;
	add_list(b, &all);
	list_free(&all);
}

/* The columns of an estate's list. */
static void
add_listed(struct buf *b, const struct estate_row *r)
{
	const struct watched_row *w = r->watched;

	csv_add(b, r->name);
	add_list(b, r->names);
	if (w)
		csv_add(b, w->subject);
	else
		add_subject(b, &r->conf->subject);
	csv_add(b, r->owner);
	csv_add(b, r->authority);
	csv_add(b, r->policy);
	csv_add(b, r->token);
	csv_add(b, r->key_types);
	add_moment(b, r->not_after);
	if (w)
		add_list(b, &w->endpoints);
	else
		add_endpoints(b, r->conf);
	csv_add(b, w ? w->notes : "");
}

static void
add_known(struct buf *b, const struct estate_row *r, when_t now)
{
	const struct key_usage *u = &r->usage;
	const struct watched_row *w = r->watched;
	AUTO(buf) struct buf next = BUF(ROW_MAX);

	estate_next(r, now, &next);
	csv_add(b, w ? "no" : "yes");
	csv_add(b, estate_state_word(r->state));
	add_number(b, days_until(r->not_after, now), r->not_after != 0);
	add_moment(b, r->key_made_at);
	add_number(b, u->signatures, u->known);
	add_number(b, u->soft, u->soft != 0);
	add_number(b, u->hard, u->hard != 0);
	add_moment(b, r->due_at);
	csv_add(b, r->due_at ? r->due_for : "");
	csv_add(b, buf_text(&next));
	csv_add(b, r->attempt ? r->step : "");
	csv_add(b, r->error ? r->error : "");
	csv_add(b, r->hint ? r->hint : "");
	csv_add(b, w ? w->source : "");
	csv_add(b, w ? w->place : "");
	csv_add(b, w ? w->config : "");
}

int
estate_csv(const struct estate_pick *p, when_t now, void (*line)(void *ctx, const char *text),
	void *ctx, struct err *e)
{
	AUTO(buf) struct buf b = BUF(2 * ROW_MAX);

	line(ctx, "name,names,subject,owner,authority,policy,token,key_type,not_after,endpoints,"
		  "notes,managed,state,days_left,key_made_at,signatures,soft_limit,hard_limit,"
		  "renew_at,renew_reason,next,step,error,hint,source,place,config\r\n");
	for (size_t i = 0; i < p->count; i++) {
		buf_clear(&b);
		add_listed(&b, p->row[i]);
		add_known(&b, p->row[i], now);
		csv_end(&b);
		if (b.full)
			return err_set(e, ERR_FAILED, "certificate '%s': no memory for its line",
				p->row[i]->name);
		line(ctx, buf_text(&b));
	}
	return 0;
}
