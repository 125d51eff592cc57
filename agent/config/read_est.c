/* What only an authority of `protocol: est` has. */
#include "read_est.h"

#include <string.h>

#include "keystay/base/source.h"
#include "read.h"

#define PENDING_LIMIT (30 * DAY)

static int
read_password(struct yaml *y, void *char_slot, struct err *e)
{
	char **slot = char_slot;

	/* The text may be the password itself: it is not shown. */
	yaml_hide(y, true);
	int rc = yaml_text(y, slot, e);
	if (rc == 0 && !source_valid(*slot)) {
		struct mark at = yaml_mark(y);
		mark_fail(&at, e,
			"'password:' says where the password is, and this is no such place");
		rc = err_hint(e,
			"write 'file:PATH', 'credential:NAME', 'env:NAME' or 'prompt'; never "
			"the password itself");
	}
	yaml_hide(y, false);
	return rc;
}

static int
read_auth(struct yaml *y, void *bool_slot, struct err *e)
{
	AUTO(char) char *word = NULL;

	if (yaml_text(y, &word, e) < 0)
		return -1;
	if (!text_same(word, "basic") && !text_same(word, "digest"))
		return yaml_fail(y, e, "'auth:' is 'basic' or 'digest', not '%s'", word);
	*(bool *)bool_slot = text_same(word, "digest");
	return 0;
}

static int
read_pop(struct yaml *y, void *enum_slot, struct err *e)
{
	static const char *const words[] = {
		[EST_POP_AUTO] = "auto", [EST_POP_REQUIRE] = "require", [EST_POP_OFF] = "off"};
	AUTO(char) char *word = NULL;

	if (yaml_text(y, &word, e) < 0)
		return -1;
	for (size_t i = 0; i < COUNT(words); i++)
		if (text_same(words[i], word)) {
			*(enum est_pop *)enum_slot = (enum est_pop)i;
			return 0;
		}
	return yaml_fail(y, e, "'pop:' is 'auto', 'require' or 'off', not '%s'", word);
}

/* RFC 7030 3.2.2: one segment, and none of the operations. */
static int
read_label(struct yaml *y, void *char_slot, struct err *e)
{
	static const char *const operations[] = {
		"cacerts", "simpleenroll", "simplereenroll", "fullcmc", "serverkeygen", "csrattrs"};
	char **slot = char_slot;

	if (yaml_text(y, slot, e) < 0)
		return -1;
	for (size_t i = 0; i < COUNT(operations); i++)
		if (text_same(*slot, operations[i]))
			return yaml_fail(y, e, "'%s' is an operation of EST and no label", *slot);
	if (strchr(*slot, '/') || strlen(*slot) > 128 || text_same(*slot, ".") ||
		text_same(*slot, ".."))
		return yaml_fail(y, e, "a label is one segment of a path, not '%s'", *slot);
	if (!**slot)
		free(take(slot));
	return 0;
}

/* sha256:HEX, with colons between the bytes or without. */
static int
read_bootstrap(struct yaml *y, void *char_slot, struct err *e)
{
	AUTO(char) char *text = NULL;
	char **slot = char_slot, hex[65];
	unsigned char digest[32];
	size_t n = 0;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	const char *p = text_starts(text, "sha256:") ? text + strlen("sha256:") : "";
	for (; *p && n < sizeof hex; p++)
		if (*p != ':')
			hex[n++] = *p;
	bool whole = n == 64;
	hex[whole ? n : 0] = '\0';
	if (!whole || hex_decode(hex, digest, sizeof digest) != (int)sizeof digest)
		return yaml_fail(y, e,
			"'bootstrap:' is 'sha256:' and the 64 hex digits of a certificate's fingerprint, "
			"not '%s'",
			text);
	free(*slot);
	*slot = strdup(hex_encode(digest, sizeof digest, hex));
	return *slot ? 0 : err_set(e, ERR_FAILED, "no memory for the configuration");
}

static int
read_redirect(struct yaml *y, void *list_slot, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (!text_starts(text, "https://") || strpbrk(text + strlen("https://"), "/?#@ "))
		return yaml_fail(y, e,
			"'https://HOST' or 'https://HOST:PORT' is expected here, not '%s'", text);
	return list_add(list_slot, text)
		       ? 0
		       : err_set(e, ERR_FAILED, "no memory for the configuration");
}

static int
read_redirects(struct yaml *y, void *list_slot, struct err *e)
{
	return yaml_each_item(y, "a list of origins", read_redirect, list_slot, e);
}

static const struct yaml_key identity_keys[] = {
	{"token", yaml_text, offsetof(struct est_conf, identity.token), YAML_REQUIRED},
	{"key", yaml_text, offsetof(struct est_conf, identity.key), 0},
	{"certificate", yaml_text, offsetof(struct est_conf, identity.certificate), YAML_REQUIRED},
};

static int
read_identity(struct yaml *y, void *est, struct err *e)
{
	struct est_conf *c = est;

	if (yaml_mapping(y, "'identity'", identity_keys, COUNT(identity_keys), c, e) < 0)
		return -1;
	if (c->identity.certificate[0] != '/')
		return yaml_fail(y, e,
			"the certificate of an identity is an absolute path, not '%s'",
			c->identity.certificate);
	return 0;
}

#define EST(field) offsetof(struct authority_conf, est.field)

const struct yaml_key read_est_keys[READ_EST_KEYS] = {
	{"label", read_label, EST(label), 0},
	{"username", yaml_text, EST(username), 0},
	{"password", read_password, EST(password), 0},
	{"auth", read_auth, EST(digest), 0},
	{"pop", read_pop, EST(pop), 0},
	{"identity", read_identity, EST(label), 0},
	{"bootstrap", read_bootstrap, EST(bootstrap), 0},
	{"redirects", read_redirects, EST(redirects), 0},
	{"pending_limit", yaml_duration, EST(pending_limit), 0},
};
_Static_assert(EST(label) == offsetof(struct authority_conf, est), "an identity fills an est_conf");

bool
read_est_any(const struct est_conf *c)
{
	return c->label || c->username || c->password || c->digest || c->pop != EST_POP_AUTO ||
	       c->identity.certificate || c->bootstrap || c->redirects.count || c->pending_limit;
}

int
read_est_check(struct authority_conf *a, struct err *e)
{
	struct est_conf *c = &a->est;

	if (strpbrk(a->url, "?#"))
		return mark_fail(&a->at, e,
			"authority '%s': the 'url:' of an EST server has no '?' and no "
			"'#'",
			a->name);
	if (!!c->username != !!c->password)
		return mark_fail(&a->at, e,
			"authority '%s': a login is 'username:' and 'password:', both", a->name);
	if (c->digest && !c->username)
		return mark_fail(
			&a->at, e, "authority '%s': 'auth: digest' is for a login", a->name);
	if (c->bootstrap && a->trust && !text_same(a->trust, "system"))
		return mark_fail(&a->at, e,
			"authority '%s': 'bootstrap:' is for servers of which nothing is known, and "
			"'trust:' names a CA",
			a->name);
	if (c->bootstrap && a->issuer && *a->issuer)
		return mark_fail(&a->at, e,
			"authority '%s': 'bootstrap:' and 'issuer:' both say which CA it issues by",
			a->name);
	if (c->pending_limit == 0)
		c->pending_limit = PENDING_LIMIT;
	return 0;
}

void
est_conf_clear(struct est_conf *c)
{
	free(c->label);
	free(c->username);
	free(c->password);
	free(c->identity.token);
	free(c->identity.key);
	free(c->identity.certificate);
	free(c->bootstrap);
	list_free(&c->redirects);
}
