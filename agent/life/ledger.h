/*
 * The use ledger under the agent's hand: opened with the database, made anew from its checkpoints
 * where it was lost, told of every key. Without it (a full disk, a file that may not be opened)
 * certificates go on being renewed, and it is said that no limit is kept.
 */
#ifndef KEYSTAY_LIFE_LEDGER_H
#define KEYSTAY_LIFE_LEDGER_H

#include "keystay/guard/book.h"
#include "counts.h"
#include "internal.h"

/* Opens or makes it; l->book stays NULL where that cannot be done, with a warning. */
void ledger_open(struct life *l);

/* The slot of a key row's public key; NULL where there is none, or no ledger. */
struct ledger_slot *ledger_slot_of(struct life *l, const char *public_hash);

/*
 * Registers a key by its public half, before anything is signed with it. Without effect without a
 * ledger; a warning when it cannot.
 */
void ledger_register(
	struct life *l, const struct key_row *row, const char *public_hash, const EVP_PKEY *public);

/* Writes a key's state and limits into its slot, as its row and its policy have them now. */
void ledger_follow(struct life *l, const struct key_row *row);

/* A key whose certificate is about to be installed: from now on servers sign with it. */
void ledger_serve(struct life *l, const struct key_row *row);

/* Signatures that a key made, by the ledger; 0 without. */
int64_t ledger_signatures(struct life *l, const char *public_hash);

/* The ledger's word for a key's state. */
enum ledger_state ledger_state_of(const char *key_state);

/* A slot as its checkpoint has it: its key is known, whatever became of the file. */
struct use_row;
int ledger_restore(struct life *l, const struct use_row *u, struct err *e) MUST_USE;

/* What a slot says of its key: kind, public value, label, serial. */
void ledger_describe(const struct ledger_slot *s, struct use_row *u);

/* A slot's counts, raised to what was counted before; true when they were lower. */
bool ledger_raise(struct ledger_slot *s, const struct counts *to);

#endif
