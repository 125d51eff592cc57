/*
 * luna_module - a PKCS#11 2.40 module that stands before a real one and counts the signatures of
 * each private key, as a Thales Luna does: in the token, where no program can forget them.
 *
 *	COUNTER_MODULE	the real module, loaded at the first C_GetFunctionList
 *	COUNTER_FILE	the counters; every process that names this file shares them. The first one
 *			makes it, for everybody (0666), by a file beside it
 *	COUNTER_BACK	may be missing. While a file of that name exists every count is told as half
 *			of what it is: a counter that went back. Limits are kept all the same
 *
 * The three are read once in a process, before the first call, and should be absolute paths.
 * `od -An -v -w16 -tu4 FILE` shows the counters: in each line the two words of a key's hash (0: no
 * key yet), the count, the limit (0: none).
 *
 *	CKA_USAGE_COUNT	0x80000101, CK_ULONG: the signatures that C_Sign and C_SignFinal gave
 *			out; nobody sets it
 *	CKA_USAGE_LIMIT	0x80000200, CK_ULONG, 1 to 0xffffffff: not there until C_SetAttributeValue
 *			set it, which the first time sets the count to 0
 *
 * At its limit a key's C_SignInit is CKR_KEY_NOT_ACTIVE (0x80000136). So is the C_Sign that began
 * before others took the last one: its signature is wiped, and never is one more given out.
 *
 * A key is known by its CKA_ID, whatever token it is on, for as long as the file is there, also
 * after it was destroyed. A private key without one (or with one above 256 bytes), and every other
 * object, has neither attribute and is not counted. All but signatures is left to the real module:
 * decryption is not counted, and a limit in the template of a new key is what that module says to
 * an attribute it does not know.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CKA_USAGE_COUNT 0x80000101UL
#define CKA_USAGE_LIMIT 0x80000200UL
#define CKR_KEY_NOT_ACTIVE 0x80000136UL

#define KEYS_MAX 1024
#define SIGNERS_MAX 4096
#define ID_MAX 256
#define USE_MAX 0xffffffffUL

/* Both words are shared between processes and written by atomic operations alone. */
struct counter {
	_Atomic uint64_t key; /* a hash of the CKA_ID; 0: nobody's yet */
	_Atomic uint64_t use; /* the limit (0: none) above the count, 32 bits each */
};

/* The key that a session last began to sign with. */
struct signer {
	CK_SESSION_HANDLE session;
	struct counter *counter; /* NULL: of one that is not counted */
};

static CK_FUNCTION_LIST *real, list;
static struct counter *counters;
static char back_path[PATH_MAX];

/* Not held while the real module is asked, but when that is loaded. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct signer signers[SIGNERS_MAX];

/* Counters */

static CK_ULONG
count_in(uint64_t use)
{
	return (CK_ULONG)(use & USE_MAX);
}

static CK_ULONG
limit_in(uint64_t use)
{
	return (CK_ULONG)(use >> 32);
}

static bool
is_used_up(uint64_t use)
{
	return limit_in(use) != 0 && count_in(use) >= limit_in(use);
}

/* False when others were there first and the key is at its limit. */
static bool
count_one(struct counter *c)
{
	uint64_t use = atomic_load(&c->use);

	do
		if (is_used_up(use) || count_in(use) == USE_MAX)
			return false;
	while (!atomic_compare_exchange_weak(&c->use, &use, use + 1));
	return true;
}

static void
set_limit(struct counter *c, CK_ULONG limit)
{
	uint64_t use = atomic_load(&c->use), next;

	do
		next = (uint64_t)limit << 32 | (limit_in(use) ? count_in(use) : 0);
	while (!atomic_compare_exchange_weak(&c->use, &use, next));
}

/* FNV-1a; never 0. */
static uint64_t
hash_id(const CK_BYTE *id, CK_ULONG len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (CK_ULONG i = 0; i < len; i++)
		h = (h ^ id[i]) * 0x100000001b3u;
	return h ? h : 1;
}

/* The counter of that key, or one that was nobody's; NULL when there is none left. */
static struct counter *
find_counter(uint64_t key)
{
	for (size_t i = 0; i < KEYS_MAX; i++) {
		uint64_t owner = 0;
		if (atomic_compare_exchange_strong(&counters[i].key, &owner, key) || owner == key)
			return &counters[i];
	}
	return NULL;
}

/* Whether an object has no such attribute, or one of no use here: no word about the object. */
static bool
is_about_attributes(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
	       rv == CKR_BUFFER_TOO_SMALL;
}

/* *ret is NULL for what has no counter. */
static CK_RV
counter_of(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, struct counter **ret)
{
	CK_OBJECT_CLASS class = 0;
	CK_BYTE id[ID_MAX];
	CK_ATTRIBUTE a[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, id, sizeof id}};

	*ret = NULL;
	CK_RV rv = real->C_GetAttributeValue(s, object, &a[0], 1);
	if (rv == CKR_OK && class != CKO_PRIVATE_KEY)
		return CKR_OK;
	if (rv == CKR_OK)
		rv = real->C_GetAttributeValue(s, object, &a[1], 1);
	if (is_about_attributes(rv) || (rv == CKR_OK && a[1].ulValueLen == 0))
		return CKR_OK;
	if (rv != CKR_OK)
		return rv;
	*ret = find_counter(hash_id(id, a[1].ulValueLen));
	if (*ret)
		return CKR_OK;
	fprintf(stderr, "luna_module: the file of counters has no place for one more key\n");
	return CKR_DEVICE_MEMORY;
}

/* Attributes */

static bool
is_ours(const CK_ATTRIBUTE *a)
{
	return a->type == CKA_USAGE_COUNT || a->type == CKA_USAGE_LIMIT;
}

/* Parts a template in two; `others` has room for all of it. The number of these. */
static CK_ULONG
leave_out_ours(const CK_ATTRIBUTE *template, CK_ULONG count, CK_ATTRIBUTE *others)
{
	CK_ULONG n = 0;

	for (CK_ULONG i = 0; i < count; i++)
		if (!is_ours(&template[i]))
			others[n++] = template[i];
	return n;
}

static bool
has_ours(const CK_ATTRIBUTE *template, CK_ULONG count)
{
	for (CK_ULONG i = 0; template && i < count; i++)
		if (is_ours(&template[i]))
			return true;
	return false;
}

static CK_RV
tell(CK_ATTRIBUTE *a, const struct counter *c, uint64_t use)
{
	CK_ULONG value = a->type == CKA_USAGE_LIMIT ? limit_in(use) : count_in(use);
	CK_RV rv = CKR_OK;

	if (!c || (a->type == CKA_USAGE_LIMIT && value == 0))
		rv = CKR_ATTRIBUTE_TYPE_INVALID;
	else if (a->pValue && a->ulValueLen < sizeof value)
		rv = CKR_BUFFER_TOO_SMALL;
	a->ulValueLen = rv == CKR_OK ? sizeof value : CK_UNAVAILABLE_INFORMATION;
	if (a->type == CKA_USAGE_COUNT && back_path[0] && access(back_path, F_OK) == 0)
		value /= 2;
	if (rv == CKR_OK && a->pValue)
		memcpy(a->pValue, &value, sizeof value);
	return rv;
}

/* The others' answers come first: what is wrong with one attribute hides nothing of another. */
static CK_RV
get_parted(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count,
	CK_ATTRIBUTE *others)
{
	CK_ULONG n = leave_out_ours(template, count, others);
	struct counter *c;

	CK_RV rv = counter_of(s, object, &c);
	if (rv == CKR_OK && n > 0)
		rv = real->C_GetAttributeValue(s, object, others, n);
	if (rv != CKR_OK && !is_about_attributes(rv))
		return rv;
	uint64_t use = c ? atomic_load(&c->use) : 0;
	for (CK_ULONG i = 0, other = 0; i < count; i++) {
		if (!is_ours(&template[i])) {
			template[i] = others[other++];
			continue;
		}
		CK_RV own = tell(&template[i], c, use);
		if (rv == CKR_OK)
			rv = own;
	}
	return rv;
}

static CK_RV
luna_C_GetAttributeValue(
	CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count)
{
	if (!has_ours(template, count))
		return real->C_GetAttributeValue(s, object, template, count);
	CK_ATTRIBUTE *others = calloc(count, sizeof *others);
	if (!others)
		return CKR_HOST_MEMORY;
	CK_RV rv = get_parted(s, object, template, count, others);
	free(others);
	return rv;
}

static CK_RV
judge_limit(const CK_ATTRIBUTE *a, CK_ULONG *ret)
{
	CK_ULONG value;

	if (a->type == CKA_USAGE_COUNT)
		return CKR_ATTRIBUTE_READ_ONLY;
	if (!a->pValue || a->ulValueLen != sizeof value)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	memcpy(&value, a->pValue, sizeof value);
	if (value == 0 || value > USE_MAX)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	*ret = value;
	return CKR_OK;
}

/* Objects of the token are not changed by a session that reads only. */
static CK_RV
may_be_set(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object)
{
	CK_BBOOL on_token = CK_TRUE;
	CK_ATTRIBUTE a = {CKA_TOKEN, &on_token, sizeof on_token};
	CK_SESSION_INFO info;

	CK_RV rv = real->C_GetSessionInfo(s, &info);
	if (rv == CKR_OK && !(info.flags & CKF_RW_SESSION) &&
		real->C_GetAttributeValue(s, object, &a, 1) == CKR_OK && on_token)
		return CKR_SESSION_READ_ONLY;
	return rv;
}

/* All or nothing: the limit is judged before the others are set, and set after them. */
static CK_RV
set_parted(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *template,
	CK_ULONG count, CK_ATTRIBUTE *others)
{
	CK_ULONG n = leave_out_ours(template, count, others), limit = 0;
	struct counter *c;

	CK_RV rv = counter_of(s, object, &c);
	if (rv == CKR_OK && !c)
		rv = CKR_ATTRIBUTE_TYPE_INVALID;
	if (rv == CKR_OK)
		rv = may_be_set(s, object);
	for (CK_ULONG i = 0; i < count && rv == CKR_OK; i++)
		if (is_ours(&template[i]))
			rv = judge_limit(&template[i], &limit);
	if (rv == CKR_OK && n > 0)
		rv = real->C_SetAttributeValue(s, object, others, n);
	if (rv == CKR_OK)
		set_limit(c, limit);
	return rv;
}

static CK_RV
luna_C_SetAttributeValue(
	CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count)
{
	if (!has_ours(template, count))
		return real->C_SetAttributeValue(s, object, template, count);
	CK_ATTRIBUTE *others = calloc(count, sizeof *others);
	if (!others)
		return CKR_HOST_MEMORY;
	CK_RV rv = set_parted(s, object, template, count, others);
	free(others);
	return rv;
}

/* Signatures. Only the real module knows whether a session is signing; here is only with what. */

/* The session's place, or one that is free (of session 0); NULL when there is none. */
static struct signer *
find_signer(CK_SESSION_HANDLE s)
{
	struct signer *unused = NULL;

	for (size_t i = 0; i < SIGNERS_MAX; i++) {
		if (signers[i].session == s)
			return &signers[i];
		if (!unused && signers[i].session == 0)
			unused = &signers[i];
	}
	return unused;
}

static bool
remember(CK_SESSION_HANDLE s, struct counter *c)
{
	pthread_mutex_lock(&lock);
	struct signer *place = find_signer(s);
	if (place)
		*place = (struct signer){.session = s, .counter = c};
	pthread_mutex_unlock(&lock);
	return place;
}

static struct counter *
remembered(CK_SESSION_HANDLE s)
{
	pthread_mutex_lock(&lock);
	const struct signer *place = find_signer(s);
	struct counter *c = place && place->session == s ? place->counter : NULL;
	pthread_mutex_unlock(&lock);
	return c;
}

static void
forget(CK_SESSION_HANDLE s)
{
	pthread_mutex_lock(&lock);
	struct signer *place = find_signer(s);
	if (place && place->session == s)
		*place = (struct signer){0};
	pthread_mutex_unlock(&lock);
}

static CK_RV
luna_C_SignInit(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	struct counter *c;

	/* A handle that is none gets the real module's own answer. */
	if (counter_of(s, key, &c) == CKR_DEVICE_MEMORY)
		return CKR_DEVICE_MEMORY;
	if (c && is_used_up(atomic_load(&c->use)))
		return CKR_KEY_NOT_ACTIVE;
	CK_RV rv = real->C_SignInit(s, m, key);
	if (rv == CKR_OK && !remember(s, c))
		return CKR_HOST_MEMORY;
	return rv;
}

static CK_RV
count_signature(CK_SESSION_HANDLE s, CK_RV rv, CK_BYTE *signature, const CK_ULONG *len)
{
	/* Without a place for it the length was asked for. */
	struct counter *c = rv == CKR_OK && signature ? remembered(s) : NULL;

	if (!c || count_one(c))
		return rv;
	memset(signature, 0, *len);
	return CKR_KEY_NOT_ACTIVE;
}

static CK_RV
luna_C_Sign(
	CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature, CK_ULONG *len)
{
	return count_signature(s, real->C_Sign(s, data, data_len, signature, len), signature, len);
}

static CK_RV
luna_C_SignFinal(CK_SESSION_HANDLE s, CK_BYTE *signature, CK_ULONG *len)
{
	return count_signature(s, real->C_SignFinal(s, signature, len), signature, len);
}

static CK_RV
luna_C_CloseSession(CK_SESSION_HANDLE s)
{
	CK_RV rv = real->C_CloseSession(s);

	if (rv == CKR_OK)
		forget(s);
	return rv;
}

/* Which sessions were of that slot the real module is asked. */
static CK_RV
luna_C_CloseAllSessions(CK_SLOT_ID slot)
{
	CK_RV rv = real->C_CloseAllSessions(slot);
	CK_SESSION_INFO info;

	for (size_t i = 0; i < SIGNERS_MAX && rv == CKR_OK; i++) {
		pthread_mutex_lock(&lock);
		CK_SESSION_HANDLE s = signers[i].session;
		pthread_mutex_unlock(&lock);
		if (s && real->C_GetSessionInfo(s, &info) != CKR_OK)
			forget(s);
	}
	return rv;
}

static CK_RV
luna_C_Finalize(void *reserved)
{
	CK_RV rv = real->C_Finalize(reserved);

	if (rv == CKR_OK) {
		pthread_mutex_lock(&lock);
		memset(signers, 0, sizeof signers);
		pthread_mutex_unlock(&lock);
	}
	return rv;
}

/* Loading */

static bool
complain(const char *what, const char *path)
{
	fprintf(stderr, "luna_module: cannot %s '%s': %s\n", what, path, strerror(errno));
	return false;
}

/* Whole and for everybody before it has its name; another process may be first. */
static bool
make_file(const char *path)
{
	char beside[PATH_MAX];

	if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside) {
		errno = ENAMETOOLONG;
		return false;
	}
	int fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return false;
	int why = posix_fallocate(fd, 0, KEYS_MAX * sizeof *counters);
	if (why == 0 && (fchmod(fd, 0666) < 0 || (link(beside, path) < 0 && errno != EEXIST)))
		why = errno;
	close(fd);
	unlink(beside);
	errno = why;
	return why == 0;
}

static bool
map_file(const char *path)
{
	struct stat st;

	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		if (!make_file(path))
			return complain("make", path);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (fd < 0)
		return complain("open", path);
	errno = EINVAL;
	void *map = MAP_FAILED;
	if (fstat(fd, &st) == 0 && st.st_size == KEYS_MAX * sizeof *counters)
		map = mmap(NULL, KEYS_MAX * sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED,
			fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return complain("map", path);
	counters = map;
	return true;
}

/* A child gets the table whole, and a lock that nobody holds. */
static void
take_lock(void)
{
	pthread_mutex_lock(&lock);
}

static void
release_lock(void)
{
	pthread_mutex_unlock(&lock);
}

/* By this name: C_GetFunctionList may be p11-kit's in a program that is linked with it. */
static CK_RV give_list(CK_FUNCTION_LIST **ret);

static bool
load_real(void)
{
	const char *path = getenv("COUNTER_MODULE"), *file = getenv("COUNTER_FILE"),
		   *back = getenv("COUNTER_BACK");
	CK_C_GetFunctionList get = NULL;
	CK_FUNCTION_LIST *f = NULL;

	if (!path || !file || snprintf(back_path, PATH_MAX, "%s", back ? back : "") >= PATH_MAX) {
		fprintf(stderr, "luna_module: COUNTER_MODULE or COUNTER_FILE is not set, or "
				"COUNTER_BACK is too long\n");
		return false;
	}
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get || get == give_list || get(&f) != CKR_OK || !f) {
		const char *why = dlerror();
		fprintf(stderr, "luna_module: cannot stand before '%s': %s\n", path,
			why ? why : "it gives no function list, or is this very file");
		return false;
	}
	if (!counters && !map_file(file))
		return false;
	list = *f;
	list.version = (CK_VERSION){2, 40};
	list.C_GetFunctionList = give_list;
#define PUT(call) list.call = luna_##call
	PUT(C_Finalize), PUT(C_CloseSession), PUT(C_CloseAllSessions), PUT(C_GetAttributeValue),
		PUT(C_SetAttributeValue), PUT(C_SignInit), PUT(C_Sign), PUT(C_SignFinal);
	real = f;
	pthread_atfork(take_lock, release_lock, release_lock);
	return true;
}

static CK_RV
give_list(CK_FUNCTION_LIST **ret)
{
	if (!ret)
		return CKR_ARGUMENTS_BAD;
	pthread_mutex_lock(&lock);
	bool loaded = real || load_real();
	pthread_mutex_unlock(&lock);
	if (!loaded)
		return CKR_GENERAL_ERROR;
	*ret = &list;
	return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret) __attribute__((alias("give_list")));
