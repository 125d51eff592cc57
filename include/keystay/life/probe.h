/*
 * What a token can do, found out once and kept in the database.
 */
#ifndef KEYSTAY_LIFE_PROBE_H
#define KEYSTAY_LIFE_PROBE_H

#include "keystay/token/capabilities.h"

#include <stdbool.h>

struct db;
struct life;
struct services;

/* What the database knows of an open token; *ret_known = false when it, or its library, is new. */
int capabilities_load(struct db *db, struct token *t, struct capabilities *ret, bool *ret_known,
	struct err *e) MUST_USE;

/* Labels of a probe's keys begin so: no certificate or authority can have a blank in its name. */
#define PROBE_LABEL "keystay probe"

struct probe {
	struct db *db; /* where the keys are reserved and the answer is kept; NULL = nowhere */
	const struct services *services;
	const struct token_conf *conf;
	enum road road;
	struct secret **pin;     /* where it is kept, for opening again (life/pins.h) */
	const char *config_path; /* for the witness; NULL = none */
	bool all_types;          /* a key of every type is made */
};

/*
 * Tries the open token *t and stores the answer. The keys it makes for that are reserved in the
 * database before and destroyed after; what an earlier probe left when it was killed goes first.
 * A module that loses its state on the way is started anew, and *t opened again: afterwards *t is
 * NULL where that failed. Keys that were loaded from *t must have been freed.
 */
int probe_token(
	const struct probe *p, struct token **t, struct capabilities *ret, struct err *e) MUST_USE;

/* A road whose signatures did not verify. */
bool capabilities_road_wrong(const struct capabilities *c);

/*
 * What the token can do, from the database or found out now. Where the configuration leaves the
 * road open and the provider signs wrongly, *t is opened anew by libp11, unless another token of
 * the module is open.
 */
int probe_settle(
	const struct probe *p, struct token **t, struct capabilities *ret, struct err *e) MUST_USE;

/* Opens a token of the configuration; what it can do is known then. */
int life_capabilities(
	struct life *l, const char *name, struct capabilities *ret, struct err *e) MUST_USE;

/* Opens a token of the configuration and probes it, known or not. */
int life_probe(struct life *l, const char *name, struct capabilities *ret, struct err *e) MUST_USE;

#endif
