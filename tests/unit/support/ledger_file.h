/*
 * Ledger files as the agent would make them, for tests of the reader: sound ones, and the same bent
 * afterwards. What goes wrong while one is made ends the test program.
 */
#ifndef KEYSTAY_TESTS_LEDGER_FILE_H
#define KEYSTAY_TESTS_LEDGER_FILE_H

#include <stddef.h>

#include "keystay/guard/ledger.h"

/*
 * Makes part `part` of the ledger at `path` ("PATH", "PATH.1", ...), a new file in any case: all of
 * it allocated, mode 0600, no slot used. `parts` is what its header says there are, and `id` is the
 * first byte of the ledger's id. Returns the file's own path; static ring of 4.
 */
const char *ledger_file_make(const char *path, unsigned part, uint32_t parts, unsigned char id);

/* A new one of one part in the scratch folder; static ring of 4. */
const char *ledger_file_new(void);

/* Maps it, to be written; the one that was mapped by the call before is unmapped. */
struct ledger *ledger_file_map(const char *path);

/* A P-256 key of this number, as a token would show it. */
struct ledger_key ledger_file_key(unsigned number);

/* Puts these bytes at that place of a file. */
void ledger_file_write(const char *file, size_t at, const void *bytes, size_t size);

#endif
