#include "read.h"

#include "keystay/base/endpoint.h"
#include "keystay/config/config.h"
#include "keystay/target/kinds.h"

/*
 * The keys of a target depend on its kind, and the kind may come behind them: all are read, and
 * what a kind does not know is refused afterwards.
 */
static int
read_kind(struct yaml *y, void *target, struct err *e)
{
	struct target_conf *t = target;
	AUTO(char) char *word = NULL;

	if (yaml_text(y, &word, e) < 0)
		return -1;
	t->ops = target_kind(word);
	if (t->ops)
		return 0;
	yaml_fail(y, e, "'%s' is not a kind of target", word);
	return err_hint(e, "the kinds are: %s", target_words());
}

static int
read_path(struct yaml *y, void *char_slot, struct err *e)
{
	char **slot = char_slot;

	if (yaml_text(y, slot, e) < 0)
		return -1;
	if (**slot != '/')
		return yaml_fail(y, e, "an absolute path is expected here, not '%s'", *slot);
	return 0;
}

static int
read_mode(struct yaml *y, void *mode_slot, struct err *e)
{
	AUTO(char) char *text = NULL;
	char *end = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	long mode = strtol(text, &end, 8);
	if (*text < '0' || *text > '7' || *end || mode < 0400 || mode > 0777 || mode & 0022)
		return yaml_fail(y, e,
			"a mode such as 0640 is expected here, not writable by others, "
			"not '%s'",
			text);
	*(int64_t *)mode_slot = mode;
	return 0;
}

static bool
is_endpoint(const char *text)
{
	char host[ENDPOINT_HOST], port[ENDPOINT_PORT];
	return endpoint_split(text, host, port);
}

static int
read_endpoint(struct yaml *y, void *list_slot, struct err *e)
{
	struct list *l = list_slot;
	AUTO(char) char *text = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (!is_endpoint(text))
		return yaml_fail(y, e, "'%s' is not HOST:PORT or [ADDRESS]:PORT", text);
	return list_add(l, text) ? 0 : err_set(e, ERR_FAILED, "no memory for the configuration");
}

static int
read_endpoints(struct yaml *y, void *list_slot, struct err *e)
{
	return yaml_each_item(y, "a list of endpoints", read_endpoint, list_slot, e);
}

#define TARGET(field) offsetof(struct target_conf, field)

static const struct yaml_key path_keys[] = {
	{"cert", read_path, TARGET(path[FILE_CERT]), 0},
	{"chain", read_path, TARGET(path[FILE_CHAIN]), 0},
	{"fullchain", read_path, TARGET(path[FILE_FULLCHAIN]), 0},
	{"key", read_path, TARGET(path[FILE_KEY]), 0},
	{"combined", read_path, TARGET(path[FILE_COMBINED]), 0},
	{"anchors", read_path, TARGET(path[FILE_ANCHORS]), 0},
};

static int
read_paths(struct yaml *y, void *target, struct err *e)
{
	return yaml_mapping(y, "'paths'", path_keys, COUNT(path_keys), target, e);
}

/* An empty list says that something else reloads the server. */
static int
read_reload(struct yaml *y, void *target, struct err *e)
{
	struct target_conf *t = target;

	if (yaml_list(y, &t->reload, e) < 0)
		return -1;
	t->reload_elsewhere = t->reload.count == 0;
	return 0;
}

static const struct yaml_key keys[] = {
	{"target", read_kind, 0, YAML_REQUIRED},
	{"binary", yaml_text, TARGET(binary), 0},
	{"conf", read_path, TARGET(conf), 0},
	{"test", yaml_list, TARGET(test), 0},
	{"reload", read_reload, 0, 0},
	{"endpoints", read_endpoints, TARGET(endpoints), 0},
	{"paths", read_paths, 0, 0},
	{"owner", yaml_text, TARGET(owner), 0},
	{"group", yaml_text, TARGET(group), 0},
	{"mode", read_mode, TARGET(mode), 0},
};

static int
check_kind(const struct target_conf *t, struct err *e)
{
	bool files = text_same(t->ops->word, "files");
	bool paths = false;

	for (int f = 0; f < TARGET_FILES; f++)
		paths = paths || t->path[f];
	if (files && !paths)
		return mark_fail(&t->at, e, "a 'files' target has no 'paths'");
	if (files && (t->binary || t->conf))
		return mark_fail(&t->at, e, "'binary' and 'conf' are not for a 'files' target");
	if (!files && (paths || t->owner || t->group || t->mode))
		return mark_fail(&t->at, e,
			"'paths', 'owner', 'group' and 'mode' are for a 'files' target only");
	return 0;
}

static int
read_target(struct yaml *y, void *certificate, struct err *e)
{
	struct certificate_conf *c = certificate;
	struct target_conf *t = read_append(&c->install, &c->installs, sizeof *t, e);

	if (!t)
		return -1;
	(void)yaml_next_is_mapping(y);
	t->at = yaml_mark(y);
	if (yaml_mapping(y, "a target", keys, COUNT(keys), t, e) < 0)
		return -1;
	return check_kind(t, e);
}

int
read_install(struct yaml *y, void *certificate, struct err *e)
{
	return yaml_each_item(y, "a list of targets", read_target, certificate, e);
}

void
target_conf_clear(struct target_conf *t)
{
	free(t->binary);
	free(t->conf);
	list_free(&t->test);
	list_free(&t->reload);
	list_free(&t->endpoints);
	for (int f = 0; f < TARGET_FILES; f++)
		free(t->path[f]);
	free(t->owner);
	free(t->group);
}

static int
read_challenge_type(struct yaml *y, void *char_slot, struct err *e)
{
	char **slot = char_slot;

	if (yaml_text(y, slot, e) < 0)
		return -1;
	if (!text_same(*slot, "http-01"))
		return yaml_fail(
			y, e, "'%s' is not a challenge that keystay answers: http-01", *slot);
	return 0;
}

static int
read_listen(struct yaml *y, void *char_slot, struct err *e)
{
	char **slot = char_slot;

	if (yaml_text(y, slot, e) < 0)
		return -1;
	if (!is_endpoint(*slot))
		return yaml_fail(y, e, "'%s' is not ADDR:PORT or [ADDRESS]:PORT", *slot);
	return 0;
}

#define CHALLENGE(field) offsetof(struct challenge_conf, field)

static const struct yaml_key challenge_keys[] = {
	{"type", read_challenge_type, CHALLENGE(type), YAML_REQUIRED},
	{"webroot", read_path, CHALLENGE(webroot), 0},
	{"listen", read_listen, CHALLENGE(listen), 0},
};

int
read_challenge(struct yaml *y, void *certificate, struct err *e)
{
	struct certificate_conf *c = certificate;
	struct challenge_conf *ch = &c->challenge;

	if (yaml_mapping(y, "'challenge'", challenge_keys, COUNT(challenge_keys), ch, e) < 0)
		return -1;
	if ((ch->webroot != NULL) == (ch->listen != NULL))
		return yaml_fail(y, e, "a challenge has 'webroot' or 'listen', one of the two");
	return 0;
}
