/* Rules about what the configuration says of a certificate, beside its keys and names. */
#include "kind.h"

#include <stdio.h>

#include "read.h"

static bool
any_word(const char *word)
{
	return *word != '\0';
}

static int
read_authorities(struct yaml *y, void *slot, struct err *e)
{
	return read_known(y, slot, any_word, "the name of an authority", e);
}

static void
clear_list(void *slot)
{
	list_free(slot);
}

static enum verdict
judge_authorities(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	list_join(&p->authorities, j->value, sizeof j->value);
	if (!f->authority)
		return VERDICT_OPEN;
	if (list_has(&p->authorities, f->authority))
		return VERDICT_OK;
	snprintf(j->text, sizeof j->text, "the authority is '%s'", f->authority);
	return VERDICT_REFUSED;
}

const struct rule_kind kind_authorities = {.word = "authorities",
	.read = read_authorities,
	.clear = clear_list,
	RULE_SLOT(authorities),
	.judge = judge_authorities};

static const char *const owner_words[] = {"required"};

static int
read_owner(struct yaml *y, void *slot, struct err *e)
{
	size_t word;

	if (read_word(y, owner_words, COUNT(owner_words), &word, e) < 0)
		return -1;
	*(bool *)slot = true;
	return 0;
}

static enum verdict
judge_owner(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	(void)p;
	snprintf(j->value, sizeof j->value, "required");
	if (f->owner && *f->owner)
		return VERDICT_OK;
	if (!f->certificate)
		return VERDICT_OPEN;
	snprintf(j->text, sizeof j->text, "it has no 'owner'");
	return VERDICT_REFUSED;
}

const struct rule_kind kind_owner = {
	.word = "owner", .read = read_owner, RULE_SLOT(owner), .judge = judge_owner};
