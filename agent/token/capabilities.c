#include "keystay/token/capabilities.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "keystay/base/log.h"
#include "keystay/base/text.h"
#include "keystay/token/rv.h"
#include "object.h"
#include "public.h"

/* Of PKCS#11 3.0. */
#define CKM_OF_EDDSA 0x1057UL

static const struct {
	CK_MECHANISM_TYPE type;
	const char *name;
} mechanisms[MECHANISMS] = {
	[MECHANISM_EC_KEY_PAIR_GEN] = {CKM_EC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN"},
	[MECHANISM_RSA_PKCS_KEY_PAIR_GEN] = {CKM_RSA_PKCS_KEY_PAIR_GEN,
		"CKM_RSA_PKCS_KEY_PAIR_GEN"},
	[MECHANISM_ECDSA] = {CKM_ECDSA, "CKM_ECDSA"},
	[MECHANISM_ECDSA_SHA256] = {CKM_ECDSA_SHA256, "CKM_ECDSA_SHA256"},
	[MECHANISM_RSA_PKCS] = {CKM_RSA_PKCS, "CKM_RSA_PKCS"},
	[MECHANISM_SHA256_RSA_PKCS] = {CKM_SHA256_RSA_PKCS, "CKM_SHA256_RSA_PKCS"},
	[MECHANISM_RSA_PKCS_PSS] = {CKM_RSA_PKCS_PSS, "CKM_RSA_PKCS_PSS"},
	[MECHANISM_SHA256_RSA_PKCS_PSS] = {CKM_SHA256_RSA_PKCS_PSS, "CKM_SHA256_RSA_PKCS_PSS"},
	[MECHANISM_RSA_X_509] = {CKM_RSA_X_509, "CKM_RSA_X_509"},
	[MECHANISM_EDDSA] = {CKM_OF_EDDSA, "CKM_EDDSA"},
};

const char *
mechanism_name(enum mechanism m)
{
	return mechanisms[m].name;
}

static int
probe_mechanisms(struct token *t, struct capabilities *c, struct err *e)
{
	CK_MECHANISM_TYPE list[1024];
	CK_ULONG count = 0;

	CK_RV rv = t->f->C_GetMechanismList(t->slot, NULL, &count);
	if (rv == CKR_OK && count > COUNT(list))
		count = COUNT(list);
	if (rv == CKR_OK)
		rv = t->f->C_GetMechanismList(t->slot, list, &count);
	if (rv != CKR_OK)
		return rv_fail(rv, e, "token '%s': does not list its mechanisms", t->conf->name);
	c->mechanism_count = count;
	for (CK_ULONG i = 0; i < count; i++)
		for (int m = 0; m < MECHANISMS; m++)
			if (list[i] == mechanisms[m].type)
				c->mechanisms |= 1u << m;
	return 0;
}

/* What the module's own sizes promise. */
static void
claim_types(struct token *t, struct capabilities *c)
{
	for (int i = 0; i < KEY_TYPES; i++) {
		enum key_family family = key_type_family((enum key_type)i);
		int m = family == FAMILY_EC ? MECHANISM_EC_KEY_PAIR_GEN
					    : MECHANISM_RSA_PKCS_KEY_PAIR_GEN;
		unsigned long bits = key_type_bits((enum key_type)i);
		CK_MECHANISM_INFO info = {0};
		if (!(c->mechanisms & 1u << m)) {
			c->type[i] = MADE_NO;
			snprintf(c->why_not[i], sizeof c->why_not[i], "no %s", mechanisms[m].name);
		} else if (t->f->C_GetMechanismInfo(t->slot, mechanisms[m].type, &info) == CKR_OK &&
			   info.ulMinKeySize <= bits && bits <= info.ulMaxKeySize) {
			c->type[i] = MADE_CLAIMED;
		}
	}
}

/*
 * One signature by the road, verified with the public key outside the token. libp11 takes a new key
 * for the destroyed one whose handle it got, and does not find it then, until it is started anew.
 */
static int
road_signs(struct token *t, const struct key_name *name, const struct key_facts *f,
	EVP_PKEY *public, bool again, enum said *ret, struct err *e)
{
	static const unsigned char text[] = "keystay asks whether this road signs truly";
	AUTO(EVP_PKEY) EVP_PKEY *key = NULL;
	unsigned char signature[1024];
	size_t len = sizeof signature;

	if (key_load(t, name, f->public_hash, &key, e) < 0) {
		log_debug("token '%s': %s", t->conf->name, e->text);
		*ret = SAID_NO;
		return e->kind == ERR_LOST && !again ? -1 : 0;
	}
	OSSL_LIB_CTX *context = t->module->road->context(t);
	EVP_MD_CTX *sign = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
	bool ok = sign && verify &&
		  EVP_DigestSignInit_ex(sign, NULL, "SHA256", context, NULL, key, NULL) == 1 &&
		  EVP_DigestSign(sign, signature, &len, text, sizeof text) == 1 &&
		  EVP_DigestVerifyInit_ex(verify, NULL, "SHA256", NULL, NULL, public, NULL) == 1 &&
		  EVP_DigestVerify(verify, signature, len, text, sizeof text) == 1;
	EVP_MD_CTX_free(sign);
	EVP_MD_CTX_free(verify);
	ERR_clear_error();
	*ret = ok ? SAID_YES : SAID_NO;
	return 0;
}

/* What a set attribute is worth: the private value is asked for and wrapped once more. */
static int
try_to_weaken(struct token *t, const struct key_name *name, const char *public_hash,
	CK_OBJECT_HANDLE key, struct family_probe *f, struct err *e)
{
	struct key_evidence v;

	f->insensitive = f->extractable = WEAKEN_REFUSED;
	if (object_set(t, key, CKA_SENSITIVE, false) == CKR_OK)
		f->insensitive = WEAKEN_PRETENDS;
	if (object_set(t, key, CKA_EXTRACTABLE, true) == CKR_OK)
		f->extractable = WEAKEN_PRETENDS;
	/* Where it leaves in any case, nothing was won by it. */
	if (f->stays != SAID_YES || (!f->insensitive && !f->extractable))
		return 0;
	if (key_prove(t, name, public_hash, &v, e) < 0)
		return -1;
	if (v.read.worked && f->insensitive)
		f->insensitive = WEAKEN_WORKS;
	if (v.wrap.worked && f->extractable)
		f->extractable = WEAKEN_WORKS;
	return 0;
}

/* A copy in the session; where there is one it goes at once. */
static enum weaken
try_to_copy(struct token *t, CK_OBJECT_HANDLE key)
{
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE in_session = {CKA_TOKEN, &no, sizeof no};
	CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;

	if (t->f->C_CopyObject(t->session, key, &in_session, 1, &copy) != CKR_OK)
		return WEAKEN_REFUSED;
	if (copy != CK_INVALID_HANDLE && copy != key)
		t->f->C_DestroyObject(t->session, copy);
	return WEAKEN_WORKS;
}

int
token_probe_type(struct token *t, const struct key_name *name, enum key_type type, bool again,
	struct capabilities *c, struct err *e)
{
	struct family_probe *f = &c->family[key_type_family(type)];
	AUTO(EVP_PKEY) EVP_PKEY *public = NULL, *own = NULL;
	struct key_facts facts;
	struct key_objects o;
	enum sign_switch on;
	struct err why;

	if (c->type[type] == MADE_NO)
		return 0;
	if (key_make(t, name, type, &why) < 0) {
		/*
		 * Lost: the caller may start the module anew and come again, or take it for an
		 * answer. A full token is no answer at all.
		 */
		if (why.kind == ERR_LOST || rv_full(t->make_rv)) {
			*e = why;
			return -1;
		}
		c->type[type] = MADE_NO;
		text_copy(c->why_not[type], sizeof c->why_not[type], why.text);
		return 0;
	}
	c->type[type] = MADE_YES;
	if (key_find(t, name, &facts, &public, e) < 0)
		return -1;
	if (facts.presence != KEY_WHOLE)
		return err_set(e, ERR_TOKEN, "token '%s': a key that was made is not there",
			t->conf->name);
	if (!f->tried) {
		if (road_signs(t, name, &facts, public, again, &f->road_signs, e) < 0)
			return -1;
		f->tried = true;
		f->facts = facts;
		if (objects_find(t, name, &o, e) < 0)
			return -1;
		f->value_with_private = public_key_read(t, o.private_key, &own, &why) == 0;
		struct key_evidence evidence;
		if (key_prove(t, name, facts.public_hash, &evidence, e) < 0)
			return -1;
		f->stays = evidence.stays ? SAID_YES : SAID_NO;
		text_copy(f->doubt, sizeof f->doubt, evidence.doubt);
		if (key_set_sign(t, name, facts.public_hash, false, &f->off, e) < 0 ||
			key_set_sign(t, name, facts.public_hash, true, &on, e) < 0)
			return -1;
		if (f->off == SWITCH_WORKS && on != SWITCH_WORKS)
			f->off = SWITCH_REFUSED;
		/* Last, since the key may be another one then. */
		if (objects_find(t, name, &o, e) < 0)
			return -1;
		f->copy = try_to_copy(t, o.private_key);
		if (try_to_weaken(t, name, facts.public_hash, o.private_key, f, e) < 0)
			return -1;
	}
	return 0;
}

int
token_probe_sight(struct token *t, const struct key_name *name, witness_fn witness, void *ctx,
	struct capabilities *c, struct err *e)
{
	struct key_objects o;
	struct err why;

	if (!witness)
		return 0;
	if (witness(ctx, name, true, &why) < 0) {
		log_debug("token '%s': no witness: %s", t->conf->name, why.text);
		return 0;
	}
	int rc = objects_find(t, name, &o, e);
	if (rc == 0)
		c->sees_others = o.private_key ? SAID_YES : SAID_NO;
	/* The name is reserved, so what is left is removed by the caller, or by the next probe. */
	if (witness(ctx, name, false, &why) < 0)
		log_debug("token '%s': the witness left its key: %s", t->conf->name, why.text);
	return rc;
}

int
token_probe_begin(struct token *t, struct capabilities *ret, struct err *e)
{
	struct capabilities c = {.token = t->identity, .road = t->module->road->road};

	if (module_identify(t->module, &c.module, e) < 0 || probe_mechanisms(t, &c, e) < 0)
		return -1;
	c.class = token_class_of(&c.module, &c.token);
	claim_types(t, &c);
	text_copy(c.pin_flag, sizeof c.pin_flag, token_pin_flag(t));
	*ret = c;
	return 0;
}

void
token_know(struct token *t, const struct capabilities *c)
{
	for (int i = 0; i < KEY_FAMILIES; i++)
		if (c->family[i].tried)
			token_set_refused(t, (enum key_family)i, c->family[i].facts.refused);
}
