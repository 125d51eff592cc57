/* What a token can do, as JSON for the database and for --json, and back. */
#include "keystay/token/capabilities.h"

#include "keystay/base/text.h"
#include "keystay/token/roads.h"

static const char *const made_words[] = {[MADE_UNKNOWN] = "unknown",
	[MADE_CLAIMED] = "claimed",
	[MADE_YES] = "yes",
	[MADE_NO] = "no"};
static const char *const weaken_words[] = {
	[WEAKEN_REFUSED] = "refused", [WEAKEN_PRETENDS] = "pretends", [WEAKEN_WORKS] = "works"};
static const char *const switch_words[] = {
	[SWITCH_WORKS] = "works", [SWITCH_IGNORED] = "ignored", [SWITCH_REFUSED] = "refused"};

const char *
made_word(enum made made)
{
	return made_words[made];
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
			json_array_append_new(
				names, json_string(mechanism_name((enum mechanism)i)));
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
			if (text_same(text_in(names, i), mechanism_name((enum mechanism)m)))
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
