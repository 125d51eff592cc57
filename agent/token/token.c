#include "keystay/token/token.h"
#include "keystay/base/source.h"
#include "keystay/token/roads.h"

#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "keystay/base/log.h"
#include "keystay/base/text.h"
#include "keystay/token/rv.h"

static void
identify(const CK_TOKEN_INFO *info, struct token_identity *id)
{
	module_text(id->label, info->label, sizeof info->label);
	module_text(id->serial, info->serialNumber, sizeof info->serialNumber);
	module_text(id->manufacturer, info->manufacturerID, sizeof info->manufacturerID);
	module_text(id->model, info->model, sizeof info->model);
	module_version(id->hardware, sizeof id->hardware, &info->hardwareVersion);
	module_version(id->firmware, sizeof id->firmware, &info->firmwareVersion);
}

static bool
matches(const struct token_conf *conf, const struct token_identity *id)
{
	return (!conf->label || text_same(conf->label, id->label)) &&
	       (!conf->serial || text_same(conf->serial, id->serial));
}

static int
fail_absent(const struct token *t, const struct list *seen, struct err *e)
{
	char there[400];

	err_set(e, ERR_TOKEN, "token '%s': no token with %s '%s' in module '%s'", t->conf->name,
		t->conf->label ? "label" : "serial",
		t->conf->label ? t->conf->label : t->conf->serial, t->conf->module);
	if (seen->count)
		return err_hint(e, "the module has: %s", list_join(seen, there, sizeof there));
	return err_hint(e,
		"the module shows no initialised token: make one with 'keystay token "
		"init %s', or check that this user may read the token",
		t->conf->name);
}

static int
find_slot(struct token *t, struct err *e)
{
	AUTO(list) struct list seen = {0};
	CK_SLOT_ID slots[256];
	CK_ULONG count = COUNT(slots);
	size_t found = 0;

	/* The number first: some modules look for tokens only then. */
	CK_RV rv = t->f->C_GetSlotList(CK_TRUE, NULL, &count);
	if (rv == CKR_OK && count <= COUNT(slots)) {
		count = COUNT(slots);
		rv = t->f->C_GetSlotList(CK_TRUE, slots, &count);
	}
	if (rv != CKR_OK)
		return rv_fail(rv, e, "token '%s': cannot list the slots of '%s'", t->conf->name,
			t->conf->module);
	for (CK_ULONG i = 0; i < count; i++) {
		CK_TOKEN_INFO info;
		struct token_identity id;
		if (t->f->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
			!(info.flags & CKF_TOKEN_INITIALIZED))
			continue;
		identify(&info, &id);
		list_add(&seen, id.label);
		if (!matches(t->conf, &id))
			continue;
		t->slot = slots[i];
		t->identity = id;
		found++;
	}
	if (found == 0)
		return fail_absent(t, &seen, e);
	if (found > 1) {
		err_set(e, ERR_TOKEN, "token '%s': %zu tokens have this label", t->conf->name,
			found);
		return err_hint(e, "name the token by 'serial:' ('keystay token list' shows them)");
	}
	return 0;
}

static const char *
pin_flag(CK_FLAGS flags)
{
	return flags & CKF_USER_PIN_LOCKED      ? "locked"
	       : flags & CKF_USER_PIN_FINAL_TRY ? "final-try"
	       : flags & CKF_USER_PIN_COUNT_LOW ? "count-low"
						: "";
}

const char *
token_pin_flag(struct token *t)
{
	CK_TOKEN_INFO info = {0};

	return t->f->C_GetTokenInfo(t->slot, &info) == CKR_OK ? pin_flag(info.flags) : "";
}

/* What the token's flags add to a refused login. */
static void
add_flag(struct token *t, struct err *e)
{
	static const struct {
		const char *flag, *text;
	} texts[] = {{"locked", "the PIN is locked"}, {"final-try", "one try is left"},
		{"count-low", "the token counts tries"}};
	const char *flag = token_pin_flag(t);

	for (size_t i = 0; i < COUNT(texts); i++)
		if (text_same(flag, texts[i].flag)) {
			size_t n = strlen(e->text);
			snprintf(e->text + n, sizeof e->text - n, "; %s", texts[i].text);
		}
}

static int
fail_login(struct token *t, CK_RV rv, struct err *e)
{
	rv_fail(rv, e, "token '%s': login refused", t->conf->name);
	if (!rv_pin(rv)) {
		if (rv == CKR_USER_PIN_NOT_INITIALIZED)
			err_hint(
				e, "the token has no user PIN yet: set one with the vendor's tool");
		return -1;
	}
	add_flag(t, e);
	if (rv == CKR_PIN_LOCKED)
		return err_hint(e,
			"the token takes no PIN now: unblock it with the vendor's tool (a TPM "
			"unlocks by itself after its recovery time), then 'keystay token pin %s "
			"--retry'",
			t->conf->name);
	return err_hint(e,
		"the PIN comes from '%s'; it is not tried again until %s'keystay token pin %s "
		"--retry'",
		t->conf->pin, source_is_file(t->conf->pin) ? "that file changes, or until " : "",
		t->conf->name);
}

static int
login(struct token *t, const struct secret *pin, struct pin_answer *ret, struct err *e)
{
	CK_RV rv = t->f->C_Login(
		t->session, CKU_USER, (CK_UTF8CHAR_PTR)secret_bytes(pin), secret_length(pin));

	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return 0;
	ret->refused = rv_pin(rv);
	if (ret->refused)
		text_copy(ret->flag, sizeof ret->flag,
			rv == CKR_PIN_LOCKED ? "locked" : token_pin_flag(t));
	return fail_login(t, rv, e);
}

/*
 * The first token that is opened decides for its module; the configuration has no two that differ.
 * To go over to the other road the module is started anew.
 */
static int
choose_road(struct token *t, enum road road, struct err *e)
{
	struct module *m = t->module;
	const struct road_ops *wanted = road_choose(road);

	if (m->tokens == 0 && m->road != wanted) {
		if (m->road && module_restart(m, e) < 0)
			return -1;
		m->road = wanted;
	}
	if (road != ROAD_AUTO && m->road != wanted)
		return err_set(e, ERR_CONFIG,
			"token '%s': its module '%s' is open by the road '%s' already",
			t->conf->name, m->path, road_word(m->road->road));
	return 0;
}

int
token_open(const struct token_conf *conf, enum road road, const struct secret *pin,
	struct token **ret, struct pin_answer *ret_pin, struct err *e)
{
	struct token *t = calloc(1, sizeof *t);
	CK_RV rv;

	*ret_pin = (struct pin_answer){false, ""};
	if (!t)
		return err_set(e, ERR_FAILED, "no memory to open the token '%s'", conf->name);
	t->conf = conf;
	if (module_load(conf->module, conf->init_args, &t->module, e) < 0) {
		free(t);
		return err_in(e, "token '%s'", conf->name);
	}
	t->f = module_functions(t->module);
	if (choose_road(t, road, e) < 0 || find_slot(t, e) < 0 ||
		(t->module->road->enter && t->module->road->enter(t, e) < 0)) {
		free(t);
		return -1;
	}
	t->module->tokens++;
	rv = t->f->C_OpenSession(
		t->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &t->session);
	if (rv != CKR_OK) {
		token_close(t);
		return rv_fail(rv, e, "token '%s': cannot open a session", conf->name);
	}
	if (login(t, pin, ret_pin, e) < 0) {
		token_close(t);
		return -1;
	}
	log_debug("token '%s' open by the road '%s': label '%s' serial '%s'", conf->name,
		road_word(t->module->road->road), t->identity.label, t->identity.serial);
	*ret = t;
	return 0;
}

void
token_close(struct token *t)
{
	if (!t)
		return;
	t->module->road->close(t);
	/* A TPM has few places; the module gives those of its keys back at logout only. */
	if (t->session && t->module->tpm2 && t->module->tokens == 1)
		t->f->C_Logout(t->session);
	if (t->session)
		t->f->C_CloseSession(t->session);
	t->module->tokens--;
	free(t);
}

bool
token_alive(struct token *t)
{
	CK_SESSION_INFO info = {0};

	return t->f->C_GetSessionInfo(t->session, &info) == CKR_OK &&
	       info.state == CKS_RW_USER_FUNCTIONS;
}

struct module *
token_module(const struct token *t)
{
	return t->module;
}

enum road
token_road(const struct token *t)
{
	return t->module->road->road;
}

OSSL_LIB_CTX *
token_context(const struct token *t)
{
	return t->module->road->context(t);
}

bool
token_refused(const struct token *t, enum key_family family, unsigned *ret)
{
	*ret = t->module->refused[family];
	return t->module->refused_known[family];
}

void
token_set_refused(struct token *t, enum key_family family, unsigned refused)
{
	t->module->refused[family] = refused & EXTRAS_ALL;
	t->module->refused_known[family] = true;
}

const struct token_conf *
token_conf_of(const struct token *t)
{
	return t->conf;
}

const struct token_identity *
token_identity_of(const struct token *t)
{
	return &t->identity;
}
