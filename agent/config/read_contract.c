#include "read.h"

#include <string.h>

#include "keystay/config/config.h"
#include "keystay/x509/names.h"

/* Of each; every one is held against all others. */
#define AGREEMENTS_MAX 2000

static const char *const contract_words[] = {
	[CONTRACT_CONTRACT] = "contract",
	[CONTRACT_ACCOUNT] = "account",
	[CONTRACT_CREDENTIAL] = "credential",
};
_Static_assert(COUNT(contract_words) == CONTRACT_KINDS, "every kind has its word");

static const char *const validation_words[] = {
	[VALIDATION_ORGANISATION] = "organisation",
	[VALIDATION_DOMAIN] = "domain",
};
_Static_assert(COUNT(validation_words) == VALIDATION_KINDS, "every kind has its word");

const char *
contract_word(enum contract_kind kind)
{
	return contract_words[kind];
}

const char *
validation_word(enum validation_kind kind)
{
	return validation_words[kind];
}

static int
read_contract_kind(struct yaml *y, void *kind_slot, struct err *e)
{
	AUTO(char) char *word = NULL;

	if (yaml_text(y, &word, e) < 0)
		return -1;
	for (int i = 0; i < CONTRACT_KINDS; i++)
		if (text_same(word, contract_words[i])) {
			*(enum contract_kind *)kind_slot = (enum contract_kind)i;
			return 0;
		}
	return yaml_fail(y, e, "'contract', 'account' or 'credential', not '%s'", word);
}

static int
read_validation_kind(struct yaml *y, void *kind_slot, struct err *e)
{
	AUTO(char) char *word = NULL;

	if (yaml_text(y, &word, e) < 0)
		return -1;
	for (int i = 0; i < VALIDATION_KINDS; i++)
		if (text_same(word, validation_words[i])) {
			*(enum validation_kind *)kind_slot = (enum validation_kind)i;
			return 0;
		}
	return yaml_fail(y, e, "'organisation' or 'domain', not '%s'", word);
}

static int
read_said(struct yaml *y, void *char_slot, struct err *e)
{
	char **slot = char_slot;

	if (yaml_text(y, slot, e) < 0)
		return -1;
	return **slot ? 0 : yaml_fail(y, e, "this may not be empty");
}

/* A day is meant with all its hours, by UTC. */
static int
read_ends(struct yaml *y, void *when_slot, struct err *e)
{
	AUTO(char) char *text = NULL;
	when_t *slot = when_slot;
	bool day;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (!when_parse(text, slot, &day))
		return yaml_fail(y, e,
			"a day such as 2027-09-11 or a moment such as 2027-09-11T18:00:00Z is "
			"expected here, not '%s'",
			text);
	*slot += day ? DAY - 1 : 0;
	return 0;
}

static int
read_units(struct yaml *y, void *number_slot, struct err *e)
{
	int64_t *slot = number_slot;

	if (yaml_number(y, slot, e) < 0)
		return -1;
	if (*slot > INT32_MAX)
		return yaml_fail(y, e, "units are at most %d", INT32_MAX);
	return 0;
}

static const struct yaml_key contract_keys[] = {
	{"name", read_name, offsetof(struct contract_conf, name), YAML_REQUIRED},
	{"kind", read_contract_kind, offsetof(struct contract_conf, kind), 0},
	{"authority", yaml_text, offsetof(struct contract_conf, authority), YAML_REQUIRED},
	{"owner", read_said, offsetof(struct contract_conf, owner), YAML_REQUIRED},
	{"ends", read_ends, offsetof(struct contract_conf, ends), YAML_REQUIRED},
	{"units", read_units, offsetof(struct contract_conf, units), 0},
	{"units_used", read_units, offsetof(struct contract_conf, units_used), 0},
	{"notes", yaml_text, offsetof(struct contract_conf, notes), 0},
};

int
read_contract(struct yaml *y, void *config, struct err *e)
{
	struct config *c = config;
	struct contract_conf *item = read_append(&c->contract, &c->contracts, sizeof *item, e);

	if (!item)
		return -1;
	(void)yaml_next_is_mapping(y);
	item->at = yaml_mark(y);
	if (c->contracts > AGREEMENTS_MAX)
		return yaml_fail(y, e, "more than %d contracts", AGREEMENTS_MAX);
	if (yaml_mapping(y, "a contract", contract_keys, COUNT(contract_keys), item, e) < 0)
		return -1;
	if (item->units_used && !item->units)
		return mark_fail(&item->at, e,
			"contract '%s': 'units_used' is nothing without 'units'", item->name);
	return 0;
}

static const struct yaml_key validation_keys[] = {
	{"kind", read_validation_kind, offsetof(struct validation_conf, kind), YAML_REQUIRED},
	{"subject", read_said, offsetof(struct validation_conf, subject), YAML_REQUIRED},
	{"authority", yaml_text, offsetof(struct validation_conf, authority), YAML_REQUIRED},
	{"owner", read_said, offsetof(struct validation_conf, owner), YAML_REQUIRED},
	{"ends", read_ends, offsetof(struct validation_conf, ends), YAML_REQUIRED},
};

static int
make_domain_normal(struct validation_conf *v, struct err *e)
{
	char name[NAME_TEXT];
	struct err why;

	if (name_normal(v->subject, name, &why) < 0) {
		mark_fail(&v->at, e, "%s", why.text);
		return err_hint(e, "%s", why.hint);
	}
	if (name_is_ip(name) || name_is_wildcard(name))
		return mark_fail(&v->at, e, "a validation is of a domain, not of '%s'", v->subject);
	free(v->subject);
	v->subject = strdup(name);
	return v->subject ? 0 : err_set(e, ERR_FAILED, "no memory for the configuration");
}

int
read_validation(struct yaml *y, void *config, struct err *e)
{
	struct config *c = config;
	struct validation_conf *item =
		read_append(&c->validation, &c->validations, sizeof *item, e);

	if (!item)
		return -1;
	(void)yaml_next_is_mapping(y);
	item->at = yaml_mark(y);
	if (c->validations > AGREEMENTS_MAX)
		return yaml_fail(y, e, "more than %d validations", AGREEMENTS_MAX);
	if (yaml_mapping(y, "a validation", validation_keys, COUNT(validation_keys), item, e) < 0)
		return -1;
	return item->kind == VALIDATION_DOMAIN ? make_domain_normal(item, e) : 0;
}

static int
check_contract(const struct config *c, size_t i, struct err *e)
{
	const struct contract_conf *item = &c->contract[i];

	if (!config_authority(c, item->authority))
		return mark_fail(&item->at, e,
			"contract '%s': there is no authority '%s' under 'authorities:'",
			item->name, item->authority);
	for (size_t k = 0; k < i; k++)
		if (text_same(c->contract[k].name, item->name))
			return mark_fail(&item->at, e,
				"the contract '%s' is there twice (also %s:%d)", item->name,
				c->contract[k].at.file, c->contract[k].at.line);
	return 0;
}

static int
check_validation(const struct config *c, size_t i, struct err *e)
{
	const struct validation_conf *item = &c->validation[i];

	if (!config_authority(c, item->authority))
		return mark_fail(&item->at, e,
			"validation of '%s': there is no authority '%s' under 'authorities:'",
			item->subject, item->authority);
	for (size_t k = 0; k < i; k++) {
		const struct validation_conf *v = &c->validation[k];
		if (v->kind == item->kind && text_same(v->subject, item->subject) &&
			text_same(v->authority, item->authority))
			return mark_fail(&item->at, e,
				"the validation of '%s' by '%s' is there twice (also %s:%d)",
				item->subject, item->authority, v->at.file, v->at.line);
	}
	return 0;
}

int
contracts_check(const struct config *c, struct err *e)
{
	for (size_t i = 0; i < c->contracts; i++)
		if (check_contract(c, i, e) < 0)
			return -1;
	for (size_t i = 0; i < c->validations; i++)
		if (check_validation(c, i, e) < 0)
			return -1;
	return 0;
}

void
contract_conf_clear(struct contract_conf *c)
{
	free(c->name);
	free(c->authority);
	free(c->owner);
	free(c->notes);
}

void
validation_conf_clear(struct validation_conf *v)
{
	free(v->subject);
	free(v->authority);
	free(v->owner);
}
