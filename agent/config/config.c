#include "keystay/config/config.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "keystay/base/file.h"
#include "keystay/token/roads.h"
#include "keystay/x509/names.h"
#include "read.h"

/* 10,000 certificates written out in full take about 4 MB. */
#define FILE_MAX ((size_t)16 * 1024 * 1024)

struct config_file {
	char *path;
	char *text;
	size_t len;
	struct config_file *next;
};

static int
read_tokens(struct yaml *y, void *config, struct err *e)
{
	/* A PIN that was written into the file by mistake must not come out in an error. */
	yaml_hide(y, true);
	int rc = yaml_each_item(y, "a list of tokens", read_token, config, e);
	yaml_hide(y, false);
	return rc;
}

static int
read_authorities(struct yaml *y, void *config, struct err *e)
{
	return yaml_each_item(y, "a list of authorities", read_authority, config, e);
}

static int
read_certificates(struct yaml *y, void *config, struct err *e)
{
	return yaml_each_item(y, "a list of certificates", read_certificate, config, e);
}

static int
read_contracts(struct yaml *y, void *config, struct err *e)
{
	return yaml_each_item(y, "a list of contracts", read_contract, config, e);
}

static int
read_validations(struct yaml *y, void *config, struct err *e)
{
	return yaml_each_item(y, "a list of validations", read_validation, config, e);
}

static int
read_argv(struct yaml *y, void *list_slot, struct err *e)
{
	struct list *argv = list_slot;

	if (yaml_list(y, argv, e) < 0)
		return -1;
	if (argv->count == 0 || argv->item[0][0] != '/')
		return yaml_fail(y, e, "a command is a list that begins with an absolute path");
	return 0;
}

static const struct yaml_key alert_keys[] = {
	{"command", read_argv, offsetof(struct config, alert), YAML_REQUIRED},
};

static int
read_alert(struct yaml *y, void *config, struct err *e)
{
	return yaml_mapping(y, "'alert'", alert_keys, COUNT(alert_keys), config, e);
}

static const struct yaml_key top[] = {
	{"state", yaml_text, offsetof(struct config, state), 0},
	{"tokens", read_tokens, 0, 0},
	{"authorities", read_authorities, 0, 0},
	{"certificates", read_certificates, 0, 0},
	{"contracts", read_contracts, 0, 0},
	{"validations", read_validations, 0, 0},
	{"alert", read_alert, 0, 0},
};

static const struct config_text *
text_given(const struct config *c, const char *path)
{
	for (size_t i = 0; i < c->given_count; i++)
		if (text_same(c->given[i].path, path))
			return &c->given[i];
	return NULL;
}

/* The text of a file, kept as long as the configuration: marks point into it. */
static int
keep_file(struct config *c, const char *path, const struct config_file **ret, struct err *e)
{
	const struct config_text *given = text_given(c, path);
	AUTO(buf) struct buf text = BUF(FILE_MAX);

	if (given) {
		buf_add(&text, given->text, given->len);
		buf_adds(&text, "");
	} else if (file_read(path, &text, e) < 0) {
		e->kind = ERR_CONFIG;
		return err_hint(e, "name the configuration with --config FILE");
	}
	struct config_file *f = calloc(1, sizeof *f);
	if (!f)
		return err_set(e, ERR_FAILED, "no memory for the configuration");
	f->next = c->files;
	c->files = f;
	if (text.full)
		return err_set(e, ERR_CONFIG, "'%s' is larger than %zu bytes", path, FILE_MAX);
	f->len = text.len;
	f->path = strdup(path);
	f->text = buf_take(&text);
	if (!f->path || !f->text)
		return err_set(e, ERR_FAILED, "no memory for the configuration");
	*ret = f;
	return 0;
}

static int
read_file(struct config *c, const char *path, struct err *e)
{
	AUTO(yaml) struct yaml *y = NULL;
	const struct config_file *f;

	if (keep_file(c, path, &f, e) < 0 || yaml_open(f->path, f->text, f->len, &y, e) < 0)
		return -1;
	if (yaml_mapping(y, "the configuration", top, COUNT(top), c, e) < 0)
		return -1;
	return yaml_end(y, e);
}

static int
read_policy_file(struct config *c, const char *path, struct err *e)
{
	const struct config_file *f;

	if (keep_file(c, path, &f, e) < 0)
		return -1;
	return policies_add(c->policies, f->path, f->text, f->len, e);
}

static int
is_yaml(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');
	return d->d_name[0] != '.' && dot && text_same(dot, ".yaml");
}

/* Reads the YAML files of a folder beside keystay.yaml, in the order of their names. */
static int
read_folder(struct config *c, const char *folder,
	int (*read)(struct config *c, const char *path, struct err *e), struct err *e)
{
	char path[PATH_MAX];
	struct dirent **entry;
	const char *slash = strrchr(c->path, '/');
	int rc = 0;

	int base = slash ? (int)(slash - c->path + 1) : 0;
	snprintf(path, sizeof path, "%.*s%s", base, c->path, folder);
	int count = scandir(path, &entry, is_yaml, alphasort);
	if (count < 0)
		return errno == ENOENT ? 0
				       : err_errno(e, ERR_CONFIG, errno, "cannot read '%s'", path);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof path, "%.*s%s/%s", base, c->path, folder, entry[i]->d_name);
		if (rc == 0)
			rc = read(c, path, e);
		free(entry[i]);
	}
	free(entry);
	return rc;
}

static int
compare_names(const void *a, const void *b)
{
	const struct certificate_conf *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static int
index_certificates(struct config *c, struct err *e)
{
	c->by_name = calloc(c->certificates + 1, sizeof *c->by_name);
	if (!c->by_name)
		return err_set(e, ERR_FAILED, "no memory for the configuration");
	for (size_t i = 0; i < c->certificates; i++)
		c->by_name[i] = &c->certificate[i];
	qsort(c->by_name, c->certificates, sizeof *c->by_name, compare_names);
	for (size_t i = 1; i < c->certificates; i++) {
		const struct certificate_conf *a = c->by_name[i - 1], *b = c->by_name[i];
		if (text_same(a->name, b->name))
			return mark_fail(&b->at, e,
				"the certificate '%s' is there twice (also %s:%d)", b->name,
				a->at.file, a->at.line);
	}
	return 0;
}

static bool
any_has_anchors(const struct config *c, const struct certificate_conf *cert)
{
	for (size_t i = 0; i < cert->authority.count; i++)
		if (config_authority(c, cert->authority.item[i])->ops->has_anchors)
			return true;
	return false;
}

/* An authority that has names proven has a way for hosts only (RFC 8555 9.7.7, RFC 8738). */
static int
check_provable(const struct certificate_conf *cert, const struct authority_conf *a, struct err *e)
{
	for (size_t i = 0; i < cert->names.count; i++) {
		const char *name = cert->names.item[i];
		if (!name_is_host(name))
			return mark_fail(&cert->at, e,
				"certificate '%s': the authority '%s' (%s) gives no certificates for "
				"%s names such as '%s'",
				cert->name, a->name, a->ops->word, name_kind_word(name_kind(name)),
				name);
	}
	return 0;
}

static int
check_certificate(const struct config *c, const struct certificate_conf *cert, struct err *e)
{
	if (!config_token(c, cert->token)) {
		mark_fail(&cert->at, e, "certificate '%s': there is no token '%s' under 'tokens:'",
			cert->name, cert->token);
		return hint_token(c, cert->token, e);
	}
	for (size_t i = 0; i < cert->authority.count; i++) {
		const struct authority_conf *a = config_authority(c, cert->authority.item[i]);
		if (!a) {
			mark_fail(&cert->at, e,
				"certificate '%s': there is no authority '%s' under 'authorities:'",
				cert->name, cert->authority.item[i]);
			return hint_authority(c, cert->authority.item[i], e);
		}
		if (a->ops->needs_challenge && check_provable(cert, a, e) < 0)
			return -1;
		if (a->ops->needs_challenge && !cert->challenge.type) {
			mark_fail(&cert->at, e,
				"certificate '%s': authority '%s' needs a 'challenge:'", cert->name,
				a->name);
			return err_hint(e, "add 'challenge: {type: http-01, webroot: FOLDER}'");
		}
	}
	for (size_t i = 0; i < cert->installs; i++)
		if (cert->install[i].path[FILE_ANCHORS] && !any_has_anchors(c, cert))
			return mark_fail(&cert->install[i].at, e,
				"certificate '%s': none of its authorities has 'anchors'",
				cert->name);
	for (size_t i = 0; i < cert->names.count; i++)
		if (name_is_wildcard(cert->names.item[i]) && cert->challenge.type)
			return mark_fail(&cert->at, e,
				"certificate '%s': no authority proves the wildcard '%s' by http-01",
				cert->name, cert->names.item[i]);
	if (policy_find(c->policies, cert->policy))
		return 0;
	mark_fail(&cert->at, e, "certificate '%s': there is no policy '%s'", cert->name,
		cert->policy);
	return hint_policy(c, cert->policy, e);
}

/*
 * Two roads on one module would break each other's sessions. A token without a word of its own goes
 * by the road of the others.
 */
static int
check_roads(struct config *c, struct err *e)
{
	for (size_t i = 0; i < c->tokens; i++)
		for (size_t k = 0; k < c->tokens; k++) {
			struct token_conf *a = &c->token[i], *b = &c->token[k];
			if (!text_same(a->module, b->module) || b->road == ROAD_AUTO)
				continue;
			if (a->road == ROAD_AUTO)
				a->road = b->road;
			if (a->road != b->road)
				return mark_fail(&b->at, e,
					"the tokens '%s' (%s:%d) and '%s' are of one module, and "
					"their roads differ ('%s', '%s')",
					a->name, a->at.file, a->at.line, b->name,
					road_word(a->road), road_word(b->road));
		}
	return 0;
}

/* What one part says of another: every name must lead somewhere. */
static int
check_references(struct config *c, struct err *e)
{
	if (check_roads(c, e) < 0)
		return -1;
	for (size_t i = 0; i < c->tokens; i++)
		if (config_token(c, c->token[i].name) != &c->token[i])
			return mark_fail(&c->token[i].at, e, "the token '%s' is there twice",
				c->token[i].name);
	for (size_t i = 0; i < c->authorities; i++) {
		const struct authority_conf *a = &c->authority[i];
		if (config_authority(c, a->name) != a)
			return mark_fail(&a->at, e, "the authority '%s' is there twice", a->name);
		const char *token = authority_token(a);
		if (token && !config_token(c, token)) {
			mark_fail(&a->at, e,
				"authority '%s': there is no token '%s' under 'tokens:'", a->name,
				token);
			return hint_token(c, token, e);
		}
		if (a->policy && !policy_find(c->policies, a->policy)) {
			mark_fail(&a->at, e, "authority '%s': there is no policy '%s'", a->name,
				a->policy);
			return hint_policy(c, a->policy, e);
		}
	}
	for (size_t i = 0; i < c->certificates; i++)
		if (check_certificate(c, &c->certificate[i], e) < 0)
			return -1;
	return contracts_check(c, e);
}

/* Those that are there already were read in the place of the file. */
static int
read_given(struct config *c, struct err *e)
{
	for (size_t i = 0; i < c->given_count; i++)
		if (!config_text_of(c, c->given[i].path) && read_file(c, c->given[i].path, e) < 0)
			return -1;
	return 0;
}

int
config_read(const char *path, struct config **ret, struct err *e)
{
	return config_read_with(path, NULL, 0, ret, e);
}

int
config_read_with(const char *path, const struct config_text *with, size_t count,
	struct config **ret, struct err *e)
{
	AUTO(config) struct config *c = calloc(1, sizeof *c);

	if (c) {
		c->given = with;
		c->given_count = count;
	}
	if (!c || !(c->path = strdup(path)) || !(c->state = strdup("/var/lib/keystay")))
		return err_set(e, ERR_FAILED, "no memory for the configuration");
	if (policies_new(&c->policies, e) < 0 || read_file(c, path, e) < 0 ||
		read_folder(c, "certificates.d", read_file, e) < 0 || read_given(c, e) < 0 ||
		read_folder(c, "policies", read_policy_file, e) < 0 ||
		policies_finish(c->policies, e) < 0)
		return -1;
	if (c->state[0] != '/') {
		err_set(e, ERR_CONFIG, "%s: 'state:' must be an absolute path, not '%s'", path,
			c->state);
		return err_hint(e, "write 'state: /var/lib/keystay', or leave it out");
	}
	if (index_certificates(c, e) < 0 || check_references(c, e) < 0)
		return -1;
	c->given = NULL;
	c->given_count = 0;
	*ret = take(&c);
	return 0;
}

void
config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->tokens; i++)
		token_conf_clear(&c->token[i]);
	for (size_t i = 0; i < c->authorities; i++)
		authority_conf_clear(&c->authority[i]);
	for (size_t i = 0; i < c->certificates; i++)
		certificate_conf_clear(&c->certificate[i]);
	for (size_t i = 0; i < c->contracts; i++)
		contract_conf_clear(&c->contract[i]);
	for (size_t i = 0; i < c->validations; i++)
		validation_conf_clear(&c->validation[i]);
	policies_free(c->policies);
	while (c->files) {
		struct config_file *f = c->files;
		c->files = f->next;
		free(f->path);
		free(f->text);
		free(f);
	}
	list_free(&c->alert);
	free(c->by_name);
	free(c->token);
	free(c->authority);
	free(c->certificate);
	free(c->contract);
	free(c->validation);
	free(c->state);
	free(c->path);
	free(c);
}

const char *
config_text_of(const struct config *c, const char *file)
{
	for (const struct config_file *f = c->files; f; f = f->next)
		if (text_same(f->path, file))
			return f->text;
	return NULL;
}

const struct token_conf *
config_token(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->tokens; i++)
		if (text_same(c->token[i].name, name))
			return &c->token[i];
	return NULL;
}

const struct authority_conf *
config_authority(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->authorities; i++)
		if (text_same(c->authority[i].name, name))
			return &c->authority[i];
	return NULL;
}

const struct certificate_conf *
config_certificate(const struct config *c, const char *name)
{
	struct certificate_conf wanted = {.name = (char *)name}, *w = &wanted;
	struct certificate_conf **found =
		bsearch(&w, c->by_name, c->certificates, sizeof *c->by_name, compare_names);
	return found ? *found : NULL;
}

bool
config_uses(const struct config *c, const struct authority_conf *a)
{
	for (size_t i = 0; i < c->certificates; i++)
		if (list_has(&c->certificate[i].authority, a->name))
			return true;
	return false;
}
