#include "keystay/token/key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "keystay/base/log.h"
#include "keystay/base/text.h"
#include "object.h"
#include "public.h"

static void
read_facts(struct token *t, CK_OBJECT_HANDLE h, struct key_facts *f)
{
	f->is_private = object_said(t, h, CKA_PRIVATE);
	f->sensitive = object_said(t, h, CKA_SENSITIVE);
	f->always_sensitive = object_said(t, h, CKA_ALWAYS_SENSITIVE);
	f->extractable = object_said(t, h, CKA_EXTRACTABLE);
	f->never_extractable = object_said(t, h, CKA_NEVER_EXTRACTABLE);
	f->local = object_said(t, h, CKA_LOCAL);
	f->sign = object_said(t, h, CKA_SIGN);
	f->sign_recover = object_said(t, h, CKA_SIGN_RECOVER);
	f->decrypt = object_said(t, h, CKA_DECRYPT);
	f->unwrap = object_said(t, h, CKA_UNWRAP);
	f->derive = object_said(t, h, CKA_DERIVE);
	f->copyable = object_said(t, h, CKA_COPYABLE);
	f->modifiable = object_said(t, h, CKA_MODIFIABLE);
}

int
key_find(struct token *t, const struct key_name *name, struct key_facts *ret, EVP_PKEY **ret_public,
	struct err *e)
{
	struct key_facts facts = {.presence = KEY_ABSENT};
	AUTO(EVP_PKEY) EVP_PKEY *public = NULL;
	struct key_objects o;
	struct err why;

	if (objects_find(t, name, &o, e) < 0)
		return -1;
	if (o.private_key || o.public_key)
		facts.presence = KEY_HALF;
	if (!o.private_key || !o.public_key) {
		*ret = facts;
		return 0;
	}
	if (public_key_read(t, o.public_key, &public, &why) < 0) {
		log_debug("token '%s': key '%s': %s", t->conf->name, name->label, why.text);
		*ret = facts;
		return 0;
	}
	facts.presence = KEY_WHOLE;
	read_facts(t, o.private_key, &facts);
	if (key_public_hash(public, facts.public_hash, e) < 0)
		return -1;
	if (!key_type_of_public(public, &facts.type))
		return err_set(e, ERR_TOKEN,
			"token '%s': key '%s' is of a type keystay does not use", t->conf->name,
			name->label);
	facts.refused = t->module->refused[key_type_family(facts.type)];
	if (ret_public)
		*ret_public = take(&public);
	*ret = facts;
	return 0;
}

int
key_judge(const struct key_facts *f, const struct key_name *name, struct err *e)
{
	const struct {
		bool bad;
		const char *what;
	} faults[] = {
		{f->sensitive != SAID_YES, "it is not sensitive (CKA_SENSITIVE)"},
		{f->extractable != SAID_NO, "it is extractable (CKA_EXTRACTABLE)"},
		{f->always_sensitive == SAID_NO, "it was once readable (CKA_ALWAYS_SENSITIVE)"},
		{f->never_extractable == SAID_NO,
			"it was once extractable (CKA_NEVER_EXTRACTABLE)"},
		{f->decrypt == SAID_YES, "it may decrypt (CKA_DECRYPT)"},
		{f->unwrap == SAID_YES, "it may unwrap (CKA_UNWRAP)"},
		{f->derive == SAID_YES, "it may derive (CKA_DERIVE)"},
		{f->sign != SAID_YES, "it may not sign (CKA_SIGN)"},
	};

	for (size_t i = 0; i < COUNT(faults); i++)
		if (faults[i].bad) {
			err_set(e, ERR_POLICY,
				"key '%s': the token made it otherwise than asked: %s", name->label,
				faults[i].what);
			return err_hint(
				e, "the module does not honour its template; it is not used");
		}
	return 0;
}

int
key_uri(const struct token *t, const struct key_name *name, char uri[KEY_URI_TEXT], struct err *e)
{
	return uri_make(t->identity.label, t->identity.serial, name->label, name->id, uri, e);
}

int
key_load(struct token *t, const struct key_name *name, const char *public_hash, EVP_PKEY **ret,
	struct err *e)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = NULL;
	char hash[KEY_HASH_TEXT];

	if (t->module->road->key(t, name, &key, e) < 0)
		return -1;
	if (key_public_hash(key, hash, e) < 0)
		return err_in(e, "token '%s': key '%s'", t->conf->name, name->label);
	if (!text_same(hash, public_hash)) {
		err_set(e, ERR_TOKEN, "token '%s': the key '%s' is not the one that was made",
			t->conf->name, name->label);
		return err_hint(e,
			"its public key is %s and should be %s: somebody else wrote to "
			"this token",
			hash, public_hash);
	}
	*ret = take(&key);
	return 0;
}

int
key_public_hash(EVP_PKEY *key, char hash[KEY_HASH_TEXT], struct err *e)
{
	unsigned char *der = NULL, digest[32];
	int len = i2d_PUBKEY(key, &der);

	if (len <= 0 || EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) != 1) {
		OPENSSL_free(der);
		ERR_clear_error();
		return err_set(e, ERR_TOKEN, "its public key cannot be read");
	}
	OPENSSL_free(der);
	hex_encode(digest, sizeof digest, hash);
	return 0;
}

struct listing {
	struct token *t;
	struct list *ids;
};

static int
list_one(void *ctx, CK_OBJECT_HANDLE object, struct err *e)
{
	struct listing *l = ctx;
	unsigned char id[256];
	char hex[2 * sizeof id + 1];
	CK_ATTRIBUTE a = {CKA_ID, id, sizeof id};

	if (l->t->f->C_GetAttributeValue(l->t->session, object, &a, 1) != CKR_OK)
		a.ulValueLen = 0;
	return list_add(l->ids, hex_encode(id, a.ulValueLen, hex))
		       ? 0
		       : err_set(e, ERR_FAILED, "no memory to list keys");
}

int
key_list(struct token *t, struct list *ret_ids, struct err *e)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof class};
	struct listing l = {t, ret_ids};

	return objects_each(t, &template, 1, list_one, &l, e);
}

struct naming {
	struct token *t;
	int (*each)(void *ctx, const struct key_name *name, struct err *e);
	void *ctx;
};

static int
name_one(void *ctx, CK_OBJECT_HANDLE object, struct err *e)
{
	struct naming *n = ctx;
	unsigned char id[KEY_ID_BYTES];
	struct key_name name = {.id = ""};
	CK_ATTRIBUTE a[] = {
		{CKA_ID, id, sizeof id}, {CKA_LABEL, name.label, sizeof name.label - 1}};

	/* A longer name is none of ours. */
	if (n->t->f->C_GetAttributeValue(n->t->session, object, a, 2) != CKR_OK ||
		a[0].ulValueLen != sizeof id || a[1].ulValueLen >= sizeof name.label)
		return 0;
	name.label[a[1].ulValueLen] = '\0';
	hex_encode(id, sizeof id, name.id);
	return n->each(n->ctx, &name, e);
}

int
key_names(struct token *t, int (*each)(void *ctx, const struct key_name *name, struct err *e),
	void *ctx, struct err *e)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof class};
	struct naming n = {t, each, ctx};

	return objects_each(t, &template, 1, name_one, &n, e);
}
