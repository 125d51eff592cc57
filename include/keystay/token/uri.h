/*
 * The PKCS#11 URI (RFC 7512) by which servers and OpenSSL's provider find a key. keystay reads none
 * but its own, from the files that it installed, when the database is lost.
 */
#ifndef KEYSTAY_TOKEN_URI_H
#define KEYSTAY_TOKEN_URI_H

#include "keystay/base/err.h"
#include "keystay/token/key_name.h"

#include <stdbool.h>

#define KEY_URI_TEXT 512

/*
 * "pkcs11:token=T;serial=S;object=O;id=%..;type=private"; an empty serial is left out, `id_hex` is
 * hex. All but unreserved characters is percent-encoded. ERR_FAILED when it does not fit.
 */
int uri_make(const char *token, const char *serial, const char *object, const char *id_hex,
	char uri[KEY_URI_TEXT], struct err *e) MUST_USE;

/* Object and id of a URI that uri_make wrote; false for anything else. */
bool uri_read(const char *uri, struct key_name *ret);

#endif
