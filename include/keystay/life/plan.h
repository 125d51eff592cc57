/*
 * What would be done next, and why; looked at without a lock, and nothing is changed. For `status`
 * and `renew --dry-run`.
 */
#ifndef KEYSTAY_LIFE_PLAN_H
#define KEYSTAY_LIFE_PLAN_H

#include "keystay/life/life.h"
#include "keystay/life/usage.h"

struct plans;

/* `db` may be NULL (there is no state yet); it, `c` and `usage` are borrowed. The caller frees *ret
 * with plans_free. */
int plans_open(const struct config *c, struct db *db, struct usage *usage, when_t now,
	struct plans **ret, struct err *e) MUST_USE;
void plans_free(struct plans *p);

/* When the certificate is due (0 = there is none yet), and by what; borrowed. */
when_t plan_due_at(
	const struct plans *p, const struct certificate_conf *c, const char **ret_reason);

struct plan {
	bool starts; /* an attempt would begin, or go on, now */
	when_t at;   /* when it is due, or tried again; 0 = now */
	char reason[192];
	char step[16]; /* where an attempt under way stands; "" = none is */
	char authority[65];
	char refused[400]; /* the rules that refuse it, and why; "" = none does */
	struct {
		enum key_type type;
		bool is_new;  /* made, or taken from those that are kept ready */
		char why[64]; /* "rotation interval"; why a new one */
	} key[KEY_TYPES];
	size_t keys;
};

/* What `wish` would do with it. */
int plan_of(struct plans *p, const struct certificate_conf *c, const struct wish *wish,
	struct plan *ret, struct err *e) MUST_USE;

static inline void
auto_plans(struct plans **slot)
{
	plans_free(*slot);
}

#endif
