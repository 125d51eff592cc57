/* What `check` says of things that are lost: files, keys, the database's knowledge of them. */
#ifndef KEYSTAY_RUN_LOSSES_H
#define KEYSTAY_RUN_LOSSES_H

#include "keystay/run/run.h"
#include "keystay/token/token.h"

struct db;

/* Compares files, live/ and database of every certificate. *ret_lost says whether anything is. */
int check_files(struct run *r, struct db *db, bool *ret_lost, struct err *e) MUST_USE;

/*
 * Compares the keys of an open token with the database: those that are gone are a failure, those
 * that the database does not know are only said.
 */
int check_keys(struct run *r, struct db *db, const struct token_conf *conf, const struct list *ids,
	const char *where, bool *ret_lost, struct err *e) MUST_USE;

#endif
