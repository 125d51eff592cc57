/*
 * What the steps share: the pass that goes on (struct life) and the certificate in hand
 * (struct work).
 */
#ifndef KEYSTAY_LIFE_INTERNAL_H
#define KEYSTAY_LIFE_INTERNAL_H

#include "keystay/base/lock.h"
#include "keystay/life/life.h"
#include "keystay/life/probe.h"
#include "keystay/state/attempts.h"
#include "keystay/state/db.h"
#include "keystay/state/keys.h"
#include "keystay/token/key.h"
#include "keystay/token/token.h"

/* The nine steps, in order; life/renew.c has the table. */
enum step {
	STEP_POLICY,
	STEP_KEY,
	STEP_CSR,
	STEP_ORDER,
	STEP_VERIFY,
	STEP_INSTALL,
	STEP_RELOAD,
	STEP_SERVED,
	STEP_RECORD,
	STEPS
};

/* Where a step leads. */
enum outcome {
	OUTCOME_NEXT,   /* done: the next step */
	OUTCOME_PARK,   /* come back at attempt.not_before, to the same step */
	OUTCOME_TO_CSR, /* the configuration changed: the stored request is for other names */
};

struct work {
	const struct certificate_conf *conf;
	const struct policy *policy;
	struct attempt attempt;
	struct life_result result;
	bool open;             /* not yet done, failed or given up in this run */
	bool armed[PARTS_MAX]; /* ca_order.armed, per part */
	when_t part_not_before[PARTS_MAX];
	uint64_t activated;     /* life.clock when this version became live; 0 = not in this run */
	uint32_t told;          /* rules whose warnings and waivers were told, a bit each */
	uint32_t waived;        /* rules that a person waives by hand, this once */
	const char *waived_for; /* the reason; borrowed */
	bool dropped;           /* its attempt is deleted: a failure of it is not stored */
	char doing[128];
};

/* A token or authority that was opened in this run, or failed to. */
struct open_token {
	struct token *token;
	struct secret *pin; /* once the token took it, for opening it again */
	struct capabilities known;
	bool no_counter; /* it counts no signatures itself (token/counter.h) */
	bool failed;
	struct err err;
};

struct open_ca {
	void *session;
	EVP_PKEY *key, *public;
	struct shown *identity; /* `identity:` of the authority; NULL = none */
	struct naming *naming;  /* for what the session tells of anchors */
	struct key_row account_key;
	bool failed;
	struct err err;
	when_t down_until; /* no request before this moment */
};

/* A reload that was done in this run, for every version that became live before it. */
struct done_reload {
	const struct target_conf *target;
	uint64_t clock;
	struct done_reload *next;
};

struct book;
struct due;
struct shown;
struct naming;

struct life {
	struct life_conf conf;
	const struct config *config;
	const struct services *services;
	struct lock *lock;
	char lock_path[512];
	struct db *db;
	struct book *book;             /* the use ledger; NULL where it cannot be had */
	struct open_token *token;      /* as many as configured */
	struct open_token *last_token; /* the one that was asked for last */
	size_t destroyed;              /* keys, since the modules were started */
	bool probing;                  /* a probe was asked for: opening a token makes none */
	struct open_ca *ca;
	struct work **work; /* in the order they were wanted */
	size_t works;
	char *idle; /* per certificate of the configuration: asked for, and there was nothing to do
		     */
	uint64_t clock; /* counts activations and reloads */
	struct done_reload *reloads;
	bool compared;   /* files and database, of all certificates (life/rebuild.h) */
	struct due *due; /* of each certificate of the configuration (life/due.h); NULL = not looked
			    at */
};

/* Takes the lock of the state folder; waits up to 30 s, then ERR_WAIT. */
int life_lock(struct life *l, struct err *e) MUST_USE;

/* Gives the lock back for so long, and takes it again. */
int life_pause(struct life *l, int ms, struct err *e) MUST_USE;

/* True when the pass is to end after the step in hand. */
bool life_stopping(struct life *l);

/* The word of a step, as the database has it; and back (STEPS for none). */
const char *step_word(enum step step);
enum step step_of(const char *word);

/* A token of the configuration, opened at the first call; borrowed. Errors are kept and repeated.
 */
int life_token(struct life *l, const char *name, struct token **ret, struct err *e) MUST_USE;

void life_close_tokens(struct life *l);
void life_forget_pins(struct life *l);

/*
 * True when `why` may be the failure of a token or module that lost its state, and all is ready for
 * doing it once more: authorities (their account keys) and tokens are closed, the modules started
 * anew; they are opened again when they are asked for next. For one more try, never for a loop.
 */
bool life_recovered(struct life *l, const struct err *why);

/* The same without asking whether it was lost. */
int life_recover_tokens(struct life *l, const struct err *why, struct err *e) MUST_USE;

/*
 * All open modules are started anew. Some keep a little of every object that was destroyed: SoftHSM
 * memory, a TPM its few places.
 */
int life_refresh_tokens(struct life *l, struct err *e) MUST_USE;

/* The session with an authority, its account key ready; borrowed. */
int life_authority(struct life *l, const char *name, struct open_ca **ret, struct err *e) MUST_USE;
void life_close_authorities(struct life *l);

/* ERR_POLICY where the account key has made all the signatures that its policy allows. */
int authority_keep_limit(struct life *l, const struct authority_conf *a, const struct key_row *k,
	struct err *e) MUST_USE;

/* A probe (life/probe.h) of a token of this run. */
struct probe life_probe_of(struct life *l, struct open_token *o);

/*
 * Makes a reserved key (or finishes one whose making was cut short), or finds one that was made;
 * judges it, stores what was read back. `row` is brought up to date. The public key is built
 * outside the token; the caller frees *ret_public.
 */
int life_key_ensure(
	struct life *l, struct key_row *row, EVP_PKEY **ret_public, struct err *e) MUST_USE;

/* The private key of a row for signing, compared with its public hash; the caller frees *ret. */
int life_key_load(struct life *l, const struct key_row *row, EVP_PKEY **ret,
	struct token **ret_token, struct err *e) MUST_USE;

/*
 * A key that is in its token and not in the database: it is compared with what it should be by the
 * caller, and gets a row (id, label, token, type, purpose, owner, uri, created_at of `row`) and a
 * place in the ledger. Within the caller's transaction.
 */
int key_adopt(struct life *l, struct key_row *row, const struct key_facts *facts, const char *state,
	const EVP_PKEY *public, struct err *e) MUST_USE;

struct key_name life_key_name(const struct key_row *row);

/* Chooses label and id of a new key and stores them (not without a database); fills *ret. */
int key_choose(struct db *db, const struct services *s, const char *purpose, const char *owner,
	const char *token, enum key_type type, struct key_row *ret, struct err *e) MUST_USE;
int life_key_reserve(struct life *l, const char *purpose, const char *owner, const char *token,
	enum key_type type, struct key_row *ret, struct err *e) MUST_USE;

/* A line in the journal, now. */
int life_journal(struct life *l, const char *certificate, const char *key_hash, const char *kind,
	const char *step, struct err *e, const char *fmt, ...) PRINTF_LIKE(7, 8) MUST_USE;

/* Tells the watcher of something that went wrong without ending anything. */
void life_warn(struct life *l, const struct err *why);

/* Journaled and told: something about a key (NULL for none) that somebody should look at. */
int life_alarm(struct life *l, const struct key_row *k, const char *kind, const char *hint,
	struct err *e, const char *fmt, ...) PRINTF_LIKE(6, 7) MUST_USE;

/* Tells the watcher. */
void life_progress(struct life *l, const struct work *w, const char *step, const char *doing);

/* When a failed attempt is tried again by itself. */
when_t retry_at(const struct err *e, int64_t tries, when_t now);

/*
 * The same, but denser as the end of what is live comes nearer: a twelfth of what is left, where
 * trying again may help by itself.
 */
when_t retry_in_time(const struct err *e, when_t at, when_t now, when_t not_after);

/* Paths under the state folder. `number` 0 gives the folder of all versions. */
void path_version(const struct config *c, const char *name, int64_t number, char path[4096]);
void path_live(const struct config *c, const char *name, char path[4096]);

/* "" for the first part (plain file names), ".rsa-3072" for the others. */
const char *part_suffix(const struct attempt *a, size_t part, char suffix[20]);

/*
 * Compares files and database (life/rebuild.h) and mends, one certificate, or all; what was found
 * is journaled and told.
 */
int rebuild_one(struct life *l, const struct certificate_conf *conf, struct err *e) MUST_USE;
int rebuild_all(struct life *l, struct err *e) MUST_USE;

/*
 * An account key in the authority's token that the database does not know: the newest that has a
 * label as keystay gives account keys of that authority. *ret_found is false when there is none.
 * Within the caller's transaction; the token is open.
 */
int rebuild_account_key(struct life *l, const struct authority_conf *a, struct key_row *ret,
	bool *ret_found, struct err *e) MUST_USE;

/* The steps. */
typedef int (*step_fn)(struct life *l, struct work *w, enum outcome *ret, struct err *e);
int step_policy(struct life *l, struct work *w, enum outcome *ret, struct err *e);
int step_key(struct life *l, struct work *w, enum outcome *ret, struct err *e);
int step_csr(struct life *l, struct work *w, enum outcome *ret, struct err *e);
int step_order(struct life *l, struct work *w, enum outcome *ret, struct err *e);
int step_verify(struct life *l, struct work *w, enum outcome *ret, struct err *e);
int step_install(struct life *l, struct work *w, enum outcome *ret, struct err *e);
int step_reload(struct life *l, struct work *w, enum outcome *ret, struct err *e);
int step_served(struct life *l, struct work *w, enum outcome *ret, struct err *e);
int step_record(struct life *l, struct work *w, enum outcome *ret, struct err *e);

/* Makes a version live and puts it on its targets: stage all, switch, activate all. */
int place_version(struct life *l, struct work *w, int64_t version, struct err *e) MUST_USE;

/* Asks every target whether its server could live with what is there. */
int test_all(struct life *l, struct work *w, struct err *e) MUST_USE;

/* Tells every target of it, unless a reload since `w->activated` did already. */
int reload_all(struct life *l, struct work *w, struct err *e) MUST_USE;

/* True where one of its targets says where it is served. */
bool has_endpoints(const struct certificate_conf *c);

/* Seconds that old workers are given to go, before a version counts as not served. */
#define SERVED_PATIENCE 20

/* Handshakes on every endpoint, stored; ERR_SERVED where one does not show its leaf. */
int look_everywhere(struct life *l, struct work *w, struct err *e) MUST_USE;

/* In a transaction: the keys of a version that the attempt does not use are no longer served. */
int retire_replaced(
	struct life *l, const struct attempt *a, int64_t version, struct err *e) MUST_USE;

/* The leaf that a handshake is to show. */
struct leaf_wish {
	const char *key_type;
	const char *fingerprint; /* hex */
	bool alone;              /* the certificate has one key type: any client will do */
};

/* One handshake, stored; ERR_SERVED when it does not show that leaf. */
int look_once(struct life *l, const struct certificate_conf *c, const struct leaf_wish *leaf,
	const char *endpoint, const char *name, struct err *e) MUST_USE;

/*
 * Puts the recorded version back after a failure (which is in `e` and stays there, with what
 * became of the roll-back behind it); `reload` says whether the servers may have taken the new
 * one. Always returns -1.
 */
int roll_back(struct life *l, struct work *w, bool reload, struct err *e);

#endif
