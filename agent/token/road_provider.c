#include "road_provider.h"

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "keystay/token/key.h"

/* token.road_state */
struct provider {
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
configure(struct provider *r, const struct module *m, struct err *e)
{
	char text[16384];
	const char *args = m->front.init_args;
	long line = 0;
	int rc = -1;

	if (!fits_configuration(m->front.library) || !fits_configuration(args)) {
		err_set(e, ERR_CONFIG,
			"the module '%s' or its init_args hold one of # $ \" ' \\ ` ;",
			module_path(m));
		return err_hint(e, "make a symbolic link with a plain name to the module");
	}
	if (snprintf(text, sizeof text, settings, m->front.library,
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

static void
close_provider(struct token *t)
{
	struct provider *r = t->road_state;

	if (!r)
		return;
	OSSL_LIB_CTX_free(r->context);
	if (r->no_prompt)
		UI_destroy_method(r->no_prompt);
	free(r);
	t->road_state = NULL;
}

/* Opened late: what only looks at a token needs no provider. */
static int
open_provider(struct token *t, struct err *e)
{
	if (t->road_state)
		return 0;
	struct provider *r = t->road_state = calloc(1, sizeof *r);
	if (!r || !(r->context = OSSL_LIB_CTX_new()) ||
		!(r->no_prompt = UI_create_method("keystay: no prompt"))) {
		close_provider(t);
		return err_set(e, ERR_FAILED, "no memory for the pkcs11 provider");
	}
	UI_method_set_reader(r->no_prompt, refuse_prompt);
	if (configure(r, t->module, e) == 0)
		return 0;
	close_provider(t);
	return err_in(e, "token '%s'", t->conf->name);
}

static OSSL_LIB_CTX *
context(const struct token *t)
{
	const struct provider *r = t->road_state;

	return r ? r->context : NULL;
}

/* The first key of a URI; `*ret_found` says how many there are. */
static EVP_PKEY *
fetch(struct provider *r, const char *uri, int *ret_found)
{
	EVP_PKEY *key = NULL;

	*ret_found = 0;
	OSSL_STORE_CTX *store = OSSL_STORE_open_ex(
		uri, r->context, "?provider=pkcs11", r->no_prompt, NULL, NULL, NULL, NULL);
	if (store && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
		while (!OSSL_STORE_eof(store)) {
			OSSL_STORE_INFO *info = OSSL_STORE_load(store);
			if (!info)
				break;
			if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY &&
				(*ret_found)++ == 0)
				key = OSSL_STORE_INFO_get1_PKEY(info);
			OSSL_STORE_INFO_free(info);
		}
	OSSL_STORE_close(store);
	ERR_clear_error();
	return key;
}

static int
provider_key(struct token *t, const struct key_name *name, EVP_PKEY **ret, struct err *e)
{
	char uri[KEY_URI_TEXT];
	int found;

	if (open_provider(t, e) < 0 || key_uri(t, name, uri, e) < 0)
		return -1;
	/* The provider fails with an empty error queue: what counts is how many keys came. */
	EVP_PKEY *key = fetch(t->road_state, uri, &found);
	if (key && found == 1) {
		*ret = key;
		return 0;
	}
	EVP_PKEY_free(key);
	if (found > 1)
		return err_set(e, ERR_TOKEN, "token '%s' holds %d private keys of '%s'",
			t->conf->name, found, uri);
	/* It was there a moment ago by the raw session: the provider's own view may be lost. */
	return err_set(e, ERR_LOST, "token '%s': the provider finds no private key '%s'",
		t->conf->name, uri);
}

const struct road_ops road_provider = {
	.road = ROAD_PROVIDER,
	.key = provider_key,
	.context = context,
	.close = close_provider,
};
