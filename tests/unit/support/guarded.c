#include "support/guarded.h"

#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

#include "support/fault.h"
#include "support/ledger_file.h"
#include "support/softhsm.h"
#include "support/unit.h"

#include "keystay/base/buf.h"
#include "keystay/base/file.h"

#define ID_BYTES 16
#define FOUND_MAX 8

CK_FUNCTION_LIST *guarded;
CK_SESSION_HANDLE guarded_session;
CK_SLOT_ID guarded_slot;

static const char pin[] = "48151623";
static char module[PATH_MAX], ledger[PATH_MAX];
static CK_FUNCTION_LIST *softhsm;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

#define ATTR(type, value)                       \
	{                                       \
		(type), &(value), sizeof(value) \
	}

static CK_FUNCTION_LIST *
list_of(const char *path)
{
	CK_C_GetFunctionList get;
	CK_FUNCTION_LIST *f = NULL;

	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		fail_msg("%s", dlerror());
	*(void **)&get = dlsym(library, "C_GetFunctionList");
	assert_non_null(get);
	assert_rv(get(&f), CKR_OK);
	return f;
}

int
guarded_set_up(void **state)
{
	(void)state;
	softhsm_conf_free(softhsm_token("guarded", pin));
	snprintf(module, sizeof module, "%s", fault_set_up());
	snprintf(ledger, sizeof ledger, "%s", ledger_file_new());
	softhsm = list_of(SOFTHSM_MODULE);
	return 0;
}

const char *
guarded_module(void)
{
	return module;
}

const char *
guarded_ledger_path(void)
{
	return ledger;
}

struct ledger *
guarded_ledger(void)
{
	static struct ledger l;

	if (l.parts)
		(void)ledger_look_again(&l);
	if (l.gone)
		ledger_unmap(&l);
	if (!l.parts)
		assert_int_equal(ledger_map(&l, ledger, true), LEDGER_FINE);
	return &l;
}

void
guarded_wipe(void)
{
	struct ledger *l = guarded_ledger();

	for (unsigned i = 0; i < l->parts; i++)
		memset(l->part[i].map + LEDGER_HEADER, 0, LEDGER_PART_SIZE - LEDGER_HEADER);
	for (int i = 0; i < LEDGER_COUNTS; i++)
		ledger_header(l)->count[i] = 0;
}

CK_FUNCTION_LIST *
guarded_own(void)
{
	CK_FUNCTION_LIST *f = NULL;

	assert_rv(C_GetFunctionList(&f), CKR_OK);
	return f;
}

CK_FUNCTION_LIST *
guarded_behind(void)
{
	return softhsm;
}

const char *
guarded_so(void)
{
	static char path[PATH_MAX];

	/* OUT/unit/test_x is this program, OUT/keystay-guard.so is beside its folder. */
	memset(path, 0, sizeof path);
	assert_true(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
	for (int up = 0; up < 2; up++)
		*strrchr(path, '/') = '\0';
	size_t room = sizeof path - strlen(path);
	assert_true(snprintf(strchr(path, '\0'), room, "/keystay-guard.so") < (int)room);
	return path;
}

CK_FUNCTION_LIST *
guarded_copy(const char **ret_path)
{
	static char path[PATH_MAX];
	static int n;
	AUTO(buf) struct buf bytes = BUF(1u << 20);

	assert_ok(file_read(guarded_so(), &bytes, UNIT_ERR));
	snprintf(path, sizeof path, "%s/guard-%d.so", unit_folder(), n++);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(buf_text(&bytes), 1, bytes.len, f), bytes.len);
	assert_int_equal(fclose(f), 0);
	if (ret_path)
		*ret_path = path;
	return list_of(path);
}

CK_RV
guarded_start(CK_FUNCTION_LIST *f, const char *init)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK, .pReserved = (void *)init};

	return f->C_Initialize(&args);
}

const char *
guarded_init(const char *more)
{
	static char text[2 * PATH_MAX + 500];

	snprintf(text, sizeof text, "module=%s ledger=%s %s", module, ledger, more);
	return text;
}

CK_SESSION_HANDLE
guarded_open(void)
{
	CK_SESSION_HANDLE s = 0;

	assert_rv(guarded->C_OpenSession(
			  guarded_slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s),
		CKR_OK);
	return s;
}

static void
find_token(void)
{
	CK_SLOT_ID slots[8];
	CK_ULONG count = COUNT(slots);
	CK_TOKEN_INFO info;

	assert_rv(guarded->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	for (CK_ULONG i = 0; i < count; i++) {
		assert_rv(guarded->C_GetTokenInfo(slots[i], &info), CKR_OK);
		if (info.flags & CKF_TOKEN_INITIALIZED)
			guarded_slot = slots[i];
	}
}

void
guarded_begin(CK_FUNCTION_LIST *f, const char *more)
{
	fault_rules("");
	guarded_wipe();
	guarded = f;
	assert_rv(guarded_start(f, guarded_init(more)), CKR_OK);
	find_token();
	guarded_session = guarded_open();
	assert_rv(f->C_Login(guarded_session, CKU_USER, (CK_BYTE *)pin, sizeof pin - 1), CKR_OK);
	fault_log_clear();
}

void
guarded_end(void)
{
	fault_rules("");
	while (guarded && guarded->C_Finalize(NULL) == CKR_OK)
		;
	guarded = NULL;
}

/* --- objects */

/* A session of SoftHSM itself; the login is the token's, whoever did it. */
static CK_SESSION_HANDLE
open_behind(void)
{
	CK_SESSION_HANDLE s = 0;

	assert_rv(softhsm->C_OpenSession(
			  guarded_slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s),
		CKR_OK);
	return s;
}

void
guarded_make(bool rsa, CK_BYTE id, const char *private_label, const char *public_label)
{
	static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	CK_MECHANISM m = {rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_SESSION_HANDLE s = open_behind();
	CK_BYTE ids[ID_BYTES];
	CK_ULONG bits = 2048;
	CK_OBJECT_HANDLE made[2];

	memset(ids, id, sizeof ids);
	CK_ATTRIBUTE public[] = {ATTR(CKA_TOKEN, yes), ATTR(CKA_PRIVATE, no), ATTR(CKA_ID, ids),
		{CKA_LABEL, (void *)public_label, strlen(public_label)}, ATTR(CKA_VERIFY, yes),
		ATTR(CKA_EC_PARAMS, p256)};
	if (rsa)
	public[5] = (CK_ATTRIBUTE)ATTR(CKA_MODULUS_BITS, bits);
	CK_ATTRIBUTE private[] = {ATTR(CKA_TOKEN, yes), ATTR(CKA_PRIVATE, yes), ATTR(CKA_ID, ids),
		{CKA_LABEL, (void *)private_label, strlen(private_label)}, ATTR(CKA_SIGN, yes),
		ATTR(CKA_SENSITIVE, yes), ATTR(CKA_EXTRACTABLE, no)};
	assert_rv(softhsm->C_GenerateKeyPair(s, &m, public, COUNT(public), private, COUNT(private),
			  &made[0], &made[1]),
		CKR_OK);
	assert_rv(softhsm->C_CloseSession(s), CKR_OK);
}

static CK_OBJECT_HANDLE
find_by(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_OBJECT_CLASS class, CK_BYTE id,
	const char *label)
{
	CK_OBJECT_HANDLE found[FOUND_MAX];
	CK_BYTE ids[ID_BYTES];
	CK_ULONG count = 0;

	memset(ids, id, sizeof ids);
	CK_ATTRIBUTE a[] = {ATTR(CKA_CLASS, class), ATTR(CKA_ID, ids),
		{CKA_LABEL, (void *)label, label ? strlen(label) : 0}};
	assert_rv(f->C_FindObjectsInit(s, a, label ? 3 : 2), CKR_OK);
	assert_rv(f->C_FindObjects(s, found, FOUND_MAX, &count), CKR_OK);
	assert_rv(f->C_FindObjectsFinal(s), CKR_OK);
	assert_int_equal(count, 1);
	return found[0];
}

void
guarded_destroy(CK_OBJECT_CLASS class, CK_BYTE id, const char *label)
{
	CK_SESSION_HANDLE s = open_behind();

	assert_rv(softhsm->C_DestroyObject(s, find_by(softhsm, s, class, id, label)), CKR_OK);
	assert_rv(softhsm->C_CloseSession(s), CKR_OK);
}

CK_OBJECT_HANDLE
guarded_find(CK_OBJECT_CLASS class, CK_BYTE id, const char *label)
{
	return find_by(guarded, guarded_session, class, id, label);
}

struct ledger_key
guarded_key(CK_BYTE id, const char *public_label)
{
	struct ledger_key k = {.id_bytes = ID_BYTES};
	CK_SESSION_HANDLE s = open_behind();
	CK_OBJECT_HANDLE o = find_by(softhsm, s, CKO_PUBLIC_KEY, id, public_label);
	CK_BYTE value[LEDGER_RAW];
	CK_ATTRIBUTE a = ATTR(CKA_EC_POINT, value);

	memset(k.id, id, k.id_bytes);
	if (softhsm->C_GetAttributeValue(s, o, &a, 1) == CKR_OK && a.ulValueLen) {
		const unsigned char *point = ledger_point(value, a.ulValueLen, &k.raw_bytes);
		memcpy(k.raw, point, k.raw_bytes);
	} else {
		a = (CK_ATTRIBUTE)ATTR(CKA_MODULUS, value);
		assert_rv(softhsm->C_GetAttributeValue(s, o, &a, 1), CKR_OK);
		k.rsa = true;
		k.raw_bytes = a.ulValueLen;
		memcpy(k.raw, value, k.raw_bytes);
	}
	assert_rv(softhsm->C_CloseSession(s), CKR_OK);
	return k;
}

struct ledger_slot *
guarded_register(CK_BYTE id, enum ledger_state state, uint64_t hard)
{
	const struct ledger_key k = guarded_key(id, NULL);
	struct ledger_slot *s = ledger_claim(guarded_ledger(), &k, state, 1);

	assert_non_null(s);
	s->hard = hard;
	return s;
}

/* --- signatures and counts */

CK_RV
guarded_sign_in(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism)
{
	CK_MECHANISM m = {mechanism, NULL, 0};
	CK_BYTE data[32] = {7}, signature[512];
	CK_ULONG bytes = sizeof signature;

	CK_RV rv = guarded->C_SignInit(session, &m, key);
	return rv == CKR_OK ? guarded->C_Sign(session, data, sizeof data, signature, &bytes) : rv;
}

CK_RV
guarded_sign(CK_OBJECT_HANDLE key)
{
	return guarded_sign_in(guarded_session, key, CKM_ECDSA);
}

const char *
guarded_counts(const _Atomic uint64_t *count)
{
	static char text[4][500];
	static int at;
	char *p = text[at++ % 4];
	size_t n = 0;

	p[0] = '\0';
	for (int i = 0; i < LEDGER_COUNTS; i++)
		if (ledger_get(&count[i]))
			n += (size_t)snprintf(p + n, sizeof text[0] - n, "%s%s=%lu", n ? " " : "",
				ledger_count_word((enum ledger_count)i),
				(unsigned long)ledger_get(&count[i]));
	return p;
}

size_t
guarded_slots(void)
{
	const struct ledger_slot *s;
	size_t used = 0;

	for (size_t i = 0; (s = ledger_slot_at(guarded_ledger(), i)); i++)
		used += s->use != SLOT_FREE;
	return used;
}
