/*
 * The life of a key in its token: switched off and on, proven, destroyed. Whatever the module says,
 * no key but the one that is meant is touched.
 */
#include "support/fault.h"
#include "support/raw.h"
#include "support/softhsm.h"
#include "support/unit.h"

#include <openssl/evp.h>

#include "keystay/base/text.h"
#include "keystay/token/capabilities.h"
#include "keystay/token/evidence.h"
#include "keystay/token/key.h"
#include "keystay/token/roads.h"
#include "keystay/token/token.h"
#include "keystay/x509/ossl.h"

static const char pin[] = "48151623";
static struct token_conf *conf;
static struct token *token;

/* A key of the token as the database would know it. */
struct known {
	struct key_name name;
	char hash[KEY_HASH_TEXT];
};

static struct key_name
next_name(void)
{
	static int n;
	struct key_name k;

	snprintf(k.id, sizeof k.id, "%032x", ++n);
	snprintf(k.label, sizeof k.label, "life %d", n);
	return k;
}

static struct known
known_of(struct key_name name)
{
	struct known k = {.name = name};
	struct key_facts facts;

	assert_ok(key_find(token, &name, &facts, NULL, UNIT_ERR));
	assert_int_equal(facts.presence, KEY_WHOLE);
	text_copy(k.hash, sizeof k.hash, facts.public_hash);
	return k;
}

static struct known
make(enum key_type type)
{
	struct key_name name = next_name();

	assert_ok(key_make(token, &name, type, UNIT_ERR));
	fault_log_clear();
	return known_of(name);
}

static struct known
with_other_hash(struct known k)
{
	k.hash[0] = k.hash[0] == '0' ? '1' : '0';
	return k;
}

static void
assert_there(const struct key_name *k, size_t privates, size_t publics, size_t certificates)
{
	assert_int_equal(raw_count(CKO_PRIVATE_KEY, k), privates);
	assert_int_equal(raw_count(CKO_PUBLIC_KEY, k), publics);
	assert_int_equal(raw_count(CKO_CERTIFICATE, k), certificates);
}

/* Switching off and on */

static int
set_sign(const struct known *k, bool sign, enum sign_switch *ret)
{
	return key_set_sign(token, &k->name, k->hash, sign, ret, UNIT_ERR);
}

static void
another_public_key_is_not_switched(void **state)
{
	struct known k = make(KEY_EC_P256), other = with_other_hash(k), absent = k;
	enum sign_switch made = SWITCH_REFUSED;

	(void)state;
	assert_refused(set_sign(&other, false, &made), ERR_TOKEN, "not the one that was made");
	assert_non_null(strstr(unit_err.hint, "nothing was changed"));
	absent.name = next_name();
	assert_refused(set_sign(&absent, false, &made), ERR_LOST, "is gone");
	assert_int_equal(fault_calls("C_SetAttributeValue"), 0);
	assert_int_equal(fault_calls("C_SignInit"), 0);
	assert_int_equal(made, SWITCH_REFUSED);
	assert_true(raw_bool(CKO_PRIVATE_KEY, &k.name, CKA_SIGN));
}

static void
a_private_key_without_its_public_object_is_known_by_its_own_value_or_not_at_all(void **state)
{
	struct known ec = make(KEY_EC_P256), rsa = make(KEY_RSA_2048), wrong = with_other_hash(rsa);
	enum sign_switch made;
	bool found;

	(void)state;
	raw_destroy(CKO_PUBLIC_KEY, &ec.name);
	raw_destroy(CKO_PUBLIC_KEY, &rsa.name);
	assert_refused(set_sign(&ec, false, &made), ERR_TOKEN, "no readable");
	assert_refused(set_sign(&wrong, false, &made), ERR_TOKEN, "not the one that was made");
	assert_int_equal(fault_calls("C_SetAttributeValue"), 0);
	assert_ok(set_sign(&rsa, false, &made));
	assert_int_equal(made, SWITCH_WORKS);
	assert_refused(
		key_destroy(token, &ec.name, ec.hash, &found, UNIT_ERR), ERR_TOKEN, "no readable");
	assert_refused(key_destroy(token, &wrong.name, wrong.hash, &found, UNIT_ERR), ERR_TOKEN,
		"not the one that was made");
	assert_there(&ec.name, 1, 0, 0);
	assert_there(&rsa.name, 1, 0, 0);
	assert_ok(key_destroy(token, &rsa.name, rsa.hash, &found, UNIT_ERR));
	assert_there(&rsa.name, 0, 0, 0);
}

static void
a_key_is_switched_off_and_on(void **state)
{
	static const enum key_type types[] = {KEY_EC_P256, KEY_RSA_2048};
	enum sign_switch made = SWITCH_REFUSED;

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct known k = make(types[i]);
		AUTO(EVP_PKEY) EVP_PKEY *public = NULL;
		struct key_facts facts;
		assert_ok(set_sign(&k, false, &made));
		assert_int_equal(made, SWITCH_WORKS);
		assert_int_equal(fault_calls("C_SetAttributeValue"), 1);
		assert_int_equal(fault_calls("C_SignInit"), 1);
		assert_int_equal(fault_calls("C_Sign"), 0);
		assert_false(raw_bool(CKO_PRIVATE_KEY, &k.name, CKA_SIGN));
		assert_ok(key_find(token, &k.name, &facts, &public, UNIT_ERR));
		assert_refused(key_try(token, &k.name, public, UNIT_ERR), ERR_TOKEN,
			"does not sign (CKR_KEY_FUNCTION_NOT_PERMITTED)");
		/* What is off already is not set again. */
		fault_log_clear();
		assert_ok(set_sign(&k, false, &made));
		assert_int_equal(made, SWITCH_WORKS);
		assert_int_equal(fault_calls("C_SetAttributeValue"), 0);
		assert_ok(set_sign(&k, true, &made));
		assert_int_equal(made, SWITCH_WORKS);
		assert_true(raw_bool(CKO_PRIVATE_KEY, &k.name, CKA_SIGN));
		assert_ok(key_try(token, &k.name, public, UNIT_ERR));
	}
}

static void
a_module_that_does_not_switch_is_seen(void **state)
{
	static const struct {
		const char *rules;
		enum sign_switch made;
	} rows[] = {
		{"fail C_SetAttributeValue CKR_ACTION_PROHIBITED\n", SWITCH_REFUSED},
		{"refuse CKA_SIGN CKR_ATTRIBUTE_READ_ONLY\n", SWITCH_REFUSED},
		{"fail C_SetAttributeValue CKR_GENERAL_ERROR\n", SWITCH_REFUSED},
		/* It says that it did it, and did not. */
		{"fail C_SetAttributeValue CKR_OK\n", SWITCH_REFUSED},
		/* It keeps what it is told, and signs all the same. */
		{"lie CKA_SIGN=false\n", SWITCH_IGNORED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct known k = make(KEY_EC_P256);
		enum sign_switch made = SWITCH_WORKS;
		fault_rules(rows[i].rules);
		assert_ok(set_sign(&k, false, &made));
		if (made != rows[i].made)
			fail_msg("'%s': %d", rows[i].rules, (int)made);
		fault_rules("");
		assert_true(raw_bool(CKO_PRIVATE_KEY, &k.name, CKA_SIGN));
	}
}

static void
a_module_that_is_cut_off_meanwhile_tells_nothing_of_the_switch(void **state)
{
	static const char *const rules[] = {"fail C_SetAttributeValue CKR_DEVICE_REMOVED\n",
		"fail C_SignInit CKR_SESSION_HANDLE_INVALID\n",
		"fail C_FindObjectsInit CKR_USER_NOT_LOGGED_IN\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(rules); i++) {
		struct known k = make(KEY_EC_P256);
		enum sign_switch made = SWITCH_IGNORED;
		fault_rules(rules[i]);
		assert_int_equal(set_sign(&k, false, &made), -1);
		assert_string_equal(err_word(unit_err.kind), err_word(ERR_LOST));
		assert_int_equal(made, SWITCH_IGNORED);
		fault_rules("");
	}
}

/* Destroying */

/* Whether the last one found anything. */
static bool found;

static int
destroy(const struct known *k)
{
	return key_destroy(token, &k->name, k->hash, &found, UNIT_ERR);
}

static void
another_public_key_is_not_destroyed(void **state)
{
	struct known k = make(KEY_EC_P256), other = with_other_hash(k);

	(void)state;
	raw_certificate(&k.name);
	assert_refused(destroy(&other), ERR_TOKEN, "not the one that was made");
	assert_non_null(strstr(unit_err.hint, "nothing was changed"));
	assert_int_equal(fault_calls("C_DestroyObject"), 0);
	assert_there(&k.name, 1, 1, 1);
	/* A half of the right name and the wrong value is none of ours either. */
	raw_destroy(CKO_PRIVATE_KEY, &k.name);
	assert_refused(destroy(&other), ERR_TOKEN, "not the one that was made");
	assert_there(&k.name, 0, 1, 1);
}

static void
a_handle_that_leads_elsewhere_destroys_nothing(void **state)
{
	struct known meant = make(KEY_EC_P256), foreign = make(KEY_EC_P256), last;
	enum sign_switch made;

	(void)state;
	/* The module mixes up its objects after one was destroyed. */
	last = make(KEY_EC_P256);
	assert_ok(destroy(&last));
	fault_rules("swap\n");
	fault_log_clear();
	assert_refused(destroy(&meant), ERR_LOST, "leads to another object");
	assert_refused(key_discard(token, &meant.name, UNIT_ERR), ERR_LOST, "leads to another");
	assert_refused(set_sign(&meant, false, &made), ERR_LOST, "leads to another object");
	assert_int_equal(fault_calls("C_DestroyObject"), 0);
	assert_int_equal(fault_calls("C_SetAttributeValue"), 0);
	fault_rules("");
	assert_there(&meant.name, 1, 1, 0);
	assert_there(&foreign.name, 1, 1, 0);
	assert_ok(destroy(&meant));
	assert_there(&foreign.name, 1, 1, 0);
}

static void
another_key_of_the_same_id_or_label_is_left(void **state)
{
	struct known k = make(KEY_EC_P256);
	struct key_name same_id = k.name, same_label = next_name();

	(void)state;
	text_copy(same_id.label, sizeof same_id.label, "another's");
	text_copy(same_label.label, sizeof same_label.label, k.name.label);
	raw_ec_pair(&same_id, true, false);
	raw_certificate(&same_id);
	raw_ec_pair(&same_label, true, false);
	raw_certificate(&same_label);
	assert_ok(destroy(&k));
	assert_there(&k.name, 0, 0, 0);
	assert_there(&same_id, 1, 1, 1);
	assert_there(&same_label, 1, 1, 1);
}

static void
private_key_goes_before_public_key_before_certificate_and_what_is_half_gone_is_finished(
	void **state)
{
	static const size_t left[][3] = {{1, 1, 1}, {0, 1, 1}, {0, 0, 1}};
	char rule[100];

	(void)state;
	for (int after = 0; after < 3; after++) {
		struct known k = make(KEY_EC_P256);
		raw_certificate(&k.name);
		snprintf(rule, sizeof rule, "fail C_DestroyObject CKR_FUNCTION_FAILED after=%d\n",
			after);
		fault_rules(rule);
		assert_refused(destroy(&k), ERR_LOST, "cannot destroy an object of the key");
		assert_there(&k.name, left[after][0], left[after][1], left[after][2]);
		fault_rules("");
		fault_log_clear();
		assert_ok(destroy(&k));
		assert_true(found);
		assert_int_equal(fault_calls("C_DestroyObject"), 3 - after);
		assert_there(&k.name, 0, 0, 0);
		/* What is gone already is no error. */
		assert_ok(destroy(&k));
		assert_false(found);
		assert_int_equal(fault_calls("C_DestroyObject"), 3 - after);
	}
}

static void
a_token_that_keeps_an_object_is_believed_and_one_that_only_says_so_is_not(void **state)
{
	struct known k = make(KEY_EC_P256);

	(void)state;
	fault_rules("fail C_DestroyObject CKR_ACTION_PROHIBITED\n");
	assert_refused(destroy(&k), ERR_TOKEN, "CKR_ACTION_PROHIBITED");
	assert_non_null(strstr(unit_err.hint, "CKA_DESTROYABLE"));
	fault_rules("fail C_DestroyObject CKR_OK\n");
	assert_refused(destroy(&k), ERR_LOST, "is still there after it was destroyed");
	/* The private key goes, the public one only says so. */
	fault_rules("fail C_DestroyObject CKR_OK after=1\n");
	assert_refused(destroy(&k), ERR_LOST, "are still there");
	assert_there(&k.name, 0, 1, 0);
	raw_certificate(&k.name);
	fault_rules("fail C_DestroyObject CKR_OK after=1\n");
	fault_log_clear();
	assert_refused(destroy(&k), ERR_LOST, "are still there");
	assert_int_equal(fault_calls("C_DestroyObject"), 2);
	assert_there(&k.name, 0, 0, 1);
}

static void
more_certificates_than_one_search_keeps_are_all_destroyed(void **state)
{
	struct known k = make(KEY_EC_P256);

	(void)state;
	for (int i = 0; i < 11; i++)
		raw_certificate(&k.name);
	assert_ok(destroy(&k));
	assert_there(&k.name, 0, 0, 0);
}

static void
a_foreign_private_key_behind_the_right_public_one_is_left(void **state)
{
	struct known k = make(KEY_RSA_2048), foreign = make(KEY_RSA_2048);
	enum sign_switch made;

	(void)state;
	raw_destroy(CKO_PRIVATE_KEY, &k.name);
	raw_rename(CKO_PRIVATE_KEY, &foreign.name, &k.name);
	assert_refused(set_sign(&k, false, &made), ERR_TOKEN, "not the one that was made");
	assert_refused(destroy(&k), ERR_TOKEN, "not the one that was made");
	assert_int_equal(fault_calls("C_SetAttributeValue"), 0);
	assert_int_equal(fault_calls("C_DestroyObject"), 0);
	assert_there(&k.name, 1, 1, 0);
}

/* Trying and proving */

static void
a_signature_that_does_not_fit_the_public_key_is_seen(void **state)
{
	static const enum key_type types[] = {KEY_EC_P256, KEY_EC_P384, KEY_RSA_2048};
	AUTO(EVP_PKEY) EVP_PKEY *other = NULL;
	struct known another = make(KEY_EC_P256);
	struct key_name absent = next_name();
	struct key_facts facts;

	(void)state;
	assert_ok(key_find(token, &another.name, &facts, &other, UNIT_ERR));
	for (size_t i = 0; i < COUNT(types); i++) {
		struct known k = make(types[i]);
		AUTO(EVP_PKEY) EVP_PKEY *public = NULL;
		assert_ok(key_find(token, &k.name, &facts, &public, UNIT_ERR));
		assert_ok(key_try(token, &k.name, public, UNIT_ERR));
		assert_refused(key_try(token, &k.name, other, UNIT_ERR), ERR_TOKEN, "do not fit");
		fault_rules("corrupt C_Sign\n");
		assert_refused(key_try(token, &k.name, public, UNIT_ERR), ERR_TOKEN, "do not fit");
		fault_rules("fail C_Sign CKR_DEVICE_ERROR\n");
		assert_refused(key_try(token, &k.name, public, UNIT_ERR), ERR_LOST,
			"does not sign (CKR_DEVICE_ERROR)");
		/* A token that does not hash. */
		fault_rules("fail C_GetMechanismInfo CKR_MECHANISM_INVALID\n");
		assert_ok(key_try(token, &k.name, public, UNIT_ERR));
		fault_rules("");
	}
	/* What another process made may be seen after a new start. */
	assert_refused(key_try(token, &absent, other, UNIT_ERR), ERR_LOST, "does not sign");
}

static void
a_proof_is_of_the_key_that_is_meant(void **state)
{
	struct known k = make(KEY_EC_P256), other = with_other_hash(k);
	struct key_name absent = next_name();
	struct key_evidence v = {.stays = true};

	(void)state;
	assert_refused(key_prove(token, &other.name, other.hash, &v, UNIT_ERR), ERR_TOKEN,
		"not the one that was made");
	assert_refused(key_prove(token, &absent, other.hash, &v, UNIT_ERR), ERR_LOST, "is gone");
	raw_destroy(CKO_PRIVATE_KEY, &k.name);
	assert_refused(key_prove(token, &k.name, k.hash, &v, UNIT_ERR), ERR_LOST, "is gone");
	assert_string_equal(v.module.path, "");
	assert_int_equal(fault_calls("C_WrapKey"), 0);
}

static void
a_key_that_can_be_read_or_wrapped_does_not_stay_whatever_its_attributes_say(void **state)
{
	static const char honest[] = "lie CKA_SENSITIVE=true\nlie CKA_ALWAYS_SENSITIVE=true\n"
				     "lie CKA_EXTRACTABLE=false\n"
				     "lie CKA_NEVER_EXTRACTABLE=true\n";
	struct key_name open = next_name(), wrappable = next_name();
	struct key_evidence v;

	(void)state;
	raw_ec_pair(&open, false, true);
	raw_ec_pair(&wrappable, true, true);
	struct known k = known_of(open), w = known_of(wrappable);
	fault_rules(honest);
	assert_ok(key_prove(token, &k.name, k.hash, &v, UNIT_ERR));
	assert_int_equal(v.facts.extractable, SAID_NO);
	assert_true(v.read.worked);
	assert_false(v.stays);
	assert_string_equal(v.doubt, "its private value could be read (CKA_VALUE)");
	assert_ok(key_prove(token, &w.name, w.hash, &v, UNIT_ERR));
	assert_false(v.read.worked);
	assert_string_equal(v.read.answer, "CKR_ATTRIBUTE_SENSITIVE");
	assert_true(v.wrap.worked);
	assert_false(v.stays);
	assert_non_null(strstr(v.doubt, "could be wrapped and taken out (CKM_AES_"));
	/* One way that works is enough: no other is tried after it. */
	assert_string_equal(v.wrap.answer, "CKR_OK");
}

static void
a_key_of_which_the_module_speaks_badly_does_not_stay(void **state)
{
	static const struct {
		const char *rule, *words;
	} rows[] = {
		{"lie CKA_EXTRACTABLE=true\n", "CKA_EXTRACTABLE"},
		{"lie CKA_SENSITIVE=false\n", "CKA_SENSITIVE"},
		{"lie CKA_NEVER_EXTRACTABLE=false\n", "CKA_NEVER_EXTRACTABLE"},
		{"lie CKA_ALWAYS_SENSITIVE=false\n", "CKA_ALWAYS_SENSITIVE"},
	};
	struct known k = make(KEY_RSA_2048);
	struct key_evidence v;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		fault_rules(rows[i].rule);
		assert_ok(key_prove(token, &k.name, k.hash, &v, UNIT_ERR));
		assert_false(v.read.worked || v.wrap.worked);
		assert_false(v.stays);
		if (!strstr(v.doubt, rows[i].words))
			fail_msg("'%s': doubt '%s'", rows[i].rule, v.doubt);
	}
}

static void
a_proof_says_what_was_tried_and_leaves_nothing_behind(void **state)
{
	static const struct {
		enum key_type type;
		const char *generated_by, *read;
	} rows[] = {{KEY_EC_P256, "CKM_EC_KEY_PAIR_GEN", "CKA_VALUE"},
		{KEY_RSA_2048, "CKM_RSA_PKCS_KEY_PAIR_GEN", "CKA_PRIME_2"}};
	struct key_evidence v;
	enum sign_switch made;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct known k = make(rows[i].type);
		assert_ok(key_prove(token, &k.name, k.hash, &v, UNIT_ERR));
		assert_string_equal(v.doubt, "");
		assert_true(v.stays);
		assert_string_equal(v.module.path, conf->module);
		assert_int_equal(strlen(v.module.library_sha256), 64);
		assert_string_equal(v.module.manufacturer, "SoftHSM");
		assert_string_equal(v.token.label, "life");
		assert_true(v.token.serial[0] && v.token.model[0]);
		assert_int_equal(v.class, CLASS_SOFTWARE);
		assert_int_equal(v.facts.type, rows[i].type);
		assert_int_equal(v.facts.local, SAID_YES);
		assert_string_equal(v.facts.public_hash, k.hash);
		assert_string_equal(v.generated_by, rows[i].generated_by);
		assert_string_equal(v.read.how, rows[i].read);
		assert_string_equal(v.read.answer, "CKR_ATTRIBUTE_SENSITIVE");
		assert_string_equal(v.wrap.how, "CKM_AES_KEY_WRAP_PAD");
		assert_string_equal(v.wrap.answer, "CKR_KEY_UNEXTRACTABLE");
		assert_int_equal(raw_count(CKO_SECRET_KEY, NULL), 0);
		/* A key that was switched off is where it was. */
		assert_ok(set_sign(&k, false, &made));
		assert_ok(key_prove(token, &k.name, k.hash, &v, UNIT_ERR));
		assert_true(v.stays);
	}
	struct known k = make(KEY_EC_P256);
	fault_rules("fail C_GenerateKey CKR_MECHANISM_INVALID\n");
	assert_ok(key_prove(token, &k.name, k.hash, &v, UNIT_ERR));
	assert_true(v.stays);
	assert_non_null(strstr(v.wrap.how, "makes no wrapping key (CKM_AES_KEY_GEN: "));
	assert_string_equal(v.wrap.answer, "");
}

static void
what_stands_behind_a_module_is_told_by_its_own_words(void **state)
{
	static const struct {
		struct module_identity module;
		struct token_identity token;
		enum token_class class;
	} rows[] = {
		{{.manufacturer = ""}, {.model = ""}, CLASS_HSM_CLAIMED},
		{{.manufacturer = "ACME", .description = "ACME PKCS#11"},
			{.manufacturer = "ACME", .model = "Vault 9"}, CLASS_HSM_CLAIMED},
		{{.manufacturer = "IBM", .description = "openCryptoki"},
			{.manufacturer = "IBM", .model = "EP11"}, CLASS_HSM_CLAIMED},
		{{.manufacturer = "ACME", .description = "PKCS#11"},
			{.manufacturer = "ACME", .model = "SoftCard"}, CLASS_HSM_CLAIMED},
		{{.manufacturer = "SoftHSM", .description = "Implementation of PKCS11"},
			{.manufacturer = "SoftHSM project", .model = "SoftHSM v2"}, CLASS_SOFTWARE},
		/* A module that stands before others: the token says it. */
		{{.manufacturer = "PKCS#11 Kit", .description = "PKCS#11 Kit Proxy Module"},
			{.manufacturer = "SoftHSM project"}, CLASS_SOFTWARE},
		{{.manufacturer = "Mozilla Foundation",
			 .description = "NSS Internal Crypto Services"},
			{.manufacturer = "Mozilla Foundation", .model = "NSS 3"}, CLASS_SOFTWARE},
		{{.manufacturer = "another", .description = "NSS Internal Crypto Services"},
			{.model = ""}, CLASS_SOFTWARE},
		{{.manufacturer = "Kryoptic Project"}, {.model = "v1"}, CLASS_SOFTWARE},
		{{.manufacturer = "IBM", .description = "openCryptoki"},
			{.manufacturer = "IBM", .model = "Soft"}, CLASS_SOFTWARE},
		{{.manufacturer = "tpm2-software.github.io", .description = "TPM2.0 Cryptoki"},
			{.manufacturer = "Infineon", .model = "SLB9670"}, CLASS_TPM},
	};
	static const char *const words[] = {"software", "tpm", "hsm-claimed"};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum token_class class = token_class_of(&rows[i].module, &rows[i].token);
		if (class != rows[i].class)
			fail_msg("row %zu: %s", i, token_class_word(class));
	}
	for (size_t i = 0; i < COUNT(words); i++)
		assert_string_equal(token_class_word((enum token_class)i), words[i]);
}

/* What is kept of a token's capabilities */

/* No two fields are alike, so that one in another's place is seen. */
static struct capabilities
full_capabilities(void)
{
	return (struct capabilities){
		.module = {.path = "/usr/lib/m.so",
			.library_sha256 = "00ff",
			.manufacturer = "tpm2-software",
			.description = "TPM2.0 Cryptoki",
			.version = "1.9",
			.cryptoki = "2.40"},
		.token = {.label = "web \xc3\xbc",
			.serial = "0007",
			.manufacturer = "Infineon",
			.model = "SLB9670",
			.hardware = "1.2",
			.firmware = "7.85"},
		.class = CLASS_TPM,
		.road = ROAD_LIBP11,
		.mechanism_count = 31,
		.mechanisms = 1u << MECHANISM_ECDSA | 1u << MECHANISM_EDDSA |
			      1u << MECHANISM_EC_KEY_PAIR_GEN,
		.type = {MADE_YES, MADE_CLAIMED, MADE_UNKNOWN, MADE_NO, MADE_NO},
		.why_not = {"", "", "", "no CKM_X", "too \"large\""},
		.family =
			{
				{.tried = true,
					.facts = {.presence = KEY_WHOLE,
						.sensitive = SAID_YES,
						.always_sensitive = SAID_NO,
						.extractable = SAID_NO,
						.never_extractable = SAID_YES,
						.local = SAID_NOTHING,
						.is_private = SAID_YES,
						.sign = SAID_YES,
						.sign_recover = SAID_NO,
						.decrypt = SAID_NOTHING,
						.unwrap = SAID_NO,
						.derive = SAID_YES,
						.copyable = SAID_NO,
						.modifiable = SAID_YES,
						.refused =
							1u << EXTRA_PUBLIC | 1u << EXTRA_DECRYPT},
					.off = SWITCH_REFUSED,
					.road_signs = SAID_YES,
					.value_with_private = true,
					.stays = SAID_NO,
					.doubt = "it could be wrapped"},
				{.tried = false},
			},
		.sees_others = SAID_NO,
		.pin_flag = "final-try",
	};
}

static void
assert_same_family(const struct family_probe *a, const struct family_probe *b)
{
	assert_int_equal(a->tried, b->tried);
	assert_int_equal(a->off, b->off);
	assert_int_equal(a->road_signs, b->road_signs);
	assert_int_equal(a->value_with_private, b->value_with_private);
	assert_int_equal(a->stays, b->stays);
	assert_string_equal(a->doubt, b->doubt);
	assert_int_equal(a->facts.presence, b->facts.presence);
	assert_int_equal(a->facts.sensitive, b->facts.sensitive);
	assert_int_equal(a->facts.always_sensitive, b->facts.always_sensitive);
	assert_int_equal(a->facts.extractable, b->facts.extractable);
	assert_int_equal(a->facts.never_extractable, b->facts.never_extractable);
	assert_int_equal(a->facts.local, b->facts.local);
	assert_int_equal(a->facts.is_private, b->facts.is_private);
	assert_int_equal(a->facts.sign, b->facts.sign);
	assert_int_equal(a->facts.sign_recover, b->facts.sign_recover);
	assert_int_equal(a->facts.decrypt, b->facts.decrypt);
	assert_int_equal(a->facts.unwrap, b->facts.unwrap);
	assert_int_equal(a->facts.derive, b->facts.derive);
	assert_int_equal(a->facts.copyable, b->facts.copyable);
	assert_int_equal(a->facts.modifiable, b->facts.modifiable);
	assert_int_equal(a->facts.refused, b->facts.refused);
}

static void
capabilities_come_back_as_they_were_kept(void **state)
{
	struct capabilities c = full_capabilities(), back;
	AUTO(json_t) json_t *json = capabilities_json(&c), *again = NULL;
	AUTO(char) char *line = json_line(json);

	(void)state;
	assert_ok(json_read(line, strlen(line), &again, UNIT_ERR));
	assert_true(json_equal(json, again));
	assert_ok(capabilities_read(again, &back, UNIT_ERR));
	assert_string_equal(back.module.path, c.module.path);
	assert_string_equal(back.module.library_sha256, c.module.library_sha256);
	assert_string_equal(back.module.manufacturer, c.module.manufacturer);
	assert_string_equal(back.module.description, c.module.description);
	assert_string_equal(back.module.version, c.module.version);
	assert_string_equal(back.module.cryptoki, c.module.cryptoki);
	assert_string_equal(back.token.label, c.token.label);
	assert_string_equal(back.token.serial, c.token.serial);
	assert_string_equal(back.token.manufacturer, c.token.manufacturer);
	assert_string_equal(back.token.model, c.token.model);
	assert_string_equal(back.token.hardware, c.token.hardware);
	assert_string_equal(back.token.firmware, c.token.firmware);
	assert_int_equal(back.class, c.class);
	assert_int_equal(back.road, c.road);
	assert_int_equal(back.mechanism_count, c.mechanism_count);
	assert_int_equal(back.mechanisms, c.mechanisms);
	for (int i = 0; i < KEY_TYPES; i++) {
		assert_int_equal(back.type[i], c.type[i]);
		assert_string_equal(back.why_not[i], c.why_not[i]);
	}
	for (int i = 0; i < KEY_FAMILIES; i++)
		assert_same_family(&back.family[i], &c.family[i]);
	assert_int_equal(back.sees_others, c.sees_others);
	assert_string_equal(back.pin_flag, c.pin_flag);
}

static void
a_text_that_is_cut_within_a_character_can_still_be_kept(void **state)
{
	struct capabilities c = full_capabilities(), back;
	char text[200] = "";

	(void)state;
	/* Cut at any byte of a character, it stays UTF-8: JSON knows nothing else. */
	for (size_t start = 0; start < 3; start++) {
		memset(text, 'x', start);
		for (size_t i = start; i + 4 < sizeof text; i += 3)
			memcpy(text + i, "\xe2\x82\xac", 4);
		text_copy(c.why_not[KEY_RSA_4096], sizeof c.why_not[0], text);
		text_copy(c.family[FAMILY_EC].doubt, sizeof c.family[0].doubt, text);
		AUTO(json_t) json_t *json = capabilities_json(&c);
		assert_non_null(json);
		assert_ok(capabilities_read(json, &back, UNIT_ERR));
		assert_string_equal(back.why_not[KEY_RSA_4096], c.why_not[KEY_RSA_4096]);
		assert_true(strlen(back.family[FAMILY_EC].doubt) > 150);
	}
}

/* Read, or refused; and what was read can be used and kept again. */
static void
read_damaged(const json_t *json)
{
	struct capabilities c;

	if (capabilities_read(json, &c, UNIT_ERR) < 0) {
		assert_int_equal(unit_err.kind, ERR_FAILED);
		assert_non_null(strstr(unit_err.text, "damaged"));
		return;
	}
	assert_true(c.road < ROADS && c.class <= CLASS_HSM_CLAIMED);
	for (int i = 0; i < KEY_TYPES; i++)
		assert_non_null(made_word(c.type[i]));
	for (int i = 0; i < KEY_FAMILIES; i++) {
		assert_true(c.family[i].off <= SWITCH_REFUSED);
		assert_int_equal(c.family[i].facts.refused & ~EXTRAS_ALL, 0);
	}
	AUTO(json_t) json_t *again = capabilities_json(&c);
	assert_non_null(again);
}

/* Every value below `at`, in turn taken out and put in another's shape. */
static void
damage(const json_t *all, json_t *at)
{
	const char *key;
	json_t *value, *shape;
	void *next;
	size_t i;
	json_t *shapes = json_pack("[n, i, b, f, s, s, [], {}, [n, i, [s]], {s:n}]", -1, 1, 0.5, "",
		"\xef\xbf\xbd", 3, "CKM_ECDSA", "module");

	assert_non_null(shapes);
	json_object_foreach_safe(at, next, key, value)
	{
		json_t *kept = json_incref(value);
		char name[64];
		snprintf(name, sizeof name, "%s", key);
		if (json_is_object(kept))
			damage(all, kept);
		json_array_foreach(shapes, i, shape)
		{
			json_object_set(at, name, shape);
			read_damaged(all);
		}
		json_object_set(at, name, kept);
		json_decref(kept);
	}
	/* The order of keys is no matter, so each can go and come back. */
	json_t *whole = json_copy(at);
	json_object_foreach(whole, key, value)
	{
		json_object_del(at, key);
		read_damaged(all);
		json_object_set(at, key, value);
	}
	json_decref(whole);
	json_decref(shapes);
}

static void
damaged_capabilities_are_refused_or_read_as_not_known(void **state)
{
	static const char *const refused[] = {"{}", "{\"module\":null,\"token\":null}",
		"{\"module\":{}}", "{\"token\":{}}", "{\"module\":[],\"token\":[]}",
		"{\"module\":\"x\",\"token\":{}}"};
	struct capabilities full = full_capabilities(), c = {.road = ROAD_LIBP11};

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		AUTO(json_t) json_t *json = NULL;
		assert_ok(json_read(refused[i], strlen(refused[i]), &json, UNIT_ERR));
		assert_refused(capabilities_read(json, &c, UNIT_ERR), ERR_FAILED, "damaged");
	}
	assert_refused(capabilities_read(NULL, &c, UNIT_ERR), ERR_FAILED, "damaged");
	assert_int_equal(c.road, ROAD_LIBP11);
	/* The least that is read promises nothing. */
	AUTO(json_t) json_t *least = json_pack("{s:{}, s:{}}", "module", "token");
	assert_ok(capabilities_read(least, &c, UNIT_ERR));
	assert_int_equal(c.road, ROAD_AUTO);
	assert_int_equal(c.class, CLASS_HSM_CLAIMED);
	assert_int_equal(c.mechanisms, 0);
	for (int i = 0; i < KEY_TYPES; i++)
		assert_int_equal(c.type[i], MADE_UNKNOWN);
	assert_false(c.family[FAMILY_EC].tried || c.family[FAMILY_RSA].tried);
	assert_int_equal(c.sees_others, SAID_NOTHING);
	full.family[FAMILY_RSA] = full.family[FAMILY_EC];
	AUTO(json_t) json_t *json = capabilities_json(&full);
	damage(json, json);
}

static int
begin(void **state)
{
	(void)state;
	fault_rules("");
	fault_log_clear();
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	conf = softhsm_token("life", pin);
	free(conf->module);
	conf->module = strdup(fault_set_up());
	token = softhsm_open(conf, pin);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fault_rules("");
	token_close(token);
	softhsm_conf_free(conf);
	return 0;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(another_public_key_is_not_switched),
		TEST(a_private_key_without_its_public_object_is_known_by_its_own_value_or_not_at_all),
		TEST(a_module_that_does_not_switch_is_seen),
		TEST(a_module_that_is_cut_off_meanwhile_tells_nothing_of_the_switch),
		TEST(a_key_is_switched_off_and_on),
		TEST(another_public_key_is_not_destroyed),
		TEST(a_handle_that_leads_elsewhere_destroys_nothing),
		TEST(another_key_of_the_same_id_or_label_is_left),
		TEST(private_key_goes_before_public_key_before_certificate_and_what_is_half_gone_is_finished),
		TEST(a_token_that_keeps_an_object_is_believed_and_one_that_only_says_so_is_not),
		TEST(more_certificates_than_one_search_keeps_are_all_destroyed),
		TEST(a_foreign_private_key_behind_the_right_public_one_is_left),
		TEST(a_signature_that_does_not_fit_the_public_key_is_seen),
		TEST(a_proof_is_of_the_key_that_is_meant),
		TEST(a_key_that_can_be_read_or_wrapped_does_not_stay_whatever_its_attributes_say),
		TEST(a_key_of_which_the_module_speaks_badly_does_not_stay),
		TEST(a_proof_says_what_was_tried_and_leaves_nothing_behind),
		TEST(what_stands_behind_a_module_is_told_by_its_own_words),
		TEST(capabilities_come_back_as_they_were_kept),
		TEST(a_text_that_is_cut_within_a_character_can_still_be_kept),
		TEST(damaged_capabilities_are_refused_or_read_as_not_known),
	};
	return cmocka_run_group_tests_name("token life", tests, set_up, tear_down);
}
