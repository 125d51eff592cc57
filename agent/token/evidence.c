#include "keystay/token/evidence.h"

#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "keystay/base/secret.h"
#include "keystay/base/text.h"
#include "keystay/token/rv.h"
#include "object.h"

/* Of PKCS#11 2.40, which the headers do not name. */
#define MECHANISM_AES_KEY_WRAP_PAD 0x210AUL

const char *token_class_word(enum token_class class)
{
	static const char *const words[] = {[CLASS_SOFTWARE] = "software",
		[CLASS_TPM] = "tpm",
		[CLASS_HSM_CLAIMED] = "hsm-claimed"};
	return words[class];
}

enum token_class
token_class_of(const struct module_identity *module, const struct token_identity *token)
{
	static const struct {
		const char *description, *manufacturer, *model; /* NULL = any; parts of the text */
		enum token_class class;
	} known[] = {
		{NULL, "SoftHSM", NULL, CLASS_SOFTWARE},
		{NULL, "Mozilla", NULL, CLASS_SOFTWARE},
		{"NSS", NULL, NULL, CLASS_SOFTWARE},
		{NULL, "Kryoptic", NULL, CLASS_SOFTWARE},
		{NULL, "IBM", "Soft", CLASS_SOFTWARE},
		{"TPM2", NULL, NULL, CLASS_TPM},
	};

	for (size_t i = 0; i < COUNT(known); i++) {
		if ((!known[i].description || strstr(module->description, known[i].description)) &&
			(!known[i].manufacturer ||
				strstr(module->manufacturer, known[i].manufacturer) ||
				strstr(token->manufacturer, known[i].manufacturer)) &&
			(!known[i].model || strstr(token->model, known[i].model)))
			return known[i].class;
	}
	return CLASS_HSM_CLAIMED;
}

static const char *
mechanism_word(CK_MECHANISM_TYPE type, char word[40])
{
	if (type == CKM_EC_KEY_PAIR_GEN)
		return "CKM_EC_KEY_PAIR_GEN";
	if (type == CKM_RSA_PKCS_KEY_PAIR_GEN)
		return "CKM_RSA_PKCS_KEY_PAIR_GEN";
	if (type == CK_UNAVAILABLE_INFORMATION)
		return "CK_UNAVAILABLE_INFORMATION";
	snprintf(word, 40, "CKM_0x%lX", (unsigned long)type);
	return word;
}

static void
read_generation(struct token *t, CK_OBJECT_HANDLE key, struct key_evidence *v)
{
	CK_MECHANISM_TYPE type = CK_UNAVAILABLE_INFORMATION;
	CK_ATTRIBUTE a = {CKA_KEY_GEN_MECHANISM, &type, sizeof type};
	char word[40];

	if (t->f->C_GetAttributeValue(t->session, key, &a, 1) == CKR_OK &&
		a.ulValueLen == sizeof type)
		text_copy(v->generated_by, sizeof v->generated_by, mechanism_word(type, word));
}

/* Asks for the private value itself; true when the module gave any of it. */
static void
try_to_read(struct token *t, CK_OBJECT_HANDLE key, bool rsa, struct attempt_to_leave *ret)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		const char *word;
		bool rsa;
	} values[] = {
		{CKA_VALUE, "CKA_VALUE", false},
		{CKA_PRIVATE_EXPONENT, "CKA_PRIVATE_EXPONENT", true},
		{CKA_PRIME_1, "CKA_PRIME_1", true},
		{CKA_PRIME_2, "CKA_PRIME_2", true},
	};
	unsigned char value[1100];

	for (size_t i = 0; i < COUNT(values) && !ret->worked; i++) {
		if (values[i].rsa != rsa)
			continue;
		CK_ATTRIBUTE a = {values[i].type, value, sizeof value};
		CK_RV rv = t->f->C_GetAttributeValue(t->session, key, &a, 1);
		/* There are modules that answer CKR_OK with a length of -1, or of nothing. */
		ret->worked = rv == CKR_OK && a.ulValueLen > 0 && a.ulValueLen <= sizeof value;
		secret_wipe(value, sizeof value);
		text_copy(ret->how, sizeof ret->how, values[i].word);
		text_copy(ret->answer, sizeof ret->answer, rv_word(rv));
	}
}

static CK_RV
make_wrapping_key(struct token *t, CK_OBJECT_HANDLE *ret)
{
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG length = 32;
	CK_MECHANISM m = {CKM_AES_KEY_GEN, NULL, 0};
	CK_ATTRIBUTE a[] = {
		{CKA_TOKEN, &no, sizeof no},
		{CKA_WRAP, &yes, sizeof yes},
		{CKA_ENCRYPT, &yes, sizeof yes},
		{CKA_VALUE_LEN, &length, sizeof length},
	};
	return t->f->C_GenerateKey(t->session, &m, a, COUNT(a), ret);
}

/* Wraps it with a key that is asked for as the best a thief could have: one of the token's own. */
static void
try_to_wrap(struct token *t, CK_OBJECT_HANDLE key, struct attempt_to_leave *ret)
{
	CK_BYTE iv[16] = {0};
	struct {
		CK_MECHANISM mechanism;
		const char *word;
	} ways[] = {
		{{MECHANISM_AES_KEY_WRAP_PAD, NULL, 0}, "CKM_AES_KEY_WRAP_PAD"},
		{{CKM_AES_CBC_PAD, iv, sizeof iv}, "CKM_AES_CBC_PAD"},
	};
	unsigned char wrapped[8192];
	CK_OBJECT_HANDLE with;

	CK_RV rv = make_wrapping_key(t, &with);
	if (rv != CKR_OK) {
		snprintf(ret->how, sizeof ret->how,
			"the token makes no wrapping key (CKM_AES_KEY_GEN: %s)", rv_word(rv));
		return;
	}
	for (size_t i = 0; i < COUNT(ways) && !ret->worked; i++) {
		CK_ULONG len = sizeof wrapped;
		rv = t->f->C_WrapKey(t->session, &ways[i].mechanism, with, key, wrapped, &len);
		secret_wipe(wrapped, sizeof wrapped);
		ret->worked = rv == CKR_OK;
		if (rv == CKR_MECHANISM_INVALID && ret->answer[0])
			continue;
		text_copy(ret->how, sizeof ret->how, ways[i].word);
		text_copy(ret->answer, sizeof ret->answer, rv_word(rv));
	}
	t->f->C_DestroyObject(t->session, with);
}

static void
judge(struct key_evidence *v, const struct key_name *name)
{
	struct key_facts as_if = v->facts;
	struct err why;

	/* A key that was switched off is no doubt about where it is. */
	as_if.sign = SAID_YES;
	if (v->read.worked)
		snprintf(v->doubt, sizeof v->doubt, "its private value could be read (%s)",
			v->read.how);
	else if (v->wrap.worked)
		snprintf(v->doubt, sizeof v->doubt, "it could be wrapped and taken out (%s)",
			v->wrap.how);
	else if (key_judge(&as_if, name, &why) < 0)
		text_copy(v->doubt, sizeof v->doubt, why.text);
	v->stays = v->doubt[0] == '\0';
}

int
key_prove(struct token *t, const struct key_name *name, const char *public_hash,
	struct key_evidence *ret, struct err *e)
{
	struct key_evidence v = {.token = t->identity};
	struct key_objects o;

	if (module_identify(t->module, &v.module, e) < 0 ||
		key_find(t, name, &v.facts, NULL, e) < 0)
		return -1;
	if (v.facts.presence != KEY_WHOLE)
		return err_set(e, ERR_LOST, "token '%s': the key '%s' is gone", t->conf->name,
			name->label);
	if (!text_same(v.facts.public_hash, public_hash))
		return err_set(e, ERR_TOKEN,
			"token '%s': the key '%s' is not the one that was made", t->conf->name,
			name->label);
	if (objects_find(t, name, &o, e) < 0)
		return -1;
	v.class = token_class_of(&v.module, &v.token);
	read_generation(t, o.private_key, &v);
	try_to_read(t, o.private_key, key_type_family(v.facts.type) == FAMILY_RSA, &v.read);
	try_to_wrap(t, o.private_key, &v.wrap);
	judge(&v, name);
	*ret = v;
	return 0;
}

json_t *
said_json(enum said said)
{
	return said == SAID_NOTHING ? json_null() : json_boolean(said == SAID_YES);
}

json_t *
key_facts_json(const struct key_facts *f)
{
	json_t *refused = json_array();
	json_t *all = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"private", said_json(f->is_private), "sensitive", said_json(f->sensitive),
		"always_sensitive", said_json(f->always_sensitive), "extractable",
		said_json(f->extractable), "never_extractable", said_json(f->never_extractable),
		"local", said_json(f->local), "sign", said_json(f->sign), "sign_recover",
		said_json(f->sign_recover), "decrypt", said_json(f->decrypt), "unwrap",
		said_json(f->unwrap), "derive", said_json(f->derive), "copyable",
		said_json(f->copyable), "modifiable", said_json(f->modifiable));

	for (int i = 0; i < EXTRAS; i++)
		if (f->refused & 1u << i)
			json_array_append_new(
				refused, json_string(template_extra_word((enum template_extra)i)));
	if (all)
		json_object_set_new(all, "refused", refused);
	else
		json_decref(refused);
	return all;
}

json_t *
module_identity_json(const struct module_identity *m)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "path", m->path, "library_sha256",
		m->library_sha256, "manufacturer", m->manufacturer, "description", m->description,
		"version", m->version, "cryptoki", m->cryptoki);
}

json_t *
token_identity_json(const struct token_identity *t)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "label", t->label, "serial", t->serial,
		"manufacturer", t->manufacturer, "model", t->model, "hardware", t->hardware,
		"firmware", t->firmware);
}
