/* Every rule of a policy: what it accepts, what it refuses, and what it leaves open. */
#include "support/unit.h"

#include <string.h>

#include "support/policies.h"

static void
accepts(const char *rules, enum rule rule, const struct policy_facts *f)
{
	enum verdict verdict = verdict_of(rules, rule, f);
	if (verdict != VERDICT_OK)
		fail_msg("%s: %s, '%s'", rules, verdict_word(verdict), policy_said.text);
}

static void
refuses(const char *rules, enum rule rule, const struct policy_facts *f, const char *text)
{
	enum verdict verdict = verdict_of(rules, rule, f);
	if (verdict != VERDICT_REFUSED || !strstr(policy_said.text, text))
		fail_msg("%s: %s, '%s'", rules, verdict_word(verdict), policy_said.text);
}

static void
leaves_open(const char *rules, enum rule rule)
{
	const struct policy_facts nothing = {.now = NOW};
	assert_int_equal(verdict_of(rules, rule, &nothing), VERDICT_OPEN);
}

static void
token_class(void **state)
{
	static const char hard[] = "{token_class: hardware}", soft[] = "{token_class: software}";
	struct policy_facts f = {.now = NOW, .token_class = "tpm"};

	(void)state;
	accepts(hard, RULE_TOKEN_CLASS, &f);
	f.token_class = "hsm-claimed";
	accepts(hard, RULE_TOKEN_CLASS, &f);
	accepts(soft, RULE_TOKEN_CLASS, &f);
	f.token_class = "software";
	refuses(hard, RULE_TOKEN_CLASS, &f, "a token of the class 'software'");
	accepts(soft, RULE_TOKEN_CLASS, &f);
	f.token_class = "unknown";
	refuses(hard, RULE_TOKEN_CLASS, &f, "'unknown'");
	leaves_open(hard, RULE_TOKEN_CLASS);
	assert_policy_refused(
		"policy: own\nrules: {token_class: tpm}\n", "'software' or 'hardware', not 'tpm'");
}

static void
key_origin(void **state)
{
	static const char all[] = "{key_origin: [local, sensitive, always_sensitive, "
				  "not_extractable, never_extractable]}";
	struct policy_facts f = {
		.now = NOW, .origin = {.known = true, .said = {true, true, true, true, true}}};

	(void)state;
	accepts(all, RULE_KEY_ORIGIN, &f);
	for (int i = 0; i < ORIGINS; i++) {
		f.origin.said[i] = false;
		refuses(all, RULE_KEY_ORIGIN, &f, origin_word((enum origin)i));
		f.origin.said[i] = true;
	}
	/* What is not asked for may be missing. */
	f.origin.said[ORIGIN_NEVER_EXTRACTABLE] = f.origin.said[ORIGIN_LOCAL] = false;
	accepts("{key_origin: [sensitive]}", RULE_KEY_ORIGIN, &f);
	refuses(all, RULE_KEY_ORIGIN, &f, "local, never_extractable");
	leaves_open(all, RULE_KEY_ORIGIN);
	assert_policy_refused("policy: own\nrules: {key_origin: [attested]}\n",
		"'not_extractable' or 'never_extractable', not 'attested'");
	assert_policy_refused("policy: own\nrules: {key_origin: [local, local]}\n", "stands twice");
	assert_policy_refused("policy: own\nrules: {key_origin: []}\n", "at least one of 'local'");
}

static void
weak_keys(void **state)
{
	static const char all[] = "{weak_keys: [roca, close_primes, small_exponent, small_size]}";
	struct weak weak = {{false}};
	struct chain_traits issued = {.issued_at = NOW};
	struct policy_facts f = {.now = NOW, .weak = &weak};

	(void)state;
	accepts(all, RULE_WEAK_KEYS, &f);
	for (int i = 0; i < WEAKNESSES; i++) {
		weak.found[i] = true;
		refuses(all, RULE_WEAK_KEYS, &f, weakness_word((enum weakness)i));
		weak.found[i] = false;
	}
	weak.found[WEAK_ROCA] = true;
	accepts("{weak_keys: [close_primes]}", RULE_WEAK_KEYS, &f);
	/* The key of the certificate is looked at too. */
	issued.weak = weak;
	f.weak = NULL;
	f.issued = &issued;
	refuses(all, RULE_WEAK_KEYS, &f, "weak: roca");
	leaves_open(all, RULE_WEAK_KEYS);
	assert_policy_refused("policy: own\nrules: {weak_keys: [debian]}\n", "not 'debian'");
}

static void
names(void **state)
{
	static const char rule[] = "{names: {allow: [example.org, \"*.Example.ORG\", 192.0.2.1], "
				   "deny: [secret.example.org, \"*.dark.example.org\"], max: 3}}";
	static const struct {
		const char *rules, *name, *words; /* words NULL = accepted */
	} rows[] = {
		{rule, "example.org", NULL},
		{rule, "www.example.org", NULL},
		{rule, "a.b.c.example.org", NULL},
		{rule, "*.example.net", "'*.example.net' is not among"},
		{rule, "badexample.org", "not among"},
		{rule, "example.org.evil.net", "not among"},
		{rule, "org", "not among"},
		{rule, "secret.example.org", "'secret.example.org' is denied"},
		{rule, "below.secret.example.org", NULL},
		{rule, "dark.example.org", NULL},
		{rule, "x.dark.example.org", "is denied"},
		{rule, "y.x.dark.example.org", "is denied"},
		{rule, "*.dark.example.org", "is denied"},
		/* A wildcard stands for a name that is denied. */
		{rule, "*.example.org", "'*.example.org' is denied"},
		{rule, "*.www.example.org", NULL},
		{rule, "192.0.2.1", NULL},
		{rule, "192.0.2.2", "not among"},
		{"{names: {wildcard: deny}}", "*.example.org", "is a wildcard"},
		{"{names: {wildcard: deny}}", "www.example.org", NULL},
		{"{names: {wildcard: allow}}", "*.example.org", NULL},
		{"{names: {ip: deny}}", "2001:db8::1", "'2001:db8::1' is an address"},
		{"{names: {ip: deny}}", "www.example.org", NULL},
		{"{names: {ip: allow, allow: [example.org]}}", "2001:db8::1", NULL},
		{"{names: {allow: [example.org]}}", "2001:db8::1", "not among"},
		{"{names: {deny: [\"2001:DB8:0::1\"]}}", "2001:db8::1", "is denied"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy_facts f = {.now = NOW, .names = TEXTS(rows[i].name)};
		if (rows[i].words)
			refuses(rows[i].rules, RULE_NAMES, &f, rows[i].words);
		else
			accepts(rows[i].rules, RULE_NAMES, &f);
	}
	struct policy_facts f = {
		.now = NOW, .names = TEXTS("a.example.org", "b.example.org", "c.example.org")};
	accepts(rule, RULE_NAMES, &f);
	f.names = TEXTS("a.example.org", "b.example.org", "c.example.org", "example.net");
	refuses(rule, RULE_NAMES, &f, "there are 4 names, 'example.net' is not among");
	leaves_open(rule, RULE_NAMES);
	assert_policy_refused("policy: own\nrules: {names: {}}\n", "has 'allow', 'deny'");
	assert_policy_refused("policy: own\nrules: {names: {allow: []}}\n", "the list is empty");
	assert_policy_refused("policy: own\nrules: {names: {deny: [\"*.0.2.1\"]}}\n", "own.yaml:2");
	assert_policy_refused("policy: own\nrules: {names: {allow: [\"a b\"]}}\n", "own.yaml:2");
	assert_policy_refused(
		"policy: own\nrules: {names: {wildcard: no}}\n", "'allow' or 'deny', not 'no'");
	assert_policy_refused("policy: own\nrules: {names: [a.example]}\n", "is a mapping");
}

/* A mapping's keys stand alone, under 'value', and beside 'source' and 'effect'. */
static void
a_mapping_may_stand_in_three_ways(void **state)
{
	static const char *const rows[] = {
		"{names: {max: 1}, subject: {unit: forbidden}}",
		"{names: {value: {max: 1}}, subject: {value: {unit: forbidden}}}",
		"{names: {max: 1, source: ours, effect: refuse}, "
		"subject: {source: ours, unit: forbidden}}",
	};
	struct subject subject = {.unit = (char *)"IT"};
	struct policy_facts f = {
		.now = NOW, .names = TEXTS("a.example", "b.example"), .subject = &subject};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		refuses(rows[i], RULE_NAMES, &f, "there are 2 names");
		refuses(rows[i], RULE_SUBJECT, &f, "it has 'unit'");
	}
	assert_policy_refused(
		"policy: own\nrules: {names: {max: 1, why: x}}\n", "unknown key 'why' in a rule");
	assert_policy_refused("policy: own\nrules: {names: {source: x}}\n", "has 'allow', 'deny'");
}

static void
subject(void **state)
{
	static const char rule[] = "{subject: {organization: [\"A Ltd\", B], unit: forbidden, "
				   "locality: required, country: [GB]}}";
	struct subject s = {
		.organization = (char *)"B", .locality = (char *)"Leeds", .country = (char *)"GB"};
	struct policy_facts f = {.now = NOW, .subject = &s};

	(void)state;
	accepts(rule, RULE_SUBJECT, &f);
	assert_string_equal(policy_said.value,
		"organization: A Ltd, B, unit: forbidden, locality: required, country: GB");
	s.organization = (char *)"C";
	refuses(rule, RULE_SUBJECT, &f, "its 'organization' is 'C'");
	s.organization = NULL;
	s.unit = (char *)"IT";
	s.locality = (char *)"";
	s.country = (char *)"DE";
	refuses(rule, RULE_SUBJECT, &f,
		"it has no 'organization', it has 'unit', it has no 'locality', its 'country' is "
		"'DE'");
	leaves_open(rule, RULE_SUBJECT);
	assert_policy_refused("policy: own\nrules: {subject: {organization: wanted}}\n",
		"'required', 'forbidden' or a list of texts, not 'wanted'");
	assert_policy_refused("policy: own\nrules: {subject: {}}\n", "has 'organization'");
	assert_policy_refused("policy: own\nrules: {subject: {street: required}}\n", "'street'");
}

static void
authorities_and_owner(void **state)
{
	struct policy_facts f = {.now = NOW, .certificate = "shop", .authority = "internal"};

	(void)state;
	accepts("{authorities: [public, internal]}", RULE_AUTHORITIES, &f);
	refuses("{authorities: [public]}", RULE_AUTHORITIES, &f, "the authority is 'internal'");
	leaves_open("{authorities: [public]}", RULE_AUTHORITIES);
	refuses("{owner: required}", RULE_OWNER, &f, "it has no 'owner'");
	f.owner = "";
	refuses("{owner: required}", RULE_OWNER, &f, "it has no 'owner'");
	f.owner = "web team";
	accepts("{owner: required}", RULE_OWNER, &f);
	leaves_open("{owner: required}", RULE_OWNER);
	assert_policy_refused("policy: own\nrules: {owner: none}\n", "'required', not 'none'");
	assert_policy_refused("policy: own\nrules: {authorities: []}\n", "the list is empty");
}

static void
distrust(void **state)
{
	/* The last second of 2024-11-11 is trusted, the first of 2024-11-12 is not. */
	static const char rule[] =
		"{distrust: [{issuer: \"Entrust, Inc.\", after: 2024-11-11, source: Chrome 131}, "
		"{issuer: AA00000000000000000000000000000000000000000000000000000000000000, "
		"after: \"2024-11-11T10:00:00+01:00\"}, {issuer: E2, after: 2020-01-01, authority: "
		"old}]}";
	static const when_t last = (when_t)1731369599;
	static const char key[] =
		"aa00000000000000000000000000000000000000000000000000000000000000";
	struct chain_traits issued = {
		.issued_at = last, .issuers = *TEXTS("Root", "Entrust, Inc.")};
	struct policy_facts f = {.now = NOW, .issued = &issued};

	(void)state;
	accepts(rule, RULE_DISTRUST, &f);
	issued.issued_at = last + 1;
	refuses(rule, RULE_DISTRUST, &f,
		"issued on 2024-11-12 by 'Entrust, Inc.', which is distrusted after 2024-11-11 by "
		"Chrome 131");
	issued.issuers = *TEXTS("Entrust", "Entrust, Inc.x", "entrust, inc.");
	accepts(rule, RULE_DISTRUST, &f);
	issued.keys = *TEXTS("bb", key);
	refuses(rule, RULE_DISTRUST, &f, "which is distrusted after 2024-11-11T09:00:00Z");
	issued.issued_at = when_from_utc(2024, 11, 11, 9, 0, 0);
	accepts(rule, RULE_DISTRUST, &f);
	issued.issued_at++;
	refuses(rule, RULE_DISTRUST, &f, key);

	/* Before anything is issued: by the chain that the authority gave last, or by its name. */
	f = (struct policy_facts){.now = last, .authority = "public"};
	f.authority_issuers = TEXTS("Entrust, Inc.");
	accepts(rule, RULE_DISTRUST, &f);
	f.now++;
	refuses(rule, RULE_DISTRUST, &f, "the authority 'public' issues by 'Entrust, Inc.'");
	f.authority_issuers = TEXTS("Sectigo Limited");
	accepts(rule, RULE_DISTRUST, &f);
	f.authority = "old";
	refuses(rule, RULE_DISTRUST, &f, "the authority 'old' issues by 'E2'");
	f.authority_issuers = NULL;
	refuses(rule, RULE_DISTRUST, &f, "the authority 'old' issues by 'E2'");
	leaves_open(rule, RULE_DISTRUST);
	assert_policy_refused("policy: own\nrules: {distrust: []}\n", "the list is empty");
	assert_policy_refused("policy: own\nrules: {distrust: [{issuer: E}]}\n", "has no 'after'");
	assert_policy_refused(
		"policy: own\nrules: {distrust: [{issuer: \"\", after: 2024-11-11}]}\n",
		"the issuer is empty");
	assert_policy_refused("policy: own\nrules: {distrust: [{issuer: E, after: 2024-02-30}]}\n",
		"not '2024-02-30'");
}

static void
signatures_and_usages(void **state)
{
	static const char rules[] = "{signature_algorithms: [ecdsa-sha256, rsa-pss-sha384], "
				    "required_eku: [serverAuth, 1.3.6.1.4.1.311.10.3.4], "
				    "required_ku: [digitalSignature]}";
	struct chain_traits issued = {.issued_at = NOW,
		.signatures = *TEXTS("ecdsa-sha256", "rsa-pss-sha384"),
		.eku = *TEXTS("serverAuth", "1.3.6.1.4.1.311.10.3.4", "clientAuth"),
		.ku = *TEXTS("digitalSignature")};
	struct policy_facts f = {.now = NOW, .issued = &issued};

	(void)state;
	accepts(rules, RULE_SIGNATURE_ALGORITHMS, &f);
	accepts(rules, RULE_REQUIRED_EKU, &f);
	accepts(rules, RULE_REQUIRED_KU, &f);
	issued.signatures = *TEXTS("ecdsa-sha256", "rsa-sha1", "rsa-sha256");
	refuses(rules, RULE_SIGNATURE_ALGORITHMS, &f, "signed with rsa-sha1, rsa-sha256");
	issued.eku = *TEXTS("clientAuth");
	refuses(rules, RULE_REQUIRED_EKU, &f, "not for serverAuth, 1.3.6.1.4.1.311.10.3.4");
	issued.ku = *TEXTS("keyAgreement");
	refuses(rules, RULE_REQUIRED_KU, &f, "not for digitalSignature");
	/* One that names none has none. */
	issued.eku = issued.ku = (struct list){0};
	refuses(rules, RULE_REQUIRED_EKU, &f, "not for serverAuth");
	refuses(rules, RULE_REQUIRED_KU, &f, "not for digitalSignature");
	leaves_open(rules, RULE_SIGNATURE_ALGORITHMS);
	leaves_open(rules, RULE_REQUIRED_EKU);
	leaves_open(rules, RULE_REQUIRED_KU);
	assert_policy_refused("policy: own\nrules: {signature_algorithms: [sha256]}\n",
		"'sha256' is not the word of a signature");
	assert_policy_refused("policy: own\nrules: {required_eku: [server]}\n", "'server' is not");
	assert_policy_refused("policy: own\nrules: {required_ku: [sign]}\n", "'sign' is not");
}

static void
the_age_of_a_key_counts_across_the_next_renewal(void **state)
{
	AUTO(policies) struct policies *all = NULL;
	struct policy_facts f = {.now = NOW, .validity = 90 * DAY};

	(void)state;
	/* The renewal after this one is due in 60.3 days. */
	const struct policy *p =
		policy_of_rules("{rotate: 300d, max_key_age: 100d, renew_at: 33%}", &all);
	const when_t made = NOW - 100 * DAY + 90 * DAY * 67 / 100;
	assert_false(policy_wants_new_key(p, made, 90 * DAY, NOW));
	assert_true(policy_wants_new_key(p, made - 1, 90 * DAY, NOW));
	assert_false(policy_wants_new_key(p, made - 1, 0, NOW));
	assert_false(policy_wants_new_key(p, made - 1, 45 * DAY, NOW));
	/* The same for one that a person wants to keep. */
	f.key_made_at = made;
	accepts("{max_key_age: 100d}", RULE_MAX_KEY_AGE, &f);
	f.key_made_at = made - 1;
	refuses("{max_key_age: 100d}", RULE_MAX_KEY_AGE, &f,
		"and would be too old before the next renewal");
	f.validity = 0;
	accepts("{max_key_age: 100d}", RULE_MAX_KEY_AGE, &f);
}

static void
the_deadline_is_when_half_of_the_rest_is_gone(void **state)
{
	AUTO(policies) struct policies *all = NULL, *none = NULL;

	(void)state;
	const struct policy *p = policy_of_rules("{renew_at: 40%}", &all);
	assert_int_equal(policy_deadline(p, NOW, NOW + 100 * DAY), NOW + 80 * DAY);
	/* Short-lived: half of its life is left at the least. */
	assert_int_equal(policy_deadline(p, NOW, NOW + 8 * DAY), NOW + 6 * DAY);
	p = policy_of_rules("{}", &none);
	assert_int_equal(policy_deadline(p, NOW, NOW + 200 * DAY), NOW + 167 * DAY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_class),
		cmocka_unit_test(key_origin),
		cmocka_unit_test(weak_keys),
		cmocka_unit_test(names),
		cmocka_unit_test(a_mapping_may_stand_in_three_ways),
		cmocka_unit_test(subject),
		cmocka_unit_test(authorities_and_owner),
		cmocka_unit_test(distrust),
		cmocka_unit_test(signatures_and_usages),
		cmocka_unit_test(the_age_of_a_key_counts_across_the_next_renewal),
		cmocka_unit_test(the_deadline_is_when_half_of_the_rest_is_gone),
	};
	return cmocka_run_group_tests_name("policy_rules", tests, NULL, NULL);
}
