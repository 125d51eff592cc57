/* Client certificates, looked at before a server looks at them. */
#ifndef KEYSTAY_CA_EST_IDENTITY_H
#define KEYSTAY_CA_EST_IDENTITY_H

#include "keystay/base/when.h"

#include <openssl/x509.h>

#define IDENTITY_WHY 160

/*
 * Whether a server may take it: valid at `now`, and for TLS clients by its key usages (RFC 7030
 * 3.3.2, RFC 5280 4.2.1.12). Else `why` says what is wrong, behind the certificate's name.
 */
bool identity_suits(X509 *x, when_t now, char why[IDENTITY_WHY]);

#endif
