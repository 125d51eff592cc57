#include "uses.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "resolve.h"
#include "say.h"
#include "table.h"
#include "vendor.h"

/* One lock for handles and parts; it is never held while the vendor's module is asked. */
static struct {
	pthread_mutex_t lock;
	struct ledger ledger;
	_Atomic(struct ledger_header *) header; /* its first part's: read without the lock */
	struct table sessions;
	struct table keys;
} uses = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void
lock(void)
{
	pthread_mutex_lock(&uses.lock);
}

static void
unlock(void)
{
	pthread_mutex_unlock(&uses.lock);
}

/* The kernel's last tick: no system call, and nobody needs more. */
static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return (uint64_t)t.tv_sec;
}

/* Of keys that have no slot. */
static _Atomic uint64_t *
other_counts(void)
{
	return atomic_load(&uses.header)->count;
}

static bool
open_ledger(const struct guard_settings *s)
{
	enum ledger_fault fault =
		s->ledger[0] ? ledger_map(&uses.ledger, s->ledger, true) : LEDGER_ABSENT;
	if (fault == LEDGER_FINE)
		return true;
	int why = errno;
	if (s->refuse_without) {
		guard_say(SAY_NO_LEDGER, "the ledger '%s' %s%s%s, and no_ledger=refuse is said",
			s->ledger, ledger_fault_text(fault), fault == LEDGER_DENIED ? ": " : "",
			fault == LEDGER_DENIED ? strerror(why) : "");
		return false;
	}
	if (!s->agent)
		guard_say(SAY_NO_LEDGER,
			"the ledger '%s' %s%s%s; signatures are counted in memory only and no "
			"limit is kept",
			s->ledger, ledger_fault_text(fault), fault == LEDGER_DENIED ? ": " : "",
			fault == LEDGER_DENIED ? strerror(why) : "");
	return ledger_map_memory(&uses.ledger);
}

bool
uses_open(const struct guard_settings *s)
{
	/* What is mapped stays: a forked worker may not open the file again. */
	if (!uses.ledger.parts && !open_ledger(s))
		return false;
	atomic_store(&uses.header, ledger_header(&uses.ledger));
	return true;
}

static bool
unresolved(const struct entry *e, void *ctx)
{
	(void)ctx;
	return !e->slot;
}

/* Another file than the one that is mapped, where this process may open it. What was mapped stays:
 * somebody may be about to count in it. */
static bool
follow(const char *path)
{
	static struct ledger fresh;

	if (ledger_map(&fresh, path, true) != LEDGER_FINE)
		return false;
	uses.ledger = fresh;
	atomic_store(&uses.header, ledger_header(&uses.ledger));
	table_clear(&uses.keys);
	return true;
}

void
uses_look_again(void)
{
	const char *path = guard_settings()->ledger;

	lock();
	if (ledger_look_again(&uses.ledger))
		table_remove_if(&uses.keys, unresolved, NULL);
	if (uses.ledger.gone && !follow(path))
		guard_say(SAY_REPLACED,
			"the ledger '%s' was replaced or removed; this process goes on counting in "
			"the old one until it is started anew",
			path);
	/* A server may be started before the agent ever ran. */
	if (!uses.ledger.path[0] && path[0])
		(void)follow(path);
	unlock();
}

void
uses_session_opened(CK_SESSION_HANDLE session, CK_SLOT_ID slot)
{
	lock();
	struct entry *e = table_add(&uses.sessions, session, 0);
	if (e)
		*e = (struct entry){.a = session, .slot_id = slot, .used = true};
	unlock();
}

static void
give_back(struct entry *session)
{
	bool agent = guard_settings()->agent;

	if (!session->signs)
		return;
	session->signs = false;
	if (session->slot) {
		ledger_give_back(session->slot, agent);
		return;
	}
	ledger_take_back(session->elsewhere, COUNT_USES);
	if (agent)
		ledger_take_back(session->elsewhere, COUNT_AGENT);
}

static bool
made_in(const struct entry *e, void *session)
{
	return e->owner == *(CK_SESSION_HANDLE *)session;
}

void
uses_session_closed(CK_SESSION_HANDLE session)
{
	lock();
	struct entry *e = table_find(&uses.sessions, session, 0);
	if (e) {
		give_back(e);
		table_remove(&uses.sessions, session, 0);
	}
	table_remove_if(&uses.keys, made_in, &session);
	unlock();
}

static bool
closed_with(const struct entry *e, void *slot)
{
	if (e->slot_id != *(CK_SLOT_ID *)slot)
		return false;
	give_back((struct entry *)e);
	return true;
}

void
uses_sessions_closed(CK_SLOT_ID slot)
{
	lock();
	table_remove_if(&uses.sessions, closed_with, &slot);
	table_clear(&uses.keys);
	unlock();
}

void
uses_forget_keys(void)
{
	lock();
	table_clear(&uses.keys);
	unlock();
}

void
uses_forget(void)
{
	lock();
	for (size_t i = 0; i < uses.sessions.room; i++)
		if (uses.sessions.entry[i].used)
			give_back(&uses.sessions.entry[i]);
	table_clear(&uses.sessions);
	table_clear(&uses.keys);
	unlock();
}

/* The slot of a session that was not opened through here, if the module knows it. */
static bool
ask_slot(CK_SESSION_HANDLE session, CK_SLOT_ID *ret)
{
	CK_FUNCTION_LIST *v = guard_vendor();
	CK_SESSION_INFO info;

	if (!v || v->C_GetSessionInfo(session, &info) != CKR_OK)
		return false;
	*ret = info.slotID;
	uses_session_opened(session, info.slotID);
	return true;
}

static bool
slot_of_session(CK_SESSION_HANDLE session, CK_SLOT_ID *ret)
{
	lock();
	const struct entry *e = table_find(&uses.sessions, session, 0);
	if (e)
		*ret = e->slot_id;
	unlock();
	return e || ask_slot(session, ret);
}

static bool
still_its(const struct entry *e)
{
	return e->slot && atomic_load(&e->slot->use) == SLOT_USED &&
	       atomic_load(&e->slot->generation) == e->generation;
}

/* What is remembered of a session and of a key's handle in it, at one look. */
struct memory {
	bool session, key;
	CK_SLOT_ID slot_id;
	struct ledger_slot *slot;
	bool is_private;
};

/* What was not found is looked for again a second later. */
static struct memory
recall(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	struct memory m = {.session = false};

	lock();
	const struct entry *s = table_find(&uses.sessions, session, 0);
	const struct entry *k = s ? table_find(&uses.keys, s->slot_id, key) : NULL;
	m.session = s != NULL;
	m.slot_id = s ? s->slot_id : 0;
	m.key = k && (still_its(k) || (!k->slot && (!k->counts || k->looked_at == (int64_t)now())));
	if (m.key) {
		m.slot = k->slot;
		m.is_private = k->counts;
	}
	unlock();
	return m;
}

/* The key's slot in the ledger; a new one for a key that is to be counted all the same. */
static struct ledger_slot *
place_of(const struct ledger_key *k)
{
	struct ledger_slot *s = ledger_find(&uses.ledger, k->raw, k->raw_bytes);

	if (!s && ledger_look_again(&uses.ledger))
		s = ledger_find(&uses.ledger, k->raw, k->raw_bytes);
	if (s || (guard_settings()->refuse_unknown && uses.ledger.path[0]))
		return s;
	if (!ledger_claim(&uses.ledger, k, STATE_UNKNOWN, now())) {
		guard_say(SAY_FULL, "the ledger '%s' has no place for one more key",
			uses.ledger.path);
		return NULL;
	}
	/* Another process may have been first. */
	return ledger_find(&uses.ledger, k->raw, k->raw_bytes);
}

static struct ledger_slot *
look_for(CK_SLOT_ID slot, CK_OBJECT_HANDLE key, bool *ret_private)
{
	struct ledger_key k;
	CK_FUNCTION_LIST *v = guard_vendor();

	*ret_private = false;
	enum resolved r = v ? resolve_key(v, slot, key, &k) : RESOLVED_NOTHING;
	if (r == RESOLVED_NOTHING)
		return NULL;
	lock();
	struct ledger_slot *s = r == RESOLVED_KEY ? place_of(&k) : NULL;
	struct entry *e = table_add(&uses.keys, slot, key);
	if (e) {
		e->slot = s;
		e->generation = s ? atomic_load(&s->generation) : 0;
		e->counts = r != RESOLVED_OTHER;
		e->looked_at = (int64_t)now();
	}
	unlock();
	*ret_private = r != RESOLVED_OTHER;
	return s;
}

/* NULL for a key that has no slot; *ret_private says whether it is a private key at all. */
static struct ledger_slot *
slot_of_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, bool *ret_private)
{
	struct memory m = recall(session, key);

	*ret_private = m.is_private;
	if (m.key)
		return m.slot;
	if (!m.session && !ask_slot(session, &m.slot_id))
		return NULL;
	return look_for(m.slot_id, key, ret_private);
}

void
uses_copied(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE from, CK_OBJECT_HANDLE to)
{
	bool is_private;
	CK_SLOT_ID slot;

	/* The copy may have no id or label of its own to be found by. */
	struct ledger_slot *s = slot_of_key(session, from, &is_private);
	if (!is_private || !slot_of_session(session, &slot))
		return;
	lock();
	struct entry *e = table_add(&uses.keys, slot, to);
	if (e) {
		*e = (struct entry){.a = slot,
			.b = to,
			.slot = s,
			.generation = s ? atomic_load(&s->generation) : 0,
			.owner = session,
			.looked_at = (int64_t)now(),
			.used = true,
			.counts = true};
	}
	unlock();
}

/* A key without a slot: the header has its counts. */
static CK_RV
begin_unknown(_Atomic uint64_t *count)
{
	const struct guard_settings *s = guard_settings();

	if (s->refuse_unknown && !s->agent && uses.ledger.path[0]) {
		ledger_add(count, COUNT_UNKNOWN);
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	}
	ledger_add(count, COUNT_USES);
	if (s->agent)
		ledger_add(count, COUNT_AGENT);
	return CKR_OK;
}

CK_RV
uses_begin(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism,
	struct use *ret)
{
	static const CK_RV answers[] = {[USE_GRANTED] = CKR_OK,
		[USE_OVER] = CKR_KEY_FUNCTION_NOT_PERMITTED,
		[USE_OFF] = CKR_KEY_FUNCTION_NOT_PERMITTED,
		[USE_MECHANISM] = CKR_MECHANISM_INVALID};
	const struct guard_settings *s = guard_settings();
	bool is_private;

	ret->slot = slot_of_key(session, key, &is_private);
	ret->elsewhere = other_counts();
	if (!ret->slot)
		return begin_unknown(ret->elsewhere);
	if (s->refuse_unknown && !s->agent && uses.ledger.path[0] &&
		atomic_load(&ret->slot->state) == STATE_UNKNOWN) {
		ledger_add(ret->slot->count, COUNT_UNKNOWN);
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	}
	return answers[ledger_reserve(ret->slot, (uint32_t)mechanism, s->agent)];
}

/* Handles are forgotten on any word that they are not, or no longer, what they were. */
static void
forget_by(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_RV rv)
{
	CK_SLOT_ID slot;

	switch (rv) {
	case CKR_KEY_HANDLE_INVALID:
	case CKR_OBJECT_HANDLE_INVALID:
		if (!slot_of_session(session, &slot))
			return;
		lock();
		table_remove(&uses.keys, slot, key);
		unlock();
		return;
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_SESSION_CLOSED:
		uses_session_closed(session);
		uses_forget_keys();
		return;
	case CKR_DEVICE_REMOVED:
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_USER_NOT_LOGGED_IN:
		uses_forget_keys();
		return;
	default:
		return;
	}
}

void
uses_began(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const struct use *u, CK_RV rv)
{
	struct entry none = {.slot = u->slot, .elsewhere = u->elsewhere, .signs = true};

	lock();
	struct entry *e = rv == CKR_OK ? table_find(&uses.sessions, session, 0) : NULL;
	if (e) {
		e->slot = u->slot;
		e->elsewhere = u->elsewhere;
		e->signs = true;
	}
	if (rv != CKR_OK)
		give_back(&none);
	unlock();
	if (rv != CKR_OK)
		forget_by(session, key, rv);
}

bool
uses_take(CK_SESSION_HANDLE session, struct use *ret)
{
	lock();
	struct entry *e = table_find(&uses.sessions, session, 0);
	bool signs = e && e->signs;
	if (signs) {
		*ret = (struct use){e->slot, e->elsewhere};
		e->signs = false;
		e->slot = NULL;
	}
	unlock();
	return signs;
}

void
uses_put_back(CK_SESSION_HANDLE session, const struct use *u)
{
	lock();
	struct entry *e = table_find(&uses.sessions, session, 0);
	if (e) {
		e->slot = u->slot;
		e->elsewhere = u->elsewhere;
		e->signs = true;
	}
	unlock();
}

void
uses_end(const struct use *u, CK_RV rv)
{
	if (!u->slot)
		ledger_add(u->elsewhere, rv == CKR_OK ? COUNT_DONE : COUNT_FAILED);
	else if (rv == CKR_OK)
		ledger_done(u->slot, now());
	else
		ledger_failed(u->slot);
}

void
uses_refuse_all(enum ledger_count what)
{
	ledger_add(other_counts(), what);
}

void
uses_refuse(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, enum ledger_count what)
{
	bool is_private;
	struct ledger_slot *s = slot_of_key(session, key, &is_private);

	if (s)
		ledger_add(s->count, what);
	else
		uses_refuse_all(what);
}

void
uses_read(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	bool is_private;
	struct ledger_slot *s = slot_of_key(session, key, &is_private);

	if (s)
		ledger_add(s->count, COUNT_READ);
	else if (is_private)
		uses_refuse_all(COUNT_READ);
}

void
uses_before_fork(void)
{
	lock();
}

void
uses_after_fork(bool child)
{
	for (size_t i = 0; child && i < uses.sessions.room; i++)
		uses.sessions.entry[i].signs = false;
	unlock();
}
