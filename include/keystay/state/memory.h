/*
 * Single numbers that outlive a process ("the clock at the last pass"), and what people were told
 * of, so that they are not told every minute.
 */
#ifndef KEYSTAY_STATE_MEMORY_H
#define KEYSTAY_STATE_MEMORY_H

#include "keystay/base/err.h"
#include "keystay/base/text.h"

#include <stdbool.h>

struct db;

/* 0 for a word that was never stored. */
int memory_get(struct db *db, const char *word, int64_t *ret, struct err *e) MUST_USE;
int memory_set(struct db *db, const char *word, int64_t value, struct err *e) MUST_USE;

/*
 * Notes that people are told `text` of a subject (a certificate, a token) and kind. *ret_news is
 * false where the same was told less than `again` seconds ago.
 */
int alert_note(struct db *db, const char *subject, const char *kind, const char *text, when_t now,
	when_t again, bool *ret_news, struct err *e) MUST_USE;

/* The subjects that people were told of in a kind; freed with list_free. */
int alert_subjects(struct db *db, const char *kind, struct list *ret, struct err *e) MUST_USE;

/* All is well with it again: the next alert is news. *ret_was says whether there was one. */
int alert_clear(struct db *db, const char *subject, const char *kind, bool *ret_was,
	struct err *e) MUST_USE;

#endif
