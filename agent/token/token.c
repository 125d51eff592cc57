#include "keystay/token/token.h"

#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "keystay/base/log.h"
#include "keystay/base/text.h"

/* PKCS#11 pads its texts with blanks and does not end them. */
static void
unpad(char *dst, const unsigned char *src, size_t len)
{
	while (len && (src[len - 1] == ' ' || src[len - 1] == 0))
		len--;
	memcpy(dst, src, len);
	dst[len] = '\0';
	text_printable(dst);
}

static void
identify(const CK_TOKEN_INFO *info, struct token_identity *id)
{
	unpad(id->label, info->label, sizeof info->label);
	unpad(id->serial, info->serialNumber, sizeof info->serialNumber);
	unpad(id->manufacturer, info->manufacturerID, sizeof info->manufacturerID);
	unpad(id->model, info->model, sizeof info->model);
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

	CK_RV rv = t->f->C_GetSlotList(CK_TRUE, slots, &count);
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

static int
login(struct token *t, const struct secret *pin, bool *ret_refused, struct err *e)
{
	CK_TOKEN_INFO info = {0};

	CK_RV rv = t->f->C_Login(
		t->session, CKU_USER, (CK_UTF8CHAR_PTR)secret_bytes(pin), secret_length(pin));
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return 0;
	*ret_refused = rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED || rv == CKR_PIN_LEN_RANGE ||
		       rv == CKR_PIN_INVALID || rv == CKR_PIN_EXPIRED;
	rv_fail(rv, e, "token '%s': login refused", t->conf->name);
	if (!*ret_refused)
		return -1;
	if (t->f->C_GetTokenInfo(t->slot, &info) == CKR_OK) {
		const char *left = info.flags & CKF_USER_PIN_LOCKED      ? "the PIN is locked"
				   : info.flags & CKF_USER_PIN_FINAL_TRY ? "one try is left"
				   : info.flags & CKF_USER_PIN_COUNT_LOW ? "the token counts tries"
									 : "";
		if (*left) {
			size_t n = strlen(e->text);
			snprintf(e->text + n, sizeof e->text - n, "; %s", left);
		}
	}
	return err_hint(e,
		"the PIN comes from '%s'; it is not tried again until that file changes, or until "
		"'keystay token pin %s --retry'",
		t->conf->pin, t->conf->name);
}

int
token_open(const struct token_conf *conf, const struct secret *pin, struct token **ret,
	bool *ret_refused, struct err *e)
{
	AUTO(token) struct token *t = calloc(1, sizeof *t);

	*ret_refused = false;
	if (!t)
		return err_set(e, ERR_FAILED, "no memory to open the token '%s'", conf->name);
	t->conf = conf;
	if (module_load(conf->module, conf->init_args, &t->module, e) < 0)
		return err_in(e, "token '%s'", conf->name);
	t->f = module_functions(t->module);
	if (find_slot(t, e) < 0)
		return -1;
	CK_RV rv = t->f->C_OpenSession(
		t->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &t->session);
	if (rv != CKR_OK)
		return rv_fail(rv, e, "token '%s': cannot open a session", conf->name);
	if (login(t, pin, ret_refused, e) < 0)
		return -1;
	log_debug("token '%s' open: label '%s' serial '%s'", conf->name, t->identity.label,
		t->identity.serial);
	*ret = take(&t);
	return 0;
}

void
token_close(struct token *t)
{
	if (!t)
		return;
	road_close(t->road);
	if (t->session)
		t->f->C_CloseSession(t->session);
	free(t);
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
