/* Rules about keys: types, what stands behind the token, where they were made, weaknesses. */
#include "kind.h"

#include <stdio.h>
#include <string.h>

#include "read.h"

static bool
key_type_known(const char *word)
{
	static const char *const known[] = {
		"ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096"};

	for (size_t k = 0; k < COUNT(known); k++)
		if (text_same(known[k], word))
			return true;
	return false;
}

static int
read_key_types(struct yaml *y, void *slot, struct err *e)
{
	struct list *types = slot;

	if (yaml_list(y, types, e) < 0)
		return -1;
	for (size_t i = 0; i < types->count; i++)
		if (!key_type_known(types->item[i]))
			return yaml_fail(y, e, "'%s' is not a type of key", types->item[i]);
	if (types->count == 0)
		return yaml_fail(y, e, "no type of key is allowed");
	return 0;
}

static void
clear_list(void *slot)
{
	list_free(slot);
}

static enum verdict
judge_key_types(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	list_join(&p->key_types, j->value, sizeof j->value);
	for (size_t i = 0; i < f->key_types; i++)
		if (!list_has(&p->key_types, f->key_type[i])) {
			snprintf(j->text, sizeof j->text, "a key of type %s is wanted",
				f->key_type[i]);
			return VERDICT_REFUSED;
		}
	return f->key_types ? VERDICT_OK : VERDICT_OPEN;
}

const struct rule_kind kind_key_types = {.word = "key_types",
	.read = read_key_types,
	.clear = clear_list,
	RULE_SLOT(key_types),
	.judge = judge_key_types};

static const char *const class_words[] = {"software", "hardware"};

static int
read_token_class(struct yaml *y, void *slot, struct err *e)
{
	size_t word;

	if (read_word(y, class_words, COUNT(class_words), &word, e) < 0)
		return -1;
	*(bool *)slot = word == 1;
	return 0;
}

/* What a module claims is taken for it; what nothing is known of is not hardware. */
static enum verdict
judge_token_class(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	snprintf(j->value, sizeof j->value, "%s", class_words[p->hardware]);
	if (!p->hardware)
		return VERDICT_OK;
	if (!f->token_class) {
		snprintf(j->text, sizeof j->text, "there is no key yet");
		return VERDICT_OPEN;
	}
	if (text_same(f->token_class, "tpm") || text_same(f->token_class, "hsm-claimed"))
		return VERDICT_OK;
	snprintf(
		j->text, sizeof j->text, "the key is in a token of the class '%s'", f->token_class);
	return VERDICT_REFUSED;
}

const struct rule_kind kind_token_class = {.word = "token_class",
	.read = read_token_class,
	RULE_SLOT(hardware),
	.judge = judge_token_class};

static const char *const origin_words[ORIGINS] = {
	[ORIGIN_LOCAL] = "local",
	[ORIGIN_SENSITIVE] = "sensitive",
	[ORIGIN_ALWAYS_SENSITIVE] = "always_sensitive",
	[ORIGIN_NOT_EXTRACTABLE] = "not_extractable",
	[ORIGIN_NEVER_EXTRACTABLE] = "never_extractable",
};

const char *
origin_word(enum origin origin)
{
	return origin_words[origin];
}

static int
read_key_origin(struct yaml *y, void *slot, struct err *e)
{
	return read_flags(y, origin_words, ORIGINS, slot, e);
}

static enum verdict
judge_key_origin(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	bool missing[ORIGINS], any = false;
	char text[200];

	flags_join(p->origin, origin_words, ORIGINS, j->value, sizeof j->value);
	if (!f->origin.known) {
		snprintf(j->text, sizeof j->text, "there is no key yet");
		return VERDICT_OPEN;
	}
	for (int i = 0; i < ORIGINS; i++) {
		missing[i] = p->origin[i] && !f->origin.said[i];
		any = any || missing[i];
	}
	if (!any)
		return VERDICT_OK;
	snprintf(j->text, sizeof j->text, "the token does not say of the key: %s",
		flags_join(missing, origin_words, ORIGINS, text, sizeof text));
	return VERDICT_REFUSED;
}

const struct rule_kind kind_key_origin = {.word = "key_origin",
	.read = read_key_origin,
	RULE_SLOT(origin),
	.judge = judge_key_origin};

static void
weakness_words(const char *words[WEAKNESSES])
{
	for (int i = 0; i < WEAKNESSES; i++)
		words[i] = weakness_word((enum weakness)i);
}

static int
read_weak_keys(struct yaml *y, void *slot, struct err *e)
{
	const char *words[WEAKNESSES];

	weakness_words(words);
	return read_flags(y, words, WEAKNESSES, slot, e);
}

/* The key that is to be certified, and the one that was. */
static enum verdict
judge_weak_keys(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	const struct weak *certified = f->issued ? &f->issued->weak : NULL;
	bool found[WEAKNESSES], any = false;
	const char *words[WEAKNESSES];
	char text[200];

	weakness_words(words);
	flags_join(p->weak, words, WEAKNESSES, j->value, sizeof j->value);
	if (!f->weak && !certified) {
		snprintf(j->text, sizeof j->text, "there is no key yet");
		return VERDICT_OPEN;
	}
	for (int i = 0; i < WEAKNESSES; i++) {
		found[i] = p->weak[i] &&
			   ((f->weak && f->weak->found[i]) || (certified && certified->found[i]));
		any = any || found[i];
	}
	if (!any)
		return VERDICT_OK;
	snprintf(j->text, sizeof j->text, "the public key is weak: %s",
		flags_join(found, words, WEAKNESSES, text, sizeof text));
	return VERDICT_REFUSED;
}

const struct rule_kind kind_weak_keys = {
	.word = "weak_keys", .read = read_weak_keys, RULE_SLOT(weak), .judge = judge_weak_keys};
