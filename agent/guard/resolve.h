/* What key a handle stands for, by what the vendor's module shows of it. */
#ifndef KEYSTAY_GUARD_RESOLVE_H
#define KEYSTAY_GUARD_RESOLVE_H

#include "keystay/guard/ledger.h"

#include <p11-kit/pkcs11.h>

enum resolved {
	RESOLVED_KEY,     /* a private key, and *ret is its public value */
	RESOLVED_PRIVATE, /* a private key; there is not one public value that is certainly its */
	RESOLVED_OTHER,   /* no private key */
	RESOLVED_NOTHING  /* the module does not say now */
};

/* Asks on a session that it opens and closes: the caller's may have a search under way. */
enum resolved resolve_key(
	CK_FUNCTION_LIST *vendor, CK_SLOT_ID slot, CK_OBJECT_HANDLE key, struct ledger_key *ret);

#endif
