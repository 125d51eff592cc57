/*
 * Drop-ins: files of certificates.d that keystay writes whole and takes away whole, one certificate
 * each. A file that it did not write is never changed.
 *
 *	dropin_text(&conf, &text, &e)			what would be in it
 *	config_read_with(...)				is all of it right, with that text?
 *	dropin_write(path, &text, &e)			then it lands
 */
#ifndef KEYSTAY_CONFIG_DROPIN_H
#define KEYSTAY_CONFIG_DROPIN_H

#include "keystay/base/buf.h"
#include "keystay/config/config.h"

/* A certificate of 1,000 names of full length fits. */
#define DROPIN_MAX (512 * 1024)

/* How the first line of such a file begins. */
#define DROPIN_MARK "# written by 'keystay add'"

/*
 * Where the drop-in of a name is: certificates.d/NAME.yaml beside the configuration `path`. The
 * caller frees; NULL without memory. The name is one (config_name_fits).
 */
char *dropin_path(const char *config_path, const char *name);

/*
 * The text of the file into *ret (empty before): the mark, and one certificate with all that is
 * set. ERR_CONFIG for values that are not UTF-8 or too large.
 */
int dropin_text(const struct certificate_conf *c, struct buf *ret, struct err *e) MUST_USE;

/*
 * Did keystay write the file that the certificate is in, and is nothing else in it? A file that
 * somebody put more into, or a link, is not its own any more.
 */
bool dropin_is_own(const struct config *c, const struct certificate_conf *cert);

/* ERR_CONFIG: the file and the lines of a certificate that a person has to change. Always -1. */
int dropin_not_own(const struct config *c, const struct certificate_conf *cert, const char *verb,
	struct err *e);

/* Makes the folder where it is missing, and the file, whole and durable; mode 0644. */
int dropin_write(const char *path, const struct buf *text, struct err *e) MUST_USE;

/* Takes the file away, durably; one that is not there is no error. */
int dropin_remove(const char *path, struct err *e) MUST_USE;

#endif
