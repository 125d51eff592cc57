/*
 * Each of the guard's functions: what a server has no business with is refused and counted, what is
 * given wrongly never reaches the vendor's module, and the agent's calls pass.
 */
#include "support/fault.h"
#include "support/guarded.h"
#include "support/unit.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EC = 1 };

#define HUGE_COUNT ((CK_ULONG)1 << 29)

static CK_OBJECT_HANDLE key;
static CK_BYTE bytes[512];
static CK_ULONG room;
static CK_OBJECT_HANDLE made, made_too;
static CK_MECHANISM rsa = {CKM_RSA_PKCS, NULL, 0}, aes = {CKM_AES_KEY_GEN, NULL, 0},
		    pair = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0}, ecdsa = {CKM_ECDSA, NULL, 0};
static CK_ATTRIBUTE label = {CKA_LABEL, bytes, 4};

/* --- what a server is refused */

enum place { NOWHERE, HEADER, SLOT };

#define S guarded_session
#define REFUSED(name, arguments)                    \
	static CK_RV try_##name(void)               \
	{                                           \
		return guarded->C_##name arguments; \
	}

/* clang-format off */
REFUSED(InitToken, (guarded_slot, bytes, 4, bytes))
REFUSED(InitPIN, (S, bytes, 4))
REFUSED(SetPIN, (S, bytes, 4, bytes, 4))
REFUSED(CreateObject, (S, &label, 1, &made))
REFUSED(CopyObject, (S, key, &label, 1, &made))
REFUSED(DestroyObject, (S, key))
REFUSED(SetAttributeValue, (S, key, &label, 1))
REFUSED(EncryptInit, (S, &rsa, key))
REFUSED(Encrypt, (S, bytes, 4, bytes, &room))
REFUSED(EncryptUpdate, (S, bytes, 4, bytes, &room))
REFUSED(EncryptFinal, (S, bytes, &room))
REFUSED(DecryptInit, (S, &rsa, key))
REFUSED(Decrypt, (S, bytes, 4, bytes, &room))
REFUSED(DecryptUpdate, (S, bytes, 4, bytes, &room))
REFUSED(DecryptFinal, (S, bytes, &room))
REFUSED(DigestKey, (S, key))
REFUSED(SignRecoverInit, (S, &rsa, key))
REFUSED(SignRecover, (S, bytes, 4, bytes, &room))
REFUSED(VerifyRecoverInit, (S, &rsa, key))
REFUSED(VerifyRecover, (S, bytes, 4, bytes, &room))
REFUSED(DigestEncryptUpdate, (S, bytes, 4, bytes, &room))
REFUSED(DecryptDigestUpdate, (S, bytes, 4, bytes, &room))
REFUSED(SignEncryptUpdate, (S, bytes, 4, bytes, &room))
REFUSED(DecryptVerifyUpdate, (S, bytes, 4, bytes, &room))
REFUSED(GenerateKey, (S, &aes, &label, 1, &made))
REFUSED(GenerateKeyPair, (S, &pair, &label, 1, &label, 1, &made, &made_too))
REFUSED(WrapKey, (S, &rsa, key, key, bytes, &room))
REFUSED(UnwrapKey, (S, &rsa, key, bytes, 4, &label, 1, &made))
REFUSED(DeriveKey, (S, &rsa, key, &label, 1, &made))
REFUSED(SeedRandom, (S, bytes, 4))
REFUSED(Login, (S, CKU_SO, bytes, 4))
REFUSED(GetOperationState, (S, bytes, &room))
REFUSED(SetOperationState, (S, bytes, 4, 0, 0))
REFUSED(GetFunctionStatus, (S))
REFUSED(CancelFunction, (S))

#define ROW(name, answer, counted, where) {"C_" #name, try_##name, answer, counted, where}

static const struct {
	const char *name;
	CK_RV (*call)(void);
	CK_RV answer;
	const char *counted;
	enum place where;
} refused[] = {
	ROW(InitToken, CKR_FUNCTION_NOT_SUPPORTED, "change=1", HEADER),
	ROW(InitPIN, CKR_FUNCTION_NOT_SUPPORTED, "change=1", HEADER),
	ROW(SetPIN, CKR_FUNCTION_NOT_SUPPORTED, "change=1", HEADER),
	ROW(CreateObject, CKR_ACTION_PROHIBITED, "make=1", HEADER),
	ROW(CopyObject, CKR_ACTION_PROHIBITED, "change=1", SLOT),
	ROW(DestroyObject, CKR_ACTION_PROHIBITED, "change=1", SLOT),
	ROW(SetAttributeValue, CKR_ACTION_PROHIBITED, "change=1", SLOT),
	ROW(EncryptInit, CKR_KEY_FUNCTION_NOT_PERMITTED, "", NOWHERE),
	ROW(Encrypt, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(EncryptUpdate, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(EncryptFinal, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(DecryptInit, CKR_KEY_FUNCTION_NOT_PERMITTED, "decrypt=1", SLOT),
	ROW(Decrypt, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(DecryptUpdate, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(DecryptFinal, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(DigestKey, CKR_KEY_INDIGESTIBLE, "read=1", SLOT),
	ROW(SignRecoverInit, CKR_KEY_FUNCTION_NOT_PERMITTED, "mechanism=1", SLOT),
	ROW(SignRecover, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(VerifyRecoverInit, CKR_KEY_FUNCTION_NOT_PERMITTED, "", NOWHERE),
	ROW(VerifyRecover, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(DigestEncryptUpdate, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(DecryptDigestUpdate, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(SignEncryptUpdate, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(DecryptVerifyUpdate, CKR_OPERATION_NOT_INITIALIZED, "", NOWHERE),
	ROW(GenerateKey, CKR_FUNCTION_NOT_SUPPORTED, "make=1", HEADER),
	ROW(GenerateKeyPair, CKR_FUNCTION_NOT_SUPPORTED, "make=1", HEADER),
	ROW(WrapKey, CKR_KEY_UNEXTRACTABLE, "wrap=1", SLOT),
	ROW(UnwrapKey, CKR_KEY_FUNCTION_NOT_PERMITTED, "unwrap=1", SLOT),
	ROW(DeriveKey, CKR_KEY_FUNCTION_NOT_PERMITTED, "derive=1", SLOT),
	ROW(SeedRandom, CKR_RANDOM_SEED_NOT_SUPPORTED, "", NOWHERE),
	ROW(Login, CKR_USER_TYPE_INVALID, "", NOWHERE),
	ROW(GetOperationState, CKR_FUNCTION_NOT_SUPPORTED, "", NOWHERE),
	ROW(SetOperationState, CKR_FUNCTION_NOT_SUPPORTED, "", NOWHERE),
	ROW(GetFunctionStatus, CKR_FUNCTION_NOT_PARALLEL, "", NOWHERE),
	ROW(CancelFunction, CKR_FUNCTION_NOT_PARALLEL, "", NOWHERE),
};
/* clang-format on */

static void
forget_counts(struct ledger_slot *s)
{
	for (int i = 0; i < LEDGER_COUNTS; i++)
		s->count[i] = ledger_header(guarded_ledger())->count[i] = 0;
}

static void
a_server_is_refused_what_it_has_no_business_with(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		forget_counts(s);
		fault_log_clear();
		room = sizeof bytes;
		CK_RV rv = refused[i].call();
		const char *in_slot = guarded_counts(s->count);
		const char *in_header = guarded_counts(ledger_header(guarded_ledger())->count);
		if (rv != refused[i].answer ||
			strcmp(in_slot, refused[i].where == SLOT ? refused[i].counted : "") != 0 ||
			strcmp(in_header, refused[i].where == HEADER ? refused[i].counted : "") !=
				0)
			fail_msg("%s: %s, counted '%s' in the slot and '%s' in the header",
				refused[i].name, rv_word(rv), in_slot, in_header);
		assert_int_equal(fault_calls(refused[i].name), 0);
	}
	/* The key and the session are as they were. */
	assert_rv(guarded_sign(key), CKR_OK);
}

static void
what_is_refused_of_no_key_is_counted_in_the_header(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);

	(void)state;
	key = 99999;
	for (size_t i = 0; i < COUNT(refused); i++) {
		forget_counts(s);
		assert_rv(refused[i].call(), refused[i].answer);
		assert_counts(s, "");
		assert_header(refused[i].counted);
	}
	/* Nor of a session that is none. */
	CK_SESSION_HANDLE session = guarded_session;
	guarded_session = 99999;
	for (size_t i = 0; i < COUNT(refused); i++) {
		forget_counts(s);
		assert_rv(refused[i].call(), refused[i].answer);
		assert_header(refused[i].counted);
	}
	guarded_session = session;
}

static void
an_attempt_to_read_a_private_value_is_counted(void **state)
{
	static const CK_ATTRIBUTE_TYPE private[] = {CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
		CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT};
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	CK_ATTRIBUTE a[] = {{CKA_LABEL, NULL, 0}, {CKA_VALUE, NULL, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(private); i++) {
		a[1].type = private[i];
		assert_true(guarded->C_GetAttributeValue(S, key, a, 2) != CKR_OK);
	}
	assert_counts(s, "read=7");
	assert_rv(guarded->C_GetAttributeValue(S, key, a, 1), CKR_OK);
	/* A public key has no private value. */
	CK_OBJECT_HANDLE public = guarded_find(CKO_PUBLIC_KEY, EC, NULL);
	(void)guarded->C_GetAttributeValue(S, public, a, 2);
	(void)guarded->C_GetAttributeValue(S, 99999, a, 2);
	assert_counts(s, "read=7");
	assert_header("");
	assert_int_equal(guarded_slots(), 1);
}

static void
what_a_server_may_do_reaches_the_vendor(void **state)
{
	static const char *const passed[] = {"C_GetSlotList", "C_GetSlotInfo", "C_GetTokenInfo",
		"C_GetMechanismList", "C_GetMechanismInfo", "C_GetSessionInfo", "C_GetObjectSize",
		"C_DigestInit", "C_Digest", "C_DigestUpdate", "C_DigestFinal", "C_VerifyInit",
		"C_Verify", "C_VerifyUpdate", "C_VerifyFinal", "C_GenerateRandom"};
	CK_MECHANISM sha = {CKM_SHA256, NULL, 0};
	CK_OBJECT_HANDLE public = guarded_find(CKO_PUBLIC_KEY, EC, NULL);
	CK_SLOT_INFO slot_info;
	CK_TOKEN_INFO token_info;
	CK_SESSION_INFO session_info;
	CK_MECHANISM_INFO mechanism_info;
	CK_INFO info;
	CK_ULONG count = 0;

	(void)state;
	fault_log_clear();
	assert_rv(guarded->C_GetInfo(&info), CKR_OK);
	assert_rv(guarded->C_GetSlotList(CK_FALSE, NULL, &count), CKR_OK);
	assert_rv(guarded->C_GetSlotInfo(guarded_slot, &slot_info), CKR_OK);
	assert_rv(guarded->C_GetTokenInfo(guarded_slot, &token_info), CKR_OK);
	assert_rv(guarded->C_GetMechanismList(guarded_slot, NULL, &count), CKR_OK);
	assert_rv(guarded->C_GetMechanismInfo(guarded_slot, CKM_ECDSA, &mechanism_info), CKR_OK);
	assert_rv(guarded->C_GetSessionInfo(S, &session_info), CKR_OK);
	assert_rv(guarded->C_GetObjectSize(S, public, &count), CKR_OK);
	room = sizeof bytes;
	assert_rv(guarded->C_DigestInit(S, &sha), CKR_OK);
	assert_rv(guarded->C_Digest(S, bytes, 4, bytes, &room), CKR_OK);
	assert_int_equal(room, 32);
	assert_rv(guarded->C_DigestInit(S, &sha), CKR_OK);
	assert_rv(guarded->C_DigestUpdate(S, bytes, 4), CKR_OK);
	assert_rv(guarded->C_DigestFinal(S, bytes, &room), CKR_OK);
	assert_rv(guarded->C_VerifyInit(S, &ecdsa, public), CKR_OK);
	assert_rv(guarded->C_Verify(S, bytes, 32, bytes, 64), CKR_SIGNATURE_INVALID);
	assert_true(guarded->C_VerifyUpdate(S, bytes, 4) != CKR_ARGUMENTS_BAD);
	assert_true(guarded->C_VerifyFinal(S, bytes, 4) != CKR_ARGUMENTS_BAD);
	assert_rv(guarded->C_GenerateRandom(S, bytes, 16), CKR_OK);
	for (size_t i = 0; i < COUNT(passed); i++)
		if (!fault_calls(passed[i]))
			fail_msg("%s does not pass", passed[i]);
	assert_int_equal(guarded_slots(), 0);
	assert_header("");
}

/* --- what is given wrongly */

/* How much the fault module has written of calls that reached it. */
static off_t
reached(void)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/fault.log", unit_folder());
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

#define BAD(call)                                                                         \
	do {                                                                              \
		off_t before = reached();                                                 \
		CK_RV rv = guarded->call;                                                 \
		if (rv != CKR_ARGUMENTS_BAD || reached() != before)                       \
			fail_msg("%s: %s%s", #call, rv_word(rv),                          \
				reached() != before ? ", and the vendor was asked" : ""); \
	} while (0)

/* No data, no mechanism, no template, no place for the answer. */
static CK_ATTRIBUTE hollow = {CKA_LABEL, NULL, 4}, huge = {CKA_LABEL, bytes, HUGE_COUNT},
		    minus = {CKA_LABEL, bytes, ~0UL};
static CK_MECHANISM no_parameter = {CKM_RSA_PKCS_PSS, NULL, 8},
		    huge_parameter = {CKM_RSA_PKCS_PSS, bytes, HUGE_COUNT};
static CK_MECHANISM *const mechanisms[] = {NULL, &no_parameter, &huge_parameter};
static const struct {
	CK_ATTRIBUTE *a;
	CK_ULONG count;
} templates[] = {{NULL, 1}, {NULL, ~0UL}, {&label, 1025}, {&label, ~0UL}, {&hollow, 1}, {&huge, 1},
	{&minus, 1}};
static const struct {
	CK_BYTE *at;
	CK_ULONG count;
} values[] = {{NULL, 1}, {NULL, ~0UL}, {bytes, HUGE_COUNT}, {bytes, ~0UL}};

static void
no_place_for_an_answer(void)
{
	BAD(C_GetInfo(NULL));
	BAD(C_GetFunctionList(NULL));
	BAD(C_GetSlotList(CK_TRUE, NULL, NULL));
	BAD(C_GetSlotList(CK_TRUE, &guarded_slot, NULL));
	BAD(C_GetSlotInfo(guarded_slot, NULL));
	BAD(C_GetTokenInfo(guarded_slot, NULL));
	BAD(C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL));
	BAD(C_GetMechanismList(guarded_slot, NULL, NULL));
	BAD(C_GetMechanismInfo(guarded_slot, CKM_ECDSA, NULL));
	BAD(C_OpenSession(guarded_slot, CKF_SERIAL_SESSION, NULL, NULL, NULL));
	BAD(C_GetSessionInfo(S, NULL));
	BAD(C_GetObjectSize(S, key, NULL));
	BAD(C_FindObjects(S, &made, 1, NULL));
	BAD(C_FindObjects(S, NULL, 1, &room));
	BAD(C_FindObjects(S, NULL, ~0UL, &room));
	BAD(C_Digest(S, bytes, 4, bytes, NULL));
	BAD(C_DigestFinal(S, bytes, NULL));
	BAD(C_Sign(S, bytes, 4, bytes, NULL));
	BAD(C_Sign(S, bytes, 4, NULL, NULL));
	BAD(C_SignFinal(S, bytes, NULL));
	BAD(C_SignRecover(S, bytes, 4, bytes, NULL));
	BAD(C_CreateObject(S, &label, 1, NULL));
	BAD(C_CopyObject(S, key, &label, 1, NULL));
	BAD(C_Encrypt(S, bytes, 4, bytes, NULL));
	BAD(C_EncryptUpdate(S, bytes, 4, bytes, NULL));
	BAD(C_EncryptFinal(S, bytes, NULL));
	BAD(C_Decrypt(S, bytes, 4, bytes, NULL));
	BAD(C_DecryptUpdate(S, bytes, 4, bytes, NULL));
	BAD(C_DecryptFinal(S, bytes, NULL));
	BAD(C_VerifyRecover(S, bytes, 4, bytes, NULL));
	BAD(C_DigestEncryptUpdate(S, bytes, 4, bytes, NULL));
	BAD(C_DecryptDigestUpdate(S, bytes, 4, bytes, NULL));
	BAD(C_SignEncryptUpdate(S, bytes, 4, bytes, NULL));
	BAD(C_DecryptVerifyUpdate(S, bytes, 4, bytes, NULL));
	BAD(C_GenerateKey(S, &aes, &label, 1, NULL));
	BAD(C_GenerateKeyPair(S, &pair, &label, 1, &label, 1, NULL, &made));
	BAD(C_GenerateKeyPair(S, &pair, &label, 1, &label, 1, &made, NULL));
	BAD(C_WrapKey(S, &rsa, key, key, bytes, NULL));
	BAD(C_UnwrapKey(S, &rsa, key, bytes, 4, &label, 1, NULL));
	BAD(C_InitToken(guarded_slot, bytes, 4, NULL));
	BAD(C_Finalize(bytes));
}

static void
no_value(CK_BYTE *at, CK_ULONG count)
{
	BAD(C_Login(S, CKU_USER, at, count));
	BAD(C_Digest(S, at, count, bytes, &room));
	BAD(C_DigestUpdate(S, at, count));
	BAD(C_Verify(S, at, count, bytes, 4));
	BAD(C_Verify(S, bytes, 4, at, count));
	BAD(C_VerifyUpdate(S, at, count));
	BAD(C_VerifyFinal(S, at, count));
	BAD(C_GenerateRandom(S, at, count));
	BAD(C_Sign(S, at, count, bytes, &room));
	BAD(C_SignUpdate(S, at, count));
	BAD(C_SignRecover(S, at, count, bytes, &room));
	BAD(C_InitToken(guarded_slot, at, count, bytes));
	BAD(C_InitPIN(S, at, count));
	BAD(C_SetPIN(S, at, count, bytes, 4));
	BAD(C_SetPIN(S, bytes, 4, at, count));
	BAD(C_Encrypt(S, at, count, bytes, &room));
	BAD(C_EncryptUpdate(S, at, count, bytes, &room));
	BAD(C_Decrypt(S, at, count, bytes, &room));
	BAD(C_DecryptUpdate(S, at, count, bytes, &room));
	BAD(C_VerifyRecover(S, at, count, bytes, &room));
	BAD(C_DigestEncryptUpdate(S, at, count, bytes, &room));
	BAD(C_DecryptDigestUpdate(S, at, count, bytes, &room));
	BAD(C_SignEncryptUpdate(S, at, count, bytes, &room));
	BAD(C_DecryptVerifyUpdate(S, at, count, bytes, &room));
	BAD(C_UnwrapKey(S, &rsa, key, at, count, &label, 1, &made));
	BAD(C_SeedRandom(S, at, count));
}

static void
no_mechanism(CK_MECHANISM *m)
{
	BAD(C_DigestInit(S, m));
	BAD(C_VerifyInit(S, m, key));
	BAD(C_SignInit(S, m, key));
	BAD(C_SignRecoverInit(S, m, key));
	BAD(C_EncryptInit(S, m, key));
	BAD(C_DecryptInit(S, m, key));
	BAD(C_VerifyRecoverInit(S, m, key));
	BAD(C_GenerateKey(S, m, &label, 1, &made));
	BAD(C_GenerateKeyPair(S, m, &label, 1, &label, 1, &made, &made_too));
	BAD(C_WrapKey(S, m, key, key, bytes, &room));
	BAD(C_UnwrapKey(S, m, key, bytes, 4, &label, 1, &made));
	BAD(C_DeriveKey(S, m, key, &label, 1, &made));
}

static void
no_template(CK_ATTRIBUTE *a, CK_ULONG count)
{
	BAD(C_FindObjectsInit(S, a, count));
	BAD(C_CreateObject(S, a, count, &made));
	BAD(C_CopyObject(S, key, a, count, &made));
	BAD(C_SetAttributeValue(S, key, a, count));
	BAD(C_GenerateKey(S, &aes, a, count, &made));
	BAD(C_GenerateKeyPair(S, &pair, a, count, &label, 1, &made, &made_too));
	BAD(C_GenerateKeyPair(S, &pair, &label, 1, a, count, &made, &made_too));
	BAD(C_UnwrapKey(S, &rsa, key, bytes, 4, a, count, &made));
	BAD(C_DeriveKey(S, &rsa, key, a, count, &made));
}

static void
all_bad_calls(void)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);

	fault_log_clear();
	no_place_for_an_answer();
	for (size_t i = 0; i < COUNT(values); i++)
		no_value(values[i].at, values[i].count);
	for (size_t i = 0; i < COUNT(mechanisms); i++)
		no_mechanism(mechanisms[i]);
	for (size_t i = 0; i < COUNT(templates); i++)
		no_template(templates[i].a, templates[i].count);
	/* Of one that is to be filled, no place is a question for the length. */
	BAD(C_GetAttributeValue(S, key, NULL, 1));
	BAD(C_GetAttributeValue(S, key, NULL, ~0UL));
	BAD(C_GetAttributeValue(S, key, &label, 1025));
	BAD(C_GetAttributeValue(S, key, &huge, 1));
	assert_rv(guarded->C_GetAttributeValue(S, key, &hollow, 1), CKR_OK);
	assert_counts(s, "");
	assert_header("");
	assert_rv(guarded_sign(key), CKR_OK);
}

static void
what_a_server_gives_wrongly_is_refused_before_the_vendor_sees_it(void **state)
{
	(void)state;
	all_bad_calls();
}

static void
what_the_agent_gives_wrongly_is_refused_too(void **state)
{
	(void)state;
	guarded_end();
	guarded_begin(guarded_copy(NULL), "role=agent");
	key = guarded_find(CKO_PRIVATE_KEY, EC, NULL);
	all_bad_calls();
}

/* Whatever a wrong call said, an operation that was under way is. */
static void
a_wrong_call_ends_no_signature(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);

	(void)state;
	assert_rv(guarded->C_SignInit(S, &ecdsa, key), CKR_OK);
	BAD(C_Sign(S, NULL, 32, bytes, &room));
	BAD(C_Sign(S, bytes, 32, bytes, NULL));
	BAD(C_SignUpdate(S, NULL, 32));
	BAD(C_SignFinal(S, bytes, NULL));
	BAD(C_SignInit(S, NULL, key));
	assert_counts(s, "uses=1");
	room = sizeof bytes;
	assert_rv(guarded->C_Sign(S, bytes, 32, bytes, &room), CKR_OK);
	assert_counts(s, "uses=1 done=1");
}

static void
without_c_initialize_nothing_passes(void **state)
{
	(void)state;
	guarded_end();
	guarded = guarded_own();
	fault_log_clear();
	for (size_t i = 0; i < COUNT(refused) - 4; i++)
		assert_rv(refused[i].call(), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_rv(guarded->C_SignInit(S, NULL, key), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_rv(guarded->C_GetInfo(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_rv(guarded->C_OpenSession(0, 0, NULL, NULL, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_rv(guarded->C_CloseSession(0), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_rv(guarded->C_CloseAllSessions(0), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_rv(guarded->C_FindObjectsInit(0, NULL, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_rv(guarded->C_FindObjectsFinal(0), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_rv(guarded->C_Logout(0), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_rv(guarded->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_int_equal(reached(), 0);
}

/* --- the agent */

static void
the_agents_calls_pass_and_its_signatures_are_counted(void **state)
{
	static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE session_object = {CKA_TOKEN, &no, sizeof no};
	CK_ULONG bits = 16;
	CK_ATTRIBUTE secret[] = {{CKA_VALUE_LEN, &bits, sizeof bits}, {CKA_TOKEN, &no, sizeof no},
		{CKA_SIGN, &yes, sizeof yes}};

	(void)state;
	guarded_end();
	CK_FUNCTION_LIST *agent = guarded_copy(NULL);
	guarded_begin(agent, "role=agent");
	key = guarded_find(CKO_PRIVATE_KEY, EC, NULL);
	struct ledger_slot *s = guarded_register(EC, STATE_DISABLED, 1);
	s->mechanism[0] = 1;
	s->mechanisms = 1;
	/* It proves disabled keys, and finishes what it began. */
	assert_rv(guarded_sign(key), CKR_OK);
	assert_rv(guarded_sign(key), CKR_OK);
	assert_counts(s, "uses=2 done=2 agent=2");
	assert_rv(guarded->C_SignInit(S, &ecdsa, key), CKR_OK);
	assert_rv(guarded->C_CloseAllSessions(guarded_slot), CKR_OK);
	assert_counts(s, "uses=2 done=2 agent=2");
	guarded_end();
	guarded_begin(agent, "role=agent");
	assert_rv(guarded->C_GenerateKey(S, &aes, secret, 3, &made), CKR_OK);
	assert_rv(guarded->C_DestroyObject(S, made), CKR_OK);
	assert_rv(guarded->C_SeedRandom(S, bytes, 4), CKR_OK);
	assert_true(guarded->C_CreateObject(S, &session_object, 1, &made) != CKR_OK);
	assert_int_equal(fault_calls("C_CreateObject"), 1);
	assert_rv(guarded->C_GetOperationState(S, bytes, &room), CKR_FUNCTION_NOT_SUPPORTED);
	assert_header("");
}

static CK_OBJECT_HANDLE
blank_copy(CK_OBJECT_HANDLE of)
{
	static CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE a[] = {{CKA_TOKEN, &no, sizeof no}, {CKA_ID, bytes, 0}, {CKA_LABEL, bytes, 0}};
	CK_OBJECT_HANDLE copy = 0;

	assert_rv(guarded->C_CopyObject(S, of, a, COUNT(a), &copy), CKR_OK);
	assert_true(copy != of);
	return copy;
}

static void
a_copy_is_the_key_that_it_was_made_of(void **state)
{
	(void)state;
	guarded_end();
	guarded_begin(guarded_copy(NULL), "role=agent");
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	key = guarded_find(CKO_PRIVATE_KEY, EC, NULL);
	CK_OBJECT_HANDLE copy = blank_copy(key);
	CK_ATTRIBUTE a = {CKA_ID, bytes, sizeof bytes};
	assert_rv(guarded->C_GetAttributeValue(S, copy, &a, 1), CKR_OK);
	assert_int_equal(a.ulValueLen, 0);
	assert_rv(guarded_sign(copy), CKR_OK);
	/* And a copy of the copy, in another session too. */
	CK_OBJECT_HANDLE again = blank_copy(copy);
	CK_SESSION_HANDLE other = guarded_open();
	assert_rv(guarded_sign_in(other, again, CKM_ECDSA), CKR_OK);
	assert_counts(s, "uses=2 done=2 agent=2");
	assert_header("");
	/* It goes with the session that it was made in. */
	assert_rv(guarded->C_CloseSession(guarded_session), CKR_OK);
	guarded_session = other;
	assert_true(guarded_sign(copy) != CKR_OK);
	assert_rv(guarded_sign(guarded_find(CKO_PRIVATE_KEY, EC, NULL)), CKR_OK);
	assert_counts(s, "uses=3 done=3 agent=3");
	assert_header("");
}

static void
a_copy_of_an_unregistered_key_is_counted_with_it(void **state)
{
	(void)state;
	guarded_end();
	guarded_begin(guarded_copy(NULL), "role=agent");
	key = guarded_find(CKO_PRIVATE_KEY, EC, NULL);
	assert_rv(guarded_sign(blank_copy(key)), CKR_OK);
	assert_rv(guarded_sign(key), CKR_OK);
	assert_int_equal(guarded_slots(), 1);
	assert_counts(ledger_slot_at(guarded_ledger(), 0), "uses=2 done=2 agent=2");
}

static int
begin(void **state)
{
	(void)state;
	guarded_begin(guarded_own(), "");
	key = guarded_find(CKO_PRIVATE_KEY, EC, NULL);
	memset(bytes, 'x', sizeof bytes);
	room = sizeof bytes;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	guarded_end();
	return 0;
}

static int
set_up(void **state)
{
	guarded_set_up(state);
	guarded_begin(guarded_own(), "");
	guarded_make(false, EC, "ec", "ec");
	return end(state);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_server_is_refused_what_it_has_no_business_with),
		TEST(what_is_refused_of_no_key_is_counted_in_the_header),
		TEST(an_attempt_to_read_a_private_value_is_counted),
		TEST(what_a_server_may_do_reaches_the_vendor),
		TEST(what_a_server_gives_wrongly_is_refused_before_the_vendor_sees_it),
		TEST(what_the_agent_gives_wrongly_is_refused_too),
		TEST(a_wrong_call_ends_no_signature),
		TEST(without_c_initialize_nothing_passes),
		TEST(the_agents_calls_pass_and_its_signatures_are_counted),
		TEST(a_copy_is_the_key_that_it_was_made_of),
		TEST(a_copy_of_an_unregistered_key_is_counted_with_it),
	};
	return cmocka_run_group_tests_name("guard calls", tests, set_up, NULL);
}
