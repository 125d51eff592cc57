#include "keystay/life/life.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "keystay/base/file.h"
#include "keystay/life/pins.h"
#include "keystay/state/accounts.h"
#include "keystay/state/inventory.h"
#include "keystay/state/journal.h"
#include "alert.h"
#include "back.h"
#include "due.h"
#include "internal.h"
#include "ledger.h"
#include "settle.h"
#include "uses.h"

#define LOCK_WAIT 30

void
path_version(const struct config *c, const char *name, int64_t number, char path[4096])
{
	if (number)
		snprintf(path, 4096, "%s/versions/%s/%04lld", c->state, name, (long long)number);
	else
		snprintf(path, 4096, "%s/versions/%s", c->state, name);
}

void
path_live(const struct config *c, const char *name, char path[4096])
{
	snprintf(path, 4096, "%s/live/%s", c->state, name);
}

static void
say_self(const struct life *l, char text[LOCK_TEXT])
{
	snprintf(text, LOCK_TEXT, "keystay %s, process %d", l->conf.command, (int)getpid());
}

int
life_lock(struct life *l, struct err *e)
{
	when_t until = services_now(l->services) + LOCK_WAIT;
	char self[LOCK_TEXT], holder[LOCK_TEXT] = "";
	bool held, told = false;

	say_self(l, self);
	for (;;) {
		if (lock_try(l->lock_path, self, &l->lock, &held, holder, e) < 0)
			return -1;
		if (held)
			return 0;
		if (!told && l->conf.watcher.waiting_for_lock)
			l->conf.watcher.waiting_for_lock(l->conf.watcher.ctx, holder);
		told = true;
		if (services_now(l->services) >= until) {
			err_set(e, ERR_WAIT, "the state folder '%s' is in use by: %s",
				l->config->state, *holder ? holder : "another process");
			return err_hint(e, "run the command again later");
		}
		l->services->sleep_ms(l->services->ctx, 200);
	}
}

int
life_pause(struct life *l, int ms, struct err *e)
{
	lock_release(l->lock);
	l->lock = NULL;
	if (ms > 0)
		l->services->sleep_ms(l->services->ctx, ms);
	return life_lock(l, e);
}

bool
life_stopping(struct life *l)
{
	return l->conf.watcher.stopping && l->conf.watcher.stopping(l->conf.watcher.ctx);
}

static int
make_folders(const struct config *c, struct err *e)
{
	char path[4096];

	if (folder_make(c->state, 0711, e) < 0)
		return err_hint(e, "run keystay as root or as the owner of the state folder");
	snprintf(path, sizeof path, "%s/versions", c->state);
	if (folder_make(path, 0755, e) < 0)
		return -1;
	snprintf(path, sizeof path, "%s/live", c->state);
	return folder_make(path, 0755, e);
}

int
life_open(const struct life_conf *conf, struct life **ret, struct err *e)
{
	struct life *l = calloc(1, sizeof *l);
	char path[4096];

	if (!l)
		return err_set(e, ERR_FAILED, "no memory");
	l->conf = *conf;
	l->config = conf->config;
	l->services = conf->services;
	l->token = calloc(l->config->tokens + 1, sizeof *l->token);
	l->ca = calloc(l->config->authorities + 1, sizeof *l->ca);
	l->idle = calloc(l->config->certificates + 1, 1);
	snprintf(l->lock_path, sizeof l->lock_path, "%s/lock", l->config->state);
	snprintf(path, sizeof path, "%s/keystay.db", l->config->state);
	mode_t mask = umask(077);
	int rc = -1;
	if (!l->token || !l->ca || !l->idle)
		err_set(e, ERR_FAILED, "no memory");
	else if (make_folders(l->config, e) == 0 && life_lock(l, e) == 0)
		rc = db_open(path, &l->db, e);
	if (rc == 0) {
		ledger_open(l);
		uses_look(l);
		rc = life_removed_settle(l, e);
	}
	umask(mask);
	if (rc < 0) {
		life_close(l);
		return -1;
	}
	*ret = l;
	return 0;
}

struct db *
life_db(struct life *l)
{
	return l->db;
}

int
life_open_state(const struct config *c, struct db **ret, struct err *e)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof path, "%s/keystay.db", c->state);
	*ret = NULL;
	if (stat(path, &st) < 0)
		return 0;
	return db_open(path, ret, e);
}

void
life_forget(struct life *l)
{
	for (size_t i = 0; i < l->works; i++) {
		attempt_free(&l->work[i]->attempt);
		free(l->work[i]);
	}
	l->works = 0;
	memset(l->idle, 0, l->config->certificates);
	life_due_again(l);
}

void
life_close(struct life *l)
{
	if (!l)
		return;
	if (l->idle)
		life_forget(l);
	free(l->idle);
	free(l->work);
	if (l->ca)
		life_close_authorities(l);
	life_close_tokens(l);
	life_forget_pins(l);
	while (l->reloads) {
		struct done_reload *r = l->reloads;
		l->reloads = r->next;
		free(r);
	}
	book_close(l->book);
	db_close(l->db);
	lock_release(l->lock);
	free(l->token);
	free(l->ca);
	free(l);
}

int
life_journal(struct life *l, const char *certificate, const char *key_hash, const char *kind,
	const char *step, struct err *e, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	const struct event v = {.at = services_now(l->services),
		.certificate = certificate,
		.key_hash = key_hash,
		.kind = kind,
		.step = step,
		.text = text};
	return journal_add(l->db, &v, e);
}

void
life_warn(struct life *l, const struct err *why)
{
	if (l->conf.watcher.warning)
		l->conf.watcher.warning(l->conf.watcher.ctx, why);
}

int
life_alarm(struct life *l, const struct key_row *k, const char *kind, const char *hint,
	struct err *e, const char *fmt, ...)
{
	char text[1024];
	struct err why;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_set(&why, ERR_POLICY, "%s", text);
	err_hint(&why, "%s", hint);
	alert_warn(l, k ? k->label : "use ledger", kind, &why);
	return life_journal(l, k && text_same(k->purpose, "certificate") ? k->owner : "",
		k ? k->public_hash : "", kind, "", e, "%s", text);
}

void
life_progress(struct life *l, const struct work *w, const char *step, const char *doing)
{
	char self[LOCK_TEXT];

	if (l->lock) {
		snprintf(self, sizeof self, "keystay %s, process %d, certificate '%s', step %s",
			l->conf.command, (int)getpid(), w->conf->name, step);
		lock_say(l->lock, self);
	}
	const struct life_moment m = {.conf = w->conf,
		.step = step,
		.doing = doing,
		.authority = *doing && step_of(step) == STEP_ORDER ? w->attempt.authority : "",
		.not_before = *doing ? w->attempt.not_before : 0};
	if (l->conf.watcher.progress)
		l->conf.watcher.progress(l->conf.watcher.ctx, &m);
}

const char *
part_suffix(const struct attempt *a, size_t part, char suffix[20])
{
	suffix[0] = '\0';
	if (part > 0 && part < a->parts)
		snprintf(suffix, 20, ".%s", a->part[part].key_type);
	return suffix;
}

static const char *const key_modes[] = {
	[KEY_AUTO] = "auto", [KEY_NEW] = "new", [KEY_SAME] = "same"};

/* A new attempt, at its first step. */
static void
begin_attempt(struct life *l, struct work *w, const struct wish *wish, const char *due_for)
{
	struct attempt *a = &w->attempt;

	*a = (struct attempt){.started_at = services_now(l->services)};
	text_copy(a->certificate, sizeof a->certificate, w->conf->name);
	text_copy(a->step, sizeof a->step, step_word(STEP_POLICY));
	/* What is due is due for a reason. */
	if (wish->due && due_for[0])
		snprintf(a->reason, sizeof a->reason, "%s: %s", wish->reason, due_for);
	else
		text_copy(a->reason, sizeof a->reason, wish->reason);
	text_copy(a->key_mode, sizeof a->key_mode, key_modes[wish->key]);
	text_copy(a->authority, sizeof a->authority,
		wish->authority ? wish->authority : w->conf->authority.item[0]);
}

/* A stored attempt whose key types or authority are no longer configured begins anew. */
static bool
still_fits(const struct work *w)
{
	const struct attempt *a = &w->attempt;

	if (!list_has(&w->conf->authority, a->authority))
		return false;
	if (a->parts == 0)
		return true;
	if (a->parts != w->conf->keys)
		return false;
	for (size_t i = 0; i < a->parts; i++)
		if (!text_same(a->part[i].key_type, key_type_word(w->conf->key[i])))
			return false;
	return true;
}

/* Of one of its tokens the PIN was refused, and nobody mended that yet. */
static bool
waits_for_pin(struct life *l, const struct work *w)
{
	const struct authority_conf *a = config_authority(l->config, w->attempt.authority);

	for (size_t i = 0; i < l->config->tokens; i++) {
		const struct token_conf *t = &l->config->token[i];
		bool used = text_same(t->name, w->conf->token) ||
			    (a && authority_token(a) && text_same(t->name, authority_token(a)));
		if (used && token_pin_refused(l->db, t))
			return true;
	}
	return false;
}

/* Takes up what is stored, or starts; *ret_started = false when there is nothing to do. */
static int
prepare(struct life *l, struct work *w, const struct wish *wish, bool *ret_started, struct err *e)
{
	struct certificate_row row;
	struct attempt *a = &w->attempt;
	const struct due *due;
	bool found;

	if (life_due(l, w->conf, &due, e) < 0)
		return -1;
	/* Most of a large estate is not due, and nothing more is asked of it. */
	*ret_started = !wish->due || due->attempt || due->at <= services_now(l->services);
	if (!*ret_started)
		return 0;
	if (attempt_load(l->db, w->conf->name, a, &found, e) < 0 ||
		certificate_get(l->db, w->conf->name, &row, e) < 0)
		return -1;
	*ret_started = true;
	/* Another key is wanted than that attempt's: anew, unless the authority said when. */
	bool other_key = wish->key != KEY_AUTO && found && a->error_kind != ERR_BUSY &&
			 !text_same(a->key_mode, key_modes[wish->key]);
	/* On the way back to a version: that one is live already, perhaps, and is judged anew. */
	bool back = found && goes_back(a);
	if (back)
		text_copy(a->step, sizeof a->step, step_word(STEP_INSTALL));
	if (back || (found && still_fits(w) && !other_key)) {
		/* A person asks: what failed is tried now, unless the authority said when. */
		if (!wish->due && a->error_kind != ERR_NONE && a->error_kind != ERR_BUSY)
			a->not_before = 0;
		/* No moment is right for that one; looking whether it was mended costs no try. */
		if (a->error_kind == ERR_PIN && !waits_for_pin(l, w))
			a->not_before = 0;
		return 0;
	}
	if (found) {
		attempt_free(a);
		if (attempt_delete(l->db, w->conf->name, e) < 0)
			return -1;
	}
	if (wish->issue && row.live_version)
		*ret_started = false;
	if (wish->due && row.live_version && due->at > services_now(l->services))
		*ret_started = false;
	if (!*ret_started)
		return 0;
	begin_attempt(l, w, wish, row.live_version ? due->reason : "");
	return attempt_save(l->db, a, e);
}

/* A failure whose next try is not yet due: a command does not wait for that. */
static void
wait_for_retry(struct work *w)
{
	w->open = false;
	w->result.state = LIFE_WAITING;
	w->result.not_before = w->attempt.not_before;
	err_set(&w->result.err, w->attempt.error_kind, "%s", w->attempt.error_text);
	err_hint(&w->result.err, "%s", w->attempt.error_hint);
}

/* It fails before it has begun; nothing is stored. */
static int
refuse_work(struct life *l, struct work *w, bool *ret_started)
{
	text_copy(w->attempt.certificate, sizeof w->attempt.certificate, w->conf->name);
	w->result.state = LIFE_FAILED;
	*ret_started = true;
	l->work[l->works++] = w;
	return 0;
}

int
life_want(struct life *l, const struct certificate_conf *c, const struct wish *wish,
	bool *ret_started, struct err *e)
{
	struct work *w = calloc(1, sizeof *w);
	struct work **more = realloc(l->work, (l->works + 1) * sizeof(struct work *));

	if (more)
		l->work = more;
	if (!more || !w) {
		free(w);
		return err_set(e, ERR_FAILED, "no memory");
	}
	w->conf = c;
	w->policy = policy_find(l->config->policies, c->policy);
	w->result.conf = c;
	/* What the files know better than the database is taken from them first. */
	if (rebuild_one(l, c, &w->result.err) < 0)
		return refuse_work(l, w, ret_started);
	int rc = prepare(l, w, wish, ret_started, e);
	if (rc < 0 || !*ret_started) {
		attempt_free(&w->attempt);
		free(w);
		l->idle[c - l->config->certificate] = rc == 0;
		return rc;
	}
	w->open = true;
	if (w->attempt.error_kind != ERR_NONE && w->attempt.not_before > services_now(l->services))
		wait_for_retry(w);
	l->work[l->works++] = w;
	return 0;
}

const struct life_result *
life_result_at(const struct life *l, size_t index)
{
	return index < l->works ? &l->work[index]->result : NULL;
}
