/*
 * What keystay-guard.so is told (keystay-guard.7): by the init string, or by a file when there is
 * none. libc only, as all that is linked into the module.
 */
#ifndef KEYSTAY_GUARD_SETTINGS_H
#define KEYSTAY_GUARD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#define SETTINGS_FILE "/var/lib/keystay/guard.conf"
#define SETTINGS_MAX 16384 /* bytes of the file, or of the string */

struct guard_settings {
	char module[4096];   /* the vendor's; "" = not said */
	char custodian[108]; /* a socket instead; "" = not said */
	char ledger[4096];   /* "" = none */
	char init[4096];     /* pReserved for the vendor's module */
	bool has_init;
	bool agent;          /* role=agent: every call passes, and is counted */
	bool refuse_unknown; /* unknown=refuse */
	bool refuse_without; /* no_ledger=refuse */
};

/* Room for a complaint: what is wrong, and with which word. */
#define SETTINGS_WHY 256

/*
 * KEY=VALUE separated by blanks; the value of the last one, init=, is all the rest. `text` ends
 * with a zero; NULL and "" are no settings. False with a complaint.
 */
bool settings_read_string(const char *text, struct guard_settings *ret, char why[SETTINGS_WHY]);

/* KEY=VALUE, one a line; blank lines and those that begin with # do not count. */
bool settings_read_lines(
	const char *text, size_t bytes, struct guard_settings *ret, char why[SETTINGS_WHY]);

/* Reads the file; at most SETTINGS_MAX bytes, and only a plain file. */
bool settings_read_file(const char *path, struct guard_settings *ret, char why[SETTINGS_WHY]);

#endif
