#include "read.h"

#include "keystay/config/config.h"
#include <string.h>

#include "keystay/x509/names.h"

/* A sane authority allows 100; more is a mistake in the file. */
#define NAMES_MAX 1000

static int
read_one_name(struct yaml *y, void *list_slot, struct err *e)
{
	AUTO(char) char *text = NULL;
	struct list *names = list_slot;
	char name[NAME_TEXT];
	struct err why;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (name_normal(text, name, &why) < 0) {
		yaml_fail(y, e, "%s", why.text);
		return err_hint(e, "%s", why.hint);
	}
	if (list_has(names, name))
		return yaml_fail(y, e, "the name '%s' stands twice", name);
	if (names->count >= NAMES_MAX)
		return yaml_fail(y, e, "more than %d names", NAMES_MAX);
	if (!list_add(names, name))
		return err_set(e, ERR_FAILED, "no memory for the configuration");
	return 0;
}

static int
read_names(struct yaml *y, void *list_slot, struct err *e)
{
	struct list *names = list_slot;

	if (yaml_each_item(y, "a list of names", read_one_name, names, e) < 0)
		return -1;
	if (names->count == 0)
		return yaml_fail(y, e, "a certificate needs at least one name");
	return 0;
}

static int
read_one_key(struct yaml *y, void *certificate, struct err *e)
{
	struct certificate_conf *c = certificate;
	AUTO(char) char *word = NULL;
	enum key_type type;

	if (yaml_text(y, &word, e) < 0)
		return -1;
	if (!key_type_of(word, &type)) {
		yaml_fail(y, e, "'%s' is not a type of key", word);
		return err_hint(
			e, "the types are ec-p256, ec-p384, rsa-2048, rsa-3072 and rsa-4096");
	}
	for (size_t i = 0; i < c->keys; i++)
		if (c->key[i] == type)
			return yaml_fail(y, e, "the type '%s' stands twice", word);
	c->key[c->keys++] = type;
	return 0;
}

static int
read_keys(struct yaml *y, void *certificate, struct err *e)
{
	return yaml_each_item(y, "a list of key types", read_one_key, certificate, e);
}

static int
read_country(struct yaml *y, void *char_slot, struct err *e)
{
	char **slot = char_slot;

	if (yaml_text(y, slot, e) < 0)
		return -1;
	if (strlen(*slot) != 2 || strspn(*slot, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2)
		return yaml_fail(y, e, "a country is two capital letters");
	return 0;
}

/* ub-common-name (RFC 5280 A.1); that it is one of the names is seen when all are read. */
#define COMMON_NAME_MAX 64

static int
read_common_name(struct yaml *y, void *char_slot, struct err *e)
{
	AUTO(char) char *text = NULL;
	char **slot = char_slot, name[NAME_TEXT];
	struct err why;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (name_normal(text, name, &why) < 0)
		return yaml_fail(y, e, "%s", why.text);
	if (strlen(name) > COMMON_NAME_MAX)
		return yaml_fail(
			y, e, "a common name has no more than %d characters", COMMON_NAME_MAX);
	free(*slot);
	*slot = strdup(name);
	return *slot ? 0 : err_set(e, ERR_FAILED, "no memory for the configuration");
}

static const struct yaml_key subject_keys[] = {
	{"organization", yaml_text, offsetof(struct subject, organization), 0},
	{"unit", yaml_text, offsetof(struct subject, unit), 0},
	{"locality", yaml_text, offsetof(struct subject, locality), 0},
	{"state", yaml_text, offsetof(struct subject, state), 0},
	{"country", read_country, offsetof(struct subject, country), 0},
	{"serial_number", yaml_text, offsetof(struct subject, serial_number), 0},
	{"common_name", read_common_name, offsetof(struct subject, common_name), 0},
};

static int
read_subject(struct yaml *y, void *subject, struct err *e)
{
	return yaml_mapping(y, "'subject'", subject_keys, COUNT(subject_keys), subject, e);
}

static const struct yaml_key keys[] = {
	{"name", read_name, offsetof(struct certificate_conf, name), YAML_REQUIRED},
	{"names", read_names, offsetof(struct certificate_conf, names), YAML_REQUIRED},
	{"subject", read_subject, offsetof(struct certificate_conf, subject), 0},
	{"owner", yaml_text, offsetof(struct certificate_conf, owner), 0},
	{"token", yaml_text, offsetof(struct certificate_conf, token), YAML_REQUIRED},
	{"keys", read_keys, 0, 0},
	{"authority", yaml_list_or_one, offsetof(struct certificate_conf, authority),
		YAML_REQUIRED},
	{"policy", yaml_text, offsetof(struct certificate_conf, policy), YAML_REQUIRED},
	{"lifetime", yaml_duration, offsetof(struct certificate_conf, lifetime), 0},
	{"challenge", read_challenge, 0, 0},
	{"install", read_install, 0, 0},
};

int
read_certificate(struct yaml *y, void *config, struct err *e)
{
	struct config *all = config;
	struct certificate_conf *c =
		read_append(&all->certificate, &all->certificates, sizeof *c, e);

	if (!c)
		return -1;
	(void)yaml_next_is_mapping(y);
	c->at = yaml_mark(y);
	if (yaml_mapping(y, "a certificate", keys, COUNT(keys), c, e) < 0)
		return -1;
	const struct mark end = yaml_mark(y);
	c->end_line = end.line;
	c->end_column = end.column;
	if (c->keys == 0)
		c->key[c->keys++] = KEY_EC_P256;
	if (c->subject.common_name && !list_has(&c->names, c->subject.common_name))
		return mark_fail(&c->at, e,
			"certificate '%s': its common name '%s' is none of its names", c->name,
			c->subject.common_name);
	if (c->authority.count == 0)
		return mark_fail(&c->at, e, "the certificate '%s' has no authority", c->name);
	for (size_t i = 1; i < c->authority.count; i++)
		for (size_t k = 0; k < i; k++)
			if (text_same(c->authority.item[i], c->authority.item[k]))
				return mark_fail(&c->at, e,
					"certificate '%s': the authority '%s' stands twice",
					c->name, c->authority.item[i]);
	return 0;
}

static bool
copy_text(char **to, const char *from)
{
	return !from || (*to = strdup(from));
}

static bool
copy_list(struct list *to, const struct list *from)
{
	for (size_t i = 0; i < from->count; i++)
		if (!list_add(to, from->item[i]))
			return false;
	return true;
}

static bool
copy_target(struct target_conf *to, const struct target_conf *from)
{
	*to = (struct target_conf){.ops = from->ops,
		.reload_elsewhere = from->reload_elsewhere,
		.mode = from->mode,
		.at = from->at};
	bool whole = copy_text(&to->binary, from->binary) && copy_text(&to->conf, from->conf) &&
		     copy_list(&to->test, &from->test) && copy_list(&to->reload, &from->reload) &&
		     copy_list(&to->endpoints, &from->endpoints) &&
		     copy_text(&to->owner, from->owner) && copy_text(&to->group, from->group);
	for (int f = 0; whole && f < TARGET_FILES; f++)
		whole = copy_text(&to->path[f], from->path[f]);
	return whole;
}

static bool
copy_subject(struct subject *to, const struct subject *from)
{
	return copy_text(&to->organization, from->organization) &&
	       copy_text(&to->unit, from->unit) && copy_text(&to->locality, from->locality) &&
	       copy_text(&to->state, from->state) && copy_text(&to->country, from->country) &&
	       copy_text(&to->serial_number, from->serial_number) &&
	       copy_text(&to->common_name, from->common_name);
}

int
certificate_conf_copy(
	const struct certificate_conf *from, struct certificate_conf *ret, struct err *e)
{
	AUTO(certificate_conf)
	struct certificate_conf c = {.keys = from->keys,
		.lifetime = from->lifetime,
		.at = from->at,
		.end_line = from->end_line,
		.end_column = from->end_column};

	memcpy(c.key, from->key, sizeof c.key);
	bool whole = copy_text(&c.name, from->name) && copy_list(&c.names, &from->names) &&
		     copy_subject(&c.subject, &from->subject) && copy_text(&c.owner, from->owner) &&
		     copy_text(&c.token, from->token) &&
		     copy_list(&c.authority, &from->authority) &&
		     copy_text(&c.policy, from->policy) &&
		     copy_text(&c.challenge.type, from->challenge.type) &&
		     copy_text(&c.challenge.webroot, from->challenge.webroot) &&
		     copy_text(&c.challenge.listen, from->challenge.listen) &&
		     (c.install = calloc(from->installs + 1, sizeof *c.install));
	for (size_t i = 0; whole && i < from->installs; i++)
		whole = copy_target(&c.install[c.installs++], &from->install[i]);
	if (!whole)
		return err_set(e, ERR_FAILED, "no memory for the configuration");
	*ret = c;
	c = (struct certificate_conf){.name = NULL};
	return 0;
}

void
certificate_conf_clear(struct certificate_conf *c)
{
	free(c->name);
	list_free(&c->names);
	free(c->subject.organization);
	free(c->subject.unit);
	free(c->subject.locality);
	free(c->subject.state);
	free(c->subject.country);
	free(c->subject.serial_number);
	free(c->subject.common_name);
	free(c->owner);
	free(c->token);
	list_free(&c->authority);
	free(c->policy);
	free(c->challenge.type);
	free(c->challenge.webroot);
	free(c->challenge.listen);
	for (size_t i = 0; i < c->installs; i++)
		target_conf_clear(&c->install[i]);
	free(c->install);
}
