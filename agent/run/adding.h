/* What `add` is to write: the wishes of a command line, of a watched certificate, and of others. */
#ifndef KEYSTAY_RUN_ADDING_H
#define KEYSTAY_RUN_ADDING_H

#include "keystay/run/run.h"
#include "keystay/state/watched.h"

/* The options of `add`; borrowed texts. NULL and empty lists = not said. */
struct add_wish {
	const char *owner;
	const char *token;
	const char *policy;
	const char *subject; /* in one line */
	const char *webroot, *listen;
	const char *install; /* "nginx" or "files" */
	const char *like;    /* another certificate: what is not said is as it has it */
	struct list names, authority, keys, endpoints, paths;
};

/*
 * The certificate that is wished for: what it is now (where it is configured), what `like` has,
 * what is watched (NULL = it is not), what the command line says, and where none of them speaks,
 * what there is only one of. The caller frees *ret with certificate_conf_clear.
 */
int add_conf(const struct config *c, const char *name, const struct add_wish *wish,
	const struct watched_row *watched, struct certificate_conf *ret, struct err *e) MUST_USE;

#endif
