#include "est_identity.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "keystay/x509/ossl.h"

bool
identity_suits(X509 *x, when_t now, char why[IDENTITY_WHY])
{
	when_t from = ossl_when(X509_get0_notBefore(x)), until = ossl_when(X509_get0_notAfter(x));
	char text[WHEN_TEXT];

	why[0] = '\0';
	if (!from || !until)
		snprintf(why, IDENTITY_WHY, "has no dates that can be read");
	else if (now < from)
		snprintf(why, IDENTITY_WHY, "is not valid before %s", when_format(from, text));
	else if (now >= until)
		snprintf(why, IDENTITY_WHY, "expired at %s", when_format(until, text));
	else if (X509_check_purpose(x, X509_PURPOSE_SSL_CLIENT, 0) != 1)
		snprintf(why, IDENTITY_WHY, "is not for TLS clients (%s)",
			X509_get_extension_flags(x) & EXFLAG_XKUSAGE &&
					!(X509_get_extended_key_usage(x) & XKU_SSL_CLIENT)
				? "it lacks clientAuth"
				: "its key usage lacks digitalSignature");
	ERR_clear_error();
	return !why[0];
}
