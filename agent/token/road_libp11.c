#include "road_libp11.h"

#include <libp11.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "internal.h"
#include "object.h"
#include "keystay/base/text.h"
#include "keystay/token/key.h"

/* module.road_state: one context for all tokens of a module. */
struct libp11 {
	PKCS11_CTX *context;
	PKCS11_SLOT *slots;
	unsigned count;
	bool *entered; /* per slot */
	bool loaded;
};

static int
p11_fail(struct err *e, const struct token *t, const char *what)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	err_set(e, ERR_LOST, "token '%s': %s%s%s", t->conf->name, what, why ? ": " : "",
		why ? why : "");
	ERR_clear_error();
	return -1;
}

/* Finalises the module too. */
static void
leave(struct module *m)
{
	struct libp11 *p = m->road_state;

	if (!p)
		return;
	if (p->slots)
		PKCS11_release_all_slots(p->context, p->slots, p->count);
	if (p->loaded)
		PKCS11_CTX_unload(p->context);
	if (p->context)
		PKCS11_CTX_free(p->context);
	free(p->entered);
	free(p);
	m->road_state = NULL;
	ERR_clear_error();
}

static int
load(struct token *t, struct err *e)
{
	struct module *m = t->module;
	struct libp11 *p = calloc(1, sizeof *p);

	if (!p || !(p->context = PKCS11_CTX_new())) {
		free(p);
		return err_set(e, ERR_FAILED, "no memory for libp11");
	}
	m->road_state = p;
	if (m->front.init_args[0])
		PKCS11_CTX_init_args(p->context, m->front.init_args);
	p->loaded = PKCS11_CTX_load(p->context, m->front.library) == 0;
	if (p->loaded && PKCS11_enumerate_slots(p->context, &p->slots, &p->count) == 0 &&
		(p->entered = calloc(p->count + 1, sizeof *p->entered)))
		return 0;
	p11_fail(e, t, "libp11 cannot load the module");
	leave(m);
	return -1;
}

static int
find_slot(const struct token *t, unsigned *ret, struct err *e)
{
	struct libp11 *p = t->module->road_state;

	for (unsigned i = 0; i < p->count; i++)
		if (PKCS11_get_slotid_from_slot(&p->slots[i]) == t->slot && p->slots[i].token) {
			*ret = i;
			return 0;
		}
	return p11_fail(e, t, "libp11 does not see it");
}

/*
 * The first session that libp11 opens on a slot closes all others there, so this comes before the
 * raw one. The login is the raw session's: it holds for all sessions of the process, and libp11,
 * which would keep the PIN in its heap, never gets it.
 */
static int
enter(struct token *t, struct err *e)
{
	unsigned slot;

	if (!t->module->road_state && load(t, e) < 0)
		return -1;
	struct libp11 *p = t->module->road_state;
	if (find_slot(t, &slot, e) < 0)
		return -1;
	if (p->entered[slot])
		return 0;
	if (PKCS11_open_session(&p->slots[slot], 0) != 0)
		return p11_fail(e, t, "libp11 cannot open a session");
	p->entered[slot] = true;
	return 0;
}

static bool
is_wanted(const PKCS11_KEY *k, const PKCS11_KEY *wanted)
{
	return k->isPrivate && k->id_len == wanted->id_len &&
	       memcmp(k->id, wanted->id, k->id_len) == 0 && k->label &&
	       text_same(k->label, wanted->label);
}

/*
 * By a template: without one, libp11 sees no key at all where a key of an unknown type is. What it
 * gives is all that it found since it was loaded, with what this search added.
 */
static int
libp11_key(struct token *t, const struct key_name *name, EVP_PKEY **ret, struct err *e)
{
	struct libp11 *p = t->module->road_state;
	unsigned char id[KEY_ID_MAX];
	PKCS11_KEY *keys = NULL, *found = NULL;
	unsigned slot, count = 0, same = 0;

	if (find_slot(t, &slot, e) < 0)
		return -1;
	const PKCS11_KEY wanted = {.label = (char *)name->label,
		.id = id,
		.id_len = key_id_of(name, id),
		.isPrivate = 1};
	if (PKCS11_enumerate_keys_ext(p->slots[slot].token, &wanted, &keys, &count) != 0)
		return p11_fail(e, t, "libp11 cannot search for keys");
	for (unsigned i = 0; i < count; i++)
		if (is_wanted(&keys[i], &wanted)) {
			found = &keys[i];
			same++;
		}
	if (same > 1)
		return err_set(e, ERR_TOKEN, "token '%s' holds %u private keys '%s'", t->conf->name,
			same, name->label);
	EVP_PKEY *key = found ? PKCS11_get_private_key(found) : NULL;
	if (!key)
		return p11_fail(e, t, "libp11 finds no such private key");
	ERR_clear_error();
	*ret = key;
	return 0;
}

static OSSL_LIB_CTX *
context(const struct token *t)
{
	(void)t;
	return NULL;
}

static void
close_token(struct token *t)
{
	(void)t;
}

const struct road_ops road_libp11 = {
	.road = ROAD_LIBP11,
	.enter = enter,
	.key = libp11_key,
	.context = context,
	.close = close_token,
	.leave = leave,
	.raw_rsa = true,
};
