/* What the sources of an adoption share. */
#ifndef KEYSTAY_LIFE_ADOPT_PRIVATE_H
#define KEYSTAY_LIFE_ADOPT_PRIVATE_H

#include "keystay/life/adopt.h"
#include "keystay/x509/chain.h"

/* Appends an empty row; NULL with `e` filled without memory or above ADOPT_MAX. Borrowed. */
struct adopted_row *adoption_add(struct adoption *a, struct err *e);

/* A line for people: what was left out. Always 0, but for memory. */
int adoption_tell(struct adoption *a, struct err *e, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The facts of the leaf into the row; a row without names gets those of the leaf. */
int adopt_facts(struct watched_row *row, const struct chain *chain, struct err *e) MUST_USE;

/* A path as the agent finds it from anywhere. */
int adopt_place(const char *path, char place[WATCHED_PLACE], struct err *e) MUST_USE;

/* Reads the first certificate of a PEM file or a DER one; the caller frees *ret. */
int adopt_read_file(const char *path, struct chain **ret, struct err *e) MUST_USE;

/* The leaf that an endpoint shows; the caller frees *ret. */
int adopt_look(const struct services *s, const char *endpoint, const char *sni, struct chain **ret,
	struct err *e) MUST_USE;

#endif
