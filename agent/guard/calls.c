/*
 * The guard's PKCS#11 functions (v2.40 5): a server may look, log in, find, read, sign, verify,
 * digest and draw random numbers. All else it is refused, and that is counted. The agent's calls
 * pass; its signatures are counted. Nothing of 3.0 is exported: C_SignMessage would go past.
 *
 * What a caller gives wrongly (no pointer where one is needed, lengths that cannot be) is refused
 * here, and no vendor's module gets to see it.
 */
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

#include "start.h"
#include "uses.h"
#include "vendor.h"

#define TEMPLATE_MAX 1024      /* attributes */
#define LENGTH_MAX (1UL << 28) /* bytes of any one value or message */

/* --- what a caller gives */

static bool
bad_data(const void *data, CK_ULONG bytes)
{
	return (!data && bytes) || bytes > LENGTH_MAX;
}

static bool
bad_mechanism(const CK_MECHANISM *m)
{
	return !m || bad_data(m->pParameter, m->ulParameterLen);
}

static bool
bad_template(const CK_ATTRIBUTE *a, CK_ULONG count)
{
	if ((!a && count) || count > TEMPLATE_MAX)
		return true;
	for (CK_ULONG i = 0; i < count; i++)
		if (bad_data(a[i].pValue, a[i].ulValueLen))
			return true;
	return false;
}

/* Of one that is to be filled: no place means that the length is asked for. */
static bool
bad_question(const CK_ATTRIBUTE *a, CK_ULONG count)
{
	if ((!a && count) || count > TEMPLATE_MAX)
		return true;
	for (CK_ULONG i = 0; i < count; i++)
		if (a[i].pValue && a[i].ulValueLen > LENGTH_MAX &&
			a[i].ulValueLen != CK_UNAVAILABLE_INFORMATION)
			return true;
	return false;
}

static bool
is_agent(void)
{
	return guard_settings()->agent;
}

/* --- calls that pass: PASS for all, AGENT for the agent only, with what else a server's gets */

#define VENDOR(name)                                 \
	CK_FUNCTION_LIST *v = guard_vendor();        \
	if (!v)                                      \
		return CKR_CRYPTOKI_NOT_INITIALIZED; \
	if (!v->C_##name)                            \
		return CKR_FUNCTION_NOT_SUPPORTED;

#define PASS(name, parameters, arguments, bad)    \
	static CK_RV call_##name parameters       \
	{                                         \
		VENDOR(name)                      \
		if (bad)                          \
			return CKR_ARGUMENTS_BAD; \
		return v->C_##name arguments;     \
	}

#define AGENT(name, parameters, arguments, bad, counted, answer) \
	static CK_RV call_##name parameters                      \
	{                                                        \
		VENDOR(name)                                     \
		if (bad)                                         \
			return CKR_ARGUMENTS_BAD;                \
		if (!is_agent()) {                               \
			counted;                                 \
			return answer;                           \
		}                                                \
		return v->C_##name arguments;                    \
	}

/* clang-format off */
#define SESSION CK_SESSION_HANDLE s
#define KEY CK_OBJECT_HANDLE key
#define IN(x) CK_BYTE *x, CK_ULONG x##_bytes
#define OUT(x) CK_BYTE *x, CK_ULONG *x##_bytes
#define MECHANISM CK_MECHANISM *m
#define BAD_IN(x) bad_data(x, x##_bytes)
#define BAD_OUT(x) (!x##_bytes)
#define NOTHING (void)0

PASS(GetInfo, (CK_INFO *info), (info), !info)
PASS(GetSlotList, (CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count), (present, list, count), !count)
PASS(GetSlotInfo, (CK_SLOT_ID slot, CK_SLOT_INFO *info), (slot, info), !info)
PASS(GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info), !info)
PASS(WaitForSlotEvent, (CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved), (flags, slot, reserved), !slot)
PASS(GetMechanismList, (CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count), (slot, list, count), !count)
PASS(GetMechanismInfo, (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info), (slot, type, info), !info)
PASS(GetSessionInfo, (SESSION, CK_SESSION_INFO *info), (s, info), !info)
PASS(GetObjectSize, (SESSION, KEY, CK_ULONG *size), (s, key, size), !size)
PASS(FindObjects, (SESSION, CK_OBJECT_HANDLE *list, CK_ULONG max, CK_ULONG *count), (s, list, max, count), !count || (!list && max))
PASS(FindObjectsFinal, (SESSION), (s), false)
PASS(DigestInit, (SESSION, MECHANISM), (s, m), bad_mechanism(m))
PASS(Digest, (SESSION, IN(data), OUT(digest)), (s, data, data_bytes, digest, digest_bytes), BAD_IN(data) || BAD_OUT(digest))
PASS(DigestUpdate, (SESSION, IN(part)), (s, part, part_bytes), BAD_IN(part))
PASS(DigestFinal, (SESSION, OUT(digest)), (s, digest, digest_bytes), BAD_OUT(digest))
PASS(VerifyInit, (SESSION, MECHANISM, KEY), (s, m, key), bad_mechanism(m))
PASS(Verify, (SESSION, IN(data), IN(signature)), (s, data, data_bytes, signature, signature_bytes), BAD_IN(data) || BAD_IN(signature))
PASS(VerifyUpdate, (SESSION, IN(part)), (s, part, part_bytes), BAD_IN(part))
PASS(VerifyFinal, (SESSION, IN(signature)), (s, signature, signature_bytes), BAD_IN(signature))
PASS(GenerateRandom, (SESSION, IN(data)), (s, data, data_bytes), BAD_IN(data))

AGENT(InitToken, (CK_SLOT_ID slot, IN(pin), CK_UTF8CHAR *label), (slot, pin, pin_bytes, label), BAD_IN(pin) || !label, uses_refuse_all(COUNT_CHANGE), CKR_FUNCTION_NOT_SUPPORTED)
AGENT(InitPIN, (SESSION, IN(pin)), (s, pin, pin_bytes), BAD_IN(pin), uses_refuse_all(COUNT_CHANGE), CKR_FUNCTION_NOT_SUPPORTED)
AGENT(SetPIN, (SESSION, IN(old), IN(pin)), (s, old, old_bytes, pin, pin_bytes), BAD_IN(old) || BAD_IN(pin), uses_refuse_all(COUNT_CHANGE), CKR_FUNCTION_NOT_SUPPORTED)
AGENT(CreateObject, (SESSION, CK_ATTRIBUTE *a, CK_ULONG count, CK_OBJECT_HANDLE *ret), (s, a, count, ret), bad_template(a, count) || !ret, uses_refuse_all(COUNT_MAKE), CKR_ACTION_PROHIBITED)
AGENT(SetAttributeValue, (SESSION, KEY, CK_ATTRIBUTE *a, CK_ULONG count), (s, key, a, count), bad_template(a, count), uses_refuse(s, key, COUNT_CHANGE), CKR_ACTION_PROHIBITED)
AGENT(EncryptInit, (SESSION, MECHANISM, KEY), (s, m, key), bad_mechanism(m), NOTHING, CKR_KEY_FUNCTION_NOT_PERMITTED)
AGENT(Encrypt, (SESSION, IN(data), OUT(sealed)), (s, data, data_bytes, sealed, sealed_bytes), BAD_IN(data) || BAD_OUT(sealed), NOTHING, CKR_OPERATION_NOT_INITIALIZED)
AGENT(EncryptUpdate, (SESSION, IN(part), OUT(sealed)), (s, part, part_bytes, sealed, sealed_bytes), BAD_IN(part) || BAD_OUT(sealed), NOTHING, CKR_OPERATION_NOT_INITIALIZED)
AGENT(EncryptFinal, (SESSION, OUT(sealed)), (s, sealed, sealed_bytes), BAD_OUT(sealed), NOTHING, CKR_OPERATION_NOT_INITIALIZED)
AGENT(DecryptInit, (SESSION, MECHANISM, KEY), (s, m, key), bad_mechanism(m), uses_refuse(s, key, COUNT_DECRYPT), CKR_KEY_FUNCTION_NOT_PERMITTED)
AGENT(Decrypt, (SESSION, IN(sealed), OUT(data)), (s, sealed, sealed_bytes, data, data_bytes), BAD_IN(sealed) || BAD_OUT(data), NOTHING, CKR_OPERATION_NOT_INITIALIZED)
AGENT(DecryptUpdate, (SESSION, IN(sealed), OUT(part)), (s, sealed, sealed_bytes, part, part_bytes), BAD_IN(sealed) || BAD_OUT(part), NOTHING, CKR_OPERATION_NOT_INITIALIZED)
AGENT(DecryptFinal, (SESSION, OUT(part)), (s, part, part_bytes), BAD_OUT(part), NOTHING, CKR_OPERATION_NOT_INITIALIZED)
AGENT(DigestKey, (SESSION, KEY), (s, key), false, uses_refuse(s, key, COUNT_READ), CKR_KEY_INDIGESTIBLE)
AGENT(VerifyRecoverInit, (SESSION, MECHANISM, KEY), (s, m, key), bad_mechanism(m), NOTHING, CKR_KEY_FUNCTION_NOT_PERMITTED)
AGENT(VerifyRecover, (SESSION, IN(signature), OUT(data)), (s, signature, signature_bytes, data, data_bytes), BAD_IN(signature) || BAD_OUT(data), NOTHING, CKR_OPERATION_NOT_INITIALIZED)
AGENT(DigestEncryptUpdate, (SESSION, IN(part), OUT(sealed)), (s, part, part_bytes, sealed, sealed_bytes), BAD_IN(part) || BAD_OUT(sealed), NOTHING, CKR_OPERATION_NOT_INITIALIZED)
AGENT(DecryptDigestUpdate, (SESSION, IN(sealed), OUT(part)), (s, sealed, sealed_bytes, part, part_bytes), BAD_IN(sealed) || BAD_OUT(part), NOTHING, CKR_OPERATION_NOT_INITIALIZED)
AGENT(SignEncryptUpdate, (SESSION, IN(part), OUT(sealed)), (s, part, part_bytes, sealed, sealed_bytes), BAD_IN(part) || BAD_OUT(sealed), NOTHING, CKR_OPERATION_NOT_INITIALIZED)
AGENT(DecryptVerifyUpdate, (SESSION, IN(sealed), OUT(part)), (s, sealed, sealed_bytes, part, part_bytes), BAD_IN(sealed) || BAD_OUT(part), NOTHING, CKR_OPERATION_NOT_INITIALIZED)
AGENT(GenerateKey, (SESSION, MECHANISM, CK_ATTRIBUTE *a, CK_ULONG count, CK_OBJECT_HANDLE *ret), (s, m, a, count, ret), bad_mechanism(m) || bad_template(a, count) || !ret, uses_refuse_all(COUNT_MAKE), CKR_FUNCTION_NOT_SUPPORTED)
AGENT(WrapKey, (SESSION, MECHANISM, CK_OBJECT_HANDLE with, KEY, OUT(wrapped)), (s, m, with, key, wrapped, wrapped_bytes), bad_mechanism(m) || BAD_OUT(wrapped), uses_refuse(s, key, COUNT_WRAP), CKR_KEY_UNEXTRACTABLE)
AGENT(UnwrapKey, (SESSION, MECHANISM, KEY, IN(wrapped), CK_ATTRIBUTE *a, CK_ULONG count, CK_OBJECT_HANDLE *ret), (s, m, key, wrapped, wrapped_bytes, a, count, ret), bad_mechanism(m) || BAD_IN(wrapped) || bad_template(a, count) || !ret, uses_refuse(s, key, COUNT_UNWRAP), CKR_KEY_FUNCTION_NOT_PERMITTED)
AGENT(DeriveKey, (SESSION, MECHANISM, KEY, CK_ATTRIBUTE *a, CK_ULONG count, CK_OBJECT_HANDLE *ret), (s, m, key, a, count, ret), bad_mechanism(m) || bad_template(a, count), uses_refuse(s, key, COUNT_DERIVE), CKR_KEY_FUNCTION_NOT_PERMITTED)
AGENT(SeedRandom, (SESSION, IN(seed)), (s, seed, seed_bytes), BAD_IN(seed), NOTHING, CKR_RANDOM_SEED_NOT_SUPPORTED)
/* clang-format on */

/*
 * A saved operation could be given back many times, each time for a signature. So there is none for
 * anybody: no road of the agent needs it.
 */
static CK_RV
call_GetOperationState(CK_SESSION_HANDLE s, CK_BYTE *state, CK_ULONG *bytes)
{
	(void)s;
	(void)state;
	(void)bytes;
	return CKR_FUNCTION_NOT_SUPPORTED;
}

static CK_RV
call_SetOperationState(CK_SESSION_HANDLE s, CK_BYTE *state, CK_ULONG bytes,
	CK_OBJECT_HANDLE encrypts, CK_OBJECT_HANDLE authenticates)
{
	(void)s;
	(void)state;
	(void)bytes;
	(void)encrypts;
	(void)authenticates;
	return CKR_FUNCTION_NOT_SUPPORTED;
}

/* Nothing runs in parallel (5.16). */
static CK_RV
call_GetFunctionStatus(CK_SESSION_HANDLE s)
{
	(void)s;
	return CKR_FUNCTION_NOT_PARALLEL;
}

/* --- sessions */

static CK_RV
call_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
	CK_SESSION_HANDLE *ret)
{
	VENDOR(OpenSession)
	if (!ret)
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = v->C_OpenSession(slot, flags, application, notify, ret);
	if (rv == CKR_OK)
		uses_session_opened(*ret, slot);
	return rv;
}

static CK_RV
call_CloseSession(CK_SESSION_HANDLE s)
{
	VENDOR(CloseSession)
	CK_RV rv = v->C_CloseSession(s);
	if (rv == CKR_OK || rv == CKR_SESSION_HANDLE_INVALID)
		uses_session_closed(s);
	return rv;
}

static CK_RV
call_CloseAllSessions(CK_SLOT_ID slot)
{
	VENDOR(CloseAllSessions)
	CK_RV rv = v->C_CloseAllSessions(slot);
	if (rv == CKR_OK)
		uses_sessions_closed(slot);
	return rv;
}

static CK_RV
call_Login(CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG bytes)
{
	VENDOR(Login)
	if (bad_data(pin, bytes))
		return CKR_ARGUMENTS_BAD;
	if (user == CKU_SO && !is_agent())
		return CKR_USER_TYPE_INVALID;
	return v->C_Login(s, user, pin, bytes);
}

static CK_RV
call_Logout(CK_SESSION_HANDLE s)
{
	VENDOR(Logout)
	CK_RV rv = v->C_Logout(s);
	uses_forget_keys();
	return rv;
}

/* --- objects */

static CK_RV
call_FindObjectsInit(CK_SESSION_HANDLE s, CK_ATTRIBUTE *a, CK_ULONG count)
{
	VENDOR(FindObjectsInit)
	if (bad_template(a, count))
		return CKR_ARGUMENTS_BAD;
	/* A master looks for its keys when it reloads: then it may still open a new part. */
	uses_look_again();
	return v->C_FindObjectsInit(s, a, count);
}

static bool
asks_private_value(const CK_ATTRIBUTE *a, CK_ULONG count)
{
	for (CK_ULONG i = 0; i < count; i++)
		switch (a[i].type) {
		case CKA_VALUE:
		case CKA_PRIVATE_EXPONENT:
		case CKA_PRIME_1:
		case CKA_PRIME_2:
		case CKA_EXPONENT_1:
		case CKA_EXPONENT_2:
		case CKA_COEFFICIENT:
			return true;
		default:
			break;
		}
	return false;
}

static CK_RV
call_GetAttributeValue(
	CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *a, CK_ULONG count)
{
	VENDOR(GetAttributeValue)
	if (bad_question(a, count))
		return CKR_ARGUMENTS_BAD;
	if (!is_agent() && asks_private_value(a, count))
		uses_read(s, object);
	return v->C_GetAttributeValue(s, object, a, count);
}

static CK_RV
call_CopyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *a, CK_ULONG count,
	CK_OBJECT_HANDLE *ret)
{
	VENDOR(CopyObject)
	if (bad_template(a, count) || !ret)
		return CKR_ARGUMENTS_BAD;
	if (!is_agent()) {
		uses_refuse(s, object, COUNT_CHANGE);
		return CKR_ACTION_PROHIBITED;
	}
	CK_RV rv = v->C_CopyObject(s, object, a, count, ret);
	if (rv == CKR_OK)
		uses_copied(s, object, *ret);
	return rv;
}

static CK_RV
call_DestroyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object)
{
	VENDOR(DestroyObject)
	if (!is_agent()) {
		uses_refuse(s, object, COUNT_CHANGE);
		return CKR_ACTION_PROHIBITED;
	}
	CK_RV rv = v->C_DestroyObject(s, object);
	uses_forget_keys();
	return rv;
}

static CK_RV
call_GenerateKeyPair(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *public,
	CK_ULONG public_count, CK_ATTRIBUTE *private, CK_ULONG private_count,
	CK_OBJECT_HANDLE *ret_public, CK_OBJECT_HANDLE *ret_private)
{
	VENDOR(GenerateKeyPair)
	if (bad_mechanism(m) || bad_template(public, public_count) ||
		bad_template(private, private_count) || !ret_public || !ret_private)
		return CKR_ARGUMENTS_BAD;
	if (!is_agent()) {
		uses_refuse_all(COUNT_MAKE);
		return CKR_FUNCTION_NOT_SUPPORTED;
	}
	CK_RV rv = v->C_GenerateKeyPair(
		s, m, public, public_count, private, private_count, ret_public, ret_private);
	uses_forget_keys();
	return rv;
}

/* --- signatures: a use is reserved before the token is asked */

static CK_RV
call_SignInit(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	struct use u;

	VENDOR(SignInit)
	if (bad_mechanism(m))
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = uses_begin(s, key, m->mechanism, &u);
	if (rv != CKR_OK)
		return rv;
	rv = v->C_SignInit(s, m, key);
	uses_began(s, key, &u, rv);
	return rv;
}

/* A question for the length, and too little room for the answer, end nothing (5.2). */
static bool
goes_on(const CK_BYTE *signature, CK_RV rv)
{
	return (!signature && rv == CKR_OK) || rv == CKR_BUFFER_TOO_SMALL;
}

/* After the vendor's answer to what may have been the end. */
static CK_RV
settle(CK_SESSION_HANDLE s, const struct use *u, const CK_BYTE *signature, CK_RV rv)
{
	if (goes_on(signature, rv))
		uses_put_back(s, u);
	else
		uses_end(u, rv);
	return rv;
}

static CK_RV
call_Sign(CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG data_bytes, CK_BYTE *signature,
	CK_ULONG *signature_bytes)
{
	struct use u;

	VENDOR(Sign)
	if (bad_data(data, data_bytes) || !signature_bytes)
		return CKR_ARGUMENTS_BAD;
	if (!uses_take(s, &u))
		return CKR_OPERATION_NOT_INITIALIZED;
	return settle(s, &u, signature, v->C_Sign(s, data, data_bytes, signature, signature_bytes));
}

static CK_RV
call_SignUpdate(CK_SESSION_HANDLE s, CK_BYTE *part, CK_ULONG bytes)
{
	struct use u;

	VENDOR(SignUpdate)
	if (bad_data(part, bytes))
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = v->C_SignUpdate(s, part, bytes);
	if (rv != CKR_OK && uses_take(s, &u))
		uses_end(&u, rv);
	return rv;
}

static CK_RV
call_SignFinal(CK_SESSION_HANDLE s, CK_BYTE *signature, CK_ULONG *bytes)
{
	struct use u;

	VENDOR(SignFinal)
	if (!bytes)
		return CKR_ARGUMENTS_BAD;
	if (!uses_take(s, &u))
		return CKR_OPERATION_NOT_INITIALIZED;
	return settle(s, &u, signature, v->C_SignFinal(s, signature, bytes));
}

static CK_RV
call_SignRecoverInit(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	struct use u;

	VENDOR(SignRecoverInit)
	if (bad_mechanism(m))
		return CKR_ARGUMENTS_BAD;
	if (!is_agent()) {
		uses_refuse(s, key, COUNT_MECHANISM);
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	}
	CK_RV rv = uses_begin(s, key, m->mechanism, &u);
	if (rv != CKR_OK)
		return rv;
	rv = v->C_SignRecoverInit(s, m, key);
	uses_began(s, key, &u, rv);
	return rv;
}

static CK_RV
call_SignRecover(CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG data_bytes, CK_BYTE *signature,
	CK_ULONG *signature_bytes)
{
	struct use u;

	VENDOR(SignRecover)
	if (bad_data(data, data_bytes) || !signature_bytes)
		return CKR_ARGUMENTS_BAD;
	if (!is_agent() || !uses_take(s, &u))
		return CKR_OPERATION_NOT_INITIALIZED;
	return settle(s, &u, signature,
		v->C_SignRecover(s, data, data_bytes, signature, signature_bytes));
}

/* --- the list */

static CK_RV call_Initialize(void *args);

static CK_RV
call_Finalize(void *reserved)
{
	return guard_stop(reserved);
}

/* By this name: C_GetFunctionList may be p11-kit's in a process that is linked with it. */
static CK_RV give_list(CK_FUNCTION_LIST **ret);

#define ROW(name) .C_##name = call_##name

static CK_FUNCTION_LIST functions = {
	.version = {2, 40},
	.C_GetFunctionList = give_list,
	ROW(Initialize),
	ROW(Finalize),
	ROW(GetInfo),
	ROW(GetSlotList),
	ROW(GetSlotInfo),
	ROW(GetTokenInfo),
	ROW(GetMechanismList),
	ROW(GetMechanismInfo),
	ROW(InitToken),
	ROW(InitPIN),
	ROW(SetPIN),
	ROW(OpenSession),
	ROW(CloseSession),
	ROW(CloseAllSessions),
	ROW(GetSessionInfo),
	ROW(GetOperationState),
	ROW(SetOperationState),
	ROW(Login),
	ROW(Logout),
	ROW(CreateObject),
	ROW(CopyObject),
	ROW(DestroyObject),
	ROW(GetObjectSize),
	ROW(GetAttributeValue),
	ROW(SetAttributeValue),
	ROW(FindObjectsInit),
	ROW(FindObjects),
	ROW(FindObjectsFinal),
	ROW(EncryptInit),
	ROW(Encrypt),
	ROW(EncryptUpdate),
	ROW(EncryptFinal),
	ROW(DecryptInit),
	ROW(Decrypt),
	ROW(DecryptUpdate),
	ROW(DecryptFinal),
	ROW(DigestInit),
	ROW(Digest),
	ROW(DigestUpdate),
	ROW(DigestKey),
	ROW(DigestFinal),
	ROW(SignInit),
	ROW(Sign),
	ROW(SignUpdate),
	ROW(SignFinal),
	ROW(SignRecoverInit),
	ROW(SignRecover),
	ROW(VerifyInit),
	ROW(Verify),
	ROW(VerifyUpdate),
	ROW(VerifyFinal),
	ROW(VerifyRecoverInit),
	ROW(VerifyRecover),
	ROW(DigestEncryptUpdate),
	ROW(DecryptDigestUpdate),
	ROW(SignEncryptUpdate),
	ROW(DecryptVerifyUpdate),
	ROW(GenerateKey),
	ROW(GenerateKeyPair),
	ROW(WrapKey),
	ROW(UnwrapKey),
	ROW(DeriveKey),
	ROW(SeedRandom),
	ROW(GenerateRandom),
	ROW(GetFunctionStatus),
	.C_CancelFunction = call_GetFunctionStatus,
	ROW(WaitForSlotEvent),
};

static CK_RV
call_Initialize(void *args)
{
	return guard_start(args, &functions);
}

static CK_RV
give_list(CK_FUNCTION_LIST **ret)
{
	if (!ret)
		return CKR_ARGUMENTS_BAD;
	*ret = &functions;
	return CKR_OK;
}

__attribute__((visibility("default"), alias("give_list"))) CK_RV C_GetFunctionList(
	CK_FUNCTION_LIST **ret);
