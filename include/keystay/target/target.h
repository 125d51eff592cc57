/*
 * Where a certificate goes. A version folder (versions/NAME/0007 with cert.pem, chain.pem,
 * fullchain.pem, key.pem, combined.pem, and anchors.pem where there are any) is put in place by
 * stage, activate and test; the same three, with the folder before, put the old one back.
 */
#ifndef KEYSTAY_TARGET_TARGET_H
#define KEYSTAY_TARGET_TARGET_H

#include "keystay/base/services.h"
#include "keystay/base/yaml.h"

#include <sys/types.h>

struct target_ops;

/* The files of a version that a `files` target can copy, and their words in the configuration. */
enum target_file {
	FILE_CERT,
	FILE_CHAIN,
	FILE_FULLCHAIN,
	FILE_KEY,
	FILE_COMBINED,
	FILE_ANCHORS, /* of authorities that have them */
	TARGET_FILES
};

/* How it stands in the configuration, and the name of the file before ".pem". */
const char *target_file_word(enum target_file file);

/* One item of `install:`; the configuration owns it. */
struct target_conf {
	const struct target_ops *ops;
	char *binary;             /* nginx */
	char *conf;               /* nginx: its main configuration file */
	struct list test;         /* argv; empty = the default, or none */
	struct list reload;       /* argv; empty = the default, or none */
	bool reload_elsewhere;    /* `reload: []`: something else does it, as a path unit */
	struct list endpoints;    /* HOST:PORT to shake hands with */
	char *path[TARGET_FILES]; /* files: where each goes; NULL = not wanted */
	char *owner;
	char *group;
	int64_t mode; /* files: as written, in octal digits read as a number; 0 = 0644, key 0640 */
	struct mark at;
};

struct target_ops {
	const char *word;
	/* Puts what is needed beside its place; nothing is visible to the server yet. May be NULL.
	 */
	int (*stage)(const struct target_conf *t, const char *folder, struct err *e);
	/* Makes it visible, by renames only. May be NULL: the live link is enough. */
	int (*activate)(const struct target_conf *t, struct err *e);
	/* Asks the server whether it could live with what is there. May be NULL. */
	int (*test)(const struct target_conf *t, const struct services *s, struct err *e);
	/* Tells the server. May be NULL. */
	int (*reload)(const struct target_conf *t, const struct services *s, struct err *e);
	/* How many processes accept connections, as far as the configuration tells. May be NULL: 1.
	 */
	int (*workers)(const struct target_conf *t);
};

/* Milliseconds that a test or a reload may take. */
#define TARGET_LIMIT_MS 60000

#endif
