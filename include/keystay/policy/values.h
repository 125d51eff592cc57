/*
 * What the values of rules are made of (policy/policy.h). All of it belongs to the policy that set
 * the rule; one that inherits the rule borrows it.
 */
#ifndef KEYSTAY_POLICY_VALUES_H
#define KEYSTAY_POLICY_VALUES_H

#include "keystay/base/text.h"
#include "keystay/base/when.h"

/* Ceiling of every list of mappings in a policy. */
#define VALUES_MAX 200

enum hard_when {
	HARD_SUCCESSOR_LIVE, /* when the next key is proven to be served */
	HARD_ALWAYS,
	HARD_NEVER
};

struct limits {
	int64_t soft, hard; /* signatures; 0 = none */
	enum hard_when hard_when;
};

/* What a token's own attributes say of where a key was made and whether it can leave. */
enum origin {
	ORIGIN_LOCAL,
	ORIGIN_SENSITIVE,
	ORIGIN_ALWAYS_SENSITIVE,
	ORIGIN_NOT_EXTRACTABLE,
	ORIGIN_NEVER_EXTRACTABLE,
	ORIGINS
};

/* A limit on validity from a moment on: so many seconds, or so many calendar months. */
struct validity_step {
	when_t from; /* issue date; 0 = always */
	when_t seconds;
	int64_t months; /* 0 = seconds are meant */
	char *source;   /* NULL = that of the rule */
};

struct validity_table {
	struct validity_step *step; /* `from` rises */
	size_t steps;
};

enum leave { LEAVE_NOT_SAID, LEAVE_ALLOW, LEAVE_DENY };

struct name_rules {
	struct list allow, deny; /* patterns, normalised as names are */
	enum leave wildcard, ip;
	int64_t max; /* 0 = no limit */
};

enum field_need { FIELD_FREE, FIELD_REQUIRED, FIELD_FORBIDDEN, FIELD_ONE_OF };

struct field_rule {
	enum field_need need;
	struct list allowed; /* of FIELD_ONE_OF */
};

struct subject_rules {
	struct field_rule organization, unit, locality, state, country, serial_number, common_name;
};

/* Certificates of `issuer` that are issued later than `after` are refused. */
struct distrusted {
	char *issuer; /* a name's text, or the SHA-256 of a key in lower-case hex */
	when_t after;
	char *authority; /* the one of the configuration that issues from there; NULL = not said */
	char *source;    /* NULL = that of the rule */
};

struct distrust {
	struct distrusted *item;
	size_t count;
};

/* [from, to) as moments, or as seconds since Monday 00:00, where `to` may be below `from`. */
struct freeze_window {
	bool weekly;
	when_t from, to;
};

struct freeze {
	struct freeze_window *window;
	size_t windows;
};

#endif
