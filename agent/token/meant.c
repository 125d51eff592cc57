#include "meant.h"

#include <openssl/evp.h>

#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "public.h"

int
key_compare(struct token *t, const struct key_name *name, CK_OBJECT_HANDLE object,
	const char *public_hash, struct err *e)
{
	AUTO(EVP_PKEY) EVP_PKEY *public = NULL;
	char hash[KEY_HASH_TEXT];

	if (public_key_read(t, object, &public, e) < 0 || key_public_hash(public, hash, e) < 0)
		return err_in(e, "token '%s': key '%s'", t->conf->name, name->label);
	if (text_same(hash, public_hash))
		return 0;
	err_set(e, ERR_TOKEN, "token '%s': the key '%s' is not the one that was made",
		t->conf->name, name->label);
	return err_hint(
		e, "its public key is %s and should be %s; nothing was changed", hash, public_hash);
}

int
key_find_meant(struct token *t, const struct key_name *name, const char *public_hash,
	struct key_objects *ret, struct err *e)
{
	struct err ignored;

	if (objects_find(t, name, ret, e) < 0)
		return -1;
	if (ret->public_key && key_compare(t, name, ret->public_key, public_hash, e) < 0)
		return -1;
	if (!ret->private_key)
		return 0;
	if (!ret->public_key)
		return key_compare(t, name, ret->private_key, public_hash, e);
	/* Where the private object tells its public value too, that must be the same. */
	EVP_PKEY *own = NULL;
	if (public_key_read(t, ret->private_key, &own, &ignored) < 0)
		return 0;
	EVP_PKEY_free(own);
	return key_compare(t, name, ret->private_key, public_hash, e);
}
