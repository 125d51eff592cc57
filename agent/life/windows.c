#include "windows.h"

#include <string.h>

#include "keystay/base/log.h"
#include "keystay/state/due.h"
#include "keystay/x509/chain.h"
#include "due.h"

/* Asked in one go; then the lock is free for a moment. */
#define BATCH 50

struct question {
	char ari_id[ARI_ID_TEXT];
	char certificate[65];
	const struct authority_conf *authority;
};

struct questions {
	struct life *l;
	when_t now;
	struct question *item;
	size_t count, room;
};

static int
note_row(void *ctx, const struct due_row *r, struct err *e)
{
	struct questions *all = ctx;
	const struct authority_conf *a = config_authority(all->l->config, r->authority);

	if (!config_certificate(all->l->config, r->certificate) ||
		due_ask_at(all->l->config, r, all->now) > all->now)
		return 0;
	if (all->count == all->room) {
		size_t room = all->room ? 2 * all->room : 64;
		struct question *more = realloc(all->item, room * sizeof *more);
		if (!more)
			return err_set(e, ERR_FAILED, "no memory");
		all->item = more;
		all->room = room;
	}
	struct question *q = &all->item[all->count++];
	*q = (struct question){.authority = a};
	text_copy(q->ari_id, sizeof q->ari_id, r->ari_id);
	text_copy(q->certificate, sizeof q->certificate, r->certificate);
	return 0;
}

/* Uniform in the window, chosen once: a new choice at each look would fall early again and again.
 */
static when_t
choose(struct life *l, const struct ca_window *w)
{
	uint64_t number;

	l->services->random(l->services->ctx, &number, sizeof number);
	return w->start + (when_t)(number % (uint64_t)(w->end - w->start));
}

static int
keep_answer(struct life *l, const struct question *q, const struct ca_window *w, struct err *e)
{
	char start[WHEN_TEXT], end[WHEN_TEXT];
	struct renewal_info_row row;

	if (renewal_info_get(l->db, q->ari_id, &row, e) < 0)
		return -1;
	bool moved = row.window_start != w->start || row.window_end != w->end;
	bool had = row.window_start != 0;
	text_copy(row.authority, sizeof row.authority, q->authority->name);
	text_copy(row.explanation, sizeof row.explanation, w->explanation);
	row.ask_at = w->ask_at;
	row.failures = 0;
	if (moved) {
		row.window_start = w->start;
		row.window_end = w->end;
		row.chosen_at = w->start ? choose(l, w) : 0;
	}
	if (renewal_info_save(l->db, &row, e) < 0)
		return -1;
	if (moved && w->start == 0)
		return had ? life_journal(l, q->certificate, "", "renewal-window", "", e,
				     "authority '%s' names no window any more", q->authority->name)
			   : 0;
	/* That it was moved, or lies in the past already, is something that the authority wants. */
	if (!moved || (!had && w->start > services_now(l->services)))
		return 0;
	return life_journal(l, q->certificate, "", "renewal-window", "", e,
		"authority '%s' wants it renewed between %s and %s%s%s", q->authority->name,
		when_format(w->start, start), when_format(w->end, end), *w->explanation ? ": " : "",
		w->explanation);
}

/* A minute, two, four ... up to six hours; what the authority said when it said something. */
static int
keep_failure(struct life *l, const struct question *q, const struct err *why, struct err *e)
{
	when_t now = services_now(l->services);
	struct renewal_info_row row;

	if (renewal_info_get(l->db, q->ari_id, &row, e) < 0)
		return -1;
	text_copy(row.authority, sizeof row.authority, q->authority->name);
	when_t pause = row.failures > 8 ? 6 * HOUR : MINUTE << row.failures;
	if (pause > 6 * HOUR || why->kind == ERR_AUTHORITY)
		pause = 6 * HOUR;
	row.ask_at =
		why->kind == ERR_BUSY && why->retry_at > now + pause ? why->retry_at : now + pause;
	/* What is parked for longer is taken for the work of a clock that was ahead. */
	if (row.ask_at > now + DAY)
		row.ask_at = now + DAY;
	row.failures++;
	return renewal_info_save(l->db, &row, e);
}

static int
ask_one(struct life *l, void *session, const struct question *q, struct err *why, bool *ret_down,
	struct err *e)
{
	struct ca_window w;

	if (*ret_down)
		return keep_failure(l, q, why, e);
	if (q->authority->ops->renewal_info(session, q->ari_id, &w, why) == 0)
		return keep_answer(l, q, &w, e);
	log_debug("certificate '%s': its renewal window: %s", q->certificate, why->text);
	*ret_down = why->kind == ERR_NETWORK || why->kind == ERR_BUSY;
	return keep_failure(l, q, why, e);
}

/* All questions to one authority, on one connection. */
static int
ask_authority(
	struct life *l, const struct questions *all, const struct authority_conf *a, struct err *e)
{
	const struct ca_needs needs = {.services = l->services, .account_url = ""};
	void *session = NULL;
	struct err why;
	bool down = false;
	size_t asked = 0;

	/* Without a session all of its questions have failed. */
	bool opened = a->ops->open(a, &needs, &session, &why) == 0;
	if (!opened) {
		life_warn(l, &why);
		down = true;
	}
	int rc = db_begin(l->db, e);
	for (size_t i = 0; rc == 0 && i < all->count && !life_stopping(l); i++) {
		if (all->item[i].authority != a)
			continue;
		rc = ask_one(l, session, &all->item[i], &why, &down, e);
		if (rc == 0 && ++asked % BATCH == 0 && !down) {
			rc = db_commit(l->db, e);
			if (rc == 0)
				rc = life_pause(l, 250, e);
			if (rc == 0)
				rc = db_begin(l->db, e);
		}
	}
	if (opened)
		a->ops->close(session);
	if (rc == 0)
		return db_commit(l->db, e);
	db_rollback(l->db);
	return -1;
}

int
windows_look(struct life *l, struct err *e)
{
	struct questions all = {.l = l, .now = services_now(l->services)};
	when_t next;

	if (windows_next(l, &next, e) < 0)
		return -1;
	if (next > all.now)
		return 0;
	int rc = due_rows_each(l->db, note_row, &all, e);
	for (size_t i = 0; rc == 0 && all.count && i < l->config->authorities; i++) {
		bool any = false;
		for (size_t k = 0; k < all.count; k++)
			any = any || all.item[k].authority == &l->config->authority[i];
		if (any)
			rc = ask_authority(l, &all, &l->config->authority[i], e);
	}
	if (rc == 0 && all.count)
		rc = renewal_info_tidy(l->db, e);
	free(all.item);
	life_due_again(l);
	return rc;
}

int
windows_next(struct life *l, when_t *ret, struct err *e)
{
	when_t next = DUE_NEVER;
	const struct due *due;

	for (size_t i = 0; i < l->config->certificates; i++) {
		if (life_due(l, &l->config->certificate[i], &due, e) < 0)
			return -1;
		if (due->at && due->ask_at < next)
			next = due->ask_at;
	}
	*ret = next;
	return 0;
}
