/* What keystay-guard counts of a server's and of the agent's signatures, before SoftHSM. */
#include "support/fault.h"
#include "support/guarded.h"
#include "support/unit.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4

/* Of the keys that set_up makes. */
enum { EC = 1, RSA };

static CK_OBJECT_HANDLE
private_key(CK_BYTE id)
{
	return guarded_find(CKO_PRIVATE_KEY, id, NULL);
}

static CK_RV
sign_init(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism)
{
	CK_MECHANISM m = {mechanism, NULL, 0};
	return guarded->C_SignInit(session, &m, key);
}

/* C_Sign into room for that many bytes; no place at all for SIZE_MAX. */
static CK_RV
sign_into(size_t room, CK_ULONG *ret_bytes)
{
	CK_BYTE data[32] = {7}, signature[512];

	*ret_bytes = room;
	return guarded->C_Sign(
		guarded_session, data, sizeof data, room == SIZE_MAX ? NULL : signature, ret_bytes);
}

static void
every_signature_is_counted(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	uint64_t from = (uint64_t)time(NULL) - 1;

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_counts(s, "uses=5 done=5");
	assert_header("");
	assert_in_range(s->last_use, from, from + 60);
	assert_int_equal(ledger_hour(s, s->last_use), 5);
	assert_int_equal(guarded_slots(), 1);
	/* The handle is resolved once: a signature is two calls and no more. */
	CK_OBJECT_HANDLE key = private_key(EC);
	fault_log_clear();
	assert_rv(guarded_sign(key), CKR_OK);
	assert_int_equal(fault_calls("C_SignInit"), 1);
	assert_int_equal(fault_calls("C_Sign"), 1);
	assert_int_equal(fault_calls("C_GetAttributeValue"), 0);
	assert_int_equal(fault_calls("C_OpenSession"), 0);
}

static void
a_key_that_nobody_registered_gets_a_slot(void **state)
{
	const struct ledger_key k = guarded_key(EC, NULL);

	(void)state;
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	const struct ledger_slot *s = ledger_find(guarded_ledger(), k.raw, k.raw_bytes);
	assert_non_null(s);
	assert_counts(s, "uses=1 done=1");
	assert_int_equal(s->state, STATE_UNKNOWN);
	assert_int_equal(s->rsa, 0);
	assert_int_equal(s->params_bytes, 10);
	assert_int_equal(s->id_bytes, k.id_bytes);
	assert_memory_equal(s->id, k.id, k.id_bytes);
	assert_string_equal(s->label, "ec");
	assert_int_equal(strnlen(s->serial, sizeof s->serial), 16);
	assert_true(s->since >= (uint64_t)time(NULL) - 60);
	assert_header("");
	assert_int_equal(guarded_slots(), 1);
}

static void
an_rsa_key_is_known_by_its_modulus(void **state)
{
	struct ledger_slot *s = guarded_register(RSA, STATE_ACTIVE, 0);
	CK_OBJECT_HANDLE key = private_key(RSA);

	(void)state;
	assert_rv(guarded_sign_in(guarded_session, key, CKM_RSA_PKCS), CKR_OK);
	assert_counts(s, "uses=1 done=1");
	assert_int_equal(guarded_slots(), 1);
	guarded_wipe();
	assert_rv(guarded_sign_in(guarded_session, key, CKM_RSA_PKCS), CKR_OK);
	assert_int_equal(s->state, STATE_UNKNOWN);
	assert_int_equal(s->rsa, 1);
	assert_int_equal(s->raw_bytes, 256);
	assert_int_equal(s->params_bytes, 3);
	assert_counts(s, "uses=1 done=1");
}

static void
a_question_for_the_length_ends_nothing(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	CK_ULONG bytes;

	(void)state;
	assert_rv(sign_init(guarded_session, private_key(EC), CKM_ECDSA), CKR_OK);
	assert_counts(s, "uses=1");
	assert_rv(sign_into(SIZE_MAX, &bytes), CKR_OK);
	assert_int_equal(bytes, 64);
	assert_rv(sign_into(SIZE_MAX, &bytes), CKR_OK);
	assert_counts(s, "uses=1");
	for (size_t room = 0; room < 64; room += 21) {
		assert_rv(sign_into(room, &bytes), CKR_BUFFER_TOO_SMALL);
		assert_int_equal(bytes, 64);
	}
	assert_counts(s, "uses=1");
	assert_rv(sign_into(64, &bytes), CKR_OK);
	assert_counts(s, "uses=1 done=1");
	assert_rv(sign_into(64, &bytes), CKR_OPERATION_NOT_INITIALIZED);
	assert_rv(sign_into(SIZE_MAX, &bytes), CKR_OPERATION_NOT_INITIALIZED);
	assert_counts(s, "uses=1 done=1");
}

/* The last session of a token is not closed: that would be a logout. */
static void
close_and_open(void)
{
	CK_SESSION_HANDLE fresh = guarded_open();

	assert_rv(guarded->C_CloseSession(guarded_session), CKR_OK);
	guarded_session = fresh;
}

static CK_RV
update(size_t bytes)
{
	CK_BYTE part[64] = {1};
	return guarded->C_SignUpdate(guarded_session, part, bytes);
}

static CK_RV
final(bool place, CK_ULONG room)
{
	CK_BYTE signature[512];
	return guarded->C_SignFinal(guarded_session, place ? signature : NULL, &room);
}

static void
a_signature_in_parts_is_one(void **state)
{
	struct ledger_slot *s = guarded_register(RSA, STATE_ACTIVE, 0);
	CK_OBJECT_HANDLE key = private_key(RSA);

	(void)state;
	assert_rv(sign_init(guarded_session, key, CKM_SHA256_RSA_PKCS), CKR_OK);
	for (size_t i = 0; i < 10; i++)
		assert_rv(update(i), CKR_OK);
	assert_rv(final(false, 0), CKR_OK);
	assert_rv(final(true, 10), CKR_BUFFER_TOO_SMALL);
	assert_counts(s, "uses=1");
	assert_rv(final(true, 512), CKR_OK);
	assert_counts(s, "uses=1 done=1");
	assert_rv(final(true, 512), CKR_OPERATION_NOT_INITIALIZED);
	assert_rv(update(1), CKR_OPERATION_NOT_INITIALIZED);
	assert_counts(s, "uses=1 done=1");
}

static void
what_the_token_began_and_did_not_make_has_failed(void **state)
{
	struct ledger_slot *s = guarded_register(RSA, STATE_ACTIVE, 0);
	CK_OBJECT_HANDLE key = private_key(RSA);

	(void)state;
	fault_rules("fail C_SignUpdate CKR_DEVICE_ERROR\n");
	assert_rv(sign_init(guarded_session, key, CKM_SHA256_RSA_PKCS), CKR_OK);
	assert_rv(update(3), CKR_DEVICE_ERROR);
	assert_counts(s, "uses=1 failed=1");
	/* For the token it goes on, until the session ends. */
	close_and_open();
	assert_counts(s, "uses=1 failed=1");
	fault_rules("fail C_SignFinal CKR_DEVICE_ERROR\n");
	assert_rv(sign_init(guarded_session, key, CKM_SHA256_RSA_PKCS), CKR_OK);
	assert_rv(update(3), CKR_OK);
	assert_rv(final(true, 512), CKR_DEVICE_ERROR);
	assert_counts(s, "uses=2 failed=2");
	fault_rules("fail C_Sign CKR_DEVICE_ERROR\n");
	assert_rv(guarded_sign_in(guarded_session, key, CKM_RSA_PKCS), CKR_DEVICE_ERROR);
	assert_counts(s, "uses=3 failed=3");
	fault_rules("");
	assert_rv(guarded_sign_in(guarded_session, key, CKM_RSA_PKCS), CKR_OK);
	assert_counts(s, "uses=4 done=1 failed=3");
}

static void
what_the_token_did_not_begin_is_given_back(void **state)
{
	static const char *const rules[] = {"fail C_SignInit CKR_DEVICE_ERROR\n",
		"fail C_SignInit CKR_KEY_HANDLE_INVALID\n",
		"fail C_SignInit CKR_USER_NOT_LOGGED_IN\n",
		"fail C_SignInit CKR_TOKEN_NOT_PRESENT\n",
		"fail C_SignInit CKR_KEY_FUNCTION_NOT_PERMITTED\n",
		"fail C_SignInit CKR_FUNCTION_NOT_SUPPORTED\n"};
	struct ledger_slot *s = guarded_register(EC, STATE_STAGED, 3);
	CK_OBJECT_HANDLE key = private_key(EC);

	(void)state;
	for (size_t i = 0; i < COUNT(rules); i++) {
		fault_rules(rules[i]);
		assert_true(sign_init(guarded_session, key, CKM_ECDSA) != CKR_OK);
		assert_counts(s, "");
	}
	fault_rules("");
	assert_rv(sign_init(guarded_session, key, CKM_SHA_1), CKR_MECHANISM_INVALID);
	assert_rv(sign_init(guarded_session, key, ~0UL), CKR_MECHANISM_INVALID);
	assert_counts(s, "");
	assert_rv(guarded_sign(key), CKR_OK);
	assert_counts(s, "uses=1 done=1 staged=1");
	/* A second one beside the first. */
	assert_rv(sign_init(guarded_session, key, CKM_ECDSA), CKR_OK);
	assert_rv(sign_init(guarded_session, key, CKM_ECDSA), CKR_OPERATION_ACTIVE);
	assert_counts(s, "uses=2 done=1 staged=2");
	CK_ULONG bytes;
	assert_rv(sign_into(64, &bytes), CKR_OK);
	assert_counts(s, "uses=2 done=2 staged=2");
}

static void
a_session_that_ends_gives_back_what_it_began(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	CK_OBJECT_HANDLE key = private_key(EC);
	CK_SESSION_HANDLE more[3];

	(void)state;
	for (size_t i = 0; i < COUNT(more); i++) {
		more[i] = guarded_open();
		assert_rv(sign_init(more[i], key, CKM_ECDSA), CKR_OK);
	}
	assert_rv(sign_init(guarded_session, key, CKM_ECDSA), CKR_OK);
	assert_counts(s, "uses=4");
	/* One that could not be closed may still sign. */
	fault_rules("fail C_CloseSession CKR_DEVICE_ERROR\n");
	assert_rv(guarded->C_CloseSession(more[0]), CKR_DEVICE_ERROR);
	assert_counts(s, "uses=4");
	fault_rules("");
	assert_rv(guarded->C_CloseSession(more[0]), CKR_OK);
	assert_counts(s, "uses=3");
	assert_rv(guarded->C_CloseSession(more[0]), CKR_SESSION_HANDLE_INVALID);
	assert_counts(s, "uses=3");
	/* Of another slot. */
	(void)guarded->C_CloseAllSessions(guarded_slot + 1);
	assert_counts(s, "uses=3");
	assert_rv(guarded->C_CloseAllSessions(guarded_slot), CKR_OK);
	assert_counts(s, "");
}

static void
c_finalize_gives_back_what_was_begun(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	CK_OBJECT_HANDLE key = private_key(EC);

	(void)state;
	assert_rv(guarded_sign(key), CKR_OK);
	assert_rv(sign_init(guarded_session, key, CKM_ECDSA), CKR_OK);
	assert_rv(sign_init(guarded_open(), key, CKM_ECDSA), CKR_OK);
	assert_counts(s, "uses=3 done=1");
	assert_rv(guarded->C_Finalize(NULL), CKR_OK);
	assert_counts(s, "uses=1 done=1");
	assert_rv(guarded->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void
a_hard_limit_refuses_and_leaves_the_session_usable(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 2);
	CK_OBJECT_HANDLE key = private_key(EC), rsa = private_key(RSA);

	(void)state;
	assert_rv(guarded_sign(key), CKR_OK);
	assert_rv(guarded_sign(key), CKR_OK);
	fault_log_clear();
	for (int i = 0; i < 3; i++)
		assert_rv(guarded_sign(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_int_equal(fault_calls("C_SignInit"), 0);
	assert_counts(s, "uses=2 done=2 over=3");
	/* Another key signs in this session, and this one as soon as it may. */
	assert_rv(guarded_sign_in(guarded_session, rsa, CKM_RSA_PKCS), CKR_OK);
	s->hard = 3;
	assert_rv(guarded_sign(key), CKR_OK);
	assert_rv(guarded_sign(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	s->hard = 0;
	assert_rv(guarded_sign(key), CKR_OK);
	s->hard = 1;
	assert_rv(guarded_sign(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_counts(s, "uses=4 done=4 over=5");
}

static void
a_reserved_use_counts_against_the_limit(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 1);
	CK_OBJECT_HANDLE key = private_key(EC);
	CK_SESSION_HANDLE other = guarded_open();

	(void)state;
	assert_rv(sign_init(other, key, CKM_ECDSA), CKR_OK);
	assert_rv(guarded_sign(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_rv(guarded->C_CloseSession(other), CKR_OK);
	assert_rv(guarded_sign(key), CKR_OK);
	assert_counts(s, "uses=1 done=1 over=1");
}

static void
what_is_under_way_when_a_key_is_cut_off_is_finished(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 1);
	CK_ULONG bytes;

	(void)state;
	assert_rv(sign_init(guarded_session, private_key(EC), CKM_ECDSA), CKR_OK);
	s->state = STATE_DISABLED;
	assert_rv(sign_into(64, &bytes), CKR_OK);
	assert_counts(s, "uses=1 done=1");
}

static void
the_state_of_a_key_decides(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_STAGED, 0);
	CK_OBJECT_HANDLE key = private_key(EC);

	(void)state;
	assert_rv(guarded_sign(key), CKR_OK);
	assert_counts(s, "uses=1 done=1 staged=1");
	static const enum ledger_state fine[] = {STATE_ACTIVE, STATE_DRAINING, STATE_COMPROMISED};
	for (size_t i = 0; i < COUNT(fine); i++) {
		s->state = fine[i];
		assert_rv(guarded_sign(key), CKR_OK);
	}
	assert_counts(s, "uses=4 done=4 staged=1");
	s->state = STATE_DISABLED;
	assert_rv(guarded_sign(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	s->state = STATE_DESTROYED;
	assert_rv(guarded_sign(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_counts(s, "uses=4 done=4 staged=1 off=2");
	s->state = STATE_ACTIVE;
	assert_rv(guarded_sign(key), CKR_OK);
}

static void
a_mechanism_that_is_not_the_keys_is_refused(void **state)
{
	struct ledger_slot *s = guarded_register(RSA, STATE_ACTIVE, 0);
	CK_OBJECT_HANDLE key = private_key(RSA);

	(void)state;
	s->mechanism[0] = CKM_RSA_PKCS_PSS;
	s->mechanism[1] = CKM_SHA256_RSA_PKCS;
	s->mechanisms = 2;
	fault_log_clear();
	assert_rv(guarded_sign_in(guarded_session, key, CKM_RSA_PKCS), CKR_MECHANISM_INVALID);
	assert_int_equal(fault_calls("C_SignInit"), 0);
	assert_rv(guarded_sign_in(guarded_session, key, CKM_SHA256_RSA_PKCS), CKR_OK);
	assert_counts(s, "uses=1 done=1 mechanism=1");
	/* No number is cut to one that is allowed. */
	assert_rv(guarded_sign_in(
			  guarded_session, key, CKM_SHA256_RSA_PKCS | (CK_MECHANISM_TYPE)1 << 32),
		CKR_MECHANISM_INVALID);
	s->mechanisms = 3;
	s->mechanism[2] = CKM_RSA_PKCS;
	assert_rv(guarded_sign_in(guarded_session, key, CKM_RSA_PKCS), CKR_OK);
}

/* --- whose handle it is */

static void
of_two_public_keys_of_one_id_the_label_decides(void **state)
{
	(void)state;
	guarded_make(false, 0x20, "left", "left");
	guarded_make(false, 0x20, "right", "right");
	const struct ledger_key left = guarded_key(0x20, "left"),
				right = guarded_key(0x20, "right");
	assert_rv(guarded_sign(guarded_find(CKO_PRIVATE_KEY, 0x20, "left")), CKR_OK);
	assert_rv(guarded_sign(guarded_find(CKO_PRIVATE_KEY, 0x20, "right")), CKR_OK);
	assert_rv(guarded_sign(guarded_find(CKO_PRIVATE_KEY, 0x20, "right")), CKR_OK);
	assert_int_equal(guarded_slots(), 2);
	assert_counts(ledger_find(guarded_ledger(), left.raw, left.raw_bytes), "uses=1 done=1");
	assert_counts(ledger_find(guarded_ledger(), right.raw, right.raw_bytes), "uses=2 done=2");
	assert_header("");
}

static void
where_no_label_decides_the_header_counts(void **state)
{
	(void)state;
	guarded_make(false, 0x21, "mine", "one");
	guarded_make(false, 0x21, "yours", "other");
	CK_OBJECT_HANDLE key = guarded_find(CKO_PRIVATE_KEY, 0x21, "mine");
	assert_rv(guarded_sign(key), CKR_OK);
	assert_header("uses=1 done=1");
	assert_int_equal(guarded_slots(), 0);
	/* What is begun and not ended is given back there too. */
	assert_rv(sign_init(guarded_session, key, CKM_ECDSA), CKR_OK);
	assert_header("uses=2 done=1");
	close_and_open();
	assert_header("uses=1 done=1");
	fault_rules("fail C_SignInit CKR_DEVICE_ERROR\n");
	assert_rv(guarded_sign(key), CKR_DEVICE_ERROR);
	assert_header("uses=1 done=1");
	fault_rules("fail C_Sign CKR_DEVICE_ERROR\n");
	assert_rv(guarded_sign(key), CKR_DEVICE_ERROR);
	assert_header("uses=2 done=1 failed=1");
	fault_rules("");
}

static void
a_private_key_alone_is_counted_in_the_header(void **state)
{
	(void)state;
	guarded_make(false, 0x22, "lone", "lone");
	guarded_destroy(CKO_PUBLIC_KEY, 0x22, "lone");
	assert_rv(guarded_sign(private_key(0x22)), CKR_OK);
	assert_header("uses=1 done=1");
	/* Of an RSA key the private half is enough. */
	guarded_make(true, 0x23, "lone rsa", "lone rsa");
	guarded_destroy(CKO_PUBLIC_KEY, 0x23, NULL);
	assert_rv(guarded_sign_in(guarded_session, private_key(0x23), CKM_RSA_PKCS), CKR_OK);
	assert_header("uses=1 done=1");
	assert_int_equal(guarded_slots(), 1);
}

static void
a_handle_that_another_session_found_is_the_same_key(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	CK_SESSION_HANDLE other = guarded_open();
	CK_OBJECT_HANDLE key = private_key(EC);

	(void)state;
	assert_rv(guarded_sign_in(other, key, CKM_ECDSA), CKR_OK);
	assert_rv(guarded->C_CloseSession(guarded_session), CKR_OK);
	guarded_session = other;
	assert_rv(guarded_sign(key), CKR_OK);
	assert_counts(s, "uses=2 done=2");
}

static void
a_handle_that_is_none_signs_nothing_and_leaves_nothing(void **state)
{
	static const CK_OBJECT_HANDLE none[] = {0, 99999, ~0UL};
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);

	(void)state;
	for (size_t i = 0; i < COUNT(none); i++) {
		assert_true(guarded_sign(none[i]) != CKR_OK);
		assert_true(guarded_sign_in(none[i], private_key(EC), CKM_ECDSA) != CKR_OK);
	}
	/* A public key does not sign. */
	assert_true(guarded_sign(guarded_find(CKO_PUBLIC_KEY, EC, NULL)) != CKR_OK);
	assert_counts(s, "");
	assert_header("");
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_counts(s, "uses=1 done=1");
}

static void
a_key_that_was_destroyed_signs_nothing_and_leaves_nothing(void **state)
{
	(void)state;
	guarded_make(false, 0x24, "short", "short");
	struct ledger_slot *s = guarded_register(0x24, STATE_ACTIVE, 0);
	CK_OBJECT_HANDLE key = private_key(0x24);
	assert_rv(guarded_sign(key), CKR_OK);
	guarded_destroy(CKO_PRIVATE_KEY, 0x24, NULL);
	for (int i = 0; i < 2; i++)
		assert_true(guarded_sign(key) != CKR_OK);
	assert_counts(s, "uses=1 done=1");
	assert_header("");
}

static void
a_slot_that_went_to_another_key_is_not_counted_in(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	const struct ledger_key rsa = guarded_key(RSA, NULL);
	CK_OBJECT_HANDLE key = private_key(EC);

	(void)state;
	assert_rv(guarded_sign(key), CKR_OK);
	s->use = SLOT_FREE;
	s->generation++;
	assert_ptr_equal(ledger_claim(guarded_ledger(), &rsa, STATE_ACTIVE, 1), s);
	assert_rv(guarded_sign(key), CKR_OK);
	assert_counts(s, "");
	assert_int_equal(guarded_slots(), 2);
	/* And while the agent joins two of the same key, the first is not counted in. */
	struct ledger_slot *second = ledger_slot_at(guarded_ledger(), 1);
	second->use = SLOT_MOVING;
	struct ledger_slot *third = guarded_register(EC, STATE_ACTIVE, 0);
	assert_rv(guarded_sign(key), CKR_OK);
	assert_counts(second, "uses=1 done=1");
	assert_counts(third, "uses=1 done=1");
}

static void
a_session_that_was_not_opened_here_is_counted_too(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 1);
	CK_OBJECT_HANDLE key = private_key(EC);
	CK_FUNCTION_LIST *guard = guarded;

	(void)state;
	/* Something else in the process has the module without a guard. */
	guarded = guarded_behind();
	CK_SESSION_HANDLE session = guarded_open();
	guarded = guard;
	assert_rv(guarded_sign_in(session, key, CKM_ECDSA), CKR_OK);
	assert_rv(guarded_sign_in(session, key, CKM_ECDSA), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_counts(s, "uses=1 done=1 over=1");
}

static void
handles_are_looked_for_anew_after_a_logout(void **state)
{
	static CK_BYTE pin[] = "48151623";
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);

	(void)state;
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_rv(guarded->C_Logout(guarded_session), CKR_OK);
	assert_rv(guarded->C_Login(guarded_session, CKU_USER, pin, sizeof pin - 1), CKR_OK);
	CK_OBJECT_HANDLE key = private_key(EC);
	fault_log_clear();
	assert_rv(guarded_sign(key), CKR_OK);
	assert_true(fault_calls("C_GetAttributeValue") > 0);
	assert_counts(s, "uses=2 done=2");
}

static void
a_full_ledger_counts_in_the_header(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEDGER_SLOTS; i++)
		ledger_slot_at(guarded_ledger(), i)->use = SLOT_MOVING;
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_header("uses=1 done=1");
}

/* --- threads */

struct signer {
	pthread_t thread;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	int made, refused;
};

static void *
sign_often(void *ctx)
{
	struct signer *s = ctx;

	for (int i = 0; i < 50; i++) {
		CK_RV rv = guarded_sign_in(s->session, s->key, CKM_ECDSA);
		s->made += rv == CKR_OK;
		s->refused += rv == CKR_KEY_FUNCTION_NOT_PERMITTED;
	}
	return NULL;
}

static void
a_hard_limit_under_several_threads_is_signed_exactly(void **state)
{
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 120);
	struct signer signer[THREADS];
	int made = 0, refused = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		signer[i] = (struct signer){.session = guarded_open(), .key = private_key(EC)};
		assert_int_equal(
			pthread_create(&signer[i].thread, NULL, sign_often, &signer[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(signer[i].thread, NULL), 0);
		made += signer[i].made;
		refused += signer[i].refused;
	}
	assert_int_equal(made, 120);
	assert_int_equal(refused, THREADS * 50 - 120);
	assert_counts(s, "uses=120 done=120 over=80");
}

static int
begin(void **state)
{
	(void)state;
	guarded_begin(guarded_own(), "");
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
	begin(state);
	guarded_make(false, EC, "ec", "ec");
	guarded_make(true, RSA, "rsa", "rsa");
	return end(state);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(every_signature_is_counted),
		TEST(a_key_that_nobody_registered_gets_a_slot),
		TEST(an_rsa_key_is_known_by_its_modulus),
		TEST(a_question_for_the_length_ends_nothing),
		TEST(a_signature_in_parts_is_one),
		TEST(what_the_token_began_and_did_not_make_has_failed),
		TEST(what_the_token_did_not_begin_is_given_back),
		TEST(a_session_that_ends_gives_back_what_it_began),
		TEST(c_finalize_gives_back_what_was_begun),
		TEST(a_hard_limit_refuses_and_leaves_the_session_usable),
		TEST(a_reserved_use_counts_against_the_limit),
		TEST(what_is_under_way_when_a_key_is_cut_off_is_finished),
		TEST(the_state_of_a_key_decides),
		TEST(a_mechanism_that_is_not_the_keys_is_refused),
		TEST(of_two_public_keys_of_one_id_the_label_decides),
		TEST(where_no_label_decides_the_header_counts),
		TEST(a_private_key_alone_is_counted_in_the_header),
		TEST(a_handle_that_another_session_found_is_the_same_key),
		TEST(a_handle_that_is_none_signs_nothing_and_leaves_nothing),
		TEST(a_key_that_was_destroyed_signs_nothing_and_leaves_nothing),
		TEST(a_slot_that_went_to_another_key_is_not_counted_in),
		TEST(a_session_that_was_not_opened_here_is_counted_too),
		TEST(handles_are_looked_for_anew_after_a_logout),
		TEST(a_full_ledger_counts_in_the_header),
		TEST(a_hard_limit_under_several_threads_is_signed_exactly),
	};
	return cmocka_run_group_tests_name("guard signs", tests, set_up, NULL);
}
