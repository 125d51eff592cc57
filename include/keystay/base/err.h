/*
 * What went wrong, for a person and for the loop: a kind (what the caller may do about it), one
 * sentence (lower case, names in 'ticks', no full stop) and a hint (a command or a file to edit).
 *
 * The functions that fill an error return -1, so that `return err_set(e, ...)` is the way out.
 * A later call replaces an earlier error; err_in() puts the place before the text that is there.
 */
#ifndef KEYSTAY_BASE_ERR_H
#define KEYSTAY_BASE_ERR_H

#include "keystay/base/auto.h"
#include "keystay/base/when.h"

enum err_kind {
	ERR_NONE,
	ERR_FAILED,    /* this machine: a file, a disk, a program */
	ERR_USAGE,     /* the command line */
	ERR_CONFIG,    /* the configuration or a policy file */
	ERR_POLICY,    /* refused by policy */
	ERR_TOKEN,     /* token absent, full, not able to do it */
	ERR_LOST,      /* token or module lost its state: a new start of the module may help */
	ERR_PIN,       /* a PIN that cannot be had or was refused */
	ERR_AUTHORITY, /* the authority (or the DNS it asked) said no, or its answer is not usable
			*/
	ERR_NETWORK,   /* no connection, or it broke */
	ERR_BUSY,      /* told to come back: 429 and 503 */
	ERR_SERVED,    /* installed, but a handshake does not show it */
	ERR_WAIT,      /* nothing is wrong, but not yet */
	ERR_KINDS
};

struct err {
	enum err_kind kind;
	when_t retry_at; /* with ERR_BUSY: not before this moment; 0 = not said */
	char text[1600];
	char hint[480];
};

/* Sets kind and text, clears hint and retry_at. Always returns -1. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As err_set, with ": " and the text of `number` (an errno value) behind. */
int err_errno(struct err *e, enum err_kind kind, int number, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* Puts "PLACE: " before the text that is there. Always returns -1. */
int err_in(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Sets what to do about it. Always returns -1. */
int err_hint(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The word of a kind ("token", "config"), as the database and --json spell it. Never NULL. */
const char *err_word(enum err_kind kind);

/* The kind of a word; ERR_FAILED for a word that is none. */
enum err_kind err_kind_of(const char *word);

/* A fault of ours: says where and aborts. */
#define BUG(what) bug_at(__FILE__, __LINE__, what)
_Noreturn void bug_at(const char *file, int line, const char *what);

#endif
