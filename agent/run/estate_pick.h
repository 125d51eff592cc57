/*
 * Which rows of the estate are shown, and in what order.
 */
#ifndef KEYSTAY_RUN_ESTATE_PICK_H
#define KEYSTAY_RUN_ESTATE_PICK_H

#include "estate.h"

/* A row is picked when it is all of this. {0} picks every row. */
struct estate_filter {
	struct list names;     /* any of these, sorted; empty = all */
	const char *owner;     /* the owner or a part of it, in any case; NULL = all */
	struct list authority; /* any of these; empty = all */
	struct list policy;    /* likewise */
	unsigned states;       /* a bit for each enum estate_state; 0 = all */
	when_t until;          /* it ends, and not after this; 0 = all */
};

bool estate_matches(const struct estate_filter *f, const struct estate_row *r);

/* Whether it picks every row. */
bool estate_is_whole(const struct estate_filter *f);

/* `state` is the worst state first, and in one state what ends first. What is not known comes
 * last. */
enum estate_sort {
	SORT_STATE,
	SORT_NAME,
	SORT_OWNER,
	SORT_AUTHORITY,
	SORT_EXPIRY,
	SORT_RENEWAL, /* what is not there yet, then what is due first */
	SORT_AGE,     /* the oldest key first */
	SORT_USE,     /* the most signatures first */
	SORTS
};

bool estate_sort_of(const char *word, enum estate_sort *ret);

/* Rows in their order; the caller frees `row`. */
struct estate_pick {
	const struct estate_row **row;
	size_t count;
};

/* Sorts it; rows that are equal otherwise by name. */
void estate_pick_sort(struct estate_pick *p, enum estate_sort sort, bool reverse);

#endif
