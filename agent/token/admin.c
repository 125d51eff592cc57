#include "keystay/token/admin.h"

#include <libp11.h>
#include <p11-kit/pkcs11.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keystay/base/text.h"
#include "keystay/token/front.h"

struct p11 {
	PKCS11_CTX *ctx;
	PKCS11_SLOT *slots;
	unsigned count;
	bool loaded;
};

static int
p11_fail(struct err *e, const char *what)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	err_set(e, ERR_TOKEN, "%s%s%s", what, why ? ": " : "", why ? why : "");
	ERR_clear_error();
	return -1;
}

static void
p11_close(struct p11 *p)
{
	if (p->slots)
		PKCS11_release_all_slots(p->ctx, p->slots, p->count);
	if (p->loaded)
		PKCS11_CTX_unload(p->ctx);
	if (p->ctx)
		PKCS11_CTX_free(p->ctx);
}

static int
p11_open(struct p11 *p, const char *module, const char *init_args, struct err *e)
{
	struct front front;
	char what[512];

	*p = (struct p11){.ctx = NULL};
	if (front_of(module, init_args, &front, e) < 0)
		return -1;
	p->ctx = PKCS11_CTX_new();
	if (!p->ctx)
		return err_set(e, ERR_FAILED, "no memory for libp11");
	if (front.init_args[0])
		PKCS11_CTX_init_args(p->ctx, front.init_args);
	snprintf(what, sizeof what, "cannot load the PKCS#11 module '%s'", module);
	if (access(module, R_OK) < 0 || PKCS11_CTX_load(p->ctx, front.library) != 0) {
		p11_fail(e, what);
		p11_close(p);
		return err_hint(e, "install the vendor's module, or mend 'module:' of the token");
	}
	p->loaded = true;
	if (PKCS11_enumerate_slots(p->ctx, &p->slots, &p->count) != 0) {
		p11_fail(e, "cannot list the slots of the module");
		p11_close(p);
		return -1;
	}
	return 0;
}

static void
copy_field(char *dst, size_t size, const char *src)
{
	text_copy(dst, size, src ? src : "");
	text_printable(dst);
}

static struct token_slot
describe(const PKCS11_TOKEN *t)
{
	struct token_slot s = {.initialized = t->initialized,
		.pin_locked = t->userPinLocked,
		.pin_set = t->userPinSet};

	if (s.initialized)
		copy_field(s.identity.label, sizeof s.identity.label, t->label);
	copy_field(s.identity.serial, sizeof s.identity.serial, t->serialnr);
	copy_field(s.identity.manufacturer, sizeof s.identity.manufacturer, t->manufacturer);
	copy_field(s.identity.model, sizeof s.identity.model, t->model);
	return s;
}

int
token_slots(const char *module, const char *init_args,
	int (*each)(void *ctx, const struct token_slot *slot, struct err *e), void *ctx,
	struct err *e)
{
	struct p11 p;
	int rc = 0;

	if (p11_open(&p, module, init_args, e) < 0)
		return -1;
	for (unsigned i = 0; i < p.count && rc == 0; i++)
		if (p.slots[i].token) {
			struct token_slot s = describe(p.slots[i].token);
			rc = each(ctx, &s, e);
		}
	p11_close(&p);
	return rc;
}

static int
make_token(PKCS11_SLOT *slot, const struct token_conf *conf, const struct secret *so_pin,
	const struct secret *user_pin, struct err *e)
{
	const char *so = (const char *)secret_bytes(so_pin);
	const char *user = (const char *)secret_bytes(user_pin);

	if (PKCS11_init_token(slot->token, so, conf->label) != 0) {
		p11_fail(e, "the token does not initialise");
		return err_hint(e, "does the SO PIN have the length that the token asks for?");
	}
	if (PKCS11_open_session(slot, 1) != 0 || PKCS11_login(slot, 1, so) != 0)
		return p11_fail(e, "the token refuses the SO PIN that it was initialised with");
	if (PKCS11_init_pin(slot->token, user) != 0) {
		p11_fail(e, "the token does not take the user PIN");
		return err_hint(e, "does the PIN have the length that the token asks for?");
	}
	return 0;
}

int
token_init(const struct token_conf *conf, const struct secret *so_pin,
	const struct secret *user_pin, struct err *e)
{
	PKCS11_SLOT *free_slot = NULL;
	struct p11 p;
	int rc;

	if (!conf->label)
		return err_set(e, ERR_CONFIG, "token '%s' has no 'label' to be initialised with",
			conf->name);
	if (p11_open(&p, conf->module, conf->init_args, e) < 0)
		return err_in(e, "token '%s'", conf->name);
	bool there = false;
	for (unsigned i = 0; i < p.count; i++) {
		PKCS11_TOKEN *t = p.slots[i].token;
		if (t && t->initialized && t->label && text_same(t->label, conf->label))
			there = true;
		if (t && !t->initialized && !free_slot)
			free_slot = &p.slots[i];
	}
	if (there) {
		err_set(e, ERR_TOKEN, "token '%s': a token with label '%s' is initialised already",
			conf->name, conf->label);
		rc = err_hint(e, "nothing to do; keystay never wipes a token");
	} else if (!free_slot) {
		err_set(e, ERR_TOKEN, "token '%s': the module has no uninitialised token",
			conf->name);
		rc = err_hint(e, "initialise the token with the vendor's own tool");
	} else {
		rc = make_token(free_slot, conf, so_pin, user_pin, e);
		if (rc < 0)
			err_in(e, "token '%s'", conf->name);
	}
	p11_close(&p);
	return rc;
}

int
token_change_pin(const struct token_conf *conf, const struct secret *old_pin,
	const struct secret *new_pin, struct pin_answer *ret_old, struct err *e)
{
	PKCS11_SLOT *slot = NULL;
	struct p11 p;
	int rc = 0;

	*ret_old = (struct pin_answer){false, ""};
	if (p11_open(&p, conf->module, conf->init_args, e) < 0)
		return err_in(e, "token '%s'", conf->name);
	size_t found = 0;
	for (unsigned i = 0; i < p.count; i++) {
		PKCS11_TOKEN *t = p.slots[i].token;
		if (!t || !t->initialized || (conf->label && !text_same(t->label, conf->label)) ||
			(conf->serial && !text_same(t->serialnr, conf->serial)))
			continue;
		slot = &p.slots[i];
		found++;
	}
	if (found != 1) {
		err_set(e, ERR_TOKEN, "token '%s': %zu tokens of the module are meant", conf->name,
			found);
		rc = err_hint(e, "'keystay token list' shows them; 'label:' and 'serial:' choose");
	} else if (PKCS11_open_session(slot, 1) != 0 ||
		   PKCS11_change_pin(slot, (const char *)secret_bytes(old_pin),
			   (const char *)secret_bytes(new_pin)) != 0) {
		/* libp11 puts the return value where OpenSSL has its reasons. */
		CK_RV rv = (CK_RV)ERR_GET_REASON(ERR_peek_last_error());
		ret_old->refused = rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED;
		if (rv == CKR_PIN_LOCKED)
			text_copy(ret_old->flag, sizeof ret_old->flag, "locked");
		p11_fail(e, "the PIN is not changed");
		e->kind = ERR_PIN;
		rc = err_in(e, "token '%s'", conf->name);
	}
	p11_close(&p);
	return rc;
}
