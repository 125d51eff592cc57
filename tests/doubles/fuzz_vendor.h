/*
 * The vendor's module behind the guard in its fuzz target: two slots, a dozen objects, no crypto.
 * It is told what to do by this, which the target finds as the symbol `fuzz_vendor`.
 */
#ifndef KEYSTAY_TESTS_FUZZ_VENDOR_H
#define KEYSTAY_TESTS_FUZZ_VENDOR_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_vendor {
	/* Each call takes a byte of it: to fail, to lie, or to be honest. NULL: always honest. */
	const uint8_t *script;
	size_t bytes, at;
	unsigned long signatures; /* that were made */
	unsigned long begun;      /* C_SignInit that said CKR_OK */
};

#endif
