/* The rule subject: what the fields of a certificate's `subject:` may be. */
#include "kind.h"

#include <stdio.h>
#include <string.h>

#include "read.h"

/* 'required', 'forbidden', or a list of the texts of which it must be one. */
static int
read_field(struct yaml *y, void *slot, struct err *e)
{
	AUTO(char) char *text = NULL;
	struct field_rule *field = slot;

	list_free(&field->allowed);
	if (yaml_next_is_list(y)) {
		if (yaml_list(y, &field->allowed, e) < 0)
			return -1;
		field->need = FIELD_ONE_OF;
		return field->allowed.count ? 0 : yaml_fail(y, e, "the list is empty");
	}
	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (!text_same(text, "required") && !text_same(text, "forbidden"))
		return yaml_fail(
			y, e, "'required', 'forbidden' or a list of texts, not '%s'", text);
	field->need = text_same(text, "required") ? FIELD_REQUIRED : FIELD_FORBIDDEN;
	return 0;
}

static const struct yaml_key subject_keys[] = {
	{"organization", read_field, offsetof(struct subject_rules, organization), 0},
	{"unit", read_field, offsetof(struct subject_rules, unit), 0},
	{"locality", read_field, offsetof(struct subject_rules, locality), 0},
	{"state", read_field, offsetof(struct subject_rules, state), 0},
	{"country", read_field, offsetof(struct subject_rules, country), 0},
	{"serial_number", read_field, offsetof(struct subject_rules, serial_number), 0},
	{"common_name", read_field, offsetof(struct subject_rules, common_name), 0},
};

/* Beside each rule, where the certificate has that field. */
static const size_t wish_offset[COUNT(subject_keys)] = {
	offsetof(struct subject, organization),
	offsetof(struct subject, unit),
	offsetof(struct subject, locality),
	offsetof(struct subject, state),
	offsetof(struct subject, country),
	offsetof(struct subject, serial_number),
	offsetof(struct subject, common_name),
};

static const struct field_rule *
field_at(const struct subject_rules *s, size_t i)
{
	return (const void *)((const char *)s + subject_keys[i].offset);
}

static int
sane_subject(struct yaml *y, const void *slot, struct err *e)
{
	for (size_t i = 0; i < COUNT(subject_keys); i++)
		if (field_at(slot, i)->need != FIELD_FREE)
			return 0;
	return yaml_fail(y, e,
		"a rule about the subject has 'organization', 'unit', 'locality', 'state', "
		"'country', 'serial_number' or 'common_name'");
}

static int
read_subject(struct yaml *y, void *slot, struct err *e)
{
	if (yaml_mapping(y, "'subject'", subject_keys, COUNT(subject_keys), slot, e) < 0)
		return -1;
	return sane_subject(y, slot, e);
}

static void
clear_subject(void *slot)
{
	for (size_t i = 0; i < COUNT(subject_keys); i++) {
		struct field_rule *field = (void *)((char *)slot + subject_keys[i].offset);
		list_free(&field->allowed);
	}
}

static void
show_field(struct list *parts, const char *word, const struct field_rule *field)
{
	char list[200], part[240];

	if (field->need == FIELD_FREE)
		return;
	if (field->need == FIELD_ONE_OF)
		snprintf(part, sizeof part, "%s: %s", word,
			list_join(&field->allowed, list, sizeof list));
	else
		snprintf(part, sizeof part, "%s: %s", word,
			field->need == FIELD_REQUIRED ? "required" : "forbidden");
	(void)list_add(parts, part);
}

static void
judge_field(struct list *broken, const char *word, const struct field_rule *field, const char *is)
{
	char text[300];

	if (field->need == FIELD_FREE)
		return;
	if (field->need == FIELD_FORBIDDEN && is)
		snprintf(text, sizeof text, "it has '%s'", word);
	else if (field->need != FIELD_FORBIDDEN && !is)
		snprintf(text, sizeof text, "it has no '%s'", word);
	else if (field->need == FIELD_ONE_OF && !list_has(&field->allowed, is))
		snprintf(text, sizeof text, "its '%s' is '%s'", word, is);
	else
		return;
	(void)list_add(broken, text);
}

static enum verdict
judge_subject(const struct policy *p, const struct policy_facts *f, struct judgement *j)
{
	AUTO(list) struct list parts = {0}, broken = {0};

	for (size_t i = 0; i < COUNT(subject_keys); i++)
		show_field(&parts, subject_keys[i].word, field_at(&p->subject, i));
	list_join(&parts, j->value, sizeof j->value);
	if (!f->subject)
		return VERDICT_OPEN;
	for (size_t i = 0; i < COUNT(subject_keys); i++) {
		char *is;
		memcpy(&is, (const char *)f->subject + wish_offset[i], sizeof is);
		judge_field(&broken, subject_keys[i].word, field_at(&p->subject, i),
			is && *is ? is : NULL);
	}
	list_join(&broken, j->text, sizeof j->text);
	return broken.count ? VERDICT_REFUSED : VERDICT_OK;
}

const struct rule_kind kind_subject = {.word = "subject",
	.read = read_subject,
	.keys = subject_keys,
	.key_count = COUNT(subject_keys),
	.sane = sane_subject,
	.clear = clear_subject,
	RULE_SLOT(subject),
	.judge = judge_subject};
