/* The double that counts as a Luna does: raw PKCS#11 over SoftHSM, by threads and processes too. */
#include "support/softhsm.h"
#include "support/unit.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "keystay/base/child.h"
#include "keystay/base/text.h"
#include "keystay/token/rv.h"

#define CKA_USAGE_COUNT 0x80000101UL
#define CKA_USAGE_LIMIT 0x80000200UL
#define CKR_KEY_NOT_ACTIVE 0x80000136UL
#define NOT_THERE ((CK_ULONG)-1)

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

static CK_SESSION_HANDLE
open_session(CK_FLAGS flags)
{
	CK_SESSION_HANDLE s;

	assert_rv(f->C_OpenSession(slot, CKF_SERIAL_SESSION | flags, NULL, NULL, &s), CKR_OK);
	return s;
}

static void
log_in(void)
{
	session = open_session(CKF_RW_SESSION);
	assert_rv(f->C_Login(session, CKU_USER, (CK_BYTE *)pin, sizeof pin - 1), CKR_OK);
}

static void
begin_module(void)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
	CK_SLOT_ID slots[8];
	CK_ULONG count = 8;
	CK_TOKEN_INFO info;

	assert_rv(f->C_Initialize(&args), CKR_OK);
	assert_rv(f->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	for (CK_ULONG i = 0; i < count; i++) {
		assert_rv(f->C_GetTokenInfo(slots[i], &info), CKR_OK);
		if (info.flags & CKF_TOKEN_INITIALIZED)
			slot = slots[i];
	}
	log_in();
}

/* An id of `id_len` bytes that no other key of this test has. */
static struct pair
make_ec(CK_BBOOL on_token, CK_ULONG id_len)
{
	static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	static CK_BYTE id[300];
	CK_MECHANISM m = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_ATTRIBUTE public[] = {ATTR(CKA_TOKEN, on_token), ATTR(CKA_VERIFY, yes),
		ATTR(CKA_EC_PARAMS, p256), {CKA_ID, id, id_len}};
	CK_ATTRIBUTE private[] = {ATTR(CKA_TOKEN, on_token), ATTR(CKA_SIGN, yes),
		ATTR(CKA_SENSITIVE, yes), ATTR(CKA_EXTRACTABLE, no), {CKA_ID, id, id_len}};
	struct pair p;

	id[0]++;
	assert_rv(f->C_GenerateKeyPair(session, &m, public, 4, private, 5, &p.public, &p.private),
		CKR_OK);
	return p;
}

static struct pair
make_key(void)
{
	return make_ec(CK_FALSE, 16);
}

static CK_RV
sign_in(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, CK_BYTE signature[64])
{
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	CK_ULONG len = 64;
	CK_RV rv = f->C_SignInit(s, &m, key);

	return rv == CKR_OK ? f->C_Sign(s, data, sizeof data, signature, &len) : rv;
}

static CK_RV
sign(const struct pair *p)
{
	CK_BYTE signature[64];

	return sign_in(session, p->private, signature);
}

static CK_RV
get(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG *value)
{
	CK_ATTRIBUTE a = {type, value, sizeof *value};
	CK_RV rv = f->C_GetAttributeValue(session, object, &a, 1);

	assert_int_equal(a.ulValueLen, rv == CKR_OK ? sizeof *value : NOT_THERE);
	return rv;
}

static CK_ULONG
count_of(const struct pair *p)
{
	CK_ULONG value = 0;

	assert_rv(get(p->private, CKA_USAGE_COUNT, &value), CKR_OK);
	return value;
}

static CK_RV
set_limit(CK_OBJECT_HANDLE object, CK_ULONG value)
{
	CK_ATTRIBUTE a = ATTR(CKA_USAGE_LIMIT, value);

	return f->C_SetAttributeValue(session, object, &a, 1);
}

static void
only_signatures_that_were_given_out_are_counted(void **state)
{
	struct pair p = make_key(), other = make_key();
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	CK_BYTE signature[64];
	CK_ULONG len = 0;

	(void)state;
	assert_int_equal(count_of(&p), 0);
	assert_rv(sign(&p), CKR_OK);
	assert_rv(sign(&p), CKR_OK);
	assert_rv(sign(&other), CKR_OK);
	assert_int_equal(count_of(&p), 2);
	assert_int_equal(count_of(&other), 1);
	/* Questions for the length, room too small, and what never came to its end. */
	assert_rv(f->C_SignInit(session, &m, p.private), CKR_OK);
	assert_rv(f->C_Sign(session, data, sizeof data, NULL, &len), CKR_OK);
	assert_int_equal(len, 64);
	len = 10;
	assert_rv(f->C_Sign(session, data, sizeof data, signature, &len), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(count_of(&p), 2);
	assert_rv(f->C_Sign(session, data, sizeof data, signature, &len), CKR_OK);
	assert_int_equal(count_of(&p), 3);
	assert_rv(f->C_Sign(session, data, sizeof data, signature, &len),
		CKR_OPERATION_NOT_INITIALIZED);
	CK_SESSION_HANDLE s = open_session(0);
	assert_rv(f->C_SignInit(s, &m, p.private), CKR_OK);
	assert_rv(f->C_CloseSession(s), CKR_OK);
	assert_int_equal(count_of(&p), 3);
}

static void
signatures_in_parts_are_counted(void **state)
{
	CK_ULONG bits = 2048, len = 0;
	CK_BYTE exponent[] = {1, 0, 1}, id[] = {0xab, 0xcd}, signature[256];
	CK_MECHANISM make = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0},
		     m = {CKM_SHA256_RSA_PKCS, NULL, 0};
	CK_ATTRIBUTE public[] = {ATTR(CKA_TOKEN, no), ATTR(CKA_VERIFY, yes),
		ATTR(CKA_MODULUS_BITS, bits), ATTR(CKA_PUBLIC_EXPONENT, exponent)};
	CK_ATTRIBUTE private[] = {ATTR(CKA_TOKEN, no), ATTR(CKA_SIGN, yes), ATTR(CKA_ID, id)};
	struct pair p;

	(void)state;
	assert_rv(
		f->C_GenerateKeyPair(session, &make, public, 4, private, 3, &p.public, &p.private),
		CKR_OK);
	assert_rv(set_limit(p.private, 2), CKR_OK);
	for (CK_ULONG i = 1; i <= 2; i++) {
		assert_rv(f->C_SignInit(session, &m, p.private), CKR_OK);
		assert_rv(f->C_SignUpdate(session, data, 5), CKR_OK);
		assert_rv(f->C_SignUpdate(session, data, 6), CKR_OK);
		assert_rv(f->C_SignFinal(session, NULL, &len), CKR_OK);
		assert_int_equal(count_of(&p), i - 1);
		len = sizeof signature;
		assert_rv(f->C_SignFinal(session, signature, &len), CKR_OK);
		assert_int_equal(count_of(&p), i);
	}
	assert_rv(f->C_SignInit(session, &m, p.private), CKR_KEY_NOT_ACTIVE);
}

static void
the_first_limit_sets_the_count_to_0(void **state)
{
	struct pair p = make_key();
	CK_ULONG value = 77;

	(void)state;
	assert_rv(sign(&p), CKR_OK);
	assert_rv(get(p.private, CKA_USAGE_LIMIT, &value), CKR_ATTRIBUTE_TYPE_INVALID);
	assert_int_equal(value, 77);
	assert_rv(set_limit(p.private, 0xffffffff), CKR_OK);
	assert_rv(get(p.private, CKA_USAGE_LIMIT, &value), CKR_OK);
	assert_int_equal(value, 0xffffffff);
	assert_int_equal(count_of(&p), 0);
	assert_rv(sign(&p), CKR_OK);
	assert_rv(set_limit(p.private, 5), CKR_OK);
	assert_rv(get(p.private, CKA_USAGE_LIMIT, &value), CKR_OK);
	assert_int_equal(value, 5);
	assert_int_equal(count_of(&p), 1);
}

static void
what_may_not_be_set_is_refused_whole(void **state)
{
	struct pair p = make_key();
	CK_ULONG value = 3, long_one[2] = {3, 0};
	CK_BYTE label[] = "changed";
	CK_ATTRIBUTE count = ATTR(CKA_USAGE_COUNT, value);
	CK_ATTRIBUTE nothing = {CKA_USAGE_LIMIT, NULL, sizeof value};
	CK_ATTRIBUTE small = {CKA_USAGE_LIMIT, &value, sizeof value - 1};
	CK_ATTRIBUTE big = ATTR(CKA_USAGE_LIMIT, long_one);
	CK_ATTRIBUTE two[] = {ATTR(CKA_LABEL, label), ATTR(CKA_USAGE_LIMIT, value)};
	CK_ATTRIBUTE bad[] = {ATTR(CKA_USAGE_LIMIT, value), ATTR(CKA_CLASS, value)};
	CK_ATTRIBUTE told = {CKA_LABEL, NULL, 0};

	(void)state;
	assert_rv(set_limit(p.private, 0), CKR_ATTRIBUTE_VALUE_INVALID);
	assert_rv(set_limit(p.private, 0x100000000), CKR_ATTRIBUTE_VALUE_INVALID);
	CK_ATTRIBUTE *wrong[] = {&nothing, &small, &big};
	for (int i = 0; i < 3; i++)
		assert_rv(f->C_SetAttributeValue(session, p.private, wrong[i], 1),
			CKR_ATTRIBUTE_VALUE_INVALID);
	assert_rv(f->C_SetAttributeValue(session, p.private, &count, 1), CKR_ATTRIBUTE_READ_ONLY);
	assert_rv(set_limit(p.public, 3), CKR_ATTRIBUTE_TYPE_INVALID);
	assert_rv(set_limit(0, 3), CKR_OBJECT_HANDLE_INVALID);
	/* Neither the label without the limit nor the limit without the class. */
	value = 0;
	assert_rv(f->C_SetAttributeValue(session, p.private, two, 2), CKR_ATTRIBUTE_VALUE_INVALID);
	assert_rv(f->C_GetAttributeValue(session, p.private, &told, 1), CKR_OK);
	assert_int_equal(told.ulValueLen, 0);
	value = 3;
	assert_int_not_equal(f->C_SetAttributeValue(session, p.private, bad, 2), CKR_OK);
	assert_rv(get(p.private, CKA_USAGE_LIMIT, &value), CKR_ATTRIBUTE_TYPE_INVALID);
	assert_rv(f->C_SetAttributeValue(session, p.private, two, 2), CKR_OK);
	assert_rv(f->C_GetAttributeValue(session, p.private, &told, 1), CKR_OK);
	assert_int_equal(told.ulValueLen, sizeof label);
	assert_rv(get(p.private, CKA_USAGE_LIMIT, &value), CKR_OK);
	assert_int_equal(value, 3);
}

static void
a_session_that_reads_only_sets_no_limit_on_the_token(void **state)
{
	struct pair p = make_ec(CK_TRUE, 16);
	CK_ULONG value = 9;
	CK_ATTRIBUTE a = ATTR(CKA_USAGE_LIMIT, value);
	CK_SESSION_HANDLE s = open_session(0);

	(void)state;
	assert_rv(f->C_SetAttributeValue(s, p.private, &a, 1), CKR_SESSION_READ_ONLY);
	assert_rv(get(p.private, CKA_USAGE_LIMIT, &value), CKR_ATTRIBUTE_TYPE_INVALID);
	value = 9;
	assert_rv(f->C_SetAttributeValue(session, p.private, &a, 1), CKR_OK);
	assert_rv(f->C_CloseSession(s), CKR_OK);
}

static void
they_are_told_among_other_attributes(void **state)
{
	struct pair p = make_key();
	CK_ULONG count = 9, limit = 9, type = 9;
	CK_BYTE id[16], point[200], small[4];
	CK_ATTRIBUTE all[] = {ATTR(CKA_ID, id), ATTR(CKA_USAGE_LIMIT, limit),
		ATTR(CKA_KEY_TYPE, type), ATTR(CKA_USAGE_COUNT, count)};
	CK_ATTRIBUTE lengths[] = {
		{CKA_USAGE_COUNT, NULL, 0}, {CKA_KEY_TYPE, NULL, 0}, {CKA_USAGE_LIMIT, NULL, 99}};
	CK_ATTRIBUTE wrong[] = {ATTR(CKA_USAGE_COUNT, small), ATTR(CKA_KEY_TYPE, type)};
	CK_ATTRIBUTE secret[] = {ATTR(CKA_USAGE_COUNT, count), ATTR(CKA_VALUE, point),
		ATTR(CKA_USAGE_LIMIT, limit), ATTR(CKA_KEY_TYPE, type)};

	(void)state;
	assert_rv(sign(&p), CKR_OK);
	assert_rv(f->C_GetAttributeValue(session, p.private, all, 4), CKR_ATTRIBUTE_TYPE_INVALID);
	assert_int_equal(all[0].ulValueLen, 16);
	assert_int_equal(all[1].ulValueLen, NOT_THERE);
	assert_int_equal(limit, 9);
	assert_int_equal(type, CKK_EC);
	assert_int_equal(all[3].ulValueLen, sizeof count);
	assert_int_equal(count, 1);

	assert_rv(set_limit(p.private, 44), CKR_OK);
	assert_rv(sign(&p), CKR_OK);
	all[1].ulValueLen = sizeof limit;
	assert_rv(f->C_GetAttributeValue(session, p.private, all, 4), CKR_OK);
	assert_int_equal(limit, 44);
	assert_int_equal(count, 1);
	assert_rv(f->C_GetAttributeValue(session, p.private, lengths, 3), CKR_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(lengths[i].ulValueLen, sizeof(CK_ULONG));

	type = 9;
	assert_rv(f->C_GetAttributeValue(session, p.private, wrong, 2), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(wrong[0].ulValueLen, NOT_THERE);
	assert_int_equal(type, CKK_EC);
	count = limit = type = 9;
	assert_rv(f->C_GetAttributeValue(session, p.private, secret, 4), CKR_ATTRIBUTE_SENSITIVE);
	assert_int_equal(secret[1].ulValueLen, NOT_THERE);
	assert_int_equal(count, 1);
	assert_int_equal(limit, 44);
	assert_int_equal(type, CKK_EC);
}

static void
other_objects_have_neither(void **state)
{
	struct pair p = make_key(), nameless = make_ec(CK_FALSE, 0), named = make_ec(CK_FALSE, 257);
	CK_OBJECT_CLASS class = CKO_DATA;
	CK_ATTRIBUTE object[] = {ATTR(CKA_CLASS, class), ATTR(CKA_TOKEN, no)};
	CK_ULONG value = 9;
	CK_ATTRIBUTE mixed[] = {ATTR(CKA_USAGE_COUNT, value), ATTR(CKA_CLASS, class)};
	CK_OBJECT_HANDLE made;

	(void)state;
	assert_rv(f->C_CreateObject(session, object, 2, &made), CKR_OK);
	CK_OBJECT_HANDLE others[] = {p.public, made, nameless.private, named.private};
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_rv(get(others[i], CKA_USAGE_COUNT, &value), CKR_ATTRIBUTE_TYPE_INVALID);
		assert_rv(get(others[i], CKA_USAGE_LIMIT, &value), CKR_ATTRIBUTE_TYPE_INVALID);
		assert_rv(set_limit(others[i], 5), CKR_ATTRIBUTE_TYPE_INVALID);
	}
	assert_rv(f->C_GetAttributeValue(session, p.public, mixed, 2), CKR_ATTRIBUTE_TYPE_INVALID);
	assert_int_equal(mixed[0].ulValueLen, NOT_THERE);
	assert_int_equal(class, CKO_PUBLIC_KEY);
	/* They sign all the same, and nothing is counted to the key before them. */
	assert_rv(sign(&p), CKR_OK);
	assert_rv(sign(&nameless), CKR_OK);
	assert_rv(sign(&named), CKR_OK);
	assert_int_equal(count_of(&p), 1);
}

static void
at_the_limit_nothing_is_signed(void **state)
{
	struct pair p = make_key(), other = make_key();
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};

	(void)state;
	assert_rv(set_limit(p.private, 2), CKR_OK);
	for (int i = 0; i < 2; i++)
		assert_rv(sign(&p), CKR_OK);
	for (int i = 0; i < 2; i++)
		assert_rv(f->C_SignInit(session, &m, p.private), CKR_KEY_NOT_ACTIVE);
	assert_int_equal(count_of(&p), 2);
	assert_rv(sign(&other), CKR_OK);
	assert_rv(set_limit(p.private, 3), CKR_OK);
	assert_rv(sign(&p), CKR_OK);
	assert_rv(sign(&p), CKR_KEY_NOT_ACTIVE);
	/* Below the count: no more either. */
	assert_rv(set_limit(p.private, 1), CKR_OK);
	assert_rv(sign(&p), CKR_KEY_NOT_ACTIVE);
	assert_int_equal(count_of(&p), 3);
}

static void
two_that_began_do_not_share_the_last_one(void **state)
{
	struct pair p = make_key();
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	CK_BYTE signature[64], none[64] = {0};
	CK_ULONG len = 64;
	CK_SESSION_HANDLE second = open_session(0);

	(void)state;
	assert_rv(set_limit(p.private, 1), CKR_OK);
	assert_rv(f->C_SignInit(session, &m, p.private), CKR_OK);
	assert_rv(f->C_SignInit(second, &m, p.private), CKR_OK);
	assert_rv(f->C_Sign(session, data, sizeof data, signature, &len), CKR_OK);
	assert_memory_not_equal(signature, none, 64);
	assert_rv(f->C_Sign(second, data, sizeof data, signature, &len), CKR_KEY_NOT_ACTIVE);
	assert_memory_equal(signature, none, 64);
	assert_int_equal(count_of(&p), 1);
	/* It ended its operation. */
	assert_rv(f->C_Sign(second, data, sizeof data, signature, &len),
		CKR_OPERATION_NOT_INITIALIZED);
	assert_rv(f->C_CloseSession(second), CKR_OK);
}

static void
a_counter_that_went_back_is_told_by_half(void **state)
{
	struct pair p = make_key();
	CK_ULONG value = 0;

	(void)state;
	assert_rv(set_limit(p.private, 5), CKR_OK);
	for (int i = 0; i < 5; i++)
		assert_rv(sign(&p), CKR_OK);
	unit_file("luna.back", "");
	assert_int_equal(count_of(&p), 2);
	assert_rv(get(p.private, CKA_USAGE_LIMIT, &value), CKR_OK);
	assert_int_equal(value, 5);
	assert_rv(sign(&p), CKR_KEY_NOT_ACTIVE);
	assert_int_equal(unlink(getenv("COUNTER_BACK")), 0);
	assert_int_equal(count_of(&p), 5);
}

static void
null_pointers_and_handles_of_nothing_are_refused(void **state)
{
	struct pair p = make_key();
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	CK_ATTRIBUTE a = {CKA_USAGE_COUNT, NULL, 0};
	CK_BYTE signature[64];
	CK_ULONG len = 64;

	(void)state;
	assert_rv(f->C_GetFunctionList(NULL), CKR_ARGUMENTS_BAD);
	assert_rv(f->C_GetAttributeValue(session, p.private, NULL, 1), CKR_ARGUMENTS_BAD);
	assert_rv(f->C_SetAttributeValue(session, p.private, NULL, 1), CKR_ARGUMENTS_BAD);
	assert_rv(f->C_GetAttributeValue(session, p.private, &a, 0), CKR_OK);
	assert_rv(f->C_GetAttributeValue(session, 0, &a, 1), CKR_OBJECT_HANDLE_INVALID);
	assert_rv(f->C_GetAttributeValue(0, p.private, &a, 1), CKR_SESSION_HANDLE_INVALID);
	assert_rv(f->C_SetAttributeValue(0, p.private, &a, 1), CKR_SESSION_HANDLE_INVALID);
	assert_rv(f->C_SignInit(session, NULL, p.private), CKR_ARGUMENTS_BAD);
	assert_int_not_equal(f->C_SignInit(session, &m, 0), CKR_OK);
	assert_rv(f->C_SignInit(0, &m, p.private), CKR_SESSION_HANDLE_INVALID);
	assert_rv(f->C_Sign(0, data, sizeof data, signature, &len), CKR_SESSION_HANDLE_INVALID);
	assert_rv(f->C_SignInit(session, &m, p.private), CKR_OK);
	assert_rv(f->C_Sign(session, data, sizeof data, signature, NULL), CKR_ARGUMENTS_BAD);
	assert_rv(f->C_SignFinal(0, signature, NULL), CKR_ARGUMENTS_BAD);
	assert_int_equal(count_of(&p), 0);
}

static void
counts_outlive_sessions_and_the_module(void **state)
{
	struct pair p = make_ec(CK_TRUE, 16);
	CK_BYTE id[16];
	CK_ATTRIBUTE a[] = {ATTR(CKA_ID, id)}, find[] = {ATTR(CKA_ID, id), {0}};
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ULONG found = 0;

	(void)state;
	find[1] = (CK_ATTRIBUTE)ATTR(CKA_CLASS, class);
	assert_rv(f->C_GetAttributeValue(session, p.private, a, 1), CKR_OK);
	assert_rv(sign(&p), CKR_OK);
	assert_rv(f->C_CloseAllSessions(slot), CKR_OK);
	assert_rv(f->C_Finalize(NULL), CKR_OK);
	begin_module();
	assert_rv(f->C_FindObjectsInit(session, find, 2), CKR_OK);
	assert_rv(f->C_FindObjects(session, &p.private, 1, &found), CKR_OK);
	assert_rv(f->C_FindObjectsFinal(session), CKR_OK);
	assert_int_equal(found, 1);
	assert_rv(sign(&p), CKR_OK);
	assert_int_equal(count_of(&p), 2);
}

/* More than have a place at a time, each closed in the midst of a signature. */
static void
closed_sessions_give_their_places_back(void **state)
{
	struct pair p = make_key();
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};

	(void)state;
	for (int i = 0; i < 4200; i++) {
		CK_SESSION_HANDLE s = open_session(0);
		assert_rv(f->C_SignInit(s, &m, p.private), CKR_OK);
		assert_rv(f->C_CloseSession(s), CKR_OK);
	}
	for (int round = 0; round < 2; round++) {
		p = make_key();
		for (int i = 0; i < 2100; i++)
			assert_rv(f->C_SignInit(open_session(0), &m, p.private), CKR_OK);
		assert_rv(f->C_CloseAllSessions(slot), CKR_OK);
		log_in();
	}
}

struct worker {
	pthread_t thread;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	unsigned signed_, refused, other;
};

static void *
work(void *ctx)
{
	struct worker *w = ctx;
	CK_BYTE signature[64];

	for (int i = 0; i < 100; i++) {
		CK_RV rv = sign_in(w->session, w->key, signature);
		w->signed_ += rv == CKR_OK;
		w->refused += rv == CKR_KEY_NOT_ACTIVE;
		w->other += rv != CKR_OK && rv != CKR_KEY_NOT_ACTIVE;
	}
	return NULL;
}

static void
threads_get_exactly_as_many_as_the_limit_says(void **state)
{
	struct pair p = make_key();
	struct worker w[4];
	unsigned all = 0;

	(void)state;
	assert_rv(set_limit(p.private, 250), CKR_OK);
	for (size_t i = 0; i < COUNT(w); i++) {
		w[i] = (struct worker){.session = open_session(0), .key = p.private};
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (size_t i = 0; i < COUNT(w); i++) {
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
		assert_int_equal(w[i].other, 0);
		assert_int_equal(w[i].signed_ + w[i].refused, 100);
		all += w[i].signed_;
	}
	assert_int_equal(all, 250);
	assert_int_equal(count_of(&p), 250);
}

/* A path in OUT: this program is OUT/unit/test_luna. */
static void
path_in_out(char path[PATH_MAX], const char *rest)
{
	char program[PATH_MAX / 2] = "";

	assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
	for (int up = 0; up < 2; up++)
		*strrchr(program, '/') = '\0';
	snprintf(path, PATH_MAX, "%s/%s", program, rest);
}

static CK_RV
load_list(const char *path, CK_FUNCTION_LIST **ret)
{
	CK_C_GetFunctionList from = NULL;

	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library)
		*(void **)&from = dlsym(library, "C_GetFunctionList");
	return from ? from(ret) : CKR_GENERAL_ERROR;
}

static void
a_second_load_shares_the_counts(void **state)
{
	struct pair p = make_key();
	CK_ULONG count = 0;
	CK_ATTRIBUTE a = ATTR(CKA_USAGE_COUNT, count);
	CK_FUNCTION_LIST *second = NULL, *first = f;
	char module[PATH_MAX], copy[PATH_MAX];
	struct err e;

	(void)state;
	path_in_out(module, "doubles/luna_module.so");
	snprintf(copy, sizeof copy, "%s/luna-copy.so", unit_folder());
	const struct child cp = {
		.argv = (char *[]){(char *)"cp", module, copy, NULL}, .time_limit_ms = 10000};
	if (child_must(&cp, &e) < 0)
		fail_msg("%s", e.text);
	assert_rv(load_list(copy, &second), CKR_OK);
	assert_ptr_not_equal(second, first);
	assert_rv(sign(&p), CKR_OK);
	f = second;
	assert_rv(sign(&p), CKR_OK);
	f = first;
	assert_rv(second->C_GetAttributeValue(session, p.private, &a, 1), CKR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(count_of(&p), 2);
}

/* What a process of its own does (main): signs with the private key of that label until refused;
 * its exit status is how often. */
static int
sign_until_refused(const char *label)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE find[] = {ATTR(CKA_CLASS, class), {CKA_LABEL, (void *)label, strlen(label)}};
	struct pair p = {0};
	CK_ULONG found = 0;
	char module[PATH_MAX];
	int n = 0;

	path_in_out(module, "doubles/luna_module.so");
	if (load_list(module, &f) != CKR_OK)
		return 101;
	begin_module();
	if (f->C_FindObjectsInit(session, find, 2) != CKR_OK ||
		f->C_FindObjects(session, &p.private, 1, &found) != CKR_OK ||
		f->C_FindObjectsFinal(session) != CKR_OK || found != 1)
		return 102;
	while (n < 100 && sign(&p) == CKR_OK)
		n++;
	CK_RV rv = sign(&p);
	f->C_Finalize(NULL);
	return rv == CKR_KEY_NOT_ACTIVE ? n : 103;
}

static void
another_process_shares_counts_and_limit(void **state)
{
	struct pair p = make_ec(CK_TRUE, 16);
	CK_BYTE label[] = {'s', 'h', 'a', 'r', 'e', 'd'};
	CK_ATTRIBUTE named = ATTR(CKA_LABEL, label);
	char program[PATH_MAX], module[PATH_MAX + 20], file[PATH_MAX + 20];
	int status = -1;
	struct err e;

	(void)state;
	assert_rv(f->C_SetAttributeValue(session, p.private, &named, 1), CKR_OK);
	assert_rv(set_limit(p.private, 7), CKR_OK);
	assert_rv(sign(&p), CKR_OK);
	assert_rv(sign(&p), CKR_OK);
	path_in_out(program, "unit/test_luna");
	snprintf(module, sizeof module, "COUNTER_MODULE=%s", getenv("COUNTER_MODULE"));
	snprintf(file, sizeof file, "COUNTER_FILE=%s", getenv("COUNTER_FILE"));
	const struct child c = {
		.argv = (char *[]){(char *)"env", module, file, program, (char *)"shared", NULL},
		.time_limit_ms = 60000};
	if (child_run(&c, &status, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(status, 5);
	assert_int_equal(count_of(&p), 7);
	assert_rv(sign(&p), CKR_KEY_NOT_ACTIVE);
}

/* As a server forks its workers. The program's own sources may not say the word. */
static void
a_fork_goes_on_with_what_was_begun(void **state)
{
	struct pair p = make_key();
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	CK_BYTE signature[64];
	CK_ULONG len = 64;
	pid_t (*branch)(void);
	int status = -1;

	(void)state;
	*(void **)&branch = dlsym(RTLD_DEFAULT, "fork");
	assert_rv(f->C_SignInit(session, &m, p.private), CKR_OK);
	pid_t pid = branch();
	if (pid == 0) {
		bool good = f->C_Sign(session, data, sizeof data, signature, &len) == CKR_OK &&
			    sign(&p) == CKR_OK;
		_exit(good ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(count_of(&p), 2);
	assert_rv(f->C_Sign(session, data, sizeof data, signature, &len), CKR_OK);
	assert_int_equal(count_of(&p), 3);
}

static void
the_file_is_for_everybody_and_of_its_size(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(getenv("COUNTER_FILE"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(st.st_size, 1024 * 16);
}

/* The last test: it takes the places that are left, by one key under many names. */
static void
a_full_file_is_said(void **state)
{
	struct pair p = make_key();
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	CK_RV rv = CKR_OK;
	CK_ULONG named = 0;
	CK_ATTRIBUTE id = ATTR(CKA_ID, named), count = {CKA_USAGE_COUNT, NULL, 0};

	(void)state;
	for (; named < 1024 && rv == CKR_OK; named++) {
		assert_rv(f->C_SetAttributeValue(session, p.private, &id, 1), CKR_OK);
		rv = set_limit(p.private, 5);
	}
	assert_true(named > 900);
	assert_rv(rv, CKR_DEVICE_MEMORY);
	assert_rv(f->C_SignInit(session, &m, p.private), CKR_DEVICE_MEMORY);
	assert_rv(f->C_GetAttributeValue(session, p.private, &count, 1), CKR_DEVICE_MEMORY);
}

static int
begin(void **state)
{
	(void)state;
	begin_module();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	return f->C_Finalize(NULL) == CKR_OK ? 0 : -1;
}

static int
set_up(void **state)
{
	char module[PATH_MAX], text[PATH_MAX];
	CK_FUNCTION_LIST *none;

	(void)state;
	softhsm_conf_free(softhsm_token("luna", pin));
	path_in_out(module, "doubles/luna_module.so");
	/* Without a real module, before itself, or with no file of counters it gives no list. */
	assert_rv(load_list(module, &none), CKR_GENERAL_ERROR);
	setenv("COUNTER_FILE", unit_file("counters", "not of that size"), 1);
	setenv("COUNTER_MODULE", module, 1);
	assert_rv(load_list(module, &none), CKR_GENERAL_ERROR);
	setenv("COUNTER_MODULE", SOFTHSM_MODULE, 1);
	assert_rv(load_list(module, &none), CKR_GENERAL_ERROR);
	assert_int_equal(unlink(getenv("COUNTER_FILE")), 0);
	snprintf(text, sizeof text, "%s/luna.back", unit_folder());
	setenv("COUNTER_BACK", text, 1);
	assert_rv(load_list(module, &f), CKR_OK);
	assert_rv(load_list(module, &none), CKR_OK);
	assert_ptr_equal(none, f);
	return 0;
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(only_signatures_that_were_given_out_are_counted),
		TEST(signatures_in_parts_are_counted),
		TEST(the_first_limit_sets_the_count_to_0),
		TEST(what_may_not_be_set_is_refused_whole),
		TEST(a_session_that_reads_only_sets_no_limit_on_the_token),
		TEST(they_are_told_among_other_attributes),
		TEST(other_objects_have_neither),
		TEST(at_the_limit_nothing_is_signed),
		TEST(two_that_began_do_not_share_the_last_one),
		TEST(a_counter_that_went_back_is_told_by_half),
		TEST(null_pointers_and_handles_of_nothing_are_refused),
		TEST(counts_outlive_sessions_and_the_module),
		TEST(closed_sessions_give_their_places_back),
		TEST(threads_get_exactly_as_many_as_the_limit_says),
		TEST(a_second_load_shares_the_counts),
		TEST(another_process_shares_counts_and_limit),
		TEST(a_fork_goes_on_with_what_was_begun),
		TEST(the_file_is_for_everybody_and_of_its_size),
		TEST(a_full_file_is_said),
	};
	return argc == 2 ? sign_until_refused(argv[1])
			 : cmocka_run_group_tests_name("luna", tests, set_up, NULL);
}
