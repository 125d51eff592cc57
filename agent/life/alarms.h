/*
 * What counts mean: the soft limit that makes a certificate due, and uses that should not be. Every
 * alarm is journaled in the transaction of the checkpoint, and told to whoever watches.
 */
#ifndef KEYSTAY_LIFE_ALARMS_H
#define KEYSTAY_LIFE_ALARMS_H

#include "keystay/state/uses.h"
#include "counts.h"
#include "internal.h"

/* A key of the database that the ledger has, in little room: there may be 20,000. */
struct owned_key {
	char public_hash[KEY_HASH_TEXT];
	char id[33];
	const struct certificate_conf
		*certificate; /* NULL where it is of none, or of none any more */
	struct ledger_slot *slot;
};

struct owned_keys {
	struct owned_key *item;
	size_t count, room;
};

int owned_keys_add(struct owned_keys *all, const struct life *l, const struct key_row *k,
	struct ledger_slot *s, struct err *e) MUST_USE;
void owned_keys_sort(struct owned_keys *all);

/* By public hash, after the sorting; NULL for none. */
const struct owned_key *owned_keys_find(const struct owned_keys *all, const char *public_hash);
void owned_keys_clear(struct owned_keys *all);

/* One key whose counts are not those of its checkpoint. */
struct alarm {
	struct ledger_slot *slot;
	struct counts was, is;
	struct use_row *row; /* alarmed_hour is brought up to date */
	bool rolled_back;    /* the ledger had fewer than the checkpoint */
};

int alarms_raise(struct life *l, const struct owned_keys *all, struct alarm *a, when_t now,
	struct err *e) MUST_USE;

/* The same for keys that have no slot. */
int alarms_raise_other(
	struct life *l, const struct counts *was, const struct counts *is, struct err *e) MUST_USE;

/* So many keys had no slot any more, and got one again. */
int alarms_raise_missing(struct life *l, size_t keys, struct err *e) MUST_USE;

#endif
