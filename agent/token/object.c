#include "object.h"

#include <string.h>

#include "keystay/base/text.h"
#include "keystay/token/rv.h"

/* More objects than any token holds: what grows past it is no token. */
#define FOUND_MAX 100000

struct found {
	CK_OBJECT_HANDLE *object;
	size_t count, room;
};

static CK_RV
search(struct token *t, CK_ATTRIBUTE *template, CK_ULONG attributes, struct found *f)
{
	CK_RV rv = t->f->C_FindObjectsInit(t->session, template, attributes);

	if (rv != CKR_OK)
		return rv;
	for (CK_ULONG n = 1; rv == CKR_OK && n > 0; f->count += n) {
		if (f->room - f->count < 64) {
			size_t room = 2 * f->room + 64;
			void *more = realloc(f->object, room * sizeof *f->object);
			if (!more || room > FOUND_MAX) {
				free(more ? more : f->object);
				*f = (struct found){0};
				rv = CKR_HOST_MEMORY;
				break;
			}
			f->object = more;
			f->room = room;
		}
		n = 0;
		rv = t->f->C_FindObjects(t->session, f->object + f->count, 64, &n);
	}
	t->f->C_FindObjectsFinal(t->session);
	return rv;
}

int
objects_each(struct token *t, CK_ATTRIBUTE *template, CK_ULONG attributes,
	int (*each)(void *ctx, CK_OBJECT_HANDLE object, struct err *e), void *ctx, struct err *e)
{
	struct found f = {0};
	int rc = 0;

	/* The search is over before anything else is asked: not every module can do both. */
	CK_RV rv = search(t, template, attributes, &f);
	if (rv != CKR_OK)
		rc = rv_fail(rv, e, "token '%s': cannot search for objects", t->conf->name);
	for (size_t i = 0; i < f.count && rc == 0; i++)
		rc = each(ctx, f.object[i], e);
	free(f.object);
	return rc;
}

/* Class, id and label behind a handle. */
struct identity {
	CK_OBJECT_CLASS class;
	CK_BYTE id[256];
	char label[256];
	CK_ULONG id_len, label_len;
};

static CK_RV
identify(struct token *t, CK_OBJECT_HANDLE object, struct identity *ret)
{
	CK_ATTRIBUTE a[] = {
		{CKA_CLASS, &ret->class, sizeof ret->class},
		{CKA_ID, ret->id, sizeof ret->id},
		{CKA_LABEL, ret->label, sizeof ret->label},
	};
	CK_RV rv = t->f->C_GetAttributeValue(t->session, object, a, COUNT(a));

	ret->id_len = a[1].ulValueLen;
	ret->label_len = a[2].ulValueLen;
	return rv;
}

CK_ULONG
key_id_of(const struct key_name *name, CK_BYTE id[KEY_ID_MAX])
{
	int len = hex_decode(name->id, id, KEY_ID_MAX);

	if (len <= 0)
		BUG("a key id that is none");
	return (CK_ULONG)len;
}

static bool
is_named(const struct identity *i, const struct key_name *name)
{
	CK_BYTE id[KEY_ID_MAX];
	CK_ULONG len = key_id_of(name, id);

	return i->id_len == len && memcmp(i->id, id, len) == 0 &&
	       i->label_len == strlen(name->label) &&
	       memcmp(i->label, name->label, i->label_len) == 0;
}

static int
fail_wrong(const struct token *t, const struct key_name *name, struct err *e)
{
	err_set(e, ERR_LOST, "token '%s': the handle of '%s' leads to another object",
		t->conf->name, name->label);
	return err_hint(
		e, "the module mixes up its objects after one was destroyed; nothing was changed");
}

int
object_confirm(struct token *t, CK_OBJECT_HANDLE object, CK_OBJECT_CLASS class,
	const struct key_name *name, struct err *e)
{
	struct identity i = {0};
	CK_RV rv = identify(t, object, &i);

	if (rv != CKR_OK)
		return rv_fail(rv, e, "token '%s': the object '%s' cannot be read", t->conf->name,
			name->label);
	return i.class == class && is_named(&i, name) ? 0 : fail_wrong(t, name, e);
}

struct search {
	struct token *t;
	const struct key_name *name;
	struct key_objects found;
	bool twice;
};

static void
put(struct search *s, CK_OBJECT_HANDLE *slot, CK_OBJECT_HANDLE object)
{
	s->twice = s->twice || *slot != CK_INVALID_HANDLE;
	*slot = object;
}

static int
sort_object(void *ctx, CK_OBJECT_HANDLE object, struct err *e)
{
	struct search *s = ctx;
	struct identity i = {0};

	CK_RV rv = identify(s->t, object, &i);
	/* Gone between the search and now. */
	if (rv == CKR_OBJECT_HANDLE_INVALID)
		return 0;
	if (rv != CKR_OK)
		return rv_fail(rv, e, "token '%s': the object '%s' cannot be read",
			s->t->conf->name, s->name->label);
	if (!is_named(&i, s->name))
		return fail_wrong(s->t, s->name, e);
	if (i.class == CKO_PRIVATE_KEY)
		put(s, &s->found.private_key, object);
	else if (i.class == CKO_PUBLIC_KEY)
		put(s, &s->found.public_key, object);
	else if (i.class == CKO_CERTIFICATE && s->found.certificates < CERTIFICATES_MAX)
		s->found.certificate[s->found.certificates++] = object;
	return 0;
}

int
objects_find(struct token *t, const struct key_name *name, struct key_objects *ret, struct err *e)
{
	struct search s = {.t = t, .name = name};
	CK_BYTE id[KEY_ID_MAX];
	CK_ATTRIBUTE template[] = {
		{CKA_ID, id, key_id_of(name, id)},
		{CKA_LABEL, (void *)name->label, strlen(name->label)},
	};
	if (objects_each(t, template, COUNT(template), sort_object, &s, e) < 0)
		return -1;
	if (s.twice)
		return err_set(e, ERR_TOKEN, "token '%s' holds two keys '%s' with id %s",
			t->conf->name, name->label, name->id);
	if (s.found.private_key && s.found.private_key == s.found.public_key)
		return fail_wrong(t, name, e);
	*ret = s.found;
	return 0;
}

enum said
object_said(struct token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value = CK_FALSE;
	CK_ATTRIBUTE a = {type, &value, sizeof value};

	if (t->f->C_GetAttributeValue(t->session, object, &a, 1) != CKR_OK ||
		a.ulValueLen != sizeof value)
		return SAID_NOTHING;
	return value == CK_FALSE ? SAID_NO : SAID_YES;
}

CK_RV
object_set(struct token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value)
{
	CK_BBOOL b = value ? CK_TRUE : CK_FALSE;
	CK_ATTRIBUTE a = {type, &b, sizeof b};

	return t->f->C_SetAttributeValue(t->session, object, &a, 1);
}
