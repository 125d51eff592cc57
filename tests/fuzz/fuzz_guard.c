/*
 * keystay-guard (agent/guard): a program that calls it wrongly, before a vendor's module that fails
 * and lies (tests/doubles/fuzz_vendor.c), with noise in the ledger that it has mapped.
 *
 * The first byte of an input says what it is: 's' a settings string, 'l' settings in lines, 'h' a
 * ledger's header and first slots; 'c' calls. Those begin with flags, two states and limits, and
 * the length of the vendor's script and the script; then come calls: which, session, object, what
 * is odd about the arguments, and what oddness there needs.
 *
 * With an honest vendor and no noise the counts must come out: every signature is counted, what was
 * not made is given back, and a limit is never passed.
 */
#include "../../agent/guard/settings.h"
#include "../../agent/guard/vendor.h"
#include "../doubles/fuzz_vendor.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "keystay/guard/ledger.h"

#define HANDLES 8
#define BLOCKS 40
#define HUGE_COUNT ((CK_ULONG)1 << 29)

struct input {
	const uint8_t *at, *end;
};

static char folder[] = "/tmp/keystay-fuzz-XXXXXX";
static char ledger_path[64], header_path[64];
static unsigned char *ledger_file, *header_file;
static struct fuzz_vendor *vendor;
static CK_FUNCTION_LIST *f;

/* Of one input. */
static CK_SESSION_HANDLE session[HANDLES];
static CK_OBJECT_HANDLE copy;
static bool noisy;
static void *block[BLOCKS];
static size_t blocks;

static uint8_t
byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* Of its own allocation, so that a read behind it is seen; freed after the call. */
static void *
keep(size_t size)
{
	if (blocks == BLOCKS)
		BUG("too many blocks for one call");
	block[blocks] = malloc(size ? size : 1);
	if (!block[blocks])
		BUG("no memory for a block");
	memset(block[blocks], 0, size);
	return block[blocks++];
}

static void *
taken(struct input *in, size_t size)
{
	uint8_t *bytes = keep(size);

	for (size_t i = 0; i < size; i++)
		bytes[i] = byte(in);
	return bytes;
}

/* --- arguments */

enum odd {
	ODD_SESSION = 1,
	ODD_OBJECT = 2,
	ODD_DATA = 4,
	ODD_ANSWER = 8,
	ODD_MECHANISM = 16,
	ODD_TEMPLATE = 32,
	ODD_SLOT = 64,
	ODD_PLACE = 128
};

struct args {
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE o;
	CK_SLOT_ID slot;
	CK_BYTE *data, *answer;
	CK_ULONG bytes, *room;
	CK_MECHANISM *m;
	CK_ATTRIBUTE *a;
	CK_ULONG count;
	CK_OBJECT_HANDLE *ret; /* NULL, or room for one */
	CK_ULONG *number;      /* NULL, or room for two */
	void *info;            /* NULL, or room for any of them */
};

static CK_ULONG
noise(struct input *in)
{
	static const CK_ULONG numbers[] = {0, 1, 2, 16, 17, 1024, 1025, 1UL << 28, HUGE_COUNT,
		1UL << 31, 1UL << 32, 1UL << 63, ~0UL - 1, ~0UL};
	return numbers[byte(in) % COUNT(numbers)];
}

/* A pointer and a length that do not agree; never so that a module would read behind it. */
static void
odd_data(struct input *in, CK_BYTE **at, CK_ULONG *bytes)
{
	switch (byte(in) % 4) {
	case 0:
		*at = NULL;
		*bytes = noise(in);
		break;
	case 1:
		*at = keep(1);
		*bytes = HUGE_COUNT + noise(in) / 4;
		break;
	case 2:
		*at = keep(0);
		*bytes = 0;
		break;
	default:
		*bytes = byte(in);
		*at = taken(in, *bytes);
	}
}

static CK_MECHANISM *
mechanism(struct input *in, bool odd)
{
	static const CK_MECHANISM_TYPE types[] = {CKM_ECDSA, CKM_RSA_PKCS, CKM_RSA_PKCS_PSS,
		CKM_SHA_1, ~0UL, 0x100000000UL | CKM_ECDSA};
	CK_MECHANISM *m = keep(sizeof *m);

	m->mechanism = CKM_ECDSA;
	if (!odd)
		return m;
	uint8_t b = byte(in);
	if (b % 8 == 7)
		return NULL;
	m->mechanism = types[b % 8 % COUNT(types)];
	if (b & 0x80)
		odd_data(in, (CK_BYTE **)&m->pParameter, &m->ulParameterLen);
	return m;
}

static CK_ATTRIBUTE *template(struct input *in, bool odd, CK_ULONG *ret_count)
{
	static const CK_ATTRIBUTE_TYPE types[] = {CKA_CLASS, CKA_ID, CKA_LABEL, CKA_VALUE,
		CKA_PRIVATE_EXPONENT, CKA_EC_POINT, CKA_MODULUS, CKA_WRAP_TEMPLATE, ~0UL};
	uint8_t b = odd ? byte(in) : 1;

	*ret_count = b % 6;
	if (odd && b % 16 == 15) {
		*ret_count = noise(in);
		return *ret_count > 1024 ? keep(sizeof(CK_ATTRIBUTE)) : NULL;
	}
	CK_ATTRIBUTE *a = keep(*ret_count * sizeof *a);
	for (CK_ULONG i = 0; i < *ret_count; i++) {
		uint8_t type = odd ? byte(in) : 1;
		a[i].type = types[type % COUNT(types)];
		a[i].ulValueLen = 8;
		a[i].pValue = keep(8);
		if (type & 0x80)
			odd_data(in, (CK_BYTE **)&a[i].pValue, &a[i].ulValueLen);
	}
	return a;
}

static struct args
arguments(struct input *in)
{
	struct args a = {.s = session[byte(in) % HANDLES]};
	uint8_t which = byte(in), odd = byte(in);

	a.o = which % 20 >= 17 ? copy : which % 20;
	if (odd & ODD_SESSION)
		a.s = byte(in) % 2 ? byte(in) : noise(in);
	if (odd & ODD_OBJECT)
		a.o = noise(in);
	a.slot = odd & ODD_SLOT ? noise(in) : 1u + which / 128;
	a.bytes = 32;
	a.data = odd & ODD_DATA ? NULL : keep(32);
	if (odd & ODD_DATA)
		odd_data(in, &a.data, &a.bytes);
	a.m = mechanism(in, odd & ODD_MECHANISM);
	a.a = template(in, odd & ODD_TEMPLATE, &a.count);
	uint8_t missing = odd & ODD_PLACE ? byte(in) : 0;
	a.room = missing & 1 ? NULL : keep(sizeof *a.room);
	a.ret = missing & 2 ? NULL : keep(sizeof *a.ret);
	a.number = missing & 4 ? NULL : keep(2 * sizeof *a.number);
	a.info = missing & 8 ? NULL : keep(512);
	CK_ULONG room = odd & ODD_ANSWER ? byte(in) % 12 : 64;
	a.answer = room == 11 ? NULL : keep(room);
	if (a.room)
		*a.room = room;
	return a;
}

/* --- calls */

#define CALL(name, list)                             \
	static CK_RV do_##name(const struct args *a) \
	{                                            \
		return f->C_##name list;             \
	}

/* clang-format off */
CALL(GetInfo, (a->info))
CALL(GetFunctionList, (a->info))
CALL(GetSlotList, (CK_TRUE, a->number, a->room))
CALL(GetSlotInfo, (a->slot, a->info))
CALL(GetTokenInfo, (a->slot, a->info))
CALL(GetMechanismList, (a->slot, NULL, a->room))
CALL(GetMechanismInfo, (a->slot, CKM_ECDSA, a->info))
CALL(InitToken, (a->slot, a->data, a->bytes, a->answer))
CALL(InitPIN, (a->s, a->data, a->bytes))
CALL(SetPIN, (a->s, a->data, a->bytes, a->data, a->bytes))
CALL(CloseAllSessions, (a->slot))
CALL(GetSessionInfo, (a->s, a->info))
CALL(GetOperationState, (a->s, a->answer, a->room))
CALL(SetOperationState, (a->s, a->data, a->bytes, a->o, a->o))
CALL(Login, (a->s, a->o & 1 ? CKU_USER : CKU_SO, a->data, a->bytes))
CALL(Logout, (a->s))
CALL(CreateObject, (a->s, a->a, a->count, a->ret))
CALL(DestroyObject, (a->s, a->o))
CALL(GetObjectSize, (a->s, a->o, a->room))
CALL(GetAttributeValue, (a->s, a->o, a->a, a->count))
CALL(SetAttributeValue, (a->s, a->o, a->a, a->count))
CALL(FindObjectsInit, (a->s, a->a, a->count))
CALL(FindObjects, (a->s, a->ret, 1, a->room))
CALL(FindObjectsFinal, (a->s))
CALL(EncryptInit, (a->s, a->m, a->o))
CALL(Encrypt, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(EncryptUpdate, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(EncryptFinal, (a->s, a->answer, a->room))
CALL(DecryptInit, (a->s, a->m, a->o))
CALL(Decrypt, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(DecryptUpdate, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(DecryptFinal, (a->s, a->answer, a->room))
CALL(DigestInit, (a->s, a->m))
CALL(Digest, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(DigestUpdate, (a->s, a->data, a->bytes))
CALL(DigestKey, (a->s, a->o))
CALL(DigestFinal, (a->s, a->answer, a->room))
CALL(SignInit, (a->s, a->m, a->o))
CALL(Sign, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(SignUpdate, (a->s, a->data, a->bytes))
CALL(SignFinal, (a->s, a->answer, a->room))
CALL(SignRecoverInit, (a->s, a->m, a->o))
CALL(SignRecover, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(VerifyInit, (a->s, a->m, a->o))
CALL(Verify, (a->s, a->data, a->bytes, a->data, a->bytes))
CALL(VerifyUpdate, (a->s, a->data, a->bytes))
CALL(VerifyFinal, (a->s, a->data, a->bytes))
CALL(VerifyRecoverInit, (a->s, a->m, a->o))
CALL(VerifyRecover, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(DigestEncryptUpdate, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(DecryptDigestUpdate, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(SignEncryptUpdate, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(DecryptVerifyUpdate, (a->s, a->data, a->bytes, a->answer, a->room))
CALL(GenerateKey, (a->s, a->m, a->a, a->count, a->ret))
CALL(GenerateKeyPair, (a->s, a->m, a->a, a->count, a->a, a->count, a->ret, a->number))
CALL(WrapKey, (a->s, a->m, a->o, a->o, a->answer, a->room))
CALL(UnwrapKey, (a->s, a->m, a->o, a->data, a->bytes, a->a, a->count, a->ret))
CALL(DeriveKey, (a->s, a->m, a->o, a->a, a->count, a->ret))
CALL(SeedRandom, (a->s, a->data, a->bytes))
CALL(GenerateRandom, (a->s, a->data, a->bytes))
CALL(GetFunctionStatus, (a->s))
CALL(CancelFunction, (a->s))
CALL(WaitForSlotEvent, (a->bytes, a->number, NULL))
CALL(CloseSession, (a->s))
CALL(Finalize, (a->bytes & 1 ? a->info : NULL))
/* clang-format on */

static CK_RV
do_CopyObject(const struct args *a)
{
	CK_RV rv = f->C_CopyObject(a->s, a->o, a->a, a->count, a->ret);

	if (rv == CKR_OK)
		copy = *a->ret;
	return rv;
}

static CK_RV
do_OpenSession(const struct args *a)
{
	CK_RV rv = f->C_OpenSession(a->slot, a->bytes, NULL, NULL, a->ret);

	if (rv == CKR_OK)
		session[a->o % HANDLES] = *a->ret;
	return rv;
}

static CK_RV
do_Initialize(const struct args *a)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};

	/* The init string ends somewhere. */
	char *text = keep(a->data && a->bytes < 4096 ? a->bytes + 1 : 1);
	if (a->data && a->bytes < 4096)
		memcpy(text, a->data, a->bytes);
	args.pReserved = a->o & 1 ? text : NULL;
	return f->C_Initialize(a->o & 2 ? NULL : &args);
}

#define DO(name) do_##name

static CK_RV (*const calls[])(const struct args *a) = {DO(SignInit), DO(Sign), DO(SignUpdate),
	DO(SignFinal), DO(OpenSession), DO(CloseSession), DO(CloseAllSessions), DO(CopyObject),
	DO(DestroyObject), DO(Logout), DO(Login), DO(FindObjectsInit), DO(FindObjects),
	DO(FindObjectsFinal), DO(GetAttributeValue), DO(Initialize), DO(Finalize), DO(GetInfo),
	DO(GetFunctionList), DO(GetSlotList), DO(GetSlotInfo), DO(GetTokenInfo),
	DO(GetMechanismList), DO(GetMechanismInfo), DO(InitToken), DO(InitPIN), DO(SetPIN),
	DO(GetSessionInfo), DO(GetOperationState), DO(SetOperationState), DO(CreateObject),
	DO(GetObjectSize), DO(SetAttributeValue), DO(EncryptInit), DO(Encrypt), DO(EncryptUpdate),
	DO(EncryptFinal), DO(DecryptInit), DO(Decrypt), DO(DecryptUpdate), DO(DecryptFinal),
	DO(DigestInit), DO(Digest), DO(DigestUpdate), DO(DigestKey), DO(DigestFinal),
	DO(SignRecoverInit), DO(SignRecover), DO(VerifyInit), DO(Verify), DO(VerifyUpdate),
	DO(VerifyFinal), DO(VerifyRecoverInit), DO(VerifyRecover), DO(DigestEncryptUpdate),
	DO(DecryptDigestUpdate), DO(SignEncryptUpdate), DO(DecryptVerifyUpdate), DO(GenerateKey),
	DO(GenerateKeyPair), DO(WrapKey), DO(UnwrapKey), DO(DeriveKey), DO(SeedRandom),
	DO(GenerateRandom), DO(GetFunctionStatus), DO(CancelFunction), DO(WaitForSlotEvent)};
_Static_assert(COUNT(calls) == 68, "every function of PKCS#11 2.40");

/* --- the ledger */

static struct ledger_slot *
slot_at(size_t i)
{
	return (struct ledger_slot *)(ledger_file + LEDGER_HEADER + i * LEDGER_SLOT_SIZE);
}

static struct ledger_header *
header(void)
{
	return (struct ledger_header *)ledger_file;
}

static void
fill_header(unsigned char *file)
{
	struct ledger_header h = {.version = LEDGER_VERSION,
		.slots = LEDGER_SLOTS,
		.slot_size = LEDGER_SLOT_SIZE,
		.parts = 1};

	memcpy(h.magic, ledger_magic, sizeof h.magic);
	memset(file, 0, LEDGER_PART_SIZE);
	memcpy(file, &h, sizeof h);
}

/* The keys 1 and 3 of the double. */
static void
register_keys(struct input *in)
{
	struct ledger l = {.part = {{.map = ledger_file}}, .parts = 1, .writable = true};
	struct ledger_key ec = {.raw_bytes = 65}, rsa = {.rsa = true, .raw_bytes = 256};

	memset(ec.raw, 0xa1, sizeof ec.raw);
	ec.raw[0] = 4;
	memset(rsa.raw, 0xb1, sizeof rsa.raw);
	MUST(ledger_claim(&l, &ec, byte(in) % (LEDGER_STATES + 1), 1) == slot_at(0));
	MUST(ledger_claim(&l, &rsa, byte(in) % (LEDGER_STATES + 1), 1) == slot_at(1));
	slot_at(0)->hard = byte(in) % 8;
	slot_at(1)->hard = byte(in) % 8;
	slot_at(1)->mechanism[0] = CKM_ECDSA;
	slot_at(1)->mechanisms = byte(in) % 4 == 3;
}

/* Some bytes somewhere in what the guard has mapped. */
static void
write_noise(struct input *in)
{
	size_t slot = byte(in), bytes = byte(in) % 16 + 1;
	size_t at = (size_t)byte(in) << 8 | byte(in);

	noisy = true;
	if (slot < 200) /* the few that are in use, most of the time */
		slot %= 8;
	if (slot == 7)
		at %= LEDGER_HEADER;
	else
		at = LEDGER_HEADER + slot * LEDGER_SLOT_SIZE + at % LEDGER_SLOT_SIZE;
	while (bytes-- && at < LEDGER_PART_SIZE)
		ledger_file[at++] = byte(in);
}

static uint64_t
sum_of(enum ledger_count count)
{
	uint64_t sum = header()->count[count];

	for (size_t i = 0; i < LEDGER_SLOTS; i++)
		sum += slot_at(i)->count[count];
	return sum;
}

/* After all is closed. */
static void
check_counts(bool agent)
{
	uint64_t uses = sum_of(COUNT_USES), done = sum_of(COUNT_DONE);

	MUST(done == vendor->signatures);
	MUST(uses == done + sum_of(COUNT_FAILED));
	MUST(sum_of(COUNT_AGENT) == (agent ? uses : 0));
	for (size_t i = 0; i < LEDGER_SLOTS; i++) {
		const struct ledger_slot *s = slot_at(i);
		MUST(s->use == SLOT_FREE || s->use == SLOT_USED);
		MUST(s->count[COUNT_STAGED] <= s->count[COUNT_USES]);
		if (agent)
			continue;
		MUST(s->hard == 0 || s->count[COUNT_USES] <= s->hard);
		MUST((s->state != STATE_DISABLED && s->state != STATE_DESTROYED) ||
			s->count[COUNT_USES] == 0);
	}
}

/* --- inputs */

static void
run_calls(struct input *in)
{
	struct guard_settings s = *guard_settings();
	uint8_t flags = byte(in);
	size_t script = flags & 4 ? byte(in) : 0;

	noisy = false;
	s.agent = flags & 1;
	s.refuse_unknown = flags & 2;
	guard_set_settings(&s);
	fill_header(ledger_file);
	register_keys(in);
	if (script > (size_t)(in->end - in->at))
		script = (size_t)(in->end - in->at);
	*vendor = (struct fuzz_vendor){.script = script ? in->at : NULL, .bytes = script};
	in->at += script;
	memset(session, 0, sizeof session);
	(void)f->C_Initialize(NULL);
	for (size_t i = 0; i < 2; i++)
		(void)f->C_OpenSession(1 + i, CKF_SERIAL_SESSION, NULL, NULL, &session[i]);
	while (in->at < in->end) {
		uint8_t which = byte(in);
		if (which >= 0xf0) {
			if (flags & 8)
				write_noise(in);
			continue;
		}
		struct args a = arguments(in);
		(void)calls[which % COUNT(calls)](&a);
		while (blocks)
			free(block[--blocks]);
	}
	bool honest = !script && !noisy;
	vendor->bytes = 0;
	while (f->C_Finalize(NULL) == CKR_OK)
		;
	if (honest)
		check_counts(s.agent);
}

static void
check_settings(const struct guard_settings *s, bool ok, const char *why)
{
	if (!ok) {
		MUST(why[0] && memchr(why, '\0', SETTINGS_WHY) && fuzz_printable(why));
		return;
	}
	MUST(memchr(s->module, '\0', sizeof s->module));
	MUST(memchr(s->custodian, '\0', sizeof s->custodian));
	MUST(memchr(s->ledger, '\0', sizeof s->ledger));
	MUST(memchr(s->init, '\0', sizeof s->init) && (s->has_init || !s->init[0]));
}

static void
run_settings(const struct input *in, bool lines)
{
	size_t size = (size_t)(in->end - in->at);
	AUTO(char) char *text = lines ? fuzz_bytes(in->at, size) : fuzz_text(in->at, size);
	char why[SETTINGS_WHY] = "";
	struct guard_settings s;

	memset(&s, 0xa5, sizeof s);
	bool ok = lines ? settings_read_lines(text, size, &s, why)
			: settings_read_string(text, &s, why);
	check_settings(&s, ok, why);
}

/* A file that is to be mapped: its header, and what stands behind that. */
static void
run_header(const struct input *in)
{
	size_t size = (size_t)(in->end - in->at), head = sizeof(struct ledger_header);
	struct ledger l = {.parts = 0};
	struct ledger_key k = {.raw_bytes = 65};
	struct ledger_slot *s;

	fill_header(header_file);
	memcpy(header_file, in->at, size < head ? size : head);
	if (size > head)
		memcpy(header_file + LEDGER_HEADER, in->at + head, size - head);
	if (ledger_map(&l, header_path, true) != LEDGER_FINE) {
		MUST(l.parts == 0);
		return;
	}
	MUST(l.parts == 1 && memcmp(header_file, ledger_magic, sizeof ledger_magic) == 0);
	MUST(!ledger_look_again(&l) && l.parts == 1 && !l.gone);
	(void)ledger_find(&l, k.raw, 65);
	MUST((s = ledger_claim(&l, &k, STATE_ACTIVE, 1)) == NULL || s->raw_bytes == 65);
	for (size_t i = 0; i < 4; i++) {
		s = ledger_slot_at(&l, i);
		if (ledger_reserve(s, CKM_ECDSA, false) == USE_GRANTED)
			ledger_done(s, ledger_get(&s->last_use));
		ledger_give_back(s, true);
		(void)ledger_busiest_hour(s, ledger_get(&s->since), ledger_get(&s->last_use));
	}
	ledger_unmap(&l);
}

/* --- once in a process */

static void
clean_up(void)
{
	(void)unlink(ledger_path);
	(void)unlink(header_path);
	(void)rmdir(folder);
}

static unsigned char *
make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || posix_fallocate(fd, 0, (off_t)LEDGER_PART_SIZE) != 0)
		BUG("no ledger file");
	unsigned char *map =
		mmap(NULL, LEDGER_PART_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		BUG("no ledger file");
	fill_header(map);
	return map;
}

static void
start(void)
{
	char module[PATH_MAX] = "", text[PATH_MAX + 200];

	if (f)
		return;
	/* OUT/fuzz/guard is this program, OUT/doubles/ is beside its folder. */
	if (readlink("/proc/self/exe", module, sizeof module - 1) < 0 || !mkdtemp(folder))
		BUG("no place of our own");
	(void)atexit(clean_up);
	for (int up = 0; up < 2; up++)
		*strrchr(module, '/') = '\0';
	size_t room = sizeof module - strlen(module);
	if (snprintf(strchr(module, '\0'), room, "/doubles/fuzz_vendor.so") >= (int)room)
		BUG("too long a path");
	void *library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	if (!library || !(vendor = dlsym(library, "fuzz_vendor")))
		BUG(dlerror());
	snprintf(ledger_path, sizeof ledger_path, "%s/ledger", folder);
	snprintf(header_path, sizeof header_path, "%s/header", folder);
	ledger_file = make_file(ledger_path);
	header_file = make_file(header_path);
	snprintf(text, sizeof text, "module=%s ledger=%s", module, ledger_path);
	CK_C_INITIALIZE_ARGS args = {.pReserved = text};
	if (C_GetFunctionList(&f) != CKR_OK || f->C_Initialize(&args) != CKR_OK)
		BUG("the guard does not start");
	(void)f->C_Finalize(NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};

	start();
	switch (byte(&in)) {
	case 's':
		run_settings(&in, false);
		break;
	case 'l':
		run_settings(&in, true);
		break;
	case 'h':
		if (size <= LEDGER_SLOT_SIZE * 4)
			run_header(&in);
		break;
	default:
		run_calls(&in);
	}
	return 0;
}
