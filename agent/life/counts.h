/* What the use ledger counted, as numbers and as the database keeps them. */
#ifndef KEYSTAY_LIFE_COUNTS_H
#define KEYSTAY_LIFE_COUNTS_H

#include "keystay/guard/ledger.h"

#define COUNTS_TEXT 600

struct counts {
	int64_t of[LEDGER_COUNTS]; /* by enum ledger_count */
};

/* As they are at this moment in a slot or in the header. */
struct counts counts_read(const _Atomic uint64_t *count);

/* One JSON object of those that are not zero: {"uses":5,"done":5}. */
void counts_write(const struct counts *c, char text[COUNTS_TEXT]);

/* Back; what is not there, or is noise, is zero. */
struct counts counts_parse(const char *text);

/* Operations that a server was refused or should not have tried, together. */
int64_t counts_misuse(const struct counts *c);

#endif
