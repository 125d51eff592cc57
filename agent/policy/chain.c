/* Rules about a chain that was issued: how it is signed, and what its leaf is for. */
#include "kind.h"

#include <stdio.h>

#include "read.h"

static void
clear_list(void *slot)
{
	list_free(slot);
}

static enum verdict
not_issued(struct judgement *j)
{
	snprintf(j->text, sizeof j->text, "it is not issued yet");
	return VERDICT_OPEN;
}

static int
read_signatures(struct yaml *y, void *slot, struct err *e)
{
	return read_known(y, slot, signature_word_known,
		"the word of a signature, such as ecdsa-sha256 or rsa-pss-sha256", e);
}

static enum verdict
judge_signatures(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	AUTO(list) struct list broken = {0};
	char text[300];

	list_join(&p->signatures, j->value, sizeof j->value);
	if (!f->issued)
		return not_issued(j);
	for (size_t i = 0; i < f->issued->signatures.count; i++)
		if (!list_has(&p->signatures, f->issued->signatures.item[i]))
			(void)list_add(&broken, f->issued->signatures.item[i]);
	if (broken.count == 0)
		return VERDICT_OK;
	snprintf(j->text, sizeof j->text, "the chain is signed with %s",
		list_join(&broken, text, sizeof text));
	return VERDICT_REFUSED;
}

const struct rule_kind kind_signature_algorithms = {.word = "signature_algorithms",
	.read = read_signatures,
	.clear = clear_list,
	RULE_SLOT(signatures),
	.judge = judge_signatures};

/* Every usage that is required must be named; a certificate that names none has none. */
static enum verdict
judge_usages(const struct list *wanted, const struct list *there, struct judgement *j)
{
	AUTO(list) struct list missing = {0};
	char text[300];

	for (size_t i = 0; i < wanted->count; i++)
		if (!list_has(there, wanted->item[i]))
			(void)list_add(&missing, wanted->item[i]);
	if (missing.count == 0)
		return VERDICT_OK;
	snprintf(j->text, sizeof j->text, "the certificate is not for %s",
		list_join(&missing, text, sizeof text));
	return VERDICT_REFUSED;
}

static int
read_eku(struct yaml *y, void *slot, struct err *e)
{
	return read_known(y, slot, eku_word_known,
		"an extended key usage, such as serverAuth or a dotted number", e);
}

static enum verdict
judge_eku(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	list_join(&p->eku, j->value, sizeof j->value);
	return f->issued ? judge_usages(&p->eku, &f->issued->eku, j) : not_issued(j);
}

const struct rule_kind kind_required_eku = {.word = "required_eku",
	.read = read_eku,
	.clear = clear_list,
	RULE_SLOT(eku),
	.judge = judge_eku};

static int
read_ku(struct yaml *y, void *slot, struct err *e)
{
	return read_known(y, slot, ku_word_known, "a key usage, such as digitalSignature", e);
}

static enum verdict
judge_ku(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	list_join(&p->ku, j->value, sizeof j->value);
	return f->issued ? judge_usages(&p->ku, &f->issued->ku, j) : not_issued(j);
}

const struct rule_kind kind_required_ku = {.word = "required_ku",
	.read = read_ku,
	.clear = clear_list,
	RULE_SLOT(ku),
	.judge = judge_ku};
