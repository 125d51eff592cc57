/*
 * What a rule is: its word, how its value is read, judged and freed. One constant for each rule, in
 * the file of its subject; rule.c has the list.
 */
#ifndef KEYSTAY_POLICY_KIND_H
#define KEYSTAY_POLICY_KIND_H

#include "keystay/policy/policy.h"

struct rule_kind {
	const char *word;
	yaml_read_fn read; /* the value, into its slot in the policy */
	/*
	 * Where the value is a mapping: its keys, offsets in the slot. They may also stand beside
	 * 'source' and 'effect', without 'value'; `sane` judges what was read that way.
	 */
	const struct yaml_key *keys;
	size_t key_count;
	int (*sane)(struct yaml *y, const void *slot, struct err *e);
	void (*clear)(void *slot); /* NULL = nothing to free */
	size_t offset, bytes;      /* of the slot */
	/* Writes the value as text, and why it is not VERDICT_OK: VERDICT_OPEN or
	 * VERDICT_REFUSED. The effect and waivers come afterwards. */
	enum verdict (*judge)(
		const struct policy *p, const struct policy_facts *f, struct judgement *j);
	bool quiet; /* it refuses nothing, so nothing can be waived */
};

#define RULE_SLOT(field) \
	.offset = offsetof(struct policy, field), .bytes = sizeof(((struct policy *)NULL)->field)

/* keys.c */
extern const struct rule_kind kind_key_types, kind_token_class, kind_key_origin, kind_weak_keys;
/* ages.c */
extern const struct rule_kind kind_rotate, kind_max_key_age, kind_renew_at, kind_successor,
	kind_drain, kind_disable;
/* limits.c */
extern const struct rule_kind kind_max_signatures, kind_min_rotation, kind_rate_alarm;
/* validity.c, names.c, subject.c, distrust.c, freeze.c */
extern const struct rule_kind kind_max_validity, kind_names, kind_subject, kind_distrust,
	kind_freeze;
/* wish.c */
extern const struct rule_kind kind_authorities, kind_owner;
/* chain.c */
extern const struct rule_kind kind_signature_algorithms, kind_required_eku, kind_required_ku;

#endif
