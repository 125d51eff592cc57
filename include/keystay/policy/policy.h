/*
 * What is allowed. Pure: a policy, facts and a moment give verdicts; no clock, no network, no file
 * but the policy's own text. All broken rules are reported, not the first.
 */
#ifndef KEYSTAY_POLICY_POLICY_H
#define KEYSTAY_POLICY_POLICY_H

#include "keystay/base/yaml.h"

enum rule {
	RULE_KEY_TYPES,   /* a list of types */
	RULE_ROTATE,      /* every_renewal, or a duration: a new key when the old is that old */
	RULE_MAX_KEY_AGE, /* a duration, across renewals */
	RULE_RENEW_AT,    /* the share of the lifetime that is left, in percent */
	RULE_SUCCESSOR,   /* keep, or none: a key that is made ahead, for the next rotation */
	RULE_DRAIN,       /* a duration: how long a replaced key is left as it is */
	RULE_DISABLE,     /* a duration: how long it is then switched off before it is destroyed */
	RULE_MAX_SIGNATURES, /* a key's soft and hard limit, and when the hard one is armed */
	RULE_MIN_ROTATION,   /* a duration: between two rotations because of the soft limit */
	RULE_RATE_ALARM,     /* a number: an hour with so many times the busiest one is told */
	RULES
};

enum effect { EFFECT_REFUSE, EFFECT_WARN };

enum hard_when {
	HARD_SUCCESSOR_LIVE, /* when the next key is proven to be served */
	HARD_ALWAYS,
	HARD_NEVER
};

struct policy_rule {
	bool set;
	char *source; /* "BR 6.3.2"; NULL = not said */
	enum effect effect;
	const char *from; /* the policy that set it, when inherited; borrowed from the policies */
};

struct policy {
	char *name;
	char *extends; /* NULL = none */
	struct policy_rule rule[RULES];
	struct list key_types;
	when_t rotate; /* 0 = every renewal */
	when_t max_key_age;
	int64_t renew_at; /* percent */
	bool successor;
	when_t drain, disable;
	int64_t soft, hard; /* signatures; 0 = none */
	enum hard_when hard_when;
	when_t min_rotation;
	int64_t rate_alarm;
	struct mark at;
};

struct policies;

/* The shipped ones; the caller frees with policies_free. */
int policies_new(struct policies **ret, struct err *e) MUST_USE;
void policies_free(struct policies *all);

/*
 * Reads one more policy, over a shipped one of the same name. `file` and `text` must outlive the
 * policies. ERR_CONFIG with the place.
 */
int policies_add(struct policies *all, const char *file, const char *text, size_t len,
	struct err *e) MUST_USE;

/* Resolves `extends`; to be called once, after the last policies_add. */
int policies_finish(struct policies *all, struct err *e) MUST_USE;

/* By name, or NULL. Borrowed. */
const struct policy *policy_find(const struct policies *all, const char *name);

/* Every policy in order of reading, NULL behind the last. */
const struct policy *policy_at(const struct policies *all, size_t index);

/* What a certificate wants, or is. */
struct policy_facts {
	const char *const *key_type; /* words */
	size_t key_types;
	when_t key_made_at; /* of the key in use; 0 = there is none, or a new one is made */
	int64_t signatures; /* that it made */
	when_t now;
};

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_REFUSED };

struct judgement {
	enum verdict verdict;
	char value[128]; /* the rule's value as text, "-" when the policy does not have it */
	char text[192];  /* why */
};

/* Judges every rule; returns the worst verdict. */
enum verdict policy_judge(
	const struct policy *p, const struct policy_facts *facts, struct judgement ret[RULES]);

/* The word of a rule, as it stands in a policy file; of a verdict: "ok", "warn", "refused". */
const char *rule_word(enum rule rule);
const char *verdict_word(enum verdict verdict);

/* True when a certificate that is renewed at `now` must get a new key by `rotate` and age. */
bool policy_wants_new_key(const struct policy *p, when_t key_made_at, when_t now);

/* True when a key with so many signatures is to be replaced: the soft limit, or without one the
 * hard. */
bool policy_budget_spent(const struct policy *p, int64_t signatures);

/*
 * The hard limit that is armed for a key; 0 = none. One that faces the Internet (a TLS server's)
 * only when its successor is served, unless the policy says otherwise: every handshake that a
 * stranger begins costs a signature, so a hard limit is a way to stop the server.
 */
int64_t policy_hard_limit(const struct policy *p, bool tls_server, bool successor_live);

/* The least time between rotations because of the soft limit; 48 hours where nothing is said. */
when_t policy_min_rotation(const struct policy *p);

/* How many times the busiest hour is told; 10 where nothing is said. */
int64_t policy_rate_alarm(const struct policy *p);

/* The word of when a hard limit is armed: "successor_live", "always", "never". */
const char *hard_when_word(enum hard_when when);

/* When the share of its lifetime that is left says that a certificate is due. */
when_t policy_share_at(const struct policy *p, when_t not_before, when_t not_after);

/* When a key is to be replaced because of its age; 0 = never. *ret_reason says by which rule. */
when_t policy_rotate_at(const struct policy *p, when_t key_made_at, const char **ret_reason);

/* When a certificate of these dates, with a key of this age, is due; *ret_reason says by what. */
when_t policy_renew_at(const struct policy *p, when_t not_before, when_t not_after,
	when_t key_made_at, const char **ret_reason);

/* Whether a key is kept ready for each type of a certificate. */
bool policy_keeps_successor(const struct policy *p);

/* How long a replaced key drains, and stays disabled; a day each where the policy does not say.
 * `p` is NULL for a key whose certificate is no longer configured. */
when_t policy_drain(const struct policy *p);
when_t policy_disable(const struct policy *p);

static inline void
auto_policies(struct policies **slot)
{
	policies_free(*slot);
}

#endif
