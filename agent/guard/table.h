/*
 * Handles that the guard remembers: a hash table of two numbers to a small entry. Not locked; the
 * owner does that.
 */
#ifndef KEYSTAY_GUARD_TABLE_H
#define KEYSTAY_GUARD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger_slot;

struct entry {
	uint64_t a, b;               /* a session and 0; or a token's slot and an object */
	struct ledger_slot *slot;    /* of a session: what it signs for now; of a key: its own */
	_Atomic uint64_t *elsewhere; /* of a session: the counts of what it signs without a slot */
	uint64_t slot_id;            /* of a session: PKCS#11's slot */
	uint64_t owner;              /* of a key that is a session object: its session; else 0 */
	int64_t looked_at;           /* of a key: seconds, when it was looked for last */
	uint32_t generation;         /* of the slot when it was found */
	bool used;
	bool signs;  /* of a session: an operation is under way, with or without a slot */
	bool counts; /* of a key: it is a private key */
};

/* {0} is an empty one. */
struct table {
	struct entry *entry;
	size_t room, used;
};

/* NULL for none; borrowed until the next call that adds or removes. */
struct entry *table_find(const struct table *t, uint64_t a, uint64_t b);

/* The entry of these numbers, a new one all zero but for them; NULL without memory. */
struct entry *table_add(struct table *t, uint64_t a, uint64_t b);

void table_remove(struct table *t, uint64_t a, uint64_t b);

/* Removes every entry that `which` says yes to. */
void table_remove_if(struct table *t, bool (*which)(const struct entry *e, void *ctx), void *ctx);

void table_clear(struct table *t);

#endif
