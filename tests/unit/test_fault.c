/* The double that other tests rely on does what its rules say: raw PKCS#11 over SoftHSM. */
#include "support/fault.h"
#include "support/softhsm.h"
#include "support/unit.h"

#include <dlfcn.h>

#include "keystay/token/module.h"
#include "keystay/token/rv.h"

static const char pin[] = "48151623";
static CK_FUNCTION_LIST *f;
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session;

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_BYTE data[32] = {7};

#define ATTR(type, value)                       \
	{                                       \
		(type), &(value), sizeof(value) \
	}
#define assert_rv(call, wanted) assert_string_equal(rv_word(call), rv_word(wanted))

struct pair {
	CK_OBJECT_HANDLE public, private;
};

static void
initialize(void)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};

	assert_rv(f->C_Initialize(&args), CKR_OK);
}

static void
open_session(void)
{
	CK_SLOT_ID slots[8];
	CK_ULONG count = 8;
	CK_TOKEN_INFO info;

	assert_rv(f->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	for (CK_ULONG i = 0; i < count; i++) {
		assert_rv(f->C_GetTokenInfo(slots[i], &info), CKR_OK);
		if (info.flags & CKF_TOKEN_INITIALIZED)
			slot = slots[i];
	}
	assert_rv(f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
		CKR_OK);
	assert_rv(f->C_Login(session, CKU_USER, (CK_BYTE *)pin, sizeof pin - 1), CKR_OK);
}

/* Pairs live as long as the session, so each test makes its own. */
static CK_RV
make_rsa(CK_BBOOL decrypt, struct pair *ret)
{
	CK_ULONG bits = 2048;
	CK_BYTE exponent[] = {1, 0, 1};
	CK_MECHANISM m = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
	CK_ATTRIBUTE public[] = {ATTR(CKA_TOKEN, no), ATTR(CKA_VERIFY, yes),
		ATTR(CKA_MODULUS_BITS, bits), ATTR(CKA_PUBLIC_EXPONENT, exponent)};
	CK_ATTRIBUTE private[] = {ATTR(CKA_TOKEN, no), ATTR(CKA_SIGN, yes),
		ATTR(CKA_SENSITIVE, yes), ATTR(CKA_EXTRACTABLE, no), ATTR(CKA_DECRYPT, decrypt),
		ATTR(CKA_COPYABLE, no)};

	return f->C_GenerateKeyPair(
		session, &m, public, 4, private, 6, &ret->public, &ret->private);
}

static struct pair
make_ec(void)
{
	static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	CK_MECHANISM m = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_ATTRIBUTE public[] = {
		ATTR(CKA_TOKEN, no), ATTR(CKA_VERIFY, yes), ATTR(CKA_EC_PARAMS, p256)};
	CK_ATTRIBUTE private[] = {ATTR(CKA_TOKEN, no), ATTR(CKA_SIGN, yes),
		ATTR(CKA_SENSITIVE, yes), ATTR(CKA_EXTRACTABLE, no)};
	struct pair p;

	assert_rv(f->C_GenerateKeyPair(session, &m, public, 3, private, 4, &p.public, &p.private),
		CKR_OK);
	return p;
}

static CK_RV
sign(const struct pair *p, CK_BYTE signature[64])
{
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	CK_ULONG len = 64;

	assert_rv(f->C_SignInit(session, &m, p->private), CKR_OK);
	return f->C_Sign(session, data, sizeof data, signature, &len);
}

static CK_RV
verify(const struct pair *p, CK_BYTE signature[64])
{
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};

	assert_rv(f->C_VerifyInit(session, &m, p->public), CKR_OK);
	return f->C_Verify(session, data, sizeof data, signature, 64);
}

static CK_BBOOL
bool_of(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value = 0xee;
	CK_ATTRIBUTE a = ATTR(type, value);

	assert_rv(f->C_GetAttributeValue(session, object, &a, 1), CKR_OK);
	assert_int_equal(a.ulValueLen, 1);
	return value;
}

static void
nothing_fails_without_rules_and_calls_are_counted(void **state)
{
	struct pair p = make_ec();
	CK_BYTE signature[64];
	char text[4096];

	(void)state;
	assert_rv(sign(&p, signature), CKR_OK);
	assert_rv(sign(&p, signature), CKR_OK);
	assert_rv(verify(&p, signature), CKR_OK);
	assert_int_equal(fault_calls("C_Initialize"), 1);
	assert_int_equal(fault_calls("C_Login"), 1);
	assert_int_equal(fault_calls("C_Sign"), 2);
	assert_int_equal(fault_calls("C_GenerateKeyPair"), 1);
	assert_int_equal(fault_calls("C_DestroyObject"), 0);
	FILE *log = fopen(getenv("FAULT_LOG"), "r");
	assert_non_null(log);
	text[fread(text, 1, sizeof text - 1, log)] = '\0';
	fclose(log);
	assert_null(strstr(text, pin));
	CK_FUNCTION_LIST *again = NULL;
	assert_rv(f->C_GetFunctionList(&again), CKR_OK);
	assert_ptr_equal(again, f);
}

static void
fail_counts_what_it_lets_pass_and_what_it_fails(void **state)
{
	struct pair p = make_ec();
	CK_BYTE signature[64];

	(void)state;
	for (int same_rules_anew = 0; same_rules_anew < 2; same_rules_anew++) {
		fault_rules("# two good ones\nfail C_Sign 0x30 after=2 times=1   # then one\n");
		assert_rv(sign(&p, signature), CKR_OK);
		assert_rv(sign(&p, signature), CKR_OK);
		assert_rv(sign(&p, signature), CKR_DEVICE_ERROR);
		/* The failed one ended its operation: the session signs again. */
		assert_rv(sign(&p, signature), CKR_OK);
		assert_rv(verify(&p, signature), CKR_OK);
	}
	fault_rules("fail C_Sign CKR_PIN_EXPIRED times=1\nfail C_Sign CKR_DEVICE_ERROR after=1\n");
	assert_rv(sign(&p, signature), CKR_PIN_EXPIRED);
	assert_rv(sign(&p, signature), CKR_DEVICE_ERROR);
	fault_rules("fail C_GenerateKeyPair CKR_TOKEN_RESOURCE_EXCEEDED\n");
	for (int i = 0; i < 3; i++)
		assert_int_equal(make_rsa(no, &p), 0x201);
	fault_rules("fail C_GetSlotList CKR_FUNCTION_FAILED\nfail C_Finalize 0x5\n");
	CK_ULONG count = 0;
	assert_rv(f->C_GetSlotList(CK_TRUE, NULL, &count), CKR_FUNCTION_FAILED);
	assert_rv(f->C_Finalize(NULL), CKR_GENERAL_ERROR);
}

static void
every_value_keystay_names_is_known(void **state)
{
	CK_SESSION_INFO info;
	char line[100];
	int known = 0;

	(void)state;
	for (CK_RV rv = 0; rv < 0x300; rv++) {
		if (strncmp(rv_word(rv), "CKR_0x", 6) == 0)
			continue;
		snprintf(line, sizeof line, "fail C_GetSessionInfo %s\n", rv_word(rv));
		fault_rules(line);
		assert_rv(f->C_GetSessionInfo(session, &info), rv);
		known++;
	}
	assert_true(known > 40);
}

static void
refuse_judges_templates(void **state)
{
	struct pair p;
	CK_OBJECT_CLASS class = CKO_DATA;
	CK_ATTRIBUTE object[] = {
		ATTR(CKA_CLASS, class), ATTR(CKA_TOKEN, no), ATTR(CKA_MODIFIABLE, yes)};
	CK_OBJECT_HANDLE made;

	(void)state;
	fault_rules("refuse CKA_COPYABLE CKR_ATTRIBUTE_TYPE_INVALID\n");
	assert_rv(make_rsa(no, &p), CKR_ATTRIBUTE_TYPE_INVALID);
	assert_rv(f->C_CreateObject(session, object, 3, &made), CKR_OK);
	fault_rules("refuse CKA_VERIFY 0x13\n");
	assert_rv(make_rsa(no, &p), CKR_ATTRIBUTE_VALUE_INVALID);
	fault_rules("refuse CKA_DECRYPT=false CKR_GENERAL_ERROR\n");
	assert_rv(make_rsa(no, &p), CKR_GENERAL_ERROR);
	assert_rv(make_rsa(yes, &p), CKR_OK);
	fault_rules("refuse CKA_MODIFIABLE=true CKR_TEMPLATE_INCONSISTENT\n"
		    "refuse CKA_LABEL CKR_ATTRIBUTE_READ_ONLY\n");
	assert_rv(f->C_CreateObject(session, object, 3, &made), CKR_TEMPLATE_INCONSISTENT);
	CK_ATTRIBUTE label = {CKA_LABEL, data, sizeof data};
	assert_rv(f->C_SetAttributeValue(session, p.private, &label, 1), CKR_ATTRIBUTE_READ_ONLY);
	fault_rules("");
	assert_rv(f->C_SetAttributeValue(session, p.private, &label, 1), CKR_OK);
}

static void
lie_is_told_of_private_keys_only(void **state)
{
	struct pair p = make_ec();
	CK_BBOOL extractable = CK_FALSE, sensitive = CK_FALSE;
	CK_BYTE label[8];
	CK_ATTRIBUTE several[] = {ATTR(CKA_SENSITIVE, sensitive), ATTR(CKA_LABEL, label),
		ATTR(CKA_EXTRACTABLE, extractable)};
	CK_ATTRIBUTE length = {CKA_EXTRACTABLE, NULL, 0};

	(void)state;
	assert_int_equal(bool_of(p.private, CKA_EXTRACTABLE), CK_FALSE);
	fault_rules("lie CKA_EXTRACTABLE=true\nlie CKA_PRIVATE=true\nlie CKA_LOCAL=false");
	assert_int_equal(bool_of(p.private, CKA_EXTRACTABLE), CK_TRUE);
	assert_int_equal(bool_of(p.private, CKA_LOCAL), CK_FALSE);
	assert_int_equal(bool_of(p.public, CKA_LOCAL), CK_TRUE);
	assert_rv(f->C_GetAttributeValue(session, p.private, several, 3), CKR_OK);
	assert_int_equal(sensitive, CK_TRUE);
	assert_int_equal(extractable, CK_TRUE);
	assert_int_equal(several[1].ulValueLen, 0);
	assert_rv(f->C_GetAttributeValue(session, p.private, &length, 1), CKR_OK);
	assert_int_equal(length.ulValueLen, 1);
}

static void
ignore_makes_a_key_otherwise_than_asked(void **state)
{
	struct pair p;

	(void)state;
	assert_rv(make_rsa(no, &p), CKR_OK);
	assert_int_equal(bool_of(p.private, CKA_DECRYPT), CK_FALSE);
	fault_rules("ignore CKA_DECRYPT\n");
	assert_rv(make_rsa(no, &p), CKR_OK);
	assert_int_equal(bool_of(p.private, CKA_DECRYPT), CK_TRUE);
}

static void
corrupt_flips_a_bit_of_what_was_signed(void **state)
{
	struct pair p = make_ec();
	CK_BYTE signature[64], big[256];
	CK_MECHANISM rsa = {CKM_SHA256_RSA_PKCS, NULL, 0}, ec = {CKM_ECDSA, NULL, 0};
	CK_ULONG len = 0;

	(void)state;
	fault_rules("corrupt C_Sign\n");
	assert_rv(f->C_SignInit(session, &ec, p.private), CKR_OK);
	assert_rv(f->C_Sign(session, data, sizeof data, NULL, &len), CKR_OK);
	assert_int_equal(len, 64);
	assert_rv(f->C_Sign(session, data, sizeof data, signature, &len), CKR_OK);
	assert_rv(verify(&p, signature), CKR_SIGNATURE_INVALID);
	signature[63] ^= 1;
	assert_rv(verify(&p, signature), CKR_OK);

	assert_rv(make_rsa(no, &p), CKR_OK);
	assert_rv(f->C_SignInit(session, &rsa, p.private), CKR_OK);
	assert_rv(f->C_SignUpdate(session, data, sizeof data), CKR_OK);
	len = sizeof big;
	assert_rv(f->C_SignFinal(session, big, &len), CKR_OK);
	for (int whole = 0; whole < 2; whole++, big[255] ^= 1) {
		assert_rv(f->C_VerifyInit(session, &rsa, p.public), CKR_OK);
		assert_rv(f->C_Verify(session, data, sizeof data, big, len),
			whole ? CKR_OK : CKR_SIGNATURE_INVALID);
	}
}

static void
flags_are_added(void **state)
{
	CK_TOKEN_INFO info;

	(void)state;
	assert_rv(f->C_GetTokenInfo(slot, &info), CKR_OK);
	const CK_FLAGS before = info.flags;
	assert_int_equal(before & (CKF_USER_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED), 0);
	fault_rules("flags CKF_USER_PIN_FINAL_TRY\nflags CKF_SO_PIN_LOCKED\n");
	assert_rv(f->C_GetTokenInfo(slot, &info), CKR_OK);
	assert_int_equal(info.flags, before | CKF_USER_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED);
}

/* The one private key with this CKA_ID, as the module says. */
static CK_OBJECT_HANDLE
find_by_id(CK_BYTE id)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE template[] = {ATTR(CKA_CLASS, class), ATTR(CKA_ID, id)};
	CK_OBJECT_HANDLE found[4];
	CK_ULONG count = 0;

	assert_rv(f->C_FindObjectsInit(session, template, 2), CKR_OK);
	assert_rv(f->C_FindObjects(session, found, 4, &count), CKR_OK);
	assert_rv(f->C_FindObjectsFinal(session), CKR_OK);
	assert_int_equal(count, 1);
	return found[0];
}

static void
swap_numbers_wrongly_after_a_destroyed_object(void **state)
{
	struct pair p[3];

	(void)state;
	for (CK_BYTE i = 0; i < 3; i++) {
		CK_ATTRIBUTE id = ATTR(CKA_ID, i);
		p[i] = make_ec();
		assert_rv(f->C_SetAttributeValue(session, p[i].private, &id, 1), CKR_OK);
	}
	fault_rules("swap\n");
	assert_int_equal(find_by_id(0), p[0].private);
	assert_int_equal(find_by_id(1), p[1].private);
	assert_rv(f->C_DestroyObject(session, p[2].private), CKR_OK);
	assert_int_equal(find_by_id(0), p[1].private);
	assert_int_equal(find_by_id(1), p[0].private);
	fault_rules("");
	assert_int_equal(find_by_id(0), p[0].private);
}

static void
assert_gone(void)
{
	CK_SLOT_ID slots[8];
	CK_ULONG count = 8;
	CK_SLOT_INFO slot_info;
	CK_TOKEN_INFO info;
	CK_SESSION_HANDLE s;

	assert_rv(f->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	assert_int_equal(count, 0);
	count = 8;
	assert_rv(f->C_GetSlotList(CK_FALSE, slots, &count), CKR_OK);
	assert_int_not_equal(count, 0);
	assert_rv(f->C_GetSlotInfo(slot, &slot_info), CKR_OK);
	assert_int_equal(slot_info.flags & CKF_TOKEN_PRESENT, 0);
	assert_rv(f->C_GetTokenInfo(slot, &info), CKR_TOKEN_NOT_PRESENT);
	assert_rv(f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_DEVICE_REMOVED);
	assert_rv(f->C_GenerateRandom(session, data, 1), CKR_DEVICE_REMOVED);
}

static void
begin_anew(void)
{
	assert_rv(f->C_Finalize(NULL), CKR_OK);
	initialize();
}

static void
gone_lasts_until_the_rule_is_out_and_the_module_was_begun_anew(void **state)
{
	(void)state;
	fault_rules("gone\n");
	assert_gone();
	fault_rules("");
	assert_gone();
	fault_rules("gone\n");
	begin_anew();
	assert_gone();
	fault_rules("");
	open_session();
	fault_rules("gone\nfail C_GenerateRandom CKR_DEVICE_ERROR\n");
	assert_rv(f->C_GenerateRandom(session, data, 1), CKR_DEVICE_ERROR);
	assert_rv(f->C_CloseSession(session), CKR_DEVICE_REMOVED);
	fault_rules("");
	begin_anew();
	open_session();
}

static void
lost_is_one_episode_for_each_writing(void **state)
{
	CK_TOKEN_INFO info;
	CK_SESSION_HANDLE s;

	(void)state;
	for (int i = 0; i < 2; i++) {
		fault_rules("lost\n");
		assert_rv(f->C_GenerateRandom(session, data, 1), CKR_SESSION_HANDLE_INVALID);
		assert_rv(f->C_GetTokenInfo(slot, &info), CKR_OK);
		assert_rv(f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_OK);
		assert_rv(f->C_CloseSession(s), CKR_SESSION_HANDLE_INVALID);
		begin_anew();
		open_session();
		assert_rv(f->C_GenerateRandom(session, data, 1), CKR_OK);
	}
	fault_rules("lost\n");
	assert_rv(f->C_GenerateRandom(session, data, 1), CKR_SESSION_HANDLE_INVALID);
	fault_rules("");
	assert_rv(f->C_GenerateRandom(session, data, 1), CKR_SESSION_HANDLE_INVALID);
	begin_anew();
	open_session();
}

static void
a_rule_that_cannot_be_read_stops_the_module(void **state)
{
	static const char *const bad[] = {"fial C_Sign CKR_DEVICE_ERROR", "fail", "fail C_Sign",
		"fail C_GetInfo CKR_DEVICE_ERROR", "fail C_Sing CKR_DEVICE_ERROR",
		"fail C_Sign CKR_DEVICE_EROR", "fail C_Sign 48", "fail C_Sign 0x",
		"fail C_Sign 0x30 after=", "fail C_Sign 0x30 times=0", "fail C_Sign 0x30 times=-1",
		"fail C_Sign 0x30 twice", "refuse CKA_COPYABLE", "refuse CKA_COPYABLE=maybe 0x30",
		"refuse CKA_ID=true 0x30", "lie CKA_EXTRACTABLE", "lie CKA_LABEL=true",
		"ignore CKA_DECRYPT=false", "corrupt C_Verify", "flags CKF_TOKEN_PRESENT",
		"swap all", "# good\n\ngone forever"};
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_rv(f->C_Finalize(NULL), CKR_OK);
		fault_rules(bad[i]);
		if (f->C_Initialize(&args) != CKR_GENERAL_ERROR)
			fail_msg("'%s' was taken for a rule", bad[i]);
		fault_rules("");
		initialize();
	}
	open_session();
	fault_rules("nonsense\n");
	assert_rv(f->C_GenerateRandom(session, data, 1), CKR_GENERAL_ERROR);
	fault_rules("");
	assert_rv(f->C_GenerateRandom(session, data, 1), CKR_OK);
	assert_int_equal(unlink(getenv("FAULT_RULES")), 0);
	assert_rv(f->C_GenerateRandom(session, data, 1), CKR_GENERAL_ERROR);
	fault_rules("");
}

static int
begin(void **state)
{
	(void)state;
	fault_rules("");
	fault_log_clear();
	initialize();
	open_session();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	fault_rules("");
	return f->C_Finalize(NULL) == CKR_OK ? 0 : -1;
}

static int
set_up(void **state)
{
	struct module *m = NULL;
	CK_C_GetFunctionList get;
	CK_FUNCTION_LIST *none;
	struct err e;

	(void)state;
	softhsm_conf_free(softhsm_token("fault", pin));
	const char *path = fault_set_up();
	/* Without a real module behind it, and before itself, it gives no list. */
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(library);
	*(void **)&get = dlsym(library, "C_GetFunctionList");
	unsetenv("FAULT_MODULE");
	assert_rv(get(&none), CKR_GENERAL_ERROR);
	setenv("FAULT_MODULE", path, 1);
	assert_rv(get(&none), CKR_GENERAL_ERROR);
	dlclose(library);
	fault_set_up();
	if (module_load(path, NULL, &m, &e) < 0)
		fail_msg("%s", e.text);
	f = module_functions(m);
	return f->C_Finalize(NULL) == CKR_OK ? 0 : -1;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(nothing_fails_without_rules_and_calls_are_counted),
		TEST(fail_counts_what_it_lets_pass_and_what_it_fails),
		TEST(every_value_keystay_names_is_known),
		TEST(refuse_judges_templates),
		TEST(lie_is_told_of_private_keys_only),
		TEST(ignore_makes_a_key_otherwise_than_asked),
		TEST(corrupt_flips_a_bit_of_what_was_signed),
		TEST(flags_are_added),
		TEST(swap_numbers_wrongly_after_a_destroyed_object),
		TEST(gone_lasts_until_the_rule_is_out_and_the_module_was_begun_anew),
		TEST(lost_is_one_episode_for_each_writing),
		TEST(a_rule_that_cannot_be_read_stops_the_module),
	};
	return cmocka_run_group_tests_name("fault", tests, set_up, NULL);
}
