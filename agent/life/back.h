/* What the steps ask of an attempt that goes back to a version (include/keystay/life/go_back.h). */
#ifndef KEYSTAY_LIFE_BACK_H
#define KEYSTAY_LIFE_BACK_H

#include "internal.h"
#include "known.h"

/* The key_mode of such an attempt. */
#define MODE_BACK "back"

bool goes_back(const struct attempt *a);

/*
 * May that version be live again? ERR_POLICY: it is expired or revoked, or a key of it is disabled,
 * destroyed or compromised. ERR_FAILED: its files are gone.
 */
int back_judge(struct life *l, const struct known *k, struct err *e) MUST_USE;

/* Before it is installed: it is judged once more, and its keys may serve in the ledger. */
int back_prepare(struct life *l, struct work *w, struct err *e) MUST_USE;

/* In place of what `record` does with a new version. */
int back_record(struct life *l, struct work *w, struct err *e) MUST_USE;

/* After what was live is put back: the attempt ends. `why` is journaled. */
int back_drop(struct life *l, struct work *w, const char *why, struct err *e) MUST_USE;

#endif
