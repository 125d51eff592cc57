/* A key that is known by its certificate, as others made it. */
#include <string.h>

#include "internal.h"
#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "object.h"
#include "public.h"

struct looking {
	struct token *t;
	EVP_PKEY *public;
	struct key_name found;
	size_t count;
};

static int
look_at_key(void *ctx, CK_OBJECT_HANDLE object, struct err *e)
{
	struct looking *l = ctx;
	unsigned char id[KEY_ID_MAX];
	struct key_name name = {.id = ""};
	AUTO(EVP_PKEY) EVP_PKEY *public = NULL;
	struct key_objects o;
	struct err ignored;
	CK_ATTRIBUTE a[] = {
		{CKA_ID, id, sizeof id}, {CKA_LABEL, name.label, sizeof name.label - 1}};

	if (l->t->f->C_GetAttributeValue(l->t->session, object, a, 2) != CKR_OK ||
		a[0].ulValueLen == 0 || a[0].ulValueLen > sizeof id ||
		a[1].ulValueLen >= sizeof name.label)
		return 0;
	name.label[a[1].ulValueLen] = '\0';
	hex_encode(id, a[0].ulValueLen, name.id);
	if (objects_find(l->t, &name, &o, e) < 0)
		return -1;
	if (!o.public_key || public_key_read(l->t, o.public_key, &public, &ignored) < 0 ||
		EVP_PKEY_eq(public, l->public) != 1)
		return 0;
	l->found = name;
	l->count++;
	return 0;
}

int
key_of_public(
	struct token *t, EVP_PKEY *public, const char *label, struct key_name *ret, struct err *e)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	struct looking l = {.t = t, .public = public};
	CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class},
		{CKA_LABEL, (void *)label, label ? strlen(label) : 0}};

	if (objects_each(t, template, label ? 2 : 1, look_at_key, &l, e) < 0)
		return -1;
	if (l.count > 1)
		return err_set(e, ERR_TOKEN, "token '%s' holds %zu keys with that public key",
			t->conf->name, l.count);
	if (l.count == 0) {
		err_set(e, ERR_TOKEN, "token '%s' holds no key%s%s%s of that certificate",
			t->conf->name, label ? " '" : "", label ? label : "", label ? "'" : "");
		return err_hint(e, "is it in another token, or without its public key beside it?");
	}
	*ret = l.found;
	return 0;
}
