#include "resolve.h"

#include <string.h>

#include "keystay/base/auto.h"

#define SAME_ID_MAX 16

/* A module, and a session of the guard's own. */
struct looker {
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE session;
};

/* False when the attribute is not there, is empty, or does not fit. */
static bool
get(const struct looker *l, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *value,
	size_t room, size_t *ret_bytes)
{
	CK_ATTRIBUTE a = {type, value, room};

	if (l->f->C_GetAttributeValue(l->session, object, &a, 1) != CKR_OK || a.ulValueLen == 0 ||
		a.ulValueLen > room)
		return false;
	*ret_bytes = a.ulValueLen;
	return true;
}

static bool
get_number(const struct looker *l, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG *ret)
{
	size_t bytes;
	return get(l, object, type, ret, sizeof *ret, &bytes) && bytes == sizeof *ret;
}

/* As a number has it: no zeros before it. */
static bool
read_modulus(const struct looker *l, CK_OBJECT_HANDLE object, struct ledger_key *k)
{
	unsigned char value[LEDGER_RAW + 8];
	size_t bytes, zeros = 0;

	if (!get(l, object, CKA_MODULUS, value, sizeof value, &bytes))
		return false;
	while (zeros < bytes && value[zeros] == 0)
		zeros++;
	if (bytes == zeros || bytes - zeros > LEDGER_RAW)
		return false;
	k->rsa = true;
	k->raw_bytes = bytes - zeros;
	memcpy(k->raw, value + zeros, k->raw_bytes);
	if (!get(l, object, CKA_PUBLIC_EXPONENT, k->params, sizeof k->params, &k->params_bytes))
		k->params_bytes = 0;
	return true;
}

static bool
read_point(const struct looker *l, CK_OBJECT_HANDLE object, struct ledger_key *k)
{
	unsigned char value[LEDGER_RAW];
	size_t bytes;

	if (!get(l, object, CKA_EC_POINT, value, sizeof value, &bytes))
		return false;
	const unsigned char *point = ledger_point(value, bytes, &k->raw_bytes);
	memcpy(k->raw, point, k->raw_bytes);
	if (!get(l, object, CKA_EC_PARAMS, k->params, sizeof k->params, &k->params_bytes))
		k->params_bytes = 0;
	return true;
}

static bool
read_public(const struct looker *l, CK_OBJECT_HANDLE object, bool rsa, struct ledger_key *k)
{
	return rsa ? read_modulus(l, object, k) : read_point(l, object, k);
}

static CK_ULONG
find_public(const struct looker *l, const struct ledger_key *k, CK_OBJECT_HANDLE found[SAME_ID_MAX])
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_ATTRIBUTE a[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_ID, (void *)k->id, k->id_bytes},
	};
	CK_ULONG count = 0;

	if (k->id_bytes == 0)
		a[1] = (CK_ATTRIBUTE){CKA_LABEL, (void *)k->label, strlen(k->label)};
	if (l->f->C_FindObjectsInit(l->session, a, COUNT(a)) != CKR_OK)
		return 0;
	if (l->f->C_FindObjects(l->session, found, SAME_ID_MAX, &count) != CKR_OK)
		count = 0;
	l->f->C_FindObjectsFinal(l->session);
	return count > SAME_ID_MAX ? SAME_ID_MAX : count;
}

static bool
same_label(const struct looker *l, CK_OBJECT_HANDLE object, const struct ledger_key *k)
{
	char label[sizeof k->label] = "";
	size_t bytes;

	return get(l, object, CKA_LABEL, label, sizeof label - 1, &bytes) &&
	       strcmp(label, k->label) == 0;
}

/*
 * The one public value of these objects; those with the private key's label only, if `labelled`.
 * Two different ones are none: whose handle it is could only be guessed.
 */
static bool
one_value(const struct looker *l, const CK_OBJECT_HANDLE *found, CK_ULONG count, bool rsa,
	bool labelled, struct ledger_key *k)
{
	struct ledger_key one = *k;
	bool have = false;

	for (CK_ULONG i = 0; i < count; i++) {
		if ((labelled && !same_label(l, found[i], k)) ||
			!read_public(l, found[i], rsa, &one))
			continue;
		if (have && (one.raw_bytes != k->raw_bytes ||
				    memcmp(one.raw, k->raw, k->raw_bytes) != 0))
			return false;
		*k = one;
		have = true;
	}
	return have;
}

static enum resolved
look(const struct looker *l, CK_OBJECT_HANDLE object, struct ledger_key *k)
{
	CK_OBJECT_HANDLE found[SAME_ID_MAX];
	CK_ULONG class, type;
	size_t bytes;

	if (!get_number(l, object, CKA_CLASS, &class))
		return RESOLVED_NOTHING;
	if (class != CKO_PRIVATE_KEY)
		return RESOLVED_OTHER;
	if (!get_number(l, object, CKA_KEY_TYPE, &type))
		return RESOLVED_PRIVATE;
	(void)get(l, object, CKA_LABEL, k->label, sizeof k->label - 1, &bytes);
	if (!get(l, object, CKA_ID, k->id, sizeof k->id, &k->id_bytes))
		k->id_bytes = 0;
	/* Of an RSA key the private object has the public value too. */
	if (type == CKK_RSA && read_modulus(l, object, k))
		return RESOLVED_KEY;
	if (k->id_bytes == 0 && !k->label[0])
		return RESOLVED_PRIVATE;
	CK_ULONG count = find_public(l, k, found);
	struct ledger_key by_label = *k;
	if (one_value(l, found, count, type == CKK_RSA, false, k))
		return RESOLVED_KEY;
	*k = by_label;
	return one_value(l, found, count, type == CKK_RSA, true, k) ? RESOLVED_KEY
								    : RESOLVED_PRIVATE;
}

/* PKCS#11 pads it with blanks. */
static void
read_serial(CK_FUNCTION_LIST *f, CK_SLOT_ID slot, struct ledger_key *k)
{
	CK_TOKEN_INFO info;
	size_t n = sizeof info.serialNumber;

	if (f->C_GetTokenInfo(slot, &info) != CKR_OK)
		return;
	while (n && (info.serialNumber[n - 1] == ' ' || info.serialNumber[n - 1] == 0))
		n--;
	memcpy(k->serial, info.serialNumber, n);
}

enum resolved
resolve_key(CK_FUNCTION_LIST *vendor, CK_SLOT_ID slot, CK_OBJECT_HANDLE key, struct ledger_key *ret)
{
	struct looker l = {.f = vendor};

	memset(ret, 0, sizeof *ret);
	if (vendor->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &l.session) != CKR_OK)
		return RESOLVED_NOTHING;
	enum resolved r = look(&l, key, ret);
	vendor->C_CloseSession(l.session);
	if (r == RESOLVED_KEY)
		read_serial(vendor, slot, ret);
	return r;
}
