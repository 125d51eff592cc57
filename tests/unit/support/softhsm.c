#include "support/softhsm.h"

#include <limits.h>
#include <sys/stat.h>

#include "keystay/token/admin.h"
#include "support/unit.h"

static struct secret *
secret_of(const char *text)
{
	struct secret *s = secret_new();
	assert_non_null(s);
	assert_ok(secret_add(s, text, strlen(text), UNIT_ERR));
	return s;
}

static void
configure(void)
{
	char text[PATH_MAX], folder[PATH_MAX];

	if (getenv("SOFTHSM2_CONF") && strstr(getenv("SOFTHSM2_CONF"), unit_folder()))
		return;
	snprintf(folder, sizeof folder, "%s/tokens", unit_folder());
	mkdir(folder, 0700);
	snprintf(text, sizeof text,
		"directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
		folder);
	setenv("SOFTHSM2_CONF", unit_file("softhsm2.conf", text), 1);
}

struct token_conf *
softhsm_token(const char *label, const char *pin)
{
	struct token_conf *conf = calloc(1, sizeof *conf);
	AUTO(secret) struct secret *so = secret_of("12345678"), *user = secret_of(pin);

	configure();
	conf->name = strdup("web");
	conf->module = strdup(SOFTHSM_MODULE);
	conf->label = strdup(label);
	conf->pin = strdup("env:NONE");
	assert_ok(token_init(conf, so, user, UNIT_ERR));
	return conf;
}

struct token *
softhsm_open(const struct token_conf *conf, const char *pin)
{
	AUTO(secret) struct secret *user = secret_of(pin);
	struct token *t = NULL;
	struct pin_answer refused;

	assert_ok(token_open(conf, ROAD_AUTO, user, &t, &refused, UNIT_ERR));
	assert_false(refused.refused);
	return t;
}

void
softhsm_conf_free(struct token_conf *conf)
{
	free(conf->name);
	free(conf->module);
	free(conf->label);
	free(conf->pin);
	free(conf);
}
