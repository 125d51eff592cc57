#include "read.h"

#include "keystay/ca/protocols.h"
#include "keystay/config/config.h"
#include <string.h>

#include "read_est.h"

static int
read_protocol(struct yaml *y, void *authority, struct err *e)
{
	struct authority_conf *a = authority;
	AUTO(char) char *word = NULL;

	if (yaml_text(y, &word, e) < 0)
		return -1;
	a->ops = ca_protocol(word);
	if (a->ops)
		return 0;
	yaml_fail(y, e, "'%s' is not a protocol", word);
	return err_hint(e, "the protocols are: %s", ca_protocol_words());
}

static int
read_url(struct yaml *y, void *char_slot, struct err *e)
{
	char **slot = char_slot;

	if (yaml_text(y, slot, e) < 0)
		return -1;
	if (!text_starts(*slot, "https://"))
		return yaml_fail(
			y, e, "an authority is spoken to over https only, not '%s'", *slot);
	return 0;
}

static int
read_key_type(struct yaml *y, void *type_slot, struct err *e)
{
	AUTO(char) char *word = NULL;

	if (yaml_text(y, &word, e) < 0)
		return -1;
	if (!key_type_of(word, type_slot))
		return yaml_fail(y, e, "'%s' is not a type of key", word);
	return 0;
}

static const struct yaml_key account_keys[] = {
	{"token", yaml_text, offsetof(struct authority_conf, account_key.token), YAML_REQUIRED},
	{"type", read_key_type, offsetof(struct authority_conf, account_key.type), 0},
};

static int
read_account_key(struct yaml *y, void *authority, struct err *e)
{
	return yaml_mapping(y, "'account_key'", account_keys, COUNT(account_keys), authority, e);
}

static const struct yaml_key limit_keys[] = {
	{"certificates", yaml_number, offsetof(struct rate_limit, certificates), YAML_REQUIRED},
	{"per", yaml_duration, offsetof(struct rate_limit, per), YAML_REQUIRED},
};

static int
read_rate_limit(struct yaml *y, void *authority, struct err *e)
{
	struct authority_conf *a = authority;
	struct rate_limit *r = read_append(&a->rate_limit, &a->rate_limits, sizeof *r, e);

	if (!r || yaml_mapping(y, "a limit", limit_keys, COUNT(limit_keys), r, e) < 0)
		return -1;
	if (r->certificates < 1 || r->certificates > INT32_MAX || r->per < MINUTE)
		return yaml_fail(y, e, "a limit is at least one certificate in at least 1m");
	return 0;
}

static int
read_rate_limits(struct yaml *y, void *authority, struct err *e)
{
	return yaml_each_item(y, "a list of limits", read_rate_limit, authority, e);
}

static const struct yaml_key keys[] = {
	{"name", read_name, offsetof(struct authority_conf, name), YAML_REQUIRED},
	{"protocol", read_protocol, 0, YAML_REQUIRED},
	{"url", read_url, offsetof(struct authority_conf, url), 0},
	{"trust", yaml_text, offsetof(struct authority_conf, trust), 0},
	{"issuer", yaml_text, offsetof(struct authority_conf, issuer), 0},
	{"contact", yaml_list_or_one, offsetof(struct authority_conf, contact), 0},
	{"agree_terms", yaml_bool, offsetof(struct authority_conf, agree_terms), 0},
	{"profile", yaml_text, offsetof(struct authority_conf, profile), 0},
	{"account_key", read_account_key, 0, 0},
	{"policy", yaml_text, offsetof(struct authority_conf, policy), 0},
	{"aia", yaml_bool, offsetof(struct authority_conf, aia), 0},
	{"rate_limits", read_rate_limits, 0, 0},
};

/* The keys of an authority depend on its protocol, which may come behind them: all are read. */
static int
check_protocol(struct authority_conf *a, struct err *e)
{
	bool acme = a->contact.count || a->agree_terms || a->profile || a->account_key.token ||
		    a->policy;

	if (a->aia && !a->ops->by_hand)
		return mark_fail(
			&a->at, e, "authority '%s': 'aia' is for 'protocol: manual' only", a->name);
	if (!a->url && !a->ops->by_hand)
		return mark_fail(&a->at, e, "authority '%s': 'protocol: %s' needs a 'url'", a->name,
			a->ops->word);
	if (a->ops->needs_account) {
		if (!a->account_key.token)
			return mark_fail(&a->at, e,
				"an authority has no 'account_key', and 'protocol: %s' needs it",
				a->ops->word);
		if (read_est_any(&a->est))
			return mark_fail(&a->at, e,
				"authority '%s': 'label', 'username', 'password', 'auth', 'pop', "
				"'identity', 'bootstrap', 'redirects' and 'pending_limit' are for "
				"'protocol: est' only",
				a->name);
		return 0;
	}
	if (acme)
		return mark_fail(&a->at, e,
			"authority '%s': 'contact', 'agree_terms', 'profile', 'account_key' and 'policy' "
			"are for 'protocol: acme' only",
			a->name);
	if (!a->ops->by_hand)
		return read_est_check(a, e);
	if (read_est_any(&a->est) || a->trust)
		return mark_fail(&a->at, e,
			"authority '%s': with 'protocol: manual' there is nothing to connect to: it has "
			"'url' (of the portal, for people), 'issuer' and 'aia'",
			a->name);
	return 0;
}

int
read_authority(struct yaml *y, void *config, struct err *e)
{
	struct config *c = config;
	struct authority_conf *a = read_append(&c->authority, &c->authorities, sizeof *a, e);
	struct yaml_key all[COUNT(keys) + READ_EST_KEYS];

	if (!a)
		return -1;
	memcpy(all, keys, sizeof keys);
	memcpy(all + COUNT(keys), read_est_keys, sizeof read_est_keys);
	a->account_key.type = KEY_EC_P256;
	(void)yaml_next_is_mapping(y);
	a->at = yaml_mark(y);
	if (yaml_mapping(y, "an authority", all, COUNT(all), a, e) < 0 || check_protocol(a, e) < 0)
		return -1;
	if (!a->trust && !a->est.bootstrap && !(a->trust = strdup("system")))
		return err_set(e, ERR_FAILED, "no memory for the configuration");
	/* An empty text means what an absent one does. */
	if (a->issuer && !*a->issuer) {
		free(a->issuer);
		a->issuer = NULL;
	}
	return 0;
}

void
authority_conf_clear(struct authority_conf *a)
{
	free(a->name);
	free(a->url);
	list_free(&a->contact);
	free(a->trust);
	free(a->issuer);
	free(a->profile);
	free(a->account_key.token);
	free(a->policy);
	free(a->rate_limit);
	est_conf_clear(&a->est);
}
