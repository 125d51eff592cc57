/*
 * fault_module - a PKCS#11 2.40 module that stands before a real one and makes calls fail as told:
 * for what no part on a desk does when it is asked to (removed, full, lying, numbering wrongly).
 *
 *	FAULT_MODULE	the real module, loaded at the first C_GetFunctionList
 *	FAULT_RULES	the file of rules; without it nothing fails
 *	FAULT_LOG	a file that gets the name of each call, a line each; never an argument
 *
 * The three are read once in a process, before the first call, and should be absolute paths.
 * Only C_GetInfo and C_WaitForSlotEvent are neither logged nor touched.
 *
 * One rule a line; `#` and what follows it is a comment:
 *
 *	fail C_GenerateKeyPair CKR_DEVICE_MEMORY	each call fails, the real one is not made
 *	fail C_Sign 0x30 after=2 times=1		two pass, one fails, the rest pass
 *	refuse CKA_COPYABLE CKR_ATTRIBUTE_TYPE_INVALID	C_GenerateKeyPair, C_CreateObject and
 *	refuse CKA_DECRYPT=false CKR_GENERAL_ERROR	C_SetAttributeValue whose template has it
 *	lie CKA_EXTRACTABLE=true	C_GetAttributeValue says so of every private key
 *	ignore CKA_DECRYPT		taken out of the templates of C_GenerateKeyPair
 *	corrupt C_Sign			one bit of what C_Sign and C_SignFinal write is flipped
 *	flags CKF_USER_PIN_FINAL_TRY	added to the flags of C_GetTokenInfo
 *	swap				once this process has destroyed an object: in each answer of
 *					C_FindObjects the first private key's handle is another
 *					private key's (if the token has another)
 *	gone				no slot has a token (CKR_TOKEN_NOT_PRESENT), all else is
 *					CKR_DEVICE_REMOVED, until C_Finalize was called AND this
 *					rule is out, in either order
 *	lost				sessions are CKR_SESSION_HANDLE_INVALID until C_Finalize was
 *					called; once in a process for each writing of the file
 *
 * Values and attributes go by their names or as 0x hex. `fail` stands before `gone` and `lost`;
 * of two that strike the first one answers. A question for a length is a call too. CKR_OK is a
 * value like others: the module says that it did what it did not do. A failed C_Sign, C_SignFinal
 * or C_FindObjectsFinal ends the operation, as PKCS#11 wants (2.40 5.11).
 *
 * The file is looked at in every call. When it was changed it counts from zero: after= and times=
 * are of one process since the file was written. Replace it by rename where another process may
 * be reading. A rule that cannot be read is told on stderr, and every call is CKR_GENERAL_ERROR,
 * C_Initialize too, until the file is mended.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RULES_MAX 64
#define TEXT_MAX 8192
#define TEMPLATE_MAX 64
#define SIGNATURE_MAX 1024

/* Neither a slot nor a session is asked of these, or each has an answer of its own. */
#define OTHER_CALLS(X) \
	X(C_Initialize), X(C_Finalize), X(C_GetSlotList), X(C_GetSlotInfo), X(C_GetTokenInfo)
#define SLOT_CALLS(X)                                                                   \
	X(C_GetMechanismList), X(C_GetMechanismInfo), X(C_InitToken), X(C_OpenSession), \
		X(C_CloseAllSessions)
#define SESSION_CALLS(X)                                                                           \
	X(C_InitPIN), X(C_SetPIN), X(C_CloseSession), X(C_GetSessionInfo), X(C_GetOperationState), \
		X(C_SetOperationState), X(C_Login), X(C_Logout), X(C_CreateObject),                \
		X(C_CopyObject), X(C_DestroyObject), X(C_GetObjectSize), X(C_GetAttributeValue),   \
		X(C_SetAttributeValue), X(C_FindObjectsInit), X(C_FindObjects),                    \
		X(C_FindObjectsFinal), X(C_EncryptInit), X(C_Encrypt), X(C_EncryptUpdate),         \
		X(C_EncryptFinal), X(C_DecryptInit), X(C_Decrypt), X(C_DecryptUpdate),             \
		X(C_DecryptFinal), X(C_DigestInit), X(C_Digest), X(C_DigestUpdate),                \
		X(C_DigestKey), X(C_DigestFinal), X(C_SignInit), X(C_Sign), X(C_SignUpdate),       \
		X(C_SignFinal), X(C_SignRecoverInit), X(C_SignRecover), X(C_VerifyInit),           \
		X(C_Verify), X(C_VerifyUpdate), X(C_VerifyFinal), X(C_VerifyRecoverInit),          \
		X(C_VerifyRecover), X(C_DigestEncryptUpdate), X(C_DecryptDigestUpdate),            \
		X(C_SignEncryptUpdate), X(C_DecryptVerifyUpdate), X(C_GenerateKey),                \
		X(C_GenerateKeyPair), X(C_WrapKey), X(C_UnwrapKey), X(C_DeriveKey),                \
		X(C_SeedRandom), X(C_GenerateRandom), X(C_GetFunctionStatus), X(C_CancelFunction)

#define NUMBER(name) CALL_##name
enum call { OTHER_CALLS(NUMBER), SLOT_CALLS(NUMBER), SESSION_CALLS(NUMBER), CALLS };

/* What a call answers when the token is gone and when its session is lost; CKR_OK: it goes on. */
#define ROW(x, if_gone, if_lost)                             \
	{                                                    \
		.name = #x, .gone = if_gone, .lost = if_lost \
	}
#define OTHER_ROW(name) ROW(name, CKR_OK, CKR_OK)
#define SLOT_ROW(name) ROW(name, CKR_DEVICE_REMOVED, CKR_OK)
#define SESSION_ROW(name) ROW(name, CKR_DEVICE_REMOVED, CKR_SESSION_HANDLE_INVALID)
static const struct {
	const char *name;
	CK_RV gone, lost;
} calls[] = {OTHER_CALLS(OTHER_ROW), SLOT_CALLS(SLOT_ROW), SESSION_CALLS(SESSION_ROW)};
_Static_assert(COUNT(calls) == CALLS, "a row for every call");

struct name {
	const char *word;
	CK_ULONG value;
};

#define NAME(x)                        \
	{                              \
		.word = #x, .value = x \
	}
static const struct name values[] = {NAME(CKR_OK), NAME(CKR_HOST_MEMORY), NAME(CKR_SLOT_ID_INVALID),
	NAME(CKR_GENERAL_ERROR), NAME(CKR_FUNCTION_FAILED), NAME(CKR_ARGUMENTS_BAD),
	NAME(CKR_ATTRIBUTE_READ_ONLY), NAME(CKR_ATTRIBUTE_SENSITIVE),
	NAME(CKR_ATTRIBUTE_TYPE_INVALID), NAME(CKR_ATTRIBUTE_VALUE_INVALID),
	NAME(CKR_ACTION_PROHIBITED), NAME(CKR_DEVICE_ERROR), NAME(CKR_DEVICE_MEMORY),
	NAME(CKR_DEVICE_REMOVED), NAME(CKR_FUNCTION_NOT_SUPPORTED), NAME(CKR_KEY_HANDLE_INVALID),
	NAME(CKR_KEY_SIZE_RANGE), NAME(CKR_KEY_FUNCTION_NOT_PERMITTED), NAME(CKR_KEY_UNEXTRACTABLE),
	NAME(CKR_KEY_NOT_WRAPPABLE), NAME(CKR_KEY_TYPE_INCONSISTENT),
	NAME(CKR_OPERATION_NOT_INITIALIZED), NAME(CKR_MECHANISM_INVALID),
	NAME(CKR_MECHANISM_PARAM_INVALID), NAME(CKR_OBJECT_HANDLE_INVALID),
	NAME(CKR_OPERATION_ACTIVE), NAME(CKR_OPERATION_NOT_INITIALIZED), NAME(CKR_PIN_INCORRECT),
	NAME(CKR_PIN_INVALID), NAME(CKR_PIN_LEN_RANGE), NAME(CKR_PIN_EXPIRED), NAME(CKR_PIN_LOCKED),
	NAME(CKR_SESSION_CLOSED), NAME(CKR_SESSION_COUNT), NAME(CKR_SESSION_HANDLE_INVALID),
	NAME(CKR_SESSION_READ_ONLY), NAME(CKR_TEMPLATE_INCOMPLETE), NAME(CKR_TEMPLATE_INCONSISTENT),
	NAME(CKR_TOKEN_NOT_PRESENT), NAME(CKR_TOKEN_NOT_RECOGNIZED),
	NAME(CKR_TOKEN_WRITE_PROTECTED), NAME(CKR_USER_ALREADY_LOGGED_IN),
	NAME(CKR_USER_NOT_LOGGED_IN), NAME(CKR_USER_PIN_NOT_INITIALIZED),
	NAME(CKR_USER_TYPE_INVALID), NAME(CKR_DOMAIN_PARAMS_INVALID), NAME(CKR_CURVE_NOT_SUPPORTED),
	NAME(CKR_BUFFER_TOO_SMALL), NAME(CKR_CRYPTOKI_NOT_INITIALIZED),
	NAME(CKR_CRYPTOKI_ALREADY_INITIALIZED), {"CKR_TOKEN_RESOURCE_EXCEEDED", 0x201}};
static const struct name attributes[] = {NAME(CKA_TOKEN), NAME(CKA_PRIVATE), NAME(CKA_TRUSTED),
	NAME(CKA_SENSITIVE), NAME(CKA_ENCRYPT), NAME(CKA_DECRYPT), NAME(CKA_WRAP), NAME(CKA_UNWRAP),
	NAME(CKA_SIGN), NAME(CKA_SIGN_RECOVER), NAME(CKA_VERIFY), NAME(CKA_VERIFY_RECOVER),
	NAME(CKA_DERIVE), NAME(CKA_EXTRACTABLE), NAME(CKA_LOCAL), NAME(CKA_NEVER_EXTRACTABLE),
	NAME(CKA_ALWAYS_SENSITIVE), NAME(CKA_MODIFIABLE), NAME(CKA_COPYABLE), NAME(CKA_DESTROYABLE),
	NAME(CKA_ALWAYS_AUTHENTICATE), NAME(CKA_WRAP_WITH_TRUSTED)};
/* These are no booleans: refuse and ignore take them, without a value. */
static const struct name others[] = {NAME(CKA_ID), NAME(CKA_LABEL), NAME(CKA_ALLOWED_MECHANISMS)};
static const struct name flags[] = {NAME(CKF_USER_PIN_COUNT_LOW), NAME(CKF_USER_PIN_FINAL_TRY),
	NAME(CKF_USER_PIN_LOCKED), NAME(CKF_SO_PIN_COUNT_LOW), NAME(CKF_SO_PIN_FINAL_TRY),
	NAME(CKF_SO_PIN_LOCKED)};

enum kind { FAIL, REFUSE, LIE, IGNORE, CORRUPT, FLAGS, SWAP, GONE, LOST, KINDS };

struct rule {
	enum kind kind;
	CK_ULONG call, rv, attribute, flag;
	int value; /* of the attribute: 0, 1, or -1 for any */
	unsigned long after, times, seen;
};

static CK_FUNCTION_LIST *real, list;
static char rules_path[PATH_MAX], log_path[PATH_MAX];

/* All below it: provider and agent may call from threads of their own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES_MAX];
static size_t rule_count;
static bool broken, destroyed;
/* Begun when the file is read, ended by C_Finalize; while the rule `gone` stands it is gone too. */
static bool gone, lost;

/* Rules */

static char *
next_word(char **at)
{
	char *word = *at + strspn(*at, " \t\r");

	*at = word + strcspn(word, " \t\r");
	if (**at)
		*(*at)++ = '\0';
	return word;
}

static bool
number(const char *text, int base, CK_ULONG *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, base);
	return text[0] >= '0' && text[0] <= '9' && !*end && errno == 0;
}

static bool
named(const struct name *names, size_t count, const char *word, CK_ULONG *ret)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i].word, word) == 0) {
			*ret = names[i].value;
			return true;
		}
	return strncmp(word, "0x", 2) == 0 && number(word, 16, ret);
}

static bool
parse_attribute(struct rule *r, char **at)
{
	char *word = next_word(at), *value = strchr(word, '=');

	r->value = -1;
	if (value) {
		*value++ = '\0';
		r->value = strcmp(value, "true") == 0;
		if (!r->value && strcmp(value, "false") != 0)
			return false;
	}
	return named(attributes, COUNT(attributes), word, &r->attribute) ||
	       (!value && named(others, COUNT(others), word, &r->attribute));
}

static bool
parse_fail(struct rule *r, char **at)
{
	const char *name = next_word(at);

	while (r->call < CALLS && strcmp(calls[r->call].name, name) != 0)
		r->call++;
	if (r->call == CALLS || !named(values, COUNT(values), next_word(at), &r->rv))
		return false;
	r->times = ULONG_MAX;
	for (const char *word = next_word(at); *word; word = next_word(at)) {
		bool after = strncmp(word, "after=", 6) == 0;
		if (!after && strncmp(word, "times=", 6) != 0)
			return false;
		if (!number(word + 6, 10, after ? &r->after : &r->times) || r->times == 0)
			return false;
	}
	return true;
}

static bool
parse_refuse(struct rule *r, char **at)
{
	return parse_attribute(r, at) && named(values, COUNT(values), next_word(at), &r->rv);
}

static bool
parse_lie(struct rule *r, char **at)
{
	return parse_attribute(r, at) && r->value >= 0;
}

static bool
parse_ignore(struct rule *r, char **at)
{
	return parse_attribute(r, at) && r->value < 0;
}

static bool
parse_corrupt(struct rule *r, char **at)
{
	(void)r;
	return strcmp(next_word(at), "C_Sign") == 0;
}

static bool
parse_flags(struct rule *r, char **at)
{
	return named(flags, COUNT(flags), next_word(at), &r->flag);
}

static bool
parse_nothing(struct rule *r, char **at)
{
	(void)r;
	(void)at;
	return true;
}

static const struct {
	const char *word;
	bool (*parse)(struct rule *r, char **at);
} kinds[] = {
	[FAIL] = {"fail", parse_fail},
	[REFUSE] = {"refuse", parse_refuse},
	[LIE] = {"lie", parse_lie},
	[IGNORE] = {"ignore", parse_ignore},
	[CORRUPT] = {"corrupt", parse_corrupt},
	[FLAGS] = {"flags", parse_flags},
	[SWAP] = {"swap", parse_nothing},
	[GONE] = {"gone", parse_nothing},
	[LOST] = {"lost", parse_nothing},
};
_Static_assert(COUNT(kinds) == KINDS, "a row for every kind");

/* A line without its comment; false when it is no rule, nor empty. */
static bool
parse_line(char *line)
{
	char *at = line;
	const char *word = next_word(&at);
	struct rule r = {0};

	if (!*word)
		return true;
	while (r.kind < KINDS && strcmp(kinds[r.kind].word, word) != 0)
		r.kind++;
	if (r.kind == KINDS || rule_count == RULES_MAX || !kinds[r.kind].parse(&r, &at) ||
		*next_word(&at))
		return false;
	gone |= r.kind == GONE;
	lost |= r.kind == LOST;
	rules[rule_count++] = r;
	return true;
}

static bool
parse_rules(char *text)
{
	bool good = true;

	rule_count = 0;
	for (int n = 1; text; n++) {
		char *line = strsep(&text, "\n"), shown[200];
		line[strcspn(line, "#")] = '\0';
		snprintf(shown, sizeof shown, "%s", line);
		if (parse_line(line))
			continue;
		fprintf(stderr, "fault_module: %s:%d: no rule: '%s'\n", rules_path, n, shown);
		good = false;
	}
	return good;
}

static bool
complain(const char *what, const char *path)
{
	fprintf(stderr, "fault_module: cannot %s '%s': %s\n", what, path, strerror(errno));
	return false;
}

/*
 * Reads the rules anew when the file is another one. Its bytes are compared too: the clock of
 * mtime moves in steps in which a test may well write twice.
 */
static bool
refresh(void)
{
	static struct stat last;
	static char kept[TEXT_MAX];
	char text[TEXT_MAX] = {0};
	struct stat st;

	if (!rules_path[0])
		return true;
	int fd = open(rules_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return complain("open", rules_path);
	bool good = fstat(fd, &st) == 0 && read(fd, text, sizeof text - 1) == st.st_size &&
		    strlen(text) == (size_t)st.st_size;
	close(fd);
	if (!good) {
		fprintf(stderr, "fault_module: '%s' is too long or is no text\n", rules_path);
		return false;
	}
	if (st.st_ino != last.st_ino || st.st_size != last.st_size ||
		st.st_mtim.tv_sec != last.st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != last.st_mtim.tv_nsec || strcmp(text, kept) != 0) {
		last = st;
		memcpy(kept, text, sizeof kept);
		broken = !parse_rules(text);
	}
	return !broken;
}

static bool
write_log(enum call call)
{
	char line[64];

	if (!log_path[0])
		return true;
	int len = snprintf(line, sizeof line, "%s\n", calls[call].name);
	int fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	bool good = fd >= 0 && write(fd, line, (size_t)len) == len;
	if (!good)
		complain("write to", log_path);
	if (fd >= 0)
		close(fd);
	return good;
}

/* Every fail rule for the call counts it; the first that strikes answers. */
static bool
fails(enum call call, CK_RV *ret)
{
	bool struck = false;

	for (size_t i = 0; i < rule_count; i++) {
		struct rule *r = &rules[i];
		if (r->kind != FAIL || r->call != call || r->seen++ < r->after ||
			r->seen - r->after > r->times || struck)
			continue;
		*ret = r->rv;
		struck = true;
	}
	return struck;
}

static const struct rule *
find_rule(enum kind kind)
{
	for (size_t i = 0; i < rule_count; i++)
		if (rules[i].kind == kind)
			return &rules[i];
	return NULL;
}

static bool
token_gone(void)
{
	return gone || find_rule(GONE);
}

/* The questions that calls ask; each takes the lock. */

/* What comes first in every call: true when it is answered with *ret and goes no further. */
static bool
answered(enum call call, CK_RV *ret)
{
	CK_RV rv = CKR_OK;
	bool stop = true;

	pthread_mutex_lock(&lock);
	if (!write_log(call) || !refresh())
		rv = CKR_GENERAL_ERROR;
	else if (!fails(call, &rv)) {
		if (token_gone())
			rv = calls[call].gone;
		if (lost && rv == CKR_OK)
			rv = calls[call].lost;
		stop = rv != CKR_OK;
	}
	pthread_mutex_unlock(&lock);
	if (stop)
		*ret = rv;
	return stop;
}

static bool
is_told(enum kind kind)
{
	pthread_mutex_lock(&lock);
	bool told = find_rule(kind) != NULL;
	pthread_mutex_unlock(&lock);
	return told;
}

static bool
is_gone(void)
{
	pthread_mutex_lock(&lock);
	bool is = token_gone();
	pthread_mutex_unlock(&lock);
	return is;
}

/* The first rule of the kind for this attribute; for refuse its value must fit too. */
static bool
is_told_of(enum kind kind, const CK_ATTRIBUTE *a, struct rule *ret)
{
	bool told = false;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < rule_count && !told; i++) {
		const struct rule *r = &rules[i];
		if (r->kind != kind || r->attribute != a->type)
			continue;
		if (kind == REFUSE && r->value >= 0 &&
			(!a->pValue || a->ulValueLen != sizeof(CK_BBOOL) ||
				(*(CK_BBOOL *)a->pValue != CK_FALSE) != r->value))
			continue;
		*ret = *r;
		told = true;
	}
	pthread_mutex_unlock(&lock);
	return told;
}

static bool
is_refused(const CK_ATTRIBUTE *template, CK_ULONG count, CK_RV *ret)
{
	struct rule r;

	for (CK_ULONG i = 0; i < count; i++)
		if (is_told_of(REFUSE, &template[i], &r)) {
			*ret = r.rv;
			return true;
		}
	return false;
}

/* Calls that pass or fail and do nothing else, by the shape of their parameters. */

#define PASS_(call, parameters, arguments)      \
	static CK_RV fault_##call parameters    \
	{                                       \
		CK_RV rv;                       \
                                                \
		if (answered(CALL_##call, &rv)) \
			return rv;              \
		return real->call arguments;    \
	}                                       \
	_Static_assert(CALL_##call < CALLS, "")
#define PASS(call, ...) PASS_(call, __VA_ARGS__)
#define SESSION (CK_SESSION_HANDLE s), (s)
#define KEY (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_OBJECT_HANDLE key), (s, m, key)
#define IN (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG len), (s, in, len)
#define OUT (CK_SESSION_HANDLE s, CK_BYTE * out, CK_ULONG * room), (s, out, room)
#define IN_OUT                                                                             \
	(CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG len, CK_BYTE * out, CK_ULONG * room), \
		(s, in, len, out, room)

PASS(C_GetMechanismList, (CK_SLOT_ID slot, CK_MECHANISM_TYPE *types, CK_ULONG *count),
	(slot, types, count));
PASS(C_GetMechanismInfo, (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info),
	(slot, type, info));
PASS(C_InitToken, (CK_SLOT_ID slot, CK_BYTE *pin, CK_ULONG len, CK_BYTE *label),
	(slot, pin, len, label));
PASS(C_OpenSession,
	(CK_SLOT_ID slot, CK_FLAGS f, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *ret),
	(slot, f, application, notify, ret));
PASS(C_CloseAllSessions, (CK_SLOT_ID slot), (slot));
PASS(C_InitPIN, IN);
PASS(C_SetPIN, (CK_SESSION_HANDLE s, CK_BYTE *old, CK_ULONG old_len, CK_BYTE *pin, CK_ULONG len),
	(s, old, old_len, pin, len));
PASS(C_CloseSession, SESSION);
PASS(C_GetSessionInfo, (CK_SESSION_HANDLE s, CK_SESSION_INFO *info), (s, info));
PASS(C_GetOperationState, OUT);
PASS(C_SetOperationState,
	(CK_SESSION_HANDLE s, CK_BYTE *state, CK_ULONG len, CK_OBJECT_HANDLE encryption,
		CK_OBJECT_HANDLE authentication),
	(s, state, len, encryption, authentication));
PASS(C_Login, (CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len),
	(s, user, pin, len));
PASS(C_Logout, SESSION);
PASS(C_CopyObject,
	(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count,
		CK_OBJECT_HANDLE *ret),
	(s, object, template, count, ret));
PASS(C_GetObjectSize, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ULONG *size),
	(s, object, size));
PASS(C_FindObjectsInit, (CK_SESSION_HANDLE s, CK_ATTRIBUTE *template, CK_ULONG count),
	(s, template, count));
PASS(C_EncryptInit, KEY);
PASS(C_Encrypt, IN_OUT);
PASS(C_EncryptUpdate, IN_OUT);
PASS(C_EncryptFinal, OUT);
PASS(C_DecryptInit, KEY);
PASS(C_Decrypt, IN_OUT);
PASS(C_DecryptUpdate, IN_OUT);
PASS(C_DecryptFinal, OUT);
PASS(C_DigestInit, (CK_SESSION_HANDLE s, CK_MECHANISM *m), (s, m));
PASS(C_Digest, IN_OUT);
PASS(C_DigestUpdate, IN);
PASS(C_DigestKey, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key), (s, key));
PASS(C_DigestFinal, OUT);
PASS(C_SignInit, KEY);
PASS(C_SignUpdate, IN);
PASS(C_SignRecoverInit, KEY);
PASS(C_SignRecover, IN_OUT);
PASS(C_VerifyInit, KEY);
PASS(C_Verify,
	(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG len, CK_BYTE *signature,
		CK_ULONG signature_len),
	(s, in, len, signature, signature_len));
PASS(C_VerifyUpdate, IN);
PASS(C_VerifyFinal, IN);
PASS(C_VerifyRecoverInit, KEY);
PASS(C_VerifyRecover, IN_OUT);
PASS(C_DigestEncryptUpdate, IN_OUT);
PASS(C_DecryptDigestUpdate, IN_OUT);
PASS(C_SignEncryptUpdate, IN_OUT);
PASS(C_DecryptVerifyUpdate, IN_OUT);
PASS(C_GenerateKey,
	(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *template, CK_ULONG count,
		CK_OBJECT_HANDLE *ret),
	(s, m, template, count, ret));
PASS(C_WrapKey,
	(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key,
		CK_BYTE *out, CK_ULONG *room),
	(s, m, wrapping, key, out, room));
PASS(C_UnwrapKey,
	(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_BYTE *in, CK_ULONG len,
		CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *ret),
	(s, m, key, in, len, template, count, ret));
PASS(C_DeriveKey,
	(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *template,
		CK_ULONG count, CK_OBJECT_HANDLE *ret),
	(s, m, key, template, count, ret));
PASS(C_SeedRandom, IN);
PASS(C_GenerateRandom, IN);
PASS(C_GetFunctionStatus, SESSION);
PASS(C_CancelFunction, SESSION);
PASS(C_Initialize, (void *args), (args));

/* Calls that rules bend */

static CK_RV
fault_C_Finalize(void *reserved)
{
	CK_RV rv;

	if (answered(CALL_C_Finalize, &rv))
		return rv;
	rv = real->C_Finalize(reserved);
	if (rv == CKR_OK) {
		pthread_mutex_lock(&lock);
		lost = false;
		gone = false;
		pthread_mutex_unlock(&lock);
	}
	return rv;
}

static CK_RV
fault_C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
	CK_RV rv;

	if (answered(CALL_C_GetSlotList, &rv))
		return rv;
	if (!present || !is_gone())
		return real->C_GetSlotList(present, slots, count);
	rv = real->C_GetSlotList(present, NULL, count);
	if (rv == CKR_OK)
		*count = 0;
	return rv;
}

static CK_RV
fault_C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	CK_RV rv;

	if (answered(CALL_C_GetSlotInfo, &rv))
		return rv;
	rv = real->C_GetSlotInfo(slot, info);
	if (rv == CKR_OK && is_gone())
		info->flags &= ~CKF_TOKEN_PRESENT;
	return rv;
}

static CK_RV
fault_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv;

	if (answered(CALL_C_GetTokenInfo, &rv))
		return rv;
	if (is_gone())
		return CKR_TOKEN_NOT_PRESENT;
	rv = real->C_GetTokenInfo(slot, info);
	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < rule_count; i++)
		if (rules[i].kind == FLAGS)
			info->flags |= rules[i].flag;
	pthread_mutex_unlock(&lock);
	return rv;
}

static CK_RV
fault_C_CreateObject(
	CK_SESSION_HANDLE s, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *ret)
{
	CK_RV rv;

	if (answered(CALL_C_CreateObject, &rv) || is_refused(template, count, &rv))
		return rv;
	return real->C_CreateObject(s, template, count, ret);
}

static CK_RV
fault_C_SetAttributeValue(
	CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count)
{
	CK_RV rv;

	if (answered(CALL_C_SetAttributeValue, &rv) || is_refused(template, count, &rv))
		return rv;
	return real->C_SetAttributeValue(s, object, template, count);
}

/* The template without what `ignore` names; the number of attributes left. */
static CK_ULONG
leave_out(const CK_ATTRIBUTE *template, CK_ULONG count, CK_ATTRIBUTE kept[TEMPLATE_MAX])
{
	CK_ULONG n = 0;
	struct rule r;

	for (CK_ULONG i = 0; i < count; i++)
		if (!is_told_of(IGNORE, &template[i], &r))
			kept[n++] = template[i];
	return n;
}

static CK_RV
fault_C_GenerateKeyPair(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *public,
	CK_ULONG public_count, CK_ATTRIBUTE *private, CK_ULONG private_count,
	CK_OBJECT_HANDLE *ret_public, CK_OBJECT_HANDLE *ret_private)
{
	CK_ATTRIBUTE kept_public[TEMPLATE_MAX], kept_private[TEMPLATE_MAX];
	CK_RV rv;

	if (answered(CALL_C_GenerateKeyPair, &rv) || is_refused(public, public_count, &rv) ||
		is_refused(private, private_count, &rv))
		return rv;
	if (public_count > TEMPLATE_MAX || private_count > TEMPLATE_MAX)
		return CKR_HOST_MEMORY;
	return real->C_GenerateKeyPair(s, m, kept_public,
		leave_out(public, public_count, kept_public), kept_private,
		leave_out(private, private_count, kept_private), ret_public, ret_private);
}

static bool
is_private_key(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object)
{
	CK_OBJECT_CLASS class = 0;
	CK_ATTRIBUTE a = {CKA_CLASS, &class, sizeof class};

	return real->C_GetAttributeValue(s, object, &a, 1) == CKR_OK && class == CKO_PRIVATE_KEY;
}

static CK_RV
lie(CK_ATTRIBUTE *a, const struct rule *r)
{
	if (a->pValue && a->ulValueLen < sizeof(CK_BBOOL)) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_BUFFER_TOO_SMALL;
	}
	if (a->pValue)
		*(CK_BBOOL *)a->pValue = r->value ? CK_TRUE : CK_FALSE;
	a->ulValueLen = sizeof(CK_BBOOL);
	return CKR_OK;
}

/* The real module is asked, one by one, only for what there is no lie about. */
static CK_RV
fault_C_GetAttributeValue(
	CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count)
{
	CK_RV rv, answer = CKR_OK;
	struct rule r;

	if (answered(CALL_C_GetAttributeValue, &rv))
		return rv;
	if (!is_told(LIE) || !is_private_key(s, object))
		return real->C_GetAttributeValue(s, object, template, count);
	for (CK_ULONG i = 0; i < count; i++) {
		rv = is_told_of(LIE, &template[i], &r)
			     ? lie(&template[i], &r)
			     : real->C_GetAttributeValue(s, object, &template[i], 1);
		if (rv != CKR_OK)
			answer = rv;
	}
	return answer;
}

static CK_RV
fault_C_DestroyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object)
{
	CK_RV rv;

	if (answered(CALL_C_DestroyObject, &rv))
		return rv;
	rv = real->C_DestroyObject(s, object);
	if (rv == CKR_OK) {
		pthread_mutex_lock(&lock);
		destroyed = true;
		pthread_mutex_unlock(&lock);
	}
	return rv;
}

/* Another private key of the token, by a session of its own as `s` is searching; else `object`. */
static CK_OBJECT_HANDLE
another_private_key(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE a = {CKA_CLASS, &class, sizeof class};
	CK_OBJECT_HANDLE found[2], other = object;
	CK_ULONG count = 0;
	CK_SESSION_INFO info;
	CK_SESSION_HANDLE own;

	if (real->C_GetSessionInfo(s, &info) != CKR_OK ||
		real->C_OpenSession(info.slotID, CKF_SERIAL_SESSION, NULL, NULL, &own) != CKR_OK)
		return object;
	if (real->C_FindObjectsInit(own, &a, 1) == CKR_OK &&
		real->C_FindObjects(own, found, COUNT(found), &count) == CKR_OK)
		for (CK_ULONG i = 0; i < count; i++)
			if (found[i] != object)
				other = found[i];
	real->C_FindObjectsFinal(own);
	real->C_CloseSession(own);
	return other;
}

static CK_RV
fault_C_FindObjects(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *count)
{
	CK_RV rv;

	if (answered(CALL_C_FindObjects, &rv))
		return rv;
	rv = real->C_FindObjects(s, objects, room, count);
	pthread_mutex_lock(&lock);
	bool wrong = destroyed && find_rule(SWAP);
	pthread_mutex_unlock(&lock);
	if (rv != CKR_OK || !wrong)
		return rv;
	CK_ULONG i = 0;
	while (i < *count && !is_private_key(s, objects[i]))
		i++;
	if (i < *count)
		objects[i] = another_private_key(s, objects[i]);
	return rv;
}

static CK_RV
fault_C_FindObjectsFinal(CK_SESSION_HANDLE s)
{
	CK_RV rv;

	if (!answered(CALL_C_FindObjectsFinal, &rv))
		return real->C_FindObjectsFinal(s);
	real->C_FindObjectsFinal(s);
	return rv;
}

static CK_RV
spoil(CK_RV rv, CK_BYTE *signature, const CK_ULONG *len)
{
	if (rv == CKR_OK && signature && *len && is_told(CORRUPT))
		signature[*len - 1] ^= 1;
	return rv;
}

static CK_RV
fault_C_Sign(
	CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature, CK_ULONG *len)
{
	CK_BYTE unused[SIGNATURE_MAX];
	CK_ULONG unused_len = sizeof unused;
	CK_RV rv;

	if (!answered(CALL_C_Sign, &rv))
		return spoil(real->C_Sign(s, data, data_len, signature, len), signature, len);
	if (rv != CKR_BUFFER_TOO_SMALL)
		real->C_Sign(s, data, data_len, unused, &unused_len);
	return rv;
}

static CK_RV
fault_C_SignFinal(CK_SESSION_HANDLE s, CK_BYTE *signature, CK_ULONG *len)
{
	CK_BYTE unused[SIGNATURE_MAX];
	CK_ULONG unused_len = sizeof unused;
	CK_RV rv;

	if (!answered(CALL_C_SignFinal, &rv))
		return spoil(real->C_SignFinal(s, signature, len), signature, len);
	if (rv != CKR_BUFFER_TOO_SMALL)
		real->C_SignFinal(s, unused, &unused_len);
	return rv;
}

/* Loading */

static bool
keep_path(char path[PATH_MAX], const char *variable)
{
	const char *value = getenv(variable);

	return !value || snprintf(path, PATH_MAX, "%s", value) < PATH_MAX;
}

/* By this name: C_GetFunctionList may be p11-kit's in a program that is linked with it. */
static CK_RV give_list(CK_FUNCTION_LIST **ret);

static bool
load_real(void)
{
	const char *path = getenv("FAULT_MODULE");
	CK_C_GetFunctionList get = NULL;
	CK_FUNCTION_LIST *f = NULL;

	if (!path || !keep_path(rules_path, "FAULT_RULES") || !keep_path(log_path, "FAULT_LOG")) {
		fprintf(stderr, "fault_module: FAULT_MODULE is not set, or a path is too long\n");
		return false;
	}
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get || get == give_list || get(&f) != CKR_OK || !f) {
		const char *why = dlerror();
		fprintf(stderr, "fault_module: cannot stand before '%s': %s\n", path,
			why ? why : "it gives no function list, or is this very file");
		return false;
	}
	list = *f;
	list.C_GetFunctionList = give_list;
#define PUT(call) list.call = fault_##call
	OTHER_CALLS(PUT), SLOT_CALLS(PUT), SESSION_CALLS(PUT);
	real = f;
	return true;
}

static CK_RV
give_list(CK_FUNCTION_LIST **ret)
{
	pthread_mutex_lock(&lock);
	bool loaded = real || load_real();
	pthread_mutex_unlock(&lock);
	if (!loaded)
		return CKR_GENERAL_ERROR;
	*ret = &list;
	return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret) __attribute__((alias("give_list")));
