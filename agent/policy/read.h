/* Readers of values that several rules have. */
#ifndef KEYSTAY_POLICY_READ_H
#define KEYSTAY_POLICY_READ_H

#include "keystay/base/yaml.h"

/* A word out of `words`; `ret` is its index. The error lists them. */
int read_word(struct yaml *y, const char *const *words, size_t count, size_t *ret,
	struct err *e) MUST_USE;

/* A list of such words into an array of `count` flags; at least one, none twice. */
int read_flags(struct yaml *y, const char *const *words, size_t count, bool *flags,
	struct err *e) MUST_USE;

/* The words of the flags that are set, "a, b". Returns text. */
const char *flags_join(
	const bool *flags, const char *const *words, size_t count, char *text, size_t size);

/* A list of texts, at least one; `known` judges each, `what` names one in the error. */
int read_known(struct yaml *y, struct list *slot, bool (*known)(const char *word), const char *what,
	struct err *e) MUST_USE;

/* A day or a moment; *ret_day says which. */
int read_when(struct yaml *y, when_t *ret, bool *ret_day, struct err *e) MUST_USE;

/* Makes room for one more item of `size` bytes, cleared; NULL with `e` filled: too many, or no
 * memory. */
void *read_one_more(struct yaml *y, void *array_slot, size_t *count, size_t size, struct err *e);

#endif
