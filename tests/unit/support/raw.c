#include "support/raw.h"

#include <dlfcn.h>

#include "keystay/base/text.h"
#include "keystay/token/rv.h"
#include "support/softhsm.h"
#include "support/unit.h"

/* Of PKCS#11 3.0. */
#define MECHANISM_EC_EDWARDS_KEY_PAIR_GEN 0x1055UL

#define OBJECTS_MAX 100
#define assert_rv(call) assert_string_equal(rv_word(call), "CKR_OK")

static CK_FUNCTION_LIST *f;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define lsan_disable() __lsan_disable()
#define lsan_enable() __lsan_enable()
#else
#define lsan_disable() (void)0
#define lsan_enable() (void)0
#endif

/* A session of its own for each call: the module may be begun anew between two. */
static CK_SESSION_HANDLE
open_session(void)
{
	CK_C_GetFunctionList get;
	CK_SLOT_ID slots[8], slot = 0;
	CK_ULONG count = COUNT(slots);
	CK_SESSION_HANDLE session;
	CK_TOKEN_INFO info;

	if (!f) {
		void *library = dlopen(SOFTHSM_MODULE, RTLD_NOW | RTLD_LOCAL);
		assert_non_null(library);
		*(void **)&get = dlsym(library, "C_GetFunctionList");
		assert_rv(get(&f));
	}
	assert_rv(f->C_GetSlotList(CK_TRUE, slots, &count));
	for (CK_ULONG i = 0; i < count; i++) {
		assert_rv(f->C_GetTokenInfo(slots[i], &info));
		if (info.flags & CKF_TOKEN_INITIALIZED)
			slot = slots[i];
	}
	assert_rv(
		f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
	return session;
}

static CK_ULONG
find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const struct key_name *name,
	CK_OBJECT_HANDLE found[OBJECTS_MAX])
{
	CK_BYTE id[KEY_ID_BYTES];
	CK_ULONG count = 0;

	if (name)
		assert_int_equal(hex_decode(name->id, id, sizeof id), sizeof id);
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_ID, id, sizeof id},
		{CKA_LABEL, (void *)(name ? name->label : ""), name ? strlen(name->label) : 0},
	};
	assert_rv(f->C_FindObjectsInit(session, template, name ? COUNT(template) : 1));
	assert_rv(f->C_FindObjects(session, found, OBJECTS_MAX, &count));
	assert_rv(f->C_FindObjectsFinal(session));
	return count;
}

static CK_OBJECT_HANDLE
find_one(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const struct key_name *name)
{
	CK_OBJECT_HANDLE found[OBJECTS_MAX];

	assert_int_equal(find(session, class, name, found), 1);
	return found[0];
}

size_t
raw_count(CK_OBJECT_CLASS class, const struct key_name *name)
{
	CK_OBJECT_HANDLE found[OBJECTS_MAX];
	CK_SESSION_HANDLE session = open_session();
	size_t count = find(session, class, name, found);

	assert_rv(f->C_CloseSession(session));
	return count;
}

size_t
raw_value(CK_OBJECT_CLASS class, const struct key_name *name, CK_ATTRIBUTE_TYPE type, void *value,
	size_t room)
{
	CK_SESSION_HANDLE session = open_session();
	CK_ATTRIBUTE a = {type, value, room};

	assert_rv(f->C_GetAttributeValue(session, find_one(session, class, name), &a, 1));
	assert_rv(f->C_CloseSession(session));
	return a.ulValueLen;
}

bool
raw_bool(CK_OBJECT_CLASS class, const struct key_name *name, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value = CK_FALSE;

	assert_int_equal(raw_value(class, name, type, &value, sizeof value), sizeof value);
	return value != CK_FALSE;
}

void
raw_destroy(CK_OBJECT_CLASS class, const struct key_name *name)
{
	CK_SESSION_HANDLE session = open_session();

	assert_rv(f->C_DestroyObject(session, find_one(session, class, name)));
	assert_rv(f->C_CloseSession(session));
}

void
raw_rename(CK_OBJECT_CLASS class, const struct key_name *name, const struct key_name *to)
{
	CK_SESSION_HANDLE session = open_session();
	CK_BYTE id[KEY_ID_BYTES];

	assert_int_equal(hex_decode(to->id, id, sizeof id), sizeof id);
	CK_ATTRIBUTE names[] = {
		{CKA_ID, id, sizeof id},
		{CKA_LABEL, (void *)to->label, strlen(to->label)},
	};
	assert_rv(f->C_SetAttributeValue(
		session, find_one(session, class, name), names, COUNT(names)));
	assert_rv(f->C_CloseSession(session));
}

void
raw_certificate(const struct key_name *name)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BYTE id[KEY_ID_BYTES], nothing[] = {0x30, 0x00};
	CK_SESSION_HANDLE session = open_session();
	CK_OBJECT_HANDLE made;

	assert_int_equal(hex_decode(name->id, id, sizeof id), sizeof id);
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_CERTIFICATE_TYPE, &type, sizeof type},
		{CKA_TOKEN, &yes, sizeof yes},
		{CKA_PRIVATE, &no, sizeof no},
		{CKA_ID, id, sizeof id},
		{CKA_LABEL, (void *)name->label, strlen(name->label)},
		{CKA_SUBJECT, nothing, sizeof nothing},
		{CKA_VALUE, nothing, sizeof nothing},
	};
	assert_rv(f->C_CreateObject(session, template, COUNT(template), &made));
	assert_rv(f->C_CloseSession(session));
}

static void
make_pair(CK_MECHANISM_TYPE type, CK_BYTE *params, CK_ULONG params_len, const struct key_name *name,
	bool sensitive, bool extractable)
{
	CK_BYTE id[KEY_ID_BYTES];
	CK_MECHANISM m = {type, NULL, 0};
	CK_SESSION_HANDLE session = open_session();
	CK_OBJECT_HANDLE public_key, private_key;

	assert_int_equal(hex_decode(name->id, id, sizeof id), sizeof id);
	CK_ATTRIBUTE public[] = {
		{CKA_TOKEN, &yes, sizeof yes},
		{CKA_PRIVATE, &no, sizeof no},
		{CKA_ID, id, sizeof id},
		{CKA_LABEL, (void *)name->label, strlen(name->label)},
		{CKA_EC_PARAMS, params, params_len},
		{CKA_VERIFY, &yes, sizeof yes},
	};
	CK_ATTRIBUTE private[] = {
		{CKA_TOKEN, &yes, sizeof yes},
		{CKA_PRIVATE, &yes, sizeof yes},
		{CKA_ID, id, sizeof id},
		{CKA_LABEL, (void *)name->label, strlen(name->label)},
		{CKA_SIGN, &yes, sizeof yes},
		{CKA_SENSITIVE, sensitive ? &yes : &no, sizeof yes},
		{CKA_EXTRACTABLE, extractable ? &yes : &no, sizeof yes},
		{CKA_DECRYPT, &no, sizeof no},
		{CKA_UNWRAP, &no, sizeof no},
		{CKA_DERIVE, &no, sizeof no},
	};
	assert_rv(f->C_GenerateKeyPair(session, &m, public, COUNT(public), private, COUNT(private),
		&public_key, &private_key));
	assert_rv(f->C_CloseSession(session));
}

void
raw_ec_pair(const struct key_name *name, bool sensitive, bool extractable)
{
	CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

	make_pair(CKM_EC_KEY_PAIR_GEN, p256, sizeof p256, name, sensitive, extractable);
}

void
raw_ed25519_pair(const struct key_name *name)
{
	/* A PrintableString. */
	CK_BYTE curve[] = "\x13\x0c"
			  "edwards25519";

	/* SoftHSM 2.6 leaks what it parsed of the curve. */
	lsan_disable();
	make_pair(MECHANISM_EC_EDWARDS_KEY_PAIR_GEN, curve, sizeof curve - 1, name, true, false);
	lsan_enable();
}
