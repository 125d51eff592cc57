/* What every unit test includes: cmocka, with the headers it wants before it, and the repeated
 * bits. */
#ifndef KEYSTAY_TESTS_UNIT_H
#define KEYSTAY_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keystay/base/err.h"

/* The call succeeds, or the test shows what it said. */
#define assert_ok(call)                                           \
	do {                                                      \
		if ((call) < 0)                                   \
			fail_msg("%s: %s", #call, unit_err.text); \
	} while (0)

/* The call fails with that kind, and its text holds `words`. */
#define assert_refused(call, wanted, words)                                               \
	do {                                                                              \
		assert_int_equal((call), -1);                                             \
		if (!strstr(unit_err.text, words))                                        \
			fail_msg("%s: said '%s', not '%s'", #call, unit_err.text, words); \
		assert_string_equal(err_word(unit_err.kind), err_word(wanted));           \
	} while (0)

extern struct err unit_err;
#define UNIT_ERR &unit_err

/* A scratch folder of this test program, made at the first call, removed at exit. */
const char *unit_folder(void);

/* PATH of `name` in the scratch folder, with `text` written into it; static ring of 8. */
const char *unit_file(const char *name, const char *text);

#endif
