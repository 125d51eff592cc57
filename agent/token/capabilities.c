#include "keystay/token/capabilities.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "keystay/base/log.h"
#include "keystay/base/text.h"
#include "keystay/token/rv.h"
#include "keystay/token/roads.h"
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

static const char *const made_words[] = {[MADE_UNKNOWN] = "unknown",
	[MADE_CLAIMED] = "claimed",
	[MADE_YES] = "yes",
	[MADE_NO] = "no"};
static const char *const weaken_words[] = {
	[WEAKEN_REFUSED] = "refused", [WEAKEN_PRETENDS] = "pretends", [WEAKEN_WORKS] = "works"};
static const char *const switch_words[] = {
	[SWITCH_WORKS] = "works", [SWITCH_IGNORED] = "ignored", [SWITCH_REFUSED] = "refused"};

const char *
mechanism_name(enum mechanism m)
{
	return mechanisms[m].name;
}

const char *
made_word(enum made made)
{
	return made_words[made];
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

/* One signature by the road, verified with the public key outside the token. */
static enum said
road_signs(
	struct token *t, const struct key_name *name, const struct key_facts *f, EVP_PKEY *public)
{
	static const unsigned char text[] = "keystay asks whether this road signs truly";
	AUTO(EVP_PKEY) EVP_PKEY *key = NULL;
	unsigned char signature[1024];
	size_t len = sizeof signature;
	struct err why;

	if (key_load(t, name, f->public_hash, &key, &why) < 0) {
		log_debug("token '%s': %s", t->conf->name, why.text);
		return SAID_NO;
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
	return ok ? SAID_YES : SAID_NO;
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
token_probe_type(struct token *t, const struct key_name *name, enum key_type type,
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
		/* The caller may start the module anew, and come again or take it for an answer. */
		if (why.kind == ERR_LOST) {
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
		f->tried = true;
		f->facts = facts;
		f->road_signs = road_signs(t, name, &facts, public);
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
	if (witness(ctx, name, false, &why) < 0)
		return rc < 0 ? rc
			      : err_set(e, ERR_TOKEN,
					"token '%s': the probe's key '%s' is left: %s",
					t->conf->name, name->label, why.text);
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

static json_t *
said_json(enum said said)
{
	return said == SAID_NOTHING ? json_null() : json_boolean(said == SAID_YES);
}

static enum said
said_at(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_true(v) ? SAID_YES : json_is_false(v) ? SAID_NO : SAID_NOTHING;
}

static json_t *
family_json(const struct family_probe *f)
{
	if (!f->tried)
		return json_null();
	return json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:b, s:o, s:s}", "attributes",
		key_facts_json(&f->facts), "switch_off", switch_words[f->off], "set_extractable",
		weaken_words[f->extractable], "set_insensitive", weaken_words[f->insensitive],
		"copy", weaken_words[f->copy], "road_signs", said_json(f->road_signs),
		"value_with_private", f->value_with_private, "stays", said_json(f->stays), "doubt",
		f->doubt);
}

json_t *
capabilities_json(const struct capabilities *c)
{
	json_t *names = json_array(), *types = json_object(), *why = json_object();

	for (int i = 0; i < MECHANISMS; i++)
		if (c->mechanisms & 1u << i)
			json_array_append_new(names, json_string(mechanisms[i].name));
	for (int i = 0; i < KEY_TYPES; i++) {
		const char *word = key_type_word((enum key_type)i);
		json_object_set_new(types, word, json_string(made_words[c->type[i]]));
		if (c->why_not[i][0])
			json_object_set_new(why, word, json_string(c->why_not[i]));
	}
	return json_pack("{s:o, s:o, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "module",
		module_identity_json(&c->module), "token", token_identity_json(&c->token), "class",
		token_class_word(c->class), "road", road_word(c->road), "mechanism_count",
		(json_int_t)c->mechanism_count, "mechanisms", names, "types", types, "why_not", why,
		"ec", family_json(&c->family[FAMILY_EC]), "rsa",
		family_json(&c->family[FAMILY_RSA]), "sees_others", said_json(c->sees_others),
		"pin_flag", c->pin_flag);
}

/* The text of an array's element, "" when it is none. */
static const char *
text_in(const json_t *array, size_t index)
{
	const char *text = json_string_value(json_array_get(array, index));
	return text ? text : "";
}

/* The index of a word in a table; 0 (the cautious answer in all of them) for none. */
static int
word_at(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (text_same(words[i], word))
			return (int)i;
	return 0;
}

static void
read_facts(const json_t *j, struct key_facts *f)
{
	f->presence = KEY_WHOLE;
	f->is_private = said_at(j, "private");
	f->sensitive = said_at(j, "sensitive");
	f->always_sensitive = said_at(j, "always_sensitive");
	f->extractable = said_at(j, "extractable");
	f->never_extractable = said_at(j, "never_extractable");
	f->local = said_at(j, "local");
	f->sign = said_at(j, "sign");
	f->sign_recover = said_at(j, "sign_recover");
	f->decrypt = said_at(j, "decrypt");
	f->unwrap = said_at(j, "unwrap");
	f->derive = said_at(j, "derive");
	f->copyable = said_at(j, "copyable");
	f->modifiable = said_at(j, "modifiable");
	const json_t *refused = json_array_at(j, "refused");
	for (size_t i = 0; i < json_array_size(refused); i++)
		for (int x = 0; x < EXTRAS; x++)
			if (text_same(text_in(refused, i),
				    template_extra_word((enum template_extra)x)))
				f->refused |= 1u << x;
}

static enum weaken
weaken_at(const json_t *object, const char *key)
{
	return (enum weaken)word_at(weaken_words, COUNT(weaken_words), json_text_at(object, key));
}

static void
read_family(const json_t *all, const char *key, struct family_probe *f)
{
	const json_t *j = json_object_at(all, key);

	if (!j)
		return;
	f->tried = true;
	read_facts(json_object_at(j, "attributes"), &f->facts);
	f->off = (enum sign_switch)word_at(
		switch_words, COUNT(switch_words), json_text_at(j, "switch_off"));
	f->extractable = weaken_at(j, "set_extractable");
	f->insensitive = weaken_at(j, "set_insensitive");
	f->copy = weaken_at(j, "copy");
	f->road_signs = said_at(j, "road_signs");
	f->value_with_private = json_is_true(json_object_get(j, "value_with_private"));
	f->stays = said_at(j, "stays");
	text_copy(f->doubt, sizeof f->doubt, json_text_at(j, "doubt"));
}

#define READ_TEXT(object, key, field) text_copy(field, sizeof(field), json_text_at(object, key))

static void
read_identities(const json_t *j, struct capabilities *c)
{
	const json_t *m = json_object_at(j, "module"), *t = json_object_at(j, "token");

	READ_TEXT(m, "path", c->module.path);
	READ_TEXT(m, "library_sha256", c->module.library_sha256);
	READ_TEXT(m, "manufacturer", c->module.manufacturer);
	READ_TEXT(m, "description", c->module.description);
	READ_TEXT(m, "version", c->module.version);
	READ_TEXT(m, "cryptoki", c->module.cryptoki);
	READ_TEXT(t, "label", c->token.label);
	READ_TEXT(t, "serial", c->token.serial);
	READ_TEXT(t, "manufacturer", c->token.manufacturer);
	READ_TEXT(t, "model", c->token.model);
	READ_TEXT(t, "hardware", c->token.hardware);
	READ_TEXT(t, "firmware", c->token.firmware);
}

int
capabilities_read(const json_t *j, struct capabilities *ret, struct err *e)
{
	struct capabilities c = {.road = ROAD_AUTO};

	if (!json_object_at(j, "module") || !json_object_at(j, "token"))
		return err_set(
			e, ERR_FAILED, "what is stored of a token's capabilities is damaged");
	read_identities(j, &c);
	c.class = token_class_of(&c.module, &c.token);
	(void)road_of(json_text_at(j, "road"), &c.road);
	c.mechanism_count = (size_t)json_integer_value(json_object_get(j, "mechanism_count"));
	const json_t *names = json_array_at(j, "mechanisms");
	for (size_t i = 0; i < json_array_size(names); i++)
		for (int m = 0; m < MECHANISMS; m++)
			if (text_same(text_in(names, i), mechanisms[m].name))
				c.mechanisms |= 1u << m;
	for (int i = 0; i < KEY_TYPES; i++) {
		const char *word = key_type_word((enum key_type)i);
		c.type[i] = (enum made)word_at(made_words, COUNT(made_words),
			json_text_at(json_object_at(j, "types"), word));
		READ_TEXT(json_object_at(j, "why_not"), word, c.why_not[i]);
	}
	read_family(j, "ec", &c.family[FAMILY_EC]);
	read_family(j, "rsa", &c.family[FAMILY_RSA]);
	c.sees_others = said_at(j, "sees_others");
	READ_TEXT(j, "pin_flag", c.pin_flag);
	*ret = c;
	return 0;
}
