/*
 * What is allowed. Pure: a policy, facts and a moment give verdicts; no clock, no network, no file
 * but the policy's own text. All broken rules are reported, not the first.
 */
#ifndef KEYSTAY_POLICY_POLICY_H
#define KEYSTAY_POLICY_POLICY_H

#include "keystay/base/yaml.h"
#include "keystay/policy/values.h"
#include "keystay/x509/csr.h"
#include "keystay/x509/traits.h"

/* In the order in which they are shown. */
enum rule {
	RULE_KEY_TYPES,   /* a list of types */
	RULE_TOKEN_CLASS, /* hardware, or software: any */
	RULE_KEY_ORIGIN,  /* what the token must say of a key */
	RULE_ROTATE,      /* every_renewal, or a duration: a new key when the old is that old */
	RULE_MAX_KEY_AGE, /* a duration, across renewals */
	RULE_RENEW_AT,    /* the share of the lifetime that is left, in percent */
	RULE_SUCCESSOR,   /* keep, or none: a key that is made ahead, for the next rotation */
	RULE_DRAIN,       /* a duration: how long a replaced key is left as it is */
	RULE_DISABLE,     /* a duration: how long it is then switched off before it is destroyed */
	RULE_MAX_SIGNATURES, /* a key's soft and hard limit, and when the hard one is armed */
	RULE_MIN_ROTATION,   /* a duration: between two rotations because of the soft limit */
	RULE_RATE_ALARM,     /* a number: an hour with so many times the busiest one is told */
	RULE_MAX_VALIDITY,   /* a duration, or a table of durations by issue date */
	RULE_NAMES,          /* which names, how many, wildcards and addresses or not */
	RULE_SUBJECT,        /* what the fields of the subject may be */
	RULE_AUTHORITIES,    /* a list of authorities of the configuration */
	RULE_DISTRUST,       /* issuers, and since when */
	RULE_SIGNATURE_ALGORITHMS, /* a list, for the whole chain */
	RULE_WEAK_KEYS,            /* a list of weaknesses */
	RULE_REQUIRED_EKU,         /* a list of extended key usages */
	RULE_REQUIRED_KU,          /* a list of key usages */
	RULE_FREEZE,               /* when nothing is renewed that can wait */
	RULE_OWNER,                /* required */
	RULES
};

enum effect { EFFECT_REFUSE, EFFECT_WARN };

struct policy_rule {
	bool set;
	char *source; /* "BR 6.3.2"; NULL = not said */
	enum effect effect;
	const char *from; /* the policy that set it, when inherited; borrowed from the policies */
};

/* Somebody answers for it that a rule is broken by one certificate, for a time. */
struct waiver {
	enum rule rule;
	char *certificate;
	char *owner;
	char *reason;
	char *until_text; /* as it was written */
	when_t until;     /* the first moment at which it does not hold any more */
	struct mark at;
};

struct policy {
	char *name;
	char *extends; /* NULL = none */
	struct policy_rule rule[RULES];
	struct list key_types;
	bool hardware;        /* token_class */
	bool origin[ORIGINS]; /* key_origin */
	when_t rotate;        /* 0 = every renewal */
	when_t max_key_age;
	int64_t renew_at; /* percent */
	bool successor;
	when_t drain, disable;
	struct limits limits;
	when_t min_rotation;
	int64_t rate_alarm;
	struct validity_table validity;
	struct name_rules names;
	struct subject_rules subject;
	struct list authorities;
	struct distrust distrust;
	struct list signatures;
	bool weak[WEAKNESSES];
	struct list eku, ku;
	struct freeze freeze;
	bool owner;
	struct waiver *waiver; /* its own; those of `parent` hold too */
	size_t waivers;
	const struct policy *parent; /* what it extends, once all are read */
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

/* What a token said of a key when it was made. */
struct key_origin {
	bool known;
	bool said[ORIGINS];
};

/*
 * What a certificate wants, or is. What is not known is NULL or 0, and the rules about it are open.
 * All of it is borrowed for the call.
 */
struct policy_facts {
	when_t now;
	const char *certificate;     /* its name, for waivers; NULL = owner is not known either */
	const char *const *key_type; /* words */
	size_t key_types;
	const struct list *names; /* normalised (x509/names.h) */
	const struct subject *subject;
	const char *owner; /* NULL or "" = nobody */
	const char *authority;
	const struct list *authority_issuers; /* as chain_traits has them, of its last chain */
	when_t key_made_at;      /* of the key in use; 0 = there is none, or a new one is made */
	when_t validity;         /* how long the next certificate will live, in seconds */
	int64_t signatures;      /* that the key made */
	const char *token_class; /* "software", or a word of hardware (token/evidence.h) */
	struct key_origin origin;
	const struct weak *weak; /* of the key */
	const struct chain_traits *issued;
};

/* The later the worse. */
enum verdict {
	VERDICT_OK,
	VERDICT_OPEN, /* it cannot be judged yet */
	VERDICT_WARN,
	VERDICT_WAIVED, /* broken, and somebody answers for it */
	VERDICT_REFUSED
};

struct judgement {
	enum verdict verdict;
	char value[320]; /* the rule's value as text, "-" when the policy does not have it */
	char text[480];  /* why */
};

/* Judges every rule from whatever facts are there; returns the worst verdict. */
enum verdict policy_judge(
	const struct policy *p, const struct policy_facts *facts, struct judgement ret[RULES]);

/* Keeps, rule by rule, the worse of two judgements in `worst`; returns the worst verdict. */
enum verdict policy_worse(struct judgement worst[RULES], const struct judgement other[RULES]);

/* The word of a rule, as it stands in a policy file. */
const char *rule_word(enum rule rule);

/* "ok", "open", "warn", "waived", "refused". */
const char *verdict_word(enum verdict verdict);

/* The word of what a token says of a key: "local", "not_extractable" and so on. */
const char *origin_word(enum origin origin);

/*
 * True when a certificate that is renewed at `now` must get a new key: by `rotate`, or because the
 * old one is of the age `max_key_age`, or would be before the renewal after this one is due. For
 * that the lifetime of the next certificate must be known (`validity`, in seconds; 0 = it is not).
 */
bool policy_wants_new_key(const struct policy *p, when_t key_made_at, when_t validity, when_t now);

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

/* The longest that one which is issued at that moment may live, not_after - not_before; 0 = without
 * a limit. */
when_t policy_validity_max(const struct policy *p, when_t issued_at);

/*
 * The moment after which a renewal waits for nothing any more: half of the share `renew_at` that
 * was left when the certificate was due is gone.
 */
when_t policy_deadline(const struct policy *p, when_t not_before, when_t not_after);

/*
 * True when `at` is in a time in which nothing is renewed that can wait; *ret_until is its end,
 * where times that overlap or touch are one. UTC. `p` may be NULL.
 */
bool policy_frozen(const struct policy *p, when_t at, when_t *ret_until);

/*
 * When what is due at `due` is to begin, seen from `now`. Where `due` is frozen: a day before that
 * freeze starts (or between it and the one before, or now, if that is later); once it has started,
 * when it ends. Never later than `deadline`.
 */
when_t policy_thaw(const struct policy *p, when_t now, when_t due, when_t deadline);

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
