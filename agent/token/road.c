#include "keystay/token/road.h"

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <string.h>

#include "keystay/token/module.h"

struct road {
	OSSL_LIB_CTX *context;
	UI_METHOD *no_prompt;
};

/*
 * What the provider needs (docs/TOKENS.md says why): no C_Finalize at the end of the process, no
 * copies of keys in sessions, which go on signing when the key is gone.
 */
static const char settings[] = "openssl_conf = init_section\n"
			       "[init_section]\n"
			       "providers = provider_section\n"
			       "[provider_section]\n"
			       "default = default_section\n"
			       "pkcs11 = pkcs11_section\n"
			       "[default_section]\n"
			       "activate = 1\n"
			       "[pkcs11_section]\n"
			       "pkcs11-module-quirks = no-deinit no-operation-state\n"
			       "pkcs11-module-cache-keys = false\n"
			       "pkcs11-module-path = %s\n"
			       "%s%s%s"
			       "activate = 1\n";

/* OpenSSL's configuration language would cut or expand such text; nothing is guessed then. */
static bool
fits_configuration(const char *text)
{
	return !strpbrk(text, "#$\"'\\\n\r`;");
}

static int
refuse_prompt(UI *ui, UI_STRING *string)
{
	(void)ui;
	(void)string;
	return 0;
}

static int
configure(struct road *r, const struct module *m, struct err *e)
{
	char text[4096];
	const char *args = module_init_args(m);
	long line = 0;
	int rc = -1;

	if (!fits_configuration(module_path(m)) || !fits_configuration(args)) {
		err_set(e, ERR_CONFIG,
			"the module '%s' or its init_args hold one of # $ \" ' \\ ` ;",
			module_path(m));
		return err_hint(e, "make a symbolic link with a plain name to the module");
	}
	if (snprintf(text, sizeof text, settings, module_path(m),
		    args[0] ? "pkcs11-module-init-args = " : "", args,
		    args[0] ? "\n" : "") >= (int)sizeof text)
		return err_set(e, ERR_CONFIG, "the path of the module '%.200s...' is too long",
			module_path(m));
	OPENSSL_load_builtin_modules();
	CONF *conf = NCONF_new_ex(r->context, NULL);
	BIO *bio = BIO_new_mem_buf(text, -1);
	if (conf && bio && NCONF_load_bio(conf, bio, &line) > 0 &&
		CONF_modules_load(conf, NULL, 0) > 0 &&
		OSSL_PROVIDER_available(r->context, "pkcs11") == 1)
		rc = 0;
	BIO_free(bio);
	NCONF_free(conf);
	if (rc < 0) {
		ERR_clear_error();
		err_set(e, ERR_CONFIG, "the OpenSSL provider 'pkcs11' does not load");
		err_hint(e, "install the package pkcs11-provider (on Debian 12 from backports)");
	}
	return rc;
}

int
road_open(const struct module *m, struct road **ret, struct err *e)
{
	struct road *r = calloc(1, sizeof *r);

	if (!r || !(r->context = OSSL_LIB_CTX_new()) ||
		!(r->no_prompt = UI_create_method("keystay: no prompt"))) {
		road_close(r);
		return err_set(e, ERR_FAILED, "no memory for the pkcs11 provider");
	}
	UI_method_set_reader(r->no_prompt, refuse_prompt);
	if (configure(r, m, e) < 0) {
		road_close(r);
		return -1;
	}
	*ret = r;
	return 0;
}

void
road_close(struct road *r)
{
	if (!r)
		return;
	OSSL_LIB_CTX_free(r->context);
	if (r->no_prompt)
		UI_destroy_method(r->no_prompt);
	free(r);
}

OSSL_LIB_CTX *
road_context(const struct road *r)
{
	return r->context;
}

int
road_key(struct road *r, const char *uri, EVP_PKEY **ret, struct err *e)
{
	EVP_PKEY *key = NULL;
	int found = 0;

	/* The provider fails with an empty error queue: what counts is how many keys came. */
	OSSL_STORE_CTX *store = OSSL_STORE_open_ex(
		uri, r->context, "?provider=pkcs11", r->no_prompt, NULL, NULL, NULL, NULL);
	if (store && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
		while (!OSSL_STORE_eof(store)) {
			OSSL_STORE_INFO *info = OSSL_STORE_load(store);
			if (!info)
				break;
			if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY && found++ == 0)
				key = OSSL_STORE_INFO_get1_PKEY(info);
			OSSL_STORE_INFO_free(info);
		}
	OSSL_STORE_close(store);
	ERR_clear_error();
	if (key && found == 1) {
		*ret = key;
		return 0;
	}
	EVP_PKEY_free(key);
	if (found > 1)
		return err_set(e, ERR_TOKEN, "the token holds %d private keys of '%s'", found, uri);
	return err_set(e, ERR_TOKEN, "the provider finds no private key '%s'", uri);
}
