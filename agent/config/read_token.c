#include "read.h"

#include "keystay/config/config.h"
#include "keystay/base/source.h"
#include "keystay/token/roads.h"

static int
read_pin(struct yaml *y, void *char_slot, struct err *e)
{
	char **slot = char_slot;

	if (yaml_text(y, slot, e) < 0)
		return -1;
	if (source_valid(*slot))
		return 0;
	/* The text may be the PIN itself: it is not shown. */
	struct mark at = yaml_mark(y);
	mark_fail(&at, e, "'pin:' says where the PIN is, and this is no such place");
	return err_hint(e,
		"write 'file:PATH', 'credential:NAME', 'env:NAME' or 'prompt'; never the "
		"PIN itself");
}

static const struct yaml_key share_keys[] = {
	{"path", yaml_text, offsetof(struct token_conf, share.path), YAML_REQUIRED},
	{"group", yaml_text, offsetof(struct token_conf, share.group), YAML_REQUIRED},
};

static int
read_share(struct yaml *y, void *token, struct err *e)
{
	return yaml_mapping(y, "'share'", share_keys, COUNT(share_keys), token, e);
}

static int
read_road(struct yaml *y, void *enum_slot, struct err *e)
{
	AUTO(char) char *word = NULL;
	enum road road;

	if (yaml_text(y, &word, e) < 0)
		return -1;
	struct mark at = yaml_mark(y);
	if (!road_of(word, &road))
		return mark_fail(
			&at, e, "'road:' is 'auto', 'provider' or 'libp11', not '%s'", word);
	*(enum road *)enum_slot = road;
	return 0;
}

static const struct yaml_key keys[] = {
	{"name", read_name, offsetof(struct token_conf, name), YAML_REQUIRED},
	{"module", yaml_text, offsetof(struct token_conf, module), YAML_REQUIRED},
	{"label", yaml_text, offsetof(struct token_conf, label), 0},
	{"serial", yaml_text, offsetof(struct token_conf, serial), 0},
	{"pin", read_pin, offsetof(struct token_conf, pin), YAML_REQUIRED},
	{"init_args", yaml_text, offsetof(struct token_conf, init_args), 0},
	{"road", read_road, offsetof(struct token_conf, road), 0},
	{"share", read_share, 0, 0},
};

int
read_token(struct yaml *y, void *config, struct err *e)
{
	struct config *c = config;
	struct token_conf *t = read_append(&c->token, &c->tokens, sizeof *t, e);

	if (!t)
		return -1;
	(void)yaml_next_is_mapping(y);
	t->at = yaml_mark(y);
	if (yaml_mapping(y, "a token", keys, COUNT(keys), t, e) < 0)
		return -1;
	if (!t->label && !t->serial)
		return mark_fail(
			&t->at, e, "the token '%s' has neither 'label' nor 'serial'", t->name);
	if (t->module[0] != '/')
		return mark_fail(
			&t->at, e, "the module of token '%s' must be an absolute path", t->name);
	return 0;
}

void
token_conf_clear(struct token_conf *t)
{
	free(t->name);
	free(t->module);
	free(t->label);
	free(t->serial);
	free(t->pin);
	free(t->init_args);
	free(t->share.path);
	free(t->share.group);
}
