/* Making a key, with as much of its template as the module takes. */
#include <stdio.h>
#include <string.h>

#include "anchor.h"
#include "internal.h"
#include "keystay/base/log.h"
#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "keystay/token/rv.h"
#include "object.h"
#include "share.h"

static int
fail_make(CK_RV rv, struct token *t, enum key_type type, struct err *e)
{
	t->make_rv = rv;
	rv_fail(rv, e, "token '%s': cannot make an %s key", t->conf->name, key_type_word(type));
	if (rv_full(rv))
		return err_hint(e, "the token is full: destroy keys that are no longer used");
	if (rv == CKR_MECHANISM_INVALID || rv == CKR_KEY_SIZE_RANGE ||
		rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_DOMAIN_PARAMS_INVALID ||
		rv == CKR_CURVE_NOT_SUPPORTED)
		return err_hint(e, "the token does not make this type: choose another in 'keys:'");
	if (rv == CKR_TOKEN_WRITE_PROTECTED || rv == CKR_SESSION_READ_ONLY)
		return err_hint(e, "the token is write-protected");
	return err_hint(e, "is the token full, or its storage not writable for this user?");
}

struct pair {
	CK_OBJECT_HANDLE public_key, private_key;
};

static CK_RV
generate(struct token *t, const struct key_name *name, enum key_type type, unsigned refused,
	struct pair *ret)
{
	CK_BYTE id[KEY_ID_BYTES];
	struct key_template k;

	if (hex_decode(name->id, id, sizeof id) != sizeof id)
		BUG("a key id that is not 16 bytes");
	template_make(&k, type, id, name->label, refused, t->module->road->raw_rsa);
	return t->f->C_GenerateKeyPair(t->session, &k.mechanism, k.public_key, k.publics,
		k.private_key, k.privates, &ret->public_key, &ret->private_key);
}

/* The handles that the module gave must lead to what was made, and not to another key. */
static int
confirm_pair(struct token *t, const struct key_name *name, const struct pair *p, struct err *e)
{
	if (object_confirm(t, p->private_key, CKO_PRIVATE_KEY, name, e) < 0 ||
		object_confirm(t, p->public_key, CKO_PUBLIC_KEY, name, e) < 0)
		return -1;
	return 0;
}

static int
remove_pair(struct token *t, const struct key_name *name, const struct pair *p, struct err *e)
{
	CK_RV rv = t->f->C_DestroyObject(t->session, p->private_key);

	if (rv == CKR_OK && object_confirm(t, p->public_key, CKO_PUBLIC_KEY, name, e) < 0)
		return -1;
	if (rv == CKR_OK)
		rv = t->f->C_DestroyObject(t->session, p->public_key);
	if (rv != CKR_OK)
		return rv_fail(rv, e, "token '%s': cannot remove a trial key", t->conf->name);
	return 0;
}

static CK_RV
trial(struct token *t, const struct key_name *name, enum key_type type, unsigned refused,
	struct pair *ret)
{
	CK_RV rv = generate(t, name, type, refused, ret);

	log_debug("token '%s': trial of %s without extras 0x%x: %s", t->conf->name,
		key_type_word(type), refused, rv_word(rv));
	return rv;
}

/*
 * A pair of this template's can be made; it is removed again. -1 = what is there is not clear, or
 * the token is full or gone, which says nothing of the template.
 */
static int
can_make(struct token *t, const struct key_name *name, enum key_type type, unsigned refused,
	bool *ret, struct err *e)
{
	struct pair p;
	CK_RV rv = trial(t, name, type, refused, &p);

	if (rv_full(rv) || (rv_lost(rv) && !rv_template(rv)))
		return fail_make(rv, t, type, e);
	*ret = rv == CKR_OK;
	if (*ret && (confirm_pair(t, name, &p, e) < 0 || remove_pair(t, name, &p, e) < 0))
		return -1;
	return 0;
}

/* Of the extras that were left out before the last, those that can stay after all. */
static int
put_back(struct token *t, const struct key_name *name, enum key_family family, int last,
	unsigned *refused, struct err *e)
{
	for (int i = 0; i < last; i++) {
		bool ok;
		if (can_make(t, name, key_family_least(family), *refused & ~(1u << i), &ok, e) < 0)
			return -1;
		if (ok)
			*refused &= ~(1u << i);
	}
	return 0;
}

/*
 * Makes the key with what this module takes: all of the template first, then with one extra after
 * another left out, until it can be made. Extras that were left out before the last are tried again
 * one by one, with the quickest type of the family, and the key is made once more.
 */
static int
make_by_trial(struct token *t, const struct key_name *name, enum key_type type, struct pair *ret,
	struct err *e)
{
	enum key_family family = key_type_family(type);
	struct module *m = t->module;
	int out = m->first_trial; /* how many extras are left out */
	CK_RV rv = trial(t, name, type, (1u << out) - 1, ret);

	while (rv != CKR_OK && rv_template(rv) && out < EXTRAS)
		rv = trial(t, name, type, (1u << ++out) - 1, ret);
	if (rv != CKR_OK)
		return fail_make(rv, t, type, e);
	m->refused[family] = (1u << out) - 1;
	if (out < 2)
		return 0;
	if (confirm_pair(t, name, ret, e) < 0 || remove_pair(t, name, ret, e) < 0 ||
		put_back(t, name, family, out - 1, &m->refused[family], e) < 0)
		return -1;
	rv = generate(t, name, type, m->refused[family], ret);
	return rv == CKR_OK ? 0 : fail_make(rv, t, type, e);
}

/* Usages that the template could not forbid, taken away where the module lets them be. */
static void
take_usages_away(struct token *t, CK_OBJECT_HANDLE private_key)
{
	static const CK_ATTRIBUTE_TYPE usages[] = {
		CKA_SIGN_RECOVER, CKA_DECRYPT, CKA_UNWRAP, CKA_DERIVE};

	for (size_t i = 0; i < COUNT(usages); i++)
		if (object_said(t, private_key, usages[i]) == SAID_YES) {
			CK_RV rv = object_set(t, private_key, usages[i], false);
			log_debug("token '%s': usage 0x%lx taken away: %s", t->conf->name,
				(unsigned long)usages[i], rv_word(rv));
		}
}

int
key_make(struct token *t, const struct key_name *name, enum key_type type, struct err *e)
{
	enum key_family family = key_type_family(type);
	struct pair p;

	if (anchor_ensure(t, e) < 0)
		return -1;
	if (!t->module->refused_known[family]) {
		if (make_by_trial(t, name, type, &p, e) < 0)
			return -1;
	} else {
		CK_RV rv = generate(t, name, type, t->module->refused[family], &p);
		if (rv != CKR_OK)
			return fail_make(rv, t, type, e);
	}
	t->module->refused_known[family] = true;
	if (confirm_pair(t, name, &p, e) < 0)
		return -1;
	take_usages_away(t, p.private_key);
	log_debug("token '%s': made %s key '%s'", t->conf->name, key_type_word(type), name->label);
	return share_token_files(t->conf, e);
}
