/* What tells whether a token's PIN was changed since it was refused (base/source.h has the PIN). */
#ifndef KEYSTAY_TOKEN_PIN_H
#define KEYSTAY_TOKEN_PIN_H

#include <stdint.h>

/* Never anything computed from the PIN. All zero for sources that are not files. */
struct pin_mark {
	int64_t inode;
	int64_t changed_ns;
	int64_t size;
};

/* The mark of the source as it is now; zeros when the file is not there or it is no file. */
struct pin_mark pin_source_mark(const char *source);

#endif
