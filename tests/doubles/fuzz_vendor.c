/*
 * fuzz_vendor - see fuzz_vendor.h. What the guard promises to keep from a vendor's module (no
 * pointer where one is needed, lengths that cannot be) is an abort here.
 *
 * It has no C_SignRecover and nothing that seals, opens, wraps or derives: such entries of its list
 * are NULL, as in modules that know less than the header.
 */
#include "fuzz_vendor.h"

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SLOTS 2
#define SESSIONS 12
#define COPIES 8
#define VALUE_MAX 520
#define ROOM_MAX (1UL << 28)

struct fuzz_vendor fuzz_vendor;

struct object {
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE type;
	const char *id, *label;
	CK_BYTE fill;     /* of the public value */
	CK_ULONG bytes;   /* of it; 0: not shown */
	CK_ULONG session; /* of a copy: where it was made; 0 = free, or no copy */
};

/* A handle is a place from 1 on; copies come behind. */
static struct object object[16 + COPIES] = {
	{CKO_PRIVATE_KEY, CKK_EC, "1", "a", 0, 0, 0},
	{CKO_PUBLIC_KEY, CKK_EC, "1", "a", 0xa1, 67, 0},
	{CKO_PRIVATE_KEY, CKK_RSA, "2", "b", 0xb1, 256, 0},
	{CKO_PUBLIC_KEY, CKK_RSA, "2", "b", 0xb1, 256, 0},
	/* One id, two labels. */
	{CKO_PRIVATE_KEY, CKK_EC, "3", "c", 0, 0, 0},
	{CKO_PUBLIC_KEY, CKK_EC, "3", "c", 0xc1, 67, 0},
	{CKO_PUBLIC_KEY, CKK_EC, "3", "d", 0xd1, 65, 0},
	{CKO_PRIVATE_KEY, CKK_EC, "3", "e", 0, 0, 0},
	/* No name at all; no public half; a public value that is none, and one that is too long. */
	{CKO_PRIVATE_KEY, CKK_EC, "", "", 0, 0, 0},
	{CKO_PRIVATE_KEY, CKK_EC, "4", "f", 0, 0, 0},
	{CKO_PRIVATE_KEY, CKK_EC, "5", "g", 0, 0, 0},
	{CKO_PUBLIC_KEY, CKK_EC, "5", "g", 0xe1, 3, 0},
	{CKO_PRIVATE_KEY, CKK_RSA, "6", "h", 0xf1, VALUE_MAX, 0},
	{CKO_PRIVATE_KEY, CKK_EC, "", "i", 0, 0, 0},
	{CKO_PUBLIC_KEY, CKK_EC, "", "i", 0x91, 33, 0},
	{CKO_CERTIFICATE, 0, "1", "a", 0, 0, 0},
};

static struct session {
	bool open, finds, signs;
	CK_SLOT_ID slot;
	CK_ULONG next;
	CK_OBJECT_CLASS class;
	char id[2], label[2]; /* what is looked for; "" = any */
	bool by_class, by_id, by_label;
} session[SESSIONS];
static bool running;

static void
must(bool promise)
{
	if (promise)
		return;
	fputs("fuzz_vendor: it was given what the guard should have refused\n", stderr);
	abort();
}

static void
must_data(const void *at, CK_ULONG bytes)
{
	must((at || !bytes) && bytes <= ROOM_MAX);
}

static CK_BYTE
told(void)
{
	struct fuzz_vendor *v = &fuzz_vendor;
	return v->at < v->bytes ? v->script[v->at++] : 0xff;
}

/* A small byte is one of these answers, whatever the call is. */
static bool
fails(CK_RV *ret)
{
	static const CK_RV answers[] = {CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED,
		CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_KEY_HANDLE_INVALID,
		CKR_OBJECT_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_NOT_PRESENT,
		CKR_BUFFER_TOO_SMALL, CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED,
		CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_OK, 0x80000001};
	CK_BYTE b = told();

	if (b >= COUNT(answers))
		return false;
	*ret = answers[b];
	return true;
}

#define MAY_FAIL           \
	CK_RV rv = CKR_OK; \
	if (fails(&rv))    \
		return rv;

/* A number that is not the true one, if it is told to lie. */
static CK_ULONG
lied(CK_ULONG truth)
{
	static const CK_ULONG lies[] = {0, 1, 17, 513, 1UL << 31, ~0UL - 1, ~0UL};
	CK_BYTE b = told();

	return b < COUNT(lies) ? lies[b] : truth;
}

static struct session *
session_of(CK_SESSION_HANDLE s)
{
	return s && s <= SESSIONS && session[s - 1].open ? &session[s - 1] : NULL;
}

static const struct object *
object_of(CK_OBJECT_HANDLE o)
{
	if (!o || o > COUNT(object) || (o > 16 && !object[o - 1].session))
		return NULL;
	return &object[o - 1];
}

static CK_RV
v_Initialize(void *args)
{
	(void)args;
	MAY_FAIL
	if (running)
		return CKR_CRYPTOKI_ALREADY_INITIALIZED;
	running = true;
	return CKR_OK;
}

static void
close_one(CK_SESSION_HANDLE s)
{
	session[s - 1] = (struct session){.open = false};
	for (size_t i = 16; i < COUNT(object); i++)
		if (object[i].session == s)
			object[i] = (struct object){.session = 0};
}

static CK_RV
v_Finalize(void *reserved)
{
	must(!reserved);
	for (CK_SESSION_HANDLE s = 1; s <= SESSIONS; s++)
		close_one(s);
	/* Whatever it says: the next input begins with it stopped. */
	running = false;
	MAY_FAIL
	return CKR_OK;
}

static CK_RV
v_GetInfo(CK_INFO *info)
{
	must(info);
	MAY_FAIL
	memset(info, 0, sizeof *info);
	return CKR_OK;
}

static CK_RV
v_GetSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
	(void)present;
	must(count);
	MAY_FAIL
	for (CK_ULONG i = 0; list && i < SLOTS && i < *count; i++)
		list[i] = i + 1;
	*count = SLOTS;
	return CKR_OK;
}

static CK_RV
v_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	(void)slot;
	must(info);
	MAY_FAIL
	memset(info, 0, sizeof *info);
	return CKR_OK;
}

static CK_RV
v_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	(void)slot;
	must(info);
	MAY_FAIL
	/* The serial number: blanks, zeros, or bytes to its end. */
	memset(info, told(), sizeof *info);
	return CKR_OK;
}

static CK_RV
v_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
	(void)slot;
	(void)list;
	must(count);
	MAY_FAIL
	*count = 0;
	return CKR_OK;
}

static CK_RV
v_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
	CK_SESSION_HANDLE *ret)
{
	(void)flags;
	(void)application;
	(void)notify;
	must(ret);
	MAY_FAIL
	if (slot == 0 || slot > SLOTS)
		return CKR_SLOT_ID_INVALID;
	for (CK_SESSION_HANDLE s = 1; s <= SESSIONS; s++)
		if (!session[s - 1].open) {
			session[s - 1] = (struct session){.open = true, .slot = slot};
			*ret = lied(s);
			return CKR_OK;
		}
	return CKR_SESSION_COUNT;
}

static CK_RV
v_CloseSession(CK_SESSION_HANDLE s)
{
	MAY_FAIL
	if (!session_of(s))
		return CKR_SESSION_HANDLE_INVALID;
	close_one(s);
	return CKR_OK;
}

static CK_RV
v_CloseAllSessions(CK_SLOT_ID slot)
{
	MAY_FAIL
	for (CK_SESSION_HANDLE s = 1; s <= SESSIONS; s++)
		if (session[s - 1].open && session[s - 1].slot == slot)
			close_one(s);
	return CKR_OK;
}

static CK_RV
v_GetSessionInfo(CK_SESSION_HANDLE s, CK_SESSION_INFO *info)
{
	must(info);
	MAY_FAIL
	if (!session_of(s))
		return CKR_SESSION_HANDLE_INVALID;
	*info = (CK_SESSION_INFO){.slotID = lied(session[s - 1].slot)};
	return CKR_OK;
}

static CK_RV
v_Login(CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG bytes)
{
	(void)user;
	must_data(pin, bytes);
	MAY_FAIL
	return session_of(s) ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV
v_Logout(CK_SESSION_HANDLE s)
{
	MAY_FAIL
	return session_of(s) ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static void
must_template(const CK_ATTRIBUTE *a, CK_ULONG count)
{
	must((a || !count) && count <= 1024);
	for (CK_ULONG i = 0; i < count; i++)
		must_data(a[i].pValue, a[i].ulValueLen);
}

/* A word of one character, "" for none. */
static void
word_of(const CK_ATTRIBUTE *a, char ret[2])
{
	ret[0] = a->ulValueLen ? *(const char *)a->pValue : '\0';
	ret[1] = '\0';
}

static CK_RV
v_FindObjectsInit(CK_SESSION_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG count)
{
	must_template(a, count);
	MAY_FAIL
	struct session *s = session_of(h);
	if (!s)
		return CKR_SESSION_HANDLE_INVALID;
	if (s->finds)
		return CKR_OPERATION_ACTIVE;
	s->next = 0;
	s->finds = true;
	s->by_class = s->by_id = s->by_label = false;
	for (CK_ULONG i = 0; i < count; i++) {
		if (a[i].type == CKA_CLASS && a[i].ulValueLen == sizeof s->class) {
			memcpy(&s->class, a[i].pValue, sizeof s->class);
			s->by_class = true;
		} else if (a[i].type == CKA_ID) {
			word_of(&a[i], s->id);
			s->by_id = true;
		} else if (a[i].type == CKA_LABEL) {
			word_of(&a[i], s->label);
			s->by_label = true;
		}
	}
	return CKR_OK;
}

static bool
matches(const struct session *s, const struct object *o)
{
	return (!s->by_class || o->class == s->class) && (!s->by_id || strcmp(o->id, s->id) == 0) &&
	       (!s->by_label || strcmp(o->label, s->label) == 0);
}

static CK_RV
v_FindObjects(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE *list, CK_ULONG max, CK_ULONG *count)
{
	must(count && (list || !max));
	MAY_FAIL
	struct session *s = session_of(h);
	if (!s || !s->finds)
		return CKR_OPERATION_NOT_INITIALIZED;
	CK_ULONG n = 0;
	for (; n < max && s->next < COUNT(object); s->next++)
		if (object_of(s->next + 1) && matches(s, &object[s->next]))
			list[n++] = lied(s->next + 1);
	*count = lied(n);
	return CKR_OK;
}

static CK_RV
v_FindObjectsFinal(CK_SESSION_HANDLE h)
{
	MAY_FAIL
	struct session *s = session_of(h);
	if (!s || !s->finds)
		return CKR_OPERATION_NOT_INITIALIZED;
	s->finds = false;
	return CKR_OK;
}

/* The value of one attribute; false when the object has none. */
static bool
value_of(const struct object *o, CK_ATTRIBUTE_TYPE type, CK_BYTE value[VALUE_MAX], CK_ULONG *bytes)
{
	bool public = type == CKA_EC_POINT || type == CKA_MODULUS;

	memset(value, o->fill, VALUE_MAX);
	*bytes = public ? o->bytes : 0;
	if (type == CKA_CLASS || type == CKA_KEY_TYPE) {
		*bytes = sizeof o->class;
		memcpy(value, type == CKA_CLASS ? &o->class : &o->type, *bytes);
	} else if (type == CKA_ID || type == CKA_LABEL) {
		const char *word = type == CKA_ID ? o->id : o->label;
		*bytes = strlen(word);
		memcpy(value, word, *bytes);
	} else if (type == CKA_EC_PARAMS || type == CKA_PUBLIC_EXPONENT) {
		*bytes = 3;
	} else if (type == CKA_EC_POINT && o->bytes == 67) {
		memcpy(value, "\x04\x41\x04", 3);
	} else if (type == CKA_EC_POINT && o->bytes == 3) {
		memcpy(value, "\x04\x81\x00", 3);
	}
	/* There is no more of it than VALUE_MAX, whatever is said of its length. */
	*bytes = lied(*bytes);
	return *bytes || type == CKA_ID || type == CKA_LABEL;
}

static CK_RV
v_GetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG count)
{
	CK_BYTE value[VALUE_MAX];
	CK_ULONG bytes;

	must((a || !count) && count <= 1024);
	MAY_FAIL
	const struct object *o = object_of(h);
	if (!session_of(s) || !o)
		return o ? CKR_SESSION_HANDLE_INVALID : CKR_OBJECT_HANDLE_INVALID;
	for (CK_ULONG i = 0; i < count; i++) {
		CK_ULONG room = a[i].pValue && a[i].ulValueLen <= ROOM_MAX ? a[i].ulValueLen : 0;
		if (!value_of(o, a[i].type, value, &bytes)) {
			a[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
			rv = CKR_ATTRIBUTE_TYPE_INVALID;
			continue;
		}
		if (a[i].pValue && room < bytes && fuzz_vendor.script == NULL)
			rv = CKR_BUFFER_TOO_SMALL;
		if (room)
			memcpy(a[i].pValue, value, room < VALUE_MAX ? room : VALUE_MAX);
		a[i].ulValueLen = rv == CKR_BUFFER_TOO_SMALL ? CK_UNAVAILABLE_INFORMATION : bytes;
	}
	return rv;
}

static CK_RV
v_CopyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG count,
	CK_OBJECT_HANDLE *ret)
{
	must_template(a, count);
	must(ret);
	MAY_FAIL
	const struct object *o = object_of(h);
	if (!session_of(s) || !o)
		return CKR_OBJECT_HANDLE_INVALID;
	for (size_t i = 16; i < COUNT(object); i++)
		if (!object[i].session) {
			object[i] = *o;
			object[i].session = s;
			if (count)
				object[i].id = object[i].label = "";
			*ret = lied(i + 1);
			return CKR_OK;
		}
	return CKR_DEVICE_MEMORY;
}

static CK_RV
v_DestroyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h)
{
	MAY_FAIL
	if (!session_of(s) || !object_of(h))
		return CKR_OBJECT_HANDLE_INVALID;
	if (h <= 16)
		return CKR_ACTION_PROHIBITED;
	object[h - 1] = (struct object){.session = 0};
	return CKR_OK;
}

static CK_RV
v_SetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG count)
{
	(void)s;
	(void)h;
	must_template(a, count);
	MAY_FAIL
	return CKR_ATTRIBUTE_READ_ONLY;
}

static CK_RV
v_CreateObject(CK_SESSION_HANDLE s, CK_ATTRIBUTE *a, CK_ULONG count, CK_OBJECT_HANDLE *ret)
{
	must(ret);
	return v_SetAttributeValue(s, 0, a, count);
}

static CK_RV
v_GenerateKeyPair(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *public, CK_ULONG public_count,
	CK_ATTRIBUTE *private, CK_ULONG private_count, CK_OBJECT_HANDLE *ret_public,
	CK_OBJECT_HANDLE *ret_private)
{
	must(m && ret_public && ret_private);
	must_template(public, public_count);
	return v_SetAttributeValue(s, 0, private, private_count);
}

static void
must_mechanism(const CK_MECHANISM *m)
{
	must(m);
	must_data(m->pParameter, m->ulParameterLen);
}

static CK_RV
v_SignInit(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	must_mechanism(m);
	MAY_FAIL
	struct session *s = session_of(h);
	const struct object *o = object_of(key);
	if (!s)
		return CKR_SESSION_HANDLE_INVALID;
	if (s->signs)
		return CKR_OPERATION_ACTIVE;
	if (!o || o->class != CKO_PRIVATE_KEY)
		return CKR_KEY_HANDLE_INVALID;
	if (m->mechanism == CKM_SHA_1)
		return CKR_MECHANISM_INVALID;
	s->signs = true;
	fuzz_vendor.begun++;
	return CKR_OK;
}

static CK_RV
make_signature(struct session *s, CK_BYTE *signature, CK_ULONG *bytes)
{
	CK_ULONG room = *bytes;

	if (!s->signs)
		return CKR_OPERATION_NOT_INITIALIZED;
	*bytes = 8;
	if (!signature)
		return CKR_OK;
	if (room < 8)
		return CKR_BUFFER_TOO_SMALL;
	memset(signature, 7, 8);
	s->signs = false;
	fuzz_vendor.signatures++;
	return CKR_OK;
}

/* Of too many bytes it makes none. */
static CK_RV
v_Sign(CK_SESSION_HANDLE h, CK_BYTE *data, CK_ULONG data_bytes, CK_BYTE *signature, CK_ULONG *bytes)
{
	must_data(data, data_bytes);
	must(bytes);
	MAY_FAIL
	struct session *s = session_of(h);
	if (!s)
		return CKR_SESSION_HANDLE_INVALID;
	if (s->signs && data_bytes > 40) {
		s->signs = false;
		return CKR_DATA_LEN_RANGE;
	}
	return make_signature(s, signature, bytes);
}

static CK_RV
v_SignUpdate(CK_SESSION_HANDLE h, CK_BYTE *part, CK_ULONG bytes)
{
	must_data(part, bytes);
	MAY_FAIL
	struct session *s = session_of(h);
	if (!s || !s->signs)
		return s ? CKR_OPERATION_NOT_INITIALIZED : CKR_SESSION_HANDLE_INVALID;
	s->signs = bytes <= 40;
	return s->signs ? CKR_OK : CKR_DATA_LEN_RANGE;
}

static CK_RV
v_SignFinal(CK_SESSION_HANDLE h, CK_BYTE *signature, CK_ULONG *bytes)
{
	must(bytes);
	MAY_FAIL
	struct session *s = session_of(h);
	return s ? make_signature(s, signature, bytes) : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV
v_KeyInit(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	(void)s;
	(void)key;
	must_mechanism(m);
	MAY_FAIL
	return CKR_OK;
}

static CK_RV
v_DigestInit(CK_SESSION_HANDLE s, CK_MECHANISM *m)
{
	return v_KeyInit(s, m, 0);
}

static CK_RV
v_InOut(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_bytes, CK_BYTE *out, CK_ULONG *out_bytes)
{
	(void)s;
	(void)out;
	must_data(in, in_bytes);
	must(out_bytes);
	MAY_FAIL
	return CKR_OK;
}

static CK_RV
v_In(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG bytes)
{
	(void)s;
	must_data(in, bytes);
	MAY_FAIL
	return CKR_OK;
}

static CK_RV
v_Verify(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG bytes, CK_BYTE *signature,
	CK_ULONG signature_bytes)
{
	must_data(signature, signature_bytes);
	return v_In(s, in, bytes);
}

static CK_RV
v_Out(CK_SESSION_HANDLE s, CK_BYTE *out, CK_ULONG *bytes)
{
	return v_InOut(s, NULL, 0, out, bytes);
}

static CK_RV
v_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
	(void)flags;
	(void)reserved;
	must(slot);
	return CKR_NO_EVENT;
}

static CK_FUNCTION_LIST list = {
	.version = {2, 40},
	.C_Initialize = v_Initialize,
	.C_Finalize = v_Finalize,
	.C_GetInfo = v_GetInfo,
	.C_GetSlotList = v_GetSlotList,
	.C_GetSlotInfo = v_GetSlotInfo,
	.C_GetTokenInfo = v_GetTokenInfo,
	.C_GetMechanismList = v_GetMechanismList,
	.C_OpenSession = v_OpenSession,
	.C_CloseSession = v_CloseSession,
	.C_CloseAllSessions = v_CloseAllSessions,
	.C_GetSessionInfo = v_GetSessionInfo,
	.C_Login = v_Login,
	.C_Logout = v_Logout,
	.C_CreateObject = v_CreateObject,
	.C_CopyObject = v_CopyObject,
	.C_DestroyObject = v_DestroyObject,
	.C_GetAttributeValue = v_GetAttributeValue,
	.C_SetAttributeValue = v_SetAttributeValue,
	.C_FindObjectsInit = v_FindObjectsInit,
	.C_FindObjects = v_FindObjects,
	.C_FindObjectsFinal = v_FindObjectsFinal,
	.C_DecryptInit = v_KeyInit,
	.C_Decrypt = v_InOut,
	.C_DigestInit = v_DigestInit,
	.C_Digest = v_InOut,
	.C_DigestUpdate = v_In,
	.C_DigestFinal = v_Out,
	.C_SignInit = v_SignInit,
	.C_Sign = v_Sign,
	.C_SignUpdate = v_SignUpdate,
	.C_SignFinal = v_SignFinal,
	.C_VerifyInit = v_KeyInit,
	.C_Verify = v_Verify,
	.C_VerifyUpdate = v_In,
	.C_VerifyFinal = v_In,
	.C_GenerateKeyPair = v_GenerateKeyPair,
	.C_GenerateRandom = v_In,
	.C_SeedRandom = v_In,
	.C_WaitForSlotEvent = v_WaitForSlotEvent,
};

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **ret)
{
	*ret = &list;
	return CKR_OK;
}
