#include "commands.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>

#include "installed.h"
#include "keystay/x509/names.h"
#include "living.h"

/* A piece of the answer, of one or more lines; with --json they are collected into "lines". */
static void PRINTF_LIKE(2, 3) put(struct run *r, const char *fmt, ...)
{
	AUTO(char) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return;
	}
	run_report(r, "lines", json_string(text));
	run_say(r, "%s", text);
}

/*
 * The openssl.cnf that stock servers need: the default provider said out loud, the module's full
 * path, no C_Finalize at exit (SoftHSM crashes), no copies of keys in sessions (a second's stall
 * per worker, and they sign on when the key is gone).
 */
static void
print_openssl_cnf(struct run *r, const struct token_conf *t)
{
	const char *modules = OPENSSL_info(OPENSSL_INFO_MODULES_DIR);
	bool file = text_starts(t->pin, "file:"), has_args = t->init_args && *t->init_args;
	char guard[4200];

	put(r, "# --- /etc/keystay/openssl.cnf");
	put(r, "openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\n"
	       "[provider_sect]\ndefault = default_sect\npkcs11 = pkcs11_sect\n"
	       "[default_sect]\nactivate = 1\n[pkcs11_sect]");
	put(r, "module = %s/pkcs11.so", modules);
	installed_guard(guard, sizeof guard);
	put(r, "# the guard stands before the token's module and counts what the server signs");
	put(r, "pkcs11-module-path = %s", guard);
	put(r, "pkcs11-module-init-args = module=%s ledger=%s/ledger role=server unknown=count%s%s",
		t->module, r->config->state, has_args ? " init=" : "",
		has_args ? t->init_args : "");
	put(r, "# the first line of this file is the PIN; only the server's master reads it%s",
		file ? "" : " (your choice of path)");
	put(r, "pkcs11-module-token-pin = %s", file ? t->pin : "file:/etc/keystay/server.pin");
	put(r, "pkcs11-module-quirks = no-deinit no-operation-state\n"
	       "pkcs11-module-cache-keys = false\nactivate = 1");
}

static void
print_nginx(struct run *r, const struct certificate_conf *c, const struct token_conf *t)
{
	const char *state = r->config->state;

	put(r, "# --- for the nginx unit: systemctl edit nginx");
	put(r, "[Service]\nEnvironment=OPENSSL_CONF=/etc/keystay/openssl.cnf");
	if (getenv("SOFTHSM2_CONF"))
		put(r, "Environment=SOFTHSM2_CONF=%s", getenv("SOFTHSM2_CONF"));
	put(r, "# --- nginx.conf, outside http {}: nginx clears the environment of its workers");
	put(r, "env OPENSSL_CONF;\nenv SOFTHSM2_CONF;");
	put(r, "# --- nginx.conf, inside http {}");
	put(r, "server {\n\tlisten 443 ssl;");
	AUTO(buf) struct buf names = BUF(256 * 1024);
	for (size_t i = 0; i < c->names.count; i++)
		if (name_is_host(c->names.item[i]))
			buf_addf(&names, " %s", c->names.item[i]);
	put(r, "\tserver_name%s;", buf_text(&names));
	for (size_t i = 0; i < c->keys; i++) {
		const char *dot = i ? "." : "", *type = i ? key_type_word(c->key[i]) : "";
		put(r, "\tssl_certificate     %s/live/%s/fullchain%s%s.pem;", state, c->name, dot,
			type);
		put(r, "\tssl_certificate_key %s/live/%s/key%s%s.pem;", state, c->name, dot, type);
	}
	put(r, "}");
	put(r, "# --- keystay.yaml, under install: of this certificate (nginx -t needs the same"
	       " openssl.cnf)");
	put(r, "- target: nginx\n  test: [env, OPENSSL_CONF=/etc/keystay/openssl.cnf, nginx, -t, -q]\n"
	       "  endpoints: [\"127.0.0.1:443\"]");
	if (t->share.group)
		put(r, "# --- workers must read the token: usermod -aG %s www-data",
			t->share.group);
	else
		run_say(r,
			"# --- workers must read the token; for SoftHSM add 'share:' to token '%s'",
			t->name);
}

static int
main_server_config(struct run *r, int argc, char **argv)
{
	struct err e;

	if (argc == 0 || !text_same(argv[0], "nginx"))
		return run_no_verb(r, &command_server_config, argc ? argv[0] : NULL);
	if (argc == 1)
		return run_usage(r, &command_server_config, "which certificate?");
	if (argc > 2)
		return run_unknown(r, &command_server_config, argv[2]);
	if (run_need_config(r, &e) < 0)
		return run_fail(r, &e);
	const struct certificate_conf *c = config_certificate(r->config, argv[1]);
	if (!c) {
		run_no_certificate(r, argv[1], &e);
		return run_fail(r, &e);
	}
	const struct token_conf *t = config_token(r->config, c->token);
	print_openssl_cnf(r, t);
	print_nginx(r, c, t);
	return EXIT_DONE;
}

static const struct command_verb servers[] = {
	{"nginx", "NAME", "openssl.cnf, the unit's environment and the server block"},
	{0},
};

const struct command command_server_config = {
	.name = "server-config",
	.group = COMMANDS_SET_UP,
	.synopsis = "nginx NAME",
	.summary = "the exact openssl.cnf and snippet that a stock server needs",
	.verbs = servers,
	.example = "keystay server-config nginx shop",
	.main = main_server_config,
};
