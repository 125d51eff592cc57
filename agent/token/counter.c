#include "keystay/token/counter.h"

#include "internal.h"
#include "keystay/token/rv.h"
#include "meant.h"

/* Vendor attributes (Luna's cryptoki_v2.h); a number, as CK_ULONG. */
#define USAGE_COUNT 0x80000101UL
#define USAGE_LIMIT 0x80000200UL

#define LIMIT_MOST 0xffffffffL

static bool
read_number(struct token *t, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, int64_t *ret)
{
	CK_ULONG value = 0;
	CK_ATTRIBUTE a = {type, &value, sizeof value};

	if (t->f->C_GetAttributeValue(t->session, key, &a, 1) != CKR_OK ||
		a.ulValueLen != sizeof value || value > INT64_MAX)
		return false;
	*ret = (int64_t)value;
	return true;
}

static struct key_counter
read_counter(struct token *t, CK_OBJECT_HANDLE key)
{
	struct key_counter c = {.there = false};

	c.there = read_number(t, key, USAGE_COUNT, &c.count);
	if (c.there && !read_number(t, key, USAGE_LIMIT, &c.limit))
		c.limit = 0;
	return c;
}

static int
need_private(
	struct token *t, const struct key_name *name, const struct key_objects *o, struct err *e)
{
	if (o->private_key)
		return 0;
	return err_set(e, ERR_LOST, "token '%s': the key '%s' is gone", t->conf->name, name->label);
}

int
key_counter_read(
	struct token *t, const struct key_name *name, struct key_counter *ret, struct err *e)
{
	struct key_objects o;

	if (objects_find(t, name, &o, e) < 0 || need_private(t, name, &o, e) < 0)
		return -1;
	*ret = read_counter(t, o.private_key);
	return 0;
}

static int
set_limit(struct token *t, const struct key_name *name, CK_OBJECT_HANDLE key, int64_t limit,
	struct err *e)
{
	CK_ULONG value = (CK_ULONG)(limit > LIMIT_MOST ? LIMIT_MOST : limit);
	CK_ATTRIBUTE a = {USAGE_LIMIT, &value, sizeof value};
	CK_RV rv = t->f->C_SetAttributeValue(t->session, key, &a, 1);

	if (rv == CKR_OK)
		return 0;
	return rv_fail(
		rv, e, "token '%s': the key '%s' takes no usage limit", t->conf->name, name->label);
}

int
key_counter_limit(struct token *t, const struct key_name *name, const char *public_hash,
	int64_t left, struct key_counter *ret, struct err *e)
{
	struct key_objects o;

	if (key_find_meant(t, name, public_hash, &o, e) < 0 || need_private(t, name, &o, e) < 0)
		return -1;
	struct key_counter c = read_counter(t, o.private_key);
	if (!c.there)
		return err_set(e, ERR_TOKEN, "token '%s': it does not count the key '%s'",
			t->conf->name, name->label);
	int64_t wanted = c.count + left;
	if (set_limit(t, name, o.private_key, wanted, e) < 0)
		return -1;
	/* The first limit of a key may have put its count back to 0. */
	c = read_counter(t, o.private_key);
	if (c.count + left != wanted && set_limit(t, name, o.private_key, c.count + left, e) < 0)
		return -1;
	*ret = read_counter(t, o.private_key);
	return 0;
}
