/*
 * What the configuration says of agreements with authorities that end on a day: contracts, accounts
 * and credentials, prepaid units, and validations of an organisation or a domain.
 */
#ifndef KEYSTAY_CONFIG_CONTRACT_H
#define KEYSTAY_CONFIG_CONTRACT_H

#include "keystay/base/yaml.h"

enum contract_kind {
	CONTRACT_CONTRACT,
	CONTRACT_ACCOUNT,    /* at the authority */
	CONTRACT_CREDENTIAL, /* of an external account, of a programming interface */
	CONTRACT_KINDS
};

struct contract_conf {
	char *name;
	enum contract_kind kind;
	char *authority;
	char *owner;
	when_t ends;        /* the last second in which it holds */
	int64_t units;      /* certificates that are paid for; 0 = they are not counted */
	int64_t units_used; /* when the configuration was written */
	char *notes;        /* NULL = none */
	struct mark at;
};

enum validation_kind { VALIDATION_ORGANISATION, VALIDATION_DOMAIN, VALIDATION_KINDS };

struct validation_conf {
	enum validation_kind kind;
	char *subject; /* the organisation's name; a domain, normalised (x509/names.h) */
	char *authority;
	char *owner;
	when_t ends; /* the last second in which it holds */
	struct mark at;
};

/* "contract", "account", "credential"; "organisation", "domain". */
const char *contract_word(enum contract_kind kind);
const char *validation_word(enum validation_kind kind);

#endif
