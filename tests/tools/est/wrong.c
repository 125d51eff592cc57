/* What a rule makes wrong in a certificate. */
#include "est.h"

#define A_DAY 86400L

void
wrong_dates(enum act act, long *from, long *until)
{
	if (act == ACT_EXPIRED) {
		*from = -2 * A_DAY;
		*until = -A_DAY;
	} else if (act == ACT_NOT_YET) {
		*from = A_DAY;
		*until = 2 * A_DAY;
	}
}

const char *
wrong_constraints(enum act act)
{
	return act == ACT_IS_CA ? "critical,CA:TRUE" : "critical,CA:FALSE";
}

X509_NAME *
wrong_subject(enum act act)
{
	AUTO(X509_NAME) X509_NAME *other = X509_NAME_new();
	const unsigned char name[] = "other.example";

	if (act != ACT_OTHER_SUBJECT || !other ||
		X509_NAME_add_entry_by_txt(other, "CN", MBSTRING_UTF8, name, -1, -1, 0) != 1)
		return NULL;
	return take(&other);
}

X509_EXTENSION *
wrong_san(const STACK_OF(X509_EXTENSION) * asked, const char *name)
{
	GENERAL_NAMES *san = X509V3_get_d2i(asked, NID_subject_alt_name, NULL, NULL);
	GENERAL_NAME *more = a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_DNS, name, 0);
	X509_EXTENSION *made = NULL;

	if (san && more && sk_GENERAL_NAME_push(san, more) > 0) {
		more = NULL;
		made = X509V3_EXT_i2d(NID_subject_alt_name, 0, san);
	}
	GENERAL_NAME_free(more);
	GENERAL_NAMES_free(san);
	return made;
}
