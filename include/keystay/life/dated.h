/*
 * Contracts and validations: when they end, and what they take down with them when nobody renews
 * them: the certificates that need them and have no other, from their first renewal after the end
 * (or without a unit) on.
 */
#ifndef KEYSTAY_LIFE_DATED_H
#define KEYSTAY_LIFE_DATED_H

#include "keystay/config/config.h"
#include "keystay/life/estate.h"

/* A certificate that is not renewed without it. */
struct dated_loss {
	const struct certificate_conf *certificate;
	when_t renewal_at;   /* the first that fails */
	when_t not_after;    /* of what is there by then; 0 = nothing is */
	const char *goes_to; /* its second authority; NULL = it has none, and is lost */
};

struct dated {
	const struct contract_conf *contract;     /* one of the two, */
	const struct validation_conf *validation; /* the other is NULL */
	const char *kind;                         /* "contract", "domain" */
	const char *name;                         /* or its subject */
	const char *authority, *owner;
	struct mark at; /* in the configuration */
	when_t ends;
	bool goes_on;            /* another of its kind lasts longer: nothing is lost */
	int64_t days_left;       /* whole days; -1 and less when it is over */
	int64_t units_left;      /* by the configuration; -1 = they are not counted */
	when_t units_out;        /* the first renewal without one; 0 = none before its end */
	int64_t issued;          /* certificates of its authority that the database knows of */
	struct dated_loss *loss; /* by their renewals, those that have no other authority first */
	size_t losses, lost;     /* `lost`: those that have no other */
};

struct dates {
	struct dated *item; /* in the order of their ends */
	size_t count;
};

/* The estate may have watched certificates; none of them is lost. The caller frees with dates_free.
 */
int dates_look(const struct config *c, const struct estate *s, when_t now, struct dates *ret,
	struct err *e) MUST_USE;
void dates_free(struct dates *d);
AUTO_DEFINE_VALUE(dates, dates_free)

/*
 * True when a renewal of the certificate needs it, and nothing else of its kind goes on for longer.
 * Where a certificate has several authorities its first one counts.
 */
bool dated_binds(
	const struct config *c, const struct dated *d, const struct certificate_conf *certificate);

/* True when a name is the domain, or is below it. */
bool dated_covers(const char *domain, const char *name);

/* "12 certificates (payments, www, ...), not renewed from 2027-09-14 on; the first ends on
 * 2027-10-14", "nothing". Returns text. */
const char *dated_losses_text(const struct dated *d, char *text, size_t size);

#endif
