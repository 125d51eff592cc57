/*
 * The story: certificates are obtained, installed, proven served and recorded, in nine steps that
 * are stored before they are done (life/renew.c).
 *
 *	life_open(&conf, &life, &e)
 *	life_want(life, certificate, &wish, &ret_started, &e)	once per certificate
 *	life_go(life, wait, &e)					until all are done or nothing can
 *move life_results(...) life_close(life)
 *
 * The lock of the state folder is held while steps are done, and given back while all is parked.
 */
#ifndef KEYSTAY_LIFE_LIFE_H
#define KEYSTAY_LIFE_LIFE_H

#include "keystay/base/services.h"
#include "keystay/config/config.h"

struct db;
struct life;

/* Something that people should know even if nobody looks. */
struct alert {
	const char *subject; /* a certificate, or what else it is about ("clock") */
	const char *kind;    /* failed, expiring, expired, clock, ... */
	const char *text;
	const char *hint;
	bool over; /* all is well again */
	bool said; /* the answer of the command says it too, or a warning */
	when_t at;
};

/* Where a certificate is. */
struct life_moment {
	const struct certificate_conf *conf;
	const char *step;
	const char *doing;     /* what it waits for in it; "" = it begins */
	const char *authority; /* whose answer it waits for; "" = nobody's */
	when_t not_before;     /* when it looks again; 0 = not said */
};

struct life_result;

/* What is told while it goes on; `ctx` is the caller's. Any function may be NULL. */
struct life_watcher {
	/* A certificate came to a step, or waits in it. Borrowed for the call. */
	void (*progress)(void *ctx, const struct life_moment *moment);
	/* A certificate that was wanted is done, failed or given up. Borrowed for the call. */
	void (*finished)(void *ctx, const struct life_result *result);
	/* Another process holds the lock; told once. */
	void (*waiting_for_lock)(void *ctx, const char *holder);
	/* Something beside the certificates in hand went wrong: an old key cannot be retired. */
	void (*warning)(void *ctx, const struct err *why);
	/* People are to be told; the same not more than once a day. */
	void (*alert)(void *ctx, const struct alert *alert);
	/* Asked between two steps, and while waiting: is the pass to end now? */
	bool (*stopping)(void *ctx);
	void *ctx;
};

struct life_conf {
	const struct config *config;
	const struct services *services;
	const char *command; /* "renew", for the lock's text */
	struct life_watcher watcher;
	bool unattended; /* nobody reads the answer: what fails is told by alerts */
	bool witness;    /* /proc/self/exe is keystay, and may be asked to look from outside */
};

/* Takes the lock (waiting up to 30 s: ERR_WAIT naming the holder), opens the database. */
int life_open(const struct life_conf *conf, struct life **ret, struct err *e) MUST_USE;
void life_close(struct life *l);

/* Its database; borrowed. */
struct db *life_db(struct life *l);

/* The database of the state folder, for reading; NULL while no state is there yet. */
int life_open_state(const struct config *c, struct db **ret, struct err *e) MUST_USE;

/* Takes the results away, for the next wants of the same process. */
void life_forget(struct life *l);

/*
 * Before the certificates that are due by time: looks whether the clock can be believed (ERR_WAIT),
 * and asks for the renewal windows whose time has come.
 */
int life_look_ahead(struct life *l, struct err *e) MUST_USE;

/* When a pass has something to do again. */
struct life_next {
	when_t at;            /* at most an hour from now */
	char certificate[65]; /* the next certificate that is due or parked; "" = none */
	when_t certificate_at;
	char why[96];
};

int life_next(struct life *l, struct life_next *ret, struct err *e) MUST_USE;

enum key_mode { KEY_AUTO, KEY_NEW, KEY_SAME };

struct wish {
	bool issue;        /* only if there is no recorded certificate */
	bool due;          /* only if it is due by its time or its attempt */
	enum key_mode key; /* auto: what the policy says */
	const char *reason;
	const char *authority; /* a new attempt begins there; NULL = at the certificate's first */
};

/*
 * Starts an attempt for a certificate, or takes up the one that is stored; *ret_started is false
 * when there is nothing to do for it.
 */
int life_want(struct life *l, const struct certificate_conf *c, const struct wish *wish,
	bool *ret_started, struct err *e) MUST_USE;

/*
 * Goes on until every wanted certificate is done or failed, or all that is left is parked for
 * longer than `wait` seconds. Fails only where no step can go on at all (the database).
 */
int life_go(struct life *l, when_t wait, struct err *e) MUST_USE;

enum life_state { LIFE_DONE, LIFE_FAILED, LIFE_WAITING };

struct life_result {
	const struct certificate_conf *conf;
	enum life_state state;
	struct err err;    /* of LIFE_FAILED; with LIFE_WAITING, what the wait is for */
	when_t not_before; /* of LIFE_WAITING */
};

/* Results of those that were started, in the order of life_want; NULL behind the last. Borrowed
 * until life_forget or life_close. */
const struct life_result *life_result_at(const struct life *l, size_t index);

#endif
