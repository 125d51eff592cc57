/*
 * null_module - a PKCS#11 2.40 module that does next to nothing, fast: what is measured through it
 * is whatever stands before it.
 *
 *	NULL_COUNT	a file of struct null_count, mapped shared: the signatures that were made
 *with each key, and all calls. Without it nothing is counted.
 *
 * One slot, one token ("null") that takes any PIN and needs none, and four P-256 key pairs whose
 * points are made up. A signature is 64 bytes, always the same. There is no lock: a child that is
 * forked in the middle of anything goes on with what it has, and threads may share a session.
 */
#include "null_module.h"

#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SLOT 7
#define SESSIONS 65536 /* that are open at once */
#define SIGNATURE 64
#define OBJECTS (2 * NULL_KEYS) /* handles from 1: of key N 2N + 1 is private, 2N + 2 public */
#define TEMPLATE_MAX 64

static struct session {
	_Atomic CK_SESSION_HANDLE handle; /* 0: free */
	_Atomic CK_OBJECT_HANDLE signs;   /* with this key; 0: not */
	_Atomic uint32_t searches;        /* 1, and a bit for each object that was found */
} sessions[SESSIONS];
static _Atomic CK_SESSION_HANDLE last_session;
static atomic_bool running;
static _Atomic(struct null_count *) count;

static void
called(void)
{
	struct null_count *c = atomic_load_explicit(&count, memory_order_relaxed);

	if (c)
		atomic_fetch_add_explicit(&c->calls, 1, memory_order_relaxed);
}

static void
made(CK_OBJECT_HANDLE key)
{
	struct null_count *c = atomic_load_explicit(&count, memory_order_relaxed);

	if (c)
		atomic_fetch_add_explicit(&c->made[(key - 1) / 2], 1, memory_order_relaxed);
}

static struct session *
find_session(CK_SESSION_HANDLE handle)
{
	struct session *s = &sessions[handle % SESSIONS];
	return handle && atomic_load(&s->handle) == handle ? s : NULL;
}

/* How every function begins. */
#define BEGIN(bad)                                   \
	called();                                    \
	if (!atomic_load(&running))                  \
		return CKR_CRYPTOKI_NOT_INITIALIZED; \
	if (bad)                                     \
		return CKR_ARGUMENTS_BAD;

#define BEGIN_SESSION(bad)                         \
	BEGIN(bad)                                 \
	struct session *s = find_session(session); \
	if (!s)                                    \
		return CKR_SESSION_HANDLE_INVALID;

/* --- the library and its one slot */

static CK_RV
null_Initialize(void *args)
{
	const CK_C_INITIALIZE_ARGS *a = args;

	called();
	if (a && !a->CreateMutex != !a->LockMutex)
		return CKR_ARGUMENTS_BAD;
	return atomic_exchange(&running, true) ? CKR_CRYPTOKI_ALREADY_INITIALIZED : CKR_OK;
}

static void
close_all(void)
{
	CK_SESSION_HANDLE last = atomic_load(&last_session);

	for (size_t i = 0; i < SESSIONS && i <= last; i++)
		atomic_store(&sessions[i].handle, 0);
}

static CK_RV
null_Finalize(void *reserved)
{
	BEGIN(reserved)
	close_all();
	atomic_store(&running, false);
	return CKR_OK;
}

static void
pad(CK_UTF8CHAR *field, size_t size, const char *text)
{
	memset(field, ' ', size);
	memcpy(field, text, strlen(text));
}

static CK_RV
null_GetInfo(CK_INFO *info)
{
	BEGIN(!info)
	*info = (CK_INFO){.cryptokiVersion = {2, 40}};
	pad(info->manufacturerID, sizeof info->manufacturerID, "keystay");
	pad(info->libraryDescription, sizeof info->libraryDescription, "null module");
	return CKR_OK;
}

static CK_RV
null_GetSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *room)
{
	(void)present;
	BEGIN(!room)
	bool fits = *room >= 1;
	*room = 1;
	if (list && !fits)
		return CKR_BUFFER_TOO_SMALL;
	if (list)
		list[0] = SLOT;
	return CKR_OK;
}

static CK_RV
null_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	BEGIN(!info)
	if (slot != SLOT)
		return CKR_SLOT_ID_INVALID;
	*info = (CK_SLOT_INFO){.flags = CKF_TOKEN_PRESENT};
	pad(info->slotDescription, sizeof info->slotDescription, "null");
	pad(info->manufacturerID, sizeof info->manufacturerID, "keystay");
	return CKR_OK;
}

static CK_RV
null_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	BEGIN(!info)
	if (slot != SLOT)
		return CKR_SLOT_ID_INVALID;
	*info = (CK_TOKEN_INFO){.flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED,
		.ulMaxSessionCount = CK_EFFECTIVELY_INFINITE,
		.ulMaxPinLen = 255};
	pad(info->label, sizeof info->label, "null");
	pad(info->manufacturerID, sizeof info->manufacturerID, "keystay");
	pad(info->model, sizeof info->model, "null");
	pad(info->serialNumber, sizeof info->serialNumber, "0");
	pad(info->utcTime, sizeof info->utcTime, "");
	return CKR_OK;
}

static CK_RV
null_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *room)
{
	BEGIN(!room)
	if (slot != SLOT)
		return CKR_SLOT_ID_INVALID;
	bool fits = *room >= 1;
	*room = 1;
	if (list && !fits)
		return CKR_BUFFER_TOO_SMALL;
	if (list)
		list[0] = CKM_ECDSA;
	return CKR_OK;
}

static CK_RV
null_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	BEGIN(!info)
	if (slot != SLOT)
		return CKR_SLOT_ID_INVALID;
	if (type != CKM_ECDSA)
		return CKR_MECHANISM_INVALID;
	*info = (CK_MECHANISM_INFO){256, 256, CKF_SIGN};
	return CKR_OK;
}

/* --- sessions */

static CK_RV
null_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
	CK_SESSION_HANDLE *ret)
{
	(void)application;
	(void)notify;
	BEGIN(!ret)
	if (slot != SLOT)
		return CKR_SLOT_ID_INVALID;
	if (!(flags & CKF_SERIAL_SESSION))
		return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
	CK_SESSION_HANDLE handle = atomic_fetch_add(&last_session, 1) + 1, was = 0;
	struct session *s = &sessions[handle % SESSIONS];
	if (!atomic_compare_exchange_strong(&s->handle, &was, handle))
		return CKR_SESSION_COUNT;
	atomic_store(&s->signs, 0);
	atomic_store(&s->searches, 0);
	*ret = handle;
	return CKR_OK;
}

static CK_RV
null_CloseSession(CK_SESSION_HANDLE session)
{
	BEGIN_SESSION(false)
	return atomic_compare_exchange_strong(&s->handle, &session, 0) ? CKR_OK
								       : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV
null_CloseAllSessions(CK_SLOT_ID slot)
{
	BEGIN(false)
	if (slot != SLOT)
		return CKR_SLOT_ID_INVALID;
	close_all();
	return CKR_OK;
}

static CK_RV
null_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	BEGIN_SESSION(!info)
	*info = (CK_SESSION_INFO){
		.slotID = SLOT, .state = CKS_RO_USER_FUNCTIONS, .flags = CKF_SERIAL_SESSION};
	return CKR_OK;
}

static CK_RV
null_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG bytes)
{
	(void)user;
	BEGIN_SESSION(!pin && bytes)
	return CKR_OK;
}

static CK_RV
null_Logout(CK_SESSION_HANDLE session)
{
	BEGIN_SESSION(false)
	return CKR_OK;
}

/* --- objects */

struct value {
	CK_BYTE bytes[80];
	CK_ULONG count;
};

static CK_RV
put(struct value *v, const void *bytes, CK_ULONG n)
{
	memcpy(v->bytes, bytes, n);
	v->count = n;
	return CKR_OK;
}

static CK_RV
put_number(struct value *v, CK_ULONG number)
{
	return put(v, &number, sizeof number);
}

static CK_RV
put_bool(struct value *v, bool is)
{
	v->bytes[0] = is ? CK_TRUE : CK_FALSE;
	v->count = 1;
	return CKR_OK;
}

/* OCTET STRING, uncompressed, and 64 bytes that are no point of the curve. */
static CK_RV
put_point(struct value *v, unsigned key)
{
	memset(v->bytes, (int)(0x51 + key), 67);
	memcpy(v->bytes, "\x04\x41\x04", 3);
	v->count = 67;
	return CKR_OK;
}

static CK_RV
read_value(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct value *v)
{
	static const CK_BYTE p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
	const unsigned key = (unsigned)(object - 1) / 2;
	const bool private = object % 2 == 1;
	const char label[] = {'k', 'e', 'y', (char)('0' + key)};

	switch (type) {
	case CKA_CLASS:
		return put_number(v, private ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY);
	case CKA_KEY_TYPE:
		return put_number(v, CKK_EC);
	case CKA_TOKEN:
		return put_bool(v, true);
	case CKA_PRIVATE:
	case CKA_SENSITIVE:
	case CKA_SIGN:
		return put_bool(v, private);
	case CKA_LABEL:
	case CKA_ID:
		return put(v, label, sizeof label);
	case CKA_EC_PARAMS:
		return put(v, p256, sizeof p256);
	case CKA_EC_POINT:
		return private ? CKR_ATTRIBUTE_TYPE_INVALID : put_point(v, key);
	case CKA_VALUE:
		return private ? CKR_ATTRIBUTE_SENSITIVE : CKR_ATTRIBUTE_TYPE_INVALID;
	default:
		return CKR_ATTRIBUTE_TYPE_INVALID;
	}
}

static CK_RV
answer(CK_OBJECT_HANDLE object, CK_ATTRIBUTE *a)
{
	struct value v;
	CK_RV rv = read_value(object, a->type, &v);

	if (rv == CKR_OK && a->pValue && a->ulValueLen < v.count)
		rv = CKR_BUFFER_TOO_SMALL;
	if (rv == CKR_OK && a->pValue)
		memcpy(a->pValue, v.bytes, v.count);
	a->ulValueLen = rv == CKR_OK ? v.count : CK_UNAVAILABLE_INFORMATION;
	return rv;
}

static CK_RV
null_GetAttributeValue(
	CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *a, CK_ULONG n)
{
	CK_RV all = CKR_OK;

	BEGIN_SESSION((!a && n) || n > TEMPLATE_MAX)
	if (object == 0 || object > OBJECTS)
		return CKR_OBJECT_HANDLE_INVALID;
	for (CK_ULONG i = 0; i < n; i++) {
		CK_RV rv = answer(object, &a[i]);
		if (rv != CKR_OK)
			all = rv;
	}
	return all;
}

static bool
matches(CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *a, CK_ULONG n)
{
	struct value v;

	for (CK_ULONG i = 0; i < n; i++)
		if (read_value(object, a[i].type, &v) != CKR_OK || a[i].ulValueLen != v.count ||
			!a[i].pValue || memcmp(a[i].pValue, v.bytes, v.count) != 0)
			return false;
	return true;
}

static CK_RV
null_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *a, CK_ULONG n)
{
	uint32_t found = 1, none = 0;

	BEGIN_SESSION((!a && n) || n > TEMPLATE_MAX)
	for (CK_OBJECT_HANDLE h = 1; h <= OBJECTS; h++)
		if (matches(h, a, n))
			found |= 1u << h;
	return atomic_compare_exchange_strong(&s->searches, &none, found) ? CKR_OK
									  : CKR_OPERATION_ACTIVE;
}

static CK_RV
null_FindObjects(
	CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *list, CK_ULONG room, CK_ULONG *ret_count)
{
	BEGIN_SESSION(!ret_count || (!list && room))
	uint32_t found = atomic_load(&s->searches);
	if (!found)
		return CKR_OPERATION_NOT_INITIALIZED;
	*ret_count = 0;
	for (CK_OBJECT_HANDLE h = 1; h <= OBJECTS && *ret_count < room; h++)
		if (found & 1u << h) {
			list[(*ret_count)++] = h;
			found &= ~(1u << h);
		}
	atomic_store(&s->searches, found);
	return CKR_OK;
}

static CK_RV
null_FindObjectsFinal(CK_SESSION_HANDLE session)
{
	BEGIN_SESSION(false)
	return atomic_exchange(&s->searches, 0) ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
}

/* --- signatures */

static CK_RV
null_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	CK_OBJECT_HANDLE none = 0;

	BEGIN_SESSION(!m || (!m->pParameter && m->ulParameterLen))
	if (key == 0 || key > OBJECTS)
		return CKR_KEY_HANDLE_INVALID;
	if (key % 2 == 0)
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	return atomic_compare_exchange_strong(&s->signs, &none, key) ? CKR_OK
								     : CKR_OPERATION_ACTIVE;
}

/* One C_SignInit is one signature, however many threads ask for it. */
static CK_RV
finish(struct session *s, CK_BYTE *signature, CK_ULONG *bytes)
{
	if (!atomic_load(&s->signs))
		return CKR_OPERATION_NOT_INITIALIZED;
	bool fits = *bytes >= SIGNATURE;
	*bytes = SIGNATURE;
	if (!signature)
		return CKR_OK;
	if (!fits)
		return CKR_BUFFER_TOO_SMALL;
	CK_OBJECT_HANDLE key = atomic_exchange(&s->signs, 0);
	if (!key)
		return CKR_OPERATION_NOT_INITIALIZED;
	memset(signature, 0x5a, SIGNATURE);
	made(key);
	return CKR_OK;
}

static CK_RV
null_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_bytes, CK_BYTE *signature,
	CK_ULONG *bytes)
{
	BEGIN_SESSION((!data && data_bytes) || !bytes)
	return finish(s, signature, bytes);
}

static CK_RV
null_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG bytes)
{
	BEGIN_SESSION(!part && bytes)
	return atomic_load(&s->signs) ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
}

static CK_RV
null_SignFinal(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG *bytes)
{
	BEGIN_SESSION(!bytes)
	return finish(s, signature, bytes);
}

/* --- the list */

/* All other functions: the arguments are nothing to it, and it is called by the same convention. */
static CK_RV
null_other(void)
{
	called();
	return CKR_FUNCTION_NOT_SUPPORTED;
}

/* By this name: C_GetFunctionList may be p11-kit's in a program that is linked with it. */
static CK_RV give_list(CK_FUNCTION_LIST **ret);

#define ROW(name) .C_##name = null_##name
#define OTHER(name) .C_##name = (void *)null_other

static CK_FUNCTION_LIST functions = {.version = {2, 40},
	.C_GetFunctionList = give_list,
	ROW(Initialize),
	ROW(Finalize),
	ROW(GetInfo),
	ROW(GetSlotList),
	ROW(GetSlotInfo),
	ROW(GetTokenInfo),
	ROW(GetMechanismList),
	ROW(GetMechanismInfo),
	ROW(OpenSession),
	ROW(CloseSession),
	ROW(CloseAllSessions),
	ROW(GetSessionInfo),
	ROW(Login),
	ROW(Logout),
	ROW(GetAttributeValue),
	ROW(FindObjectsInit),
	ROW(FindObjects),
	ROW(FindObjectsFinal),
	ROW(SignInit),
	ROW(Sign),
	ROW(SignUpdate),
	ROW(SignFinal),
	OTHER(InitToken),
	OTHER(InitPIN),
	OTHER(SetPIN),
	OTHER(GetOperationState),
	OTHER(SetOperationState),
	OTHER(CreateObject),
	OTHER(CopyObject),
	OTHER(DestroyObject),
	OTHER(GetObjectSize),
	OTHER(SetAttributeValue),
	OTHER(EncryptInit),
	OTHER(Encrypt),
	OTHER(EncryptUpdate),
	OTHER(EncryptFinal),
	OTHER(DecryptInit),
	OTHER(Decrypt),
	OTHER(DecryptUpdate),
	OTHER(DecryptFinal),
	OTHER(DigestInit),
	OTHER(Digest),
	OTHER(DigestUpdate),
	OTHER(DigestKey),
	OTHER(DigestFinal),
	OTHER(SignRecoverInit),
	OTHER(SignRecover),
	OTHER(VerifyInit),
	OTHER(Verify),
	OTHER(VerifyUpdate),
	OTHER(VerifyFinal),
	OTHER(VerifyRecoverInit),
	OTHER(VerifyRecover),
	OTHER(DigestEncryptUpdate),
	OTHER(DecryptDigestUpdate),
	OTHER(SignEncryptUpdate),
	OTHER(DecryptVerifyUpdate),
	OTHER(GenerateKey),
	OTHER(GenerateKeyPair),
	OTHER(WrapKey),
	OTHER(UnwrapKey),
	OTHER(DeriveKey),
	OTHER(SeedRandom),
	OTHER(GenerateRandom),
	OTHER(GetFunctionStatus),
	OTHER(CancelFunction),
	OTHER(WaitForSlotEvent)};

/* A test that was told to count and does not would say that all is well. */
static bool
map_count(void)
{
	const char *path = getenv("NULL_COUNT");
	struct stat st;

	if (!path || atomic_load(&count))
		return true;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool fits = fd >= 0 && fstat(fd, &st) == 0 && st.st_size == sizeof(struct null_count);
	void *map = fits ? mmap(NULL, sizeof(struct null_count), PROT_READ | PROT_WRITE, MAP_SHARED,
				   fd, 0)
			 : MAP_FAILED;
	if (fd >= 0)
		close(fd);
	if (map == MAP_FAILED) {
		fprintf(stderr, "null_module: cannot count in '%s'\n", path);
		return false;
	}
	atomic_store(&count, map);
	return true;
}

static CK_RV
give_list(CK_FUNCTION_LIST **ret)
{
	if (!ret)
		return CKR_ARGUMENTS_BAD;
	if (!map_count())
		return CKR_GENERAL_ERROR;
	*ret = &functions;
	return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret) __attribute__((alias("give_list")));
