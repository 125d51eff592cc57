#include "adding.h"

#include <string.h>

#include "keystay/target/kinds.h"
#include "keystay/x509/subject.h"

static int
no_memory(struct err *e)
{
	return err_set(e, ERR_FAILED, "no memory");
}

static int
set_text(char **slot, const char *value, struct err *e)
{
	if (!value || !*value)
		return 0;
	char *copy = strdup(value);
	if (!copy)
		return no_memory(e);
	free(*slot);
	*slot = copy;
	return 0;
}

static int
set_list(struct list *slot, const struct list *value, struct err *e)
{
	if (value->count == 0)
		return 0;
	list_free(slot);
	for (size_t i = 0; i < value->count; i++)
		if (!list_add(slot, value->item[i]))
			return no_memory(e);
	return 0;
}

static int
set_keys(struct certificate_conf *c, const struct list *words, struct err *e)
{
	if (words->count)
		c->keys = 0;
	for (size_t i = 0; i < words->count; i++) {
		enum key_type type;
		if (!key_type_of(words->item[i], &type) || c->keys == KEY_TYPES) {
			err_set(e, ERR_USAGE, "--keys: '%s' is not a type of key", words->item[i]);
			return err_hint(e,
				"the types are ec-p256, ec-p384, rsa-2048, rsa-3072 and rsa-4096");
		}
		c->key[c->keys++] = type;
	}
	return 0;
}

static int
set_subject(struct certificate_conf *c, const char *line, struct err *e)
{
	struct subject s;

	if (!line || !*line)
		return 0;
	if (subject_read(line, &s, e) < 0)
		return -1;
	subject_clear(&c->subject);
	c->subject = s;
	return 0;
}

static int
set_challenge(struct certificate_conf *c, const char *webroot, const char *listen, struct err *e)
{
	if (!webroot && !listen)
		return 0;
	free(take(&c->challenge.webroot));
	free(take(&c->challenge.listen));
	if (set_text(&c->challenge.type, "http-01", e) < 0 ||
		set_text(&c->challenge.webroot, webroot, e) < 0)
		return -1;
	return set_text(&c->challenge.listen, listen, e);
}

/* --- where it goes */

static void
clear_installs(struct certificate_conf *c)
{
	struct certificate_conf old = {.install = c->install, .installs = c->installs};

	c->install = NULL;
	c->installs = 0;
	certificate_conf_clear(&old);
}

/* "fullchain=/etc/ssl/x.pem" */
static int
set_path(struct target_conf *t, const char *text, struct err *e)
{
	const char *equals = strchr(text, '=');
	int f = 0;

	while (equals && f < TARGET_FILES &&
		!(strlen(target_file_word((enum target_file)f)) == (size_t)(equals - text) &&
			text_starts(text, target_file_word((enum target_file)f))))
		f++;
	if (!equals || f == TARGET_FILES || equals[1] != '/') {
		err_set(e, ERR_USAGE, "--path: '%s' is not KIND=PATH", text);
		return err_hint(e, "the kinds are cert, chain, fullchain, key, combined and "
				   "anchors; a path is absolute");
	}
	return set_text(&t->path[f], equals + 1, e);
}

static int
set_install(struct certificate_conf *c, const char *word, const struct list *paths, struct err *e)
{
	const struct target_ops *ops = word ? target_kind(word) : NULL;

	if (word && !ops) {
		err_set(e, ERR_USAGE, "--install: '%s' is not a kind of target", word);
		return err_hint(e, "the kinds are: %s", target_words());
	}
	if (paths->count && (!word || !text_same(word, "files")))
		return err_set(e, ERR_USAGE, "--path is for '--install files'");
	/* The same kind as before keeps what it says beside this. */
	if (word && !(c->installs == 1 && c->install[0].ops == ops)) {
		clear_installs(c);
		c->install = calloc(1, sizeof *c->install);
		if (!c->install)
			return no_memory(e);
		c->install[c->installs++].ops = ops;
	}
	for (size_t i = 0; i < paths->count; i++)
		if (set_path(&c->install[0], paths->item[i], e) < 0)
			return -1;
	return 0;
}

static int
set_endpoints(struct certificate_conf *c, const struct list *endpoints, bool asked, struct err *e)
{
	if (endpoints->count == 0 || (!asked && c->installs == 0))
		return 0;
	if (c->installs != 1)
		return err_set(e, ERR_USAGE, "--endpoint is for one target: say '--install KIND'");
	return set_list(&c->install[0].endpoints, endpoints, e);
}

/* --- what the others have */

/* All of another certificate but what is its own: its name, its names, its files. */
static int
begin_like(const struct config *c, const char *name, const char *like, struct certificate_conf *ret,
	struct err *e)
{
	const struct certificate_conf *other = config_certificate(c, like);

	if (!other) {
		err_set(e, ERR_USAGE, "--like: there is no certificate '%s'", like);
		return err_hint(e, "'keystay status' lists the certificates");
	}
	if (certificate_conf_copy(other, ret, e) < 0)
		return -1;
	list_free(&ret->names);
	for (size_t i = 0; i < ret->installs; i++)
		if (text_same(ret->install[i].ops->word, "files")) {
			clear_installs(ret);
			break;
		}
	return set_text(&ret->name, name, e);
}

static int
begin(const struct config *c, const char *name, const struct add_wish *w,
	struct certificate_conf *ret, struct err *e)
{
	const struct certificate_conf *now = config_certificate(c, name);

	if (w->like)
		return begin_like(c, name, w->like, ret, e);
	if (now)
		return certificate_conf_copy(now, ret, e);
	return set_text(&ret->name, name, e);
}

/* What all others (of that authority, where one is named) have in this; NULL where they differ. */
static const char *
all_have(const struct config *c, const char *authority,
	const char *(*get)(const struct certificate_conf *))
{
	const char *found = NULL;

	for (size_t i = 0; i < c->certificates; i++) {
		const struct certificate_conf *one = &c->certificate[i];
		if (authority && !list_has(&one->authority, authority))
			continue;
		const char *value = get(one);
		if (!value || (found && !text_same(found, value)))
			return NULL;
		found = value;
	}
	return found;
}

static const char *
token_of(const struct certificate_conf *c)
{
	return c->token;
}

static const char *
policy_of(const struct certificate_conf *c)
{
	return c->policy;
}

static const char *
webroot_of(const struct certificate_conf *c)
{
	return c->challenge.webroot;
}

static const char *
listen_of(const struct certificate_conf *c)
{
	return c->challenge.listen;
}

static int
need(const struct certificate_conf *c, const char *what, const char *option, struct err *e)
{
	err_set(e, ERR_USAGE, "certificate '%s': which %s?", c->name, what);
	return err_hint(e, "say %s", option);
}

static bool
needs_challenge(const struct config *c, const struct certificate_conf *cert)
{
	for (size_t i = 0; i < cert->authority.count; i++) {
		const struct authority_conf *a = config_authority(c, cert->authority.item[i]);
		if (a && a->ops->needs_challenge)
			return true;
	}
	return false;
}

/* What nobody said: where there is only one, or all others agree, that one. */
static int
complete(const struct config *c, struct certificate_conf *cert, struct err *e)
{
	if (cert->names.count == 0)
		return need(cert, "names", "--names a.example.org,b.example.org", e);
	if (cert->authority.count == 0) {
		if (c->authorities != 1)
			return need(cert, "authority", "--authority NAME", e);
		if (!list_add(&cert->authority, c->authority[0].name))
			return no_memory(e);
	}
	const char *first = cert->authority.item[0];
	if (!cert->token &&
		set_text(&cert->token,
			c->tokens == 1 ? c->token[0].name : all_have(c, NULL, token_of), e) < 0)
		return -1;
	if (!cert->token)
		return need(cert, "token", "--token NAME", e);
	if (!cert->policy && set_text(&cert->policy, all_have(c, first, policy_of), e) < 0)
		return -1;
	if (!cert->policy)
		return need(cert, "policy",
			"--policy NAME; 'keystay policy list' shows the policies", e);
	if (cert->keys == 0)
		cert->key[cert->keys++] = KEY_EC_P256;
	if (cert->challenge.type || !needs_challenge(c, cert))
		return 0;
	if (set_challenge(cert, all_have(c, first, webroot_of), all_have(c, first, listen_of), e) <
		0)
		return -1;
	return cert->challenge.type
		       ? 0
		       : need(cert, "challenge", "--webroot FOLDER or --listen ADDR:PORT", e);
}

/* --- what is watched */

static int
fail_unknown(const struct watched_row *w, const char *what, const char *value, struct err *e)
{
	err_set(e, ERR_CONFIG, "certificate '%s': its %s '%s' is not configured", w->name, what,
		value);
	return err_hint(e, "say --%s NAME", what);
}

static int
take_watched(const struct config *c, const struct watched_row *w, const struct add_wish *wish,
	struct certificate_conf *ret, struct err *e)
{
	AUTO(list) struct list authority = {0}, keys = {0};
	enum key_type type;

	if (*w->authority && wish->authority.count == 0 && !config_authority(c, w->authority))
		return fail_unknown(w, "authority", w->authority, e);
	if (*w->policy && !wish->policy && !policy_find(c->policies, w->policy))
		return fail_unknown(w, "policy", w->policy, e);
	if (*w->token && !wish->token && !config_token(c, w->token))
		return fail_unknown(w, "token", w->token, e);
	if ((*w->authority && !list_add(&authority, w->authority)) ||
		(key_type_of(w->key_type, &type) && !list_add(&keys, w->key_type)))
		return no_memory(e);
	if (!wish->subject && set_subject(ret, w->subject, e) < 0) {
		err_in(e, "certificate '%s'", w->name);
		return err_hint(e, "say --subject \"O=...,C=...\"");
	}
	if (set_list(&ret->names, &w->names, e) < 0 || set_text(&ret->owner, w->owner, e) < 0 ||
		set_text(&ret->policy, w->policy, e) < 0 ||
		set_text(&ret->token, w->token, e) < 0 ||
		set_list(&ret->authority, &authority, e) < 0)
		return -1;
	return set_keys(ret, &keys, e);
}

int
add_conf(const struct config *c, const char *name, const struct add_wish *w,
	const struct watched_row *watched, struct certificate_conf *ret, struct err *e)
{
	AUTO(certificate_conf) struct certificate_conf cert = {.name = NULL};

	if (w->webroot && w->listen)
		return err_set(e, ERR_USAGE, "--webroot or --listen, one of the two");
	if (begin(c, name, w, &cert, e) < 0 ||
		(watched && take_watched(c, watched, w, &cert, e) < 0) ||
		set_list(&cert.names, &w->names, e) < 0 || set_text(&cert.owner, w->owner, e) < 0 ||
		set_text(&cert.token, w->token, e) < 0 ||
		set_list(&cert.authority, &w->authority, e) < 0 ||
		set_text(&cert.policy, w->policy, e) < 0 || set_keys(&cert, &w->keys, e) < 0 ||
		set_subject(&cert, w->subject, e) < 0 ||
		set_challenge(&cert, w->webroot, w->listen, e) < 0 ||
		set_install(&cert, w->install, &w->paths, e) < 0 ||
		(watched && set_endpoints(&cert, &watched->endpoints, false, e) < 0) ||
		set_endpoints(&cert, &w->endpoints, true, e) < 0 || complete(c, &cert, e) < 0)
		return -1;
	*ret = cert;
	cert = (struct certificate_conf){.name = NULL};
	return 0;
}
