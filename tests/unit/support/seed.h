/* What a test reads, kept as seeds of its fuzz target. */
#ifndef KEYSTAY_TESTS_SEED_H
#define KEYSTAY_TESTS_SEED_H

#include "keystay/base/buf.h"

/* Writes the bytes to a file of that name in the folder $SEEDS_WRITE; without one, nothing. */
void seed_keep(const char *name, const struct buf *b);

#endif
