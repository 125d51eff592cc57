/*
 * The list of kinds of target.
 */
#ifndef KEYSTAY_TARGET_KINDS_H
#define KEYSTAY_TARGET_KINDS_H

struct target_ops;

/* The kind of that word ("nginx"), or NULL. */
const struct target_ops *target_kind(const char *word);

/* The words of all kinds, for a hint. */
const char *target_words(void);

#endif
