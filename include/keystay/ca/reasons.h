/*
 * The words of reasons for a revocation, as RFC 5280 5.3.1 spells them: on the command line, in the
 * database, in the journal.
 */
#ifndef KEYSTAY_CA_REASONS_H
#define KEYSTAY_CA_REASONS_H

#include "keystay/ca/ca.h"

/* The word of a reason; never NULL. */
const char *reason_word(enum revocation_reason reason);

/* The reason of a word; false for a word that is none, and *ret is left alone. */
bool reason_of(const char *word, enum revocation_reason *ret);

/* All words, for a hint; borrowed. */
const char *reason_words(void);

#endif
