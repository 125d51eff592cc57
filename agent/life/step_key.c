/* Find the staged or half-made key, or make it; read its attributes back. */
#include <openssl/evp.h>

#include "internal.h"

int
step_key(struct life *l, struct work *w, enum outcome *ret, struct err *e)
{
	*ret = OUTCOME_NEXT;
	for (size_t i = 0; i < w->attempt.parts; i++) {
		struct key_row key;
		EVP_PKEY *public = NULL;
		if (key_get(l->db, w->attempt.part[i].key_id, &key, e) < 0 ||
			life_key_ensure(l, &key, &public, e) < 0)
			return -1;
		EVP_PKEY_free(public);
	}
	return 0;
}
