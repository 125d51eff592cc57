/* Keys made, read back and used for a CSR in a real SoftHSM. */
#include "support/softhsm.h"
#include "support/unit.h"

#include <grp.h>
#include <openssl/ecdsa.h>
#include <sys/stat.h>

#include "keystay/base/file.h"
#include "keystay/base/source.h"
#include "keystay/ca/jws.h"
#include "keystay/token/admin.h"
#include "keystay/token/key.h"
#include "keystay/token/pin.h"
#include "keystay/x509/csr.h"
#include "keystay/x509/keypem.h"
#include "keystay/x509/ossl.h"

static const char pin[] = "12 #34$\"5";
static struct token_conf *conf;
static struct token *token;

static struct key_name
name_of(int n)
{
	struct key_name k;
	snprintf(k.id, sizeof k.id, "%032x", n);
	snprintf(k.label, sizeof k.label, "unit key %d;%%", n);
	return k;
}

static void
each_type_is_made_read_back_and_signs_a_request(void **state)
{
	struct list names = {0};
	struct subject subject = {
		.organization = (char *)"Example Council", .country = (char *)"GB"};

	(void)state;
	list_add(&names, "a.example");
	list_add(&names, "192.0.2.7");
	list_add(&names, "2001:db8::1");
	for (int type = 0; type < KEY_TYPES; type++) {
		struct key_name k = name_of(100 + type);
		struct key_facts facts;
		EVP_PKEY *public = NULL, *key = NULL;
		AUTO(buf) struct buf der = BUF(CSR_MAX);

		assert_ok(key_find(token, &k, &facts, NULL, UNIT_ERR));
		assert_int_equal(facts.presence, KEY_ABSENT);
		assert_ok(key_make(token, &k, (enum key_type)type, UNIT_ERR));
		assert_ok(key_find(token, &k, &facts, &public, UNIT_ERR));
		assert_int_equal(facts.presence, KEY_WHOLE);
		assert_int_equal(facts.type, type);
		assert_true(facts.local == SAID_YES);
		assert_ok(key_judge(&facts, &k, UNIT_ERR));
		assert_ok(key_load(token, &k, facts.public_hash, &key, UNIT_ERR));
		const struct csr_wish wish = {.subject = &subject, .names = &names};
		assert_ok(csr_make(token_context(token), key, public, &wish, &der, UNIT_ERR));
		EVP_PKEY_free(key);
		EVP_PKEY_free(public);
	}
	list_free(&names);
}

static void
another_public_hash_is_refused(void **state)
{
	struct key_name k = name_of(1);
	struct key_facts facts;
	EVP_PKEY *key = NULL;

	(void)state;
	assert_ok(key_make(token, &k, KEY_EC_P256, UNIT_ERR));
	assert_ok(key_find(token, &k, &facts, NULL, UNIT_ERR));
	facts.public_hash[0] ^= 1;
	assert_refused(key_load(token, &k, facts.public_hash, &key, UNIT_ERR), ERR_TOKEN,
		"not the one that was made");
	assert_null(key);
}

static void
a_name_that_is_there_twice_is_refused(void **state)
{
	struct key_name k = name_of(2);
	struct key_facts facts;

	(void)state;
	assert_ok(key_make(token, &k, KEY_EC_P256, UNIT_ERR));
	assert_ok(key_make(token, &k, KEY_EC_P256, UNIT_ERR));
	assert_refused(key_find(token, &k, &facts, NULL, UNIT_ERR), ERR_TOKEN, "holds two keys");
}

static void
facts_that_let_a_key_leave_are_refused(void **state)
{
	struct key_name k = name_of(3);
	const struct key_facts good = {.presence = KEY_WHOLE,
		.sensitive = SAID_YES,
		.always_sensitive = SAID_YES,
		.extractable = SAID_NO,
		.never_extractable = SAID_YES,
		.local = SAID_YES,
		.sign = SAID_YES};
	struct key_facts bad;

	(void)state;
	assert_ok(key_judge(&good, &k, UNIT_ERR));
#define BAD(change, words) \
	bad = good;        \
	change;            \
	assert_refused(key_judge(&bad, &k, UNIT_ERR), ERR_POLICY, words)
	BAD(bad.sensitive = SAID_NO, "CKA_SENSITIVE");
	BAD(bad.always_sensitive = SAID_NO, "CKA_ALWAYS_SENSITIVE");
	BAD(bad.extractable = SAID_YES, "CKA_EXTRACTABLE");
	BAD(bad.never_extractable = SAID_NO, "CKA_NEVER_EXTRACTABLE");
	BAD(bad.decrypt = SAID_YES, "CKA_DECRYPT");
	BAD(bad.unwrap = SAID_YES, "CKA_UNWRAP");
	BAD(bad.derive = SAID_YES, "CKA_DERIVE");
	BAD(bad.sign = SAID_NO, "CKA_SIGN");
	/* Not said is not good enough for what keeps the value in. */
	BAD(bad.sensitive = SAID_NOTHING, "CKA_SENSITIVE");
	BAD(bad.extractable = SAID_NOTHING, "CKA_EXTRACTABLE");
}

/* A signature whose r or s begins with a zero byte is one in 128: a short one would be refused. */
static void
two_thousand_jws_signatures_are_64_bytes_and_verify(void **state)
{
	struct key_name k = name_of(20);
	struct key_facts facts;
	EVP_PKEY *key = NULL, *public = NULL;
	unsigned char sig[512];
	size_t len;

	(void)state;
	assert_ok(key_make(token, &k, KEY_EC_P256, UNIT_ERR));
	assert_ok(key_find(token, &k, &facts, &public, UNIT_ERR));
	assert_ok(key_load(token, &k, facts.public_hash, &key, UNIT_ERR));
	int zeros = 0;
	for (int i = 0; i < 2000; i++) {
		unsigned char *der = NULL;
		assert_ok(jws_signature(key, public, &i, sizeof i, sig, &len, UNIT_ERR));
		assert_int_equal(len, 64);
		zeros += sig[0] == 0 || sig[32] == 0;
		ECDSA_SIG *pair = ECDSA_SIG_new();
		ECDSA_SIG_set0(pair, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL));
		int der_len = i2d_ECDSA_SIG(pair, &der);
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		assert_int_equal(
			EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, public, NULL), 1);
		assert_int_equal(EVP_DigestVerify(ctx, der, (size_t)der_len,
					 (const unsigned char *)&i, sizeof i),
			1);
		EVP_MD_CTX_free(ctx);
		OPENSSL_free(der);
		ECDSA_SIG_free(pair);
	}
	/* Of 2,000 some 16 are padded; none at all has a chance of one in a million. */
	assert_int_not_equal(zeros, 0);
	EVP_PKEY_free(key);
	EVP_PKEY_free(public);
}

static void
the_uri_escapes_and_holds_no_pin(void **state)
{
	struct key_name k = name_of(4);
	char uri[KEY_URI_TEXT];
	AUTO(char) char *pem = NULL;

	(void)state;
	assert_ok(key_uri(token, &k, uri, UNIT_ERR));
	assert_non_null(strstr(uri, "object=unit%20key%204%3B%25;"));
	assert_non_null(strstr(uri, ";type=private"));
	assert_null(strstr(uri, "pin"));
	assert_ok(keypem_make(uri, &pem, UNIT_ERR));
	assert_non_null(strstr(pem, "BEGIN PKCS#11 PROVIDER URI"));
}

static void
a_wrong_pin_is_refused_and_said_so(void **state)
{
	struct token *t = NULL;
	AUTO(secret) struct secret *wrong = secret_new();
	struct pin_answer refused;
	struct token_conf other = *conf;

	(void)state;
	/* A process is logged in or not, so a wrong PIN needs a token nobody logged in to. */
	AUTO(secret) struct secret *so = secret_new(), *user = secret_new();
	assert_ok(secret_add(so, "12345678", 8, UNIT_ERR));
	assert_ok(secret_add(user, "1234", 4, UNIT_ERR));
	assert_ok(secret_add(wrong, "9999", 4, UNIT_ERR));
	other.label = (char *)"second";
	assert_refused(token_open(&other, ROAD_AUTO, wrong, &t, &refused, UNIT_ERR), ERR_PIN,
		"token 'web': login refused (CKR_PIN_INCORRECT)");
	assert_true(refused.refused);
	assert_null(t);
}

static void
an_absent_token_and_a_module_that_is_none(void **state)
{
	struct token_conf other = *conf;
	AUTO(secret) struct secret *s = secret_new();
	struct token *t = NULL;
	struct pin_answer refused;

	(void)state;
	other.label = (char *)"nowhere";
	assert_refused(token_open(&other, ROAD_AUTO, s, &t, &refused, UNIT_ERR), ERR_TOKEN,
		"no token with label 'nowhere'");
	assert_non_null(strstr(unit_err.hint, "second"));
	other.module = (char *)"/usr/lib/softhsm/absent.so";
	assert_refused(
		token_open(&other, ROAD_AUTO, s, &t, &refused, UNIT_ERR), ERR_CONFIG, "absent.so");
	other.module = (char *)unit_file("no-module.so", "text\n");
	assert_refused(token_open(&other, ROAD_AUTO, s, &t, &refused, UNIT_ERR), ERR_CONFIG,
		"cannot load");
}

static void
a_pin_file_that_changes_has_another_mark(void **state)
{
	AUTO(secret) struct secret *s = NULL;
	char source[300];

	(void)state;
	const char *path = unit_file("pin", "1234\n");
	snprintf(source, sizeof source, "file:%s", path);
	chmod(path, 0600);
	assert_ok(source_get(source, "PIN", &s, UNIT_ERR));
	const struct pin_mark before = pin_source_mark(source), same = pin_source_mark(source);
	assert_int_not_equal(before.inode, 0);
	assert_memory_equal(&before, &same, sizeof before);
	unit_file("pin", "");
	const struct pin_mark after = pin_source_mark(source);
	assert_true(memcmp(&before, &after, sizeof before) != 0);
}

static void
shared_files_get_group_and_mode(void **state)
{
	struct token_conf shared = *conf;
	char folder[200];
	struct stat st;
	struct err e;

	(void)state;
	struct group *group = getgrgid(getgid());
	assert_non_null(group);
	snprintf(folder, sizeof folder, "%s/tokens", unit_folder());
	shared.share.path = folder;
	char name[64];
	snprintf(name, sizeof name, "%s", group->gr_name);
	shared.share.group = name;
	struct token *t = softhsm_open(&shared, pin);
	struct key_name k = name_of(5);
	if (key_make(t, &k, KEY_EC_P256, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode & 0050, 0050);
	shared.share.group = (char *)"no-such-group";
	assert_refused(key_make(t, &k, KEY_EC_P256, UNIT_ERR), ERR_CONFIG, "no-such-group");
	token_close(t);
}

static int
set_up(void **state)
{
	(void)state;
	/* All tokens first: initialising goes through libp11, which finalises the module. */
	conf = softhsm_token("probe", pin);
	softhsm_conf_free(softhsm_token("second", "1234"));
	struct err e;
	AUTO(secret) struct secret *s = secret_new();
	if (token_init(conf, s, s, &e) == 0 || !strstr(e.text, "initialised already"))
		return -1;
	token = softhsm_open(conf, pin);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	token_close(token);
	softhsm_conf_free(conf);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_is_made_read_back_and_signs_a_request),
		cmocka_unit_test(another_public_hash_is_refused),
		cmocka_unit_test(a_name_that_is_there_twice_is_refused),
		cmocka_unit_test(facts_that_let_a_key_leave_are_refused),
		cmocka_unit_test(two_thousand_jws_signatures_are_64_bytes_and_verify),
		cmocka_unit_test(the_uri_escapes_and_holds_no_pin),
		cmocka_unit_test(a_wrong_pin_is_refused_and_said_so),
		cmocka_unit_test(an_absent_token_and_a_module_that_is_none),
		cmocka_unit_test(a_pin_file_that_changes_has_another_mark),
		cmocka_unit_test(shared_files_get_group_and_mode),
	};
	return cmocka_run_group_tests_name("token", tests, set_up, tear_down);
}
