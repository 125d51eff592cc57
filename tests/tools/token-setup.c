/*
 * token-setup - what the lab and the tests do to a token behind the agent's back, by plain PKCS#11
 * calls that every module has:
 *
 *	token-setup MODULE INIT-ARGS init LABEL SO-PIN PIN-FILE      an initialised token
 *	token-setup MODULE INIT-ARGS make LABEL PIN-FILE NAME TYPE   a pair (ec-p256, rsa-2048)
 *	token-setup MODULE INIT-ARGS sign LABEL PIN-FILE NAME on|off CKA_SIGN of a private key
 *	token-setup MODULE INIT-ARGS destroy LABEL PIN-FILE NAME     its private and public objects
 *	token-setup MODULE INIT-ARGS flags LABEL                     CKF_* of the token, in hex
 *
 * INIT-ARGS is the string for C_Initialize, "" for none. NAME is the CKA_LABEL of a key. `make`
 * prints the public key and the reference that servers take for a key file, both as PEM. The SO PIN
 * is the one that a new token has, where it has one (SoftHSM and TPM take any, NSS "",
 * opencryptoki 87654321). pkcs11-tool cannot do all of this: it gives no string to C_Initialize
 * and sets no CKA_SIGN.
 */
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "keystay/token/module.h"
#include "keystay/base/source.h"
#include "keystay/token/rv.h"
#include "keystay/token/token.h"
#include "keystay/x509/keypem.h"

#define SLOTS_MAX 32

/* Where a module asks that a new SO PIN be changed at once. */
#define NEXT_SO_PIN "12345678"

static CK_FUNCTION_LIST *f;

static void
must(CK_RV rv, const char *what)
{
	if (rv == CKR_OK)
		return;
	fprintf(stderr, "token-setup: %s: %s\n", what, rv_word(rv));
	exit(1);
}

static void
must_not_fail(int rc, const struct err *e)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "token-setup: %s\n", e->text);
	exit(1);
}

/* A label as PKCS#11 wants it: 32 bytes, filled up with blanks. */
static void
pad_label(CK_UTF8CHAR padded[32], const char *label)
{
	size_t len = strlen(label);

	memset(padded, ' ', 32);
	memcpy(padded, label, len < 32 ? len : 32);
}

static struct secret *
read_pin(const char *file)
{
	struct secret *pin = NULL;
	char source[4200];
	struct err e;

	snprintf(source, sizeof source, "file:%s", file);
	must_not_fail(source_get(source, "PIN", &pin, &e), &e);
	return pin;
}

static CK_TOKEN_INFO
token_info(CK_SLOT_ID slot)
{
	CK_TOKEN_INFO info = {0};

	must(f->C_GetTokenInfo(slot, &info), "C_GetTokenInfo");
	return info;
}

/*
 * The slot of the token with this label; with NULL that of a token that still wants a PIN. NSS has
 * its token "initialised" from the start, without a user PIN, beside one that is write-protected.
 */
static CK_SLOT_ID
find_slot(const char *label)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	CK_UTF8CHAR padded[32];

	if (label)
		pad_label(padded, label);
	must(f->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
	for (CK_ULONG i = 0; i < count; i++) {
		CK_TOKEN_INFO info;
		if (f->C_GetTokenInfo(slots[i], &info) != CKR_OK)
			continue;
		if (label ? memcmp(info.label, padded, 32) == 0
			  : !(info.flags & (CKF_USER_PIN_INITIALIZED | CKF_WRITE_PROTECTED)))
			return slots[i];
	}
	fprintf(stderr, "token-setup: no %s\n", label ? "token of that label" : "new token");
	exit(1);
}

static CK_SESSION_HANDLE
open_session(CK_SLOT_ID slot)
{
	CK_SESSION_HANDLE session;

	must(f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
		"C_OpenSession");
	return session;
}

static void
login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin)
{
	must(f->C_Login(session, user, (CK_UTF8CHAR *)pin, strlen(pin)),
		user == CKU_SO ? "C_Login as SO" : "C_Login");
}

static void
set_pin(CK_SESSION_HANDLE session, const char *from, const char *to)
{
	must(f->C_SetPIN(session, (CK_UTF8CHAR *)from, strlen(from), (CK_UTF8CHAR *)to, strlen(to)),
		"C_SetPIN");
}

static void
init_token(const char *label, const char *so_pin, const char *pin)
{
	CK_SLOT_ID slot = find_slot(NULL);
	CK_UTF8CHAR padded[32];
	char first[64];

	pad_label(padded, label);
	if (!(token_info(slot).flags & CKF_TOKEN_INITIALIZED)) {
		must(f->C_InitToken(slot, (CK_UTF8CHAR *)so_pin, strlen(so_pin), padded),
			"C_InitToken");
		slot = find_slot(label); /* SoftHSM's slots are others now */
	}
	CK_SESSION_HANDLE session = open_session(slot);
	login(session, CKU_SO, so_pin);
	if (token_info(slot).flags & CKF_SO_PIN_TO_BE_CHANGED)
		set_pin(session, so_pin, NEXT_SO_PIN);
	must(f->C_InitPIN(session, (CK_UTF8CHAR *)pin, strlen(pin)), "C_InitPIN");
	must(f->C_Logout(session), "C_Logout");
	if (token_info(slot).flags & CKF_USER_PIN_TO_BE_CHANGED) {
		/* opencryptoki: nothing works before the user chose a PIN, and it must be another.
		 */
		snprintf(first, sizeof first, "%s", pin);
		first[0] ^= 1;
		login(session, CKU_USER, pin);
		set_pin(session, pin, first);
		set_pin(session, first, pin);
		must(f->C_Logout(session), "C_Logout");
	}
}

static void
make_pair(CK_SESSION_HANDLE session, const char *type, const char *name, unsigned char id[16])
{
	static const unsigned char p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
	bool rsa = text_same(type, "rsa-2048");
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG bits = 2048;
	unsigned char exponent[] = {1, 0, 1};
	/* The smallest template that all modules take: see docs/TOKENS.md. */
	CK_ATTRIBUTE public[] = {{CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &no, sizeof no},
		{CKA_VERIFY, &yes, sizeof yes}, {CKA_LABEL, (void *)name, strlen(name)},
		{CKA_ID, id, 16}, {CKA_EC_PARAMS, (void *)p256, sizeof p256},
		{CKA_PUBLIC_EXPONENT, exponent, sizeof exponent}};
	CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &yes, sizeof yes},
		{CKA_SENSITIVE, &yes, sizeof yes}, {CKA_EXTRACTABLE, &no, sizeof no},
		{CKA_SIGN, &yes, sizeof yes}, {CKA_LABEL, (void *)name, strlen(name)},
		{CKA_ID, id, 16}};
	CK_MECHANISM mechanism = {rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_OBJECT_HANDLE a, b;

	if (rsa)
	public[5] = (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits};
	must(f->C_GenerateKeyPair(
		     session, &mechanism, public, rsa ? 7 : 6, private, COUNT(private), &a, &b),
		"C_GenerateKeyPair");
}

static CK_ULONG
find_objects(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *name,
	CK_OBJECT_HANDLE found[2])
{
	CK_ATTRIBUTE wanted[] = {
		{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, (void *)name, strlen(name)}};
	CK_ULONG count = 0;

	must(f->C_FindObjectsInit(session, wanted, COUNT(wanted)), "C_FindObjectsInit");
	must(f->C_FindObjects(session, found, 2, &count), "C_FindObjects");
	must(f->C_FindObjectsFinal(session), "C_FindObjectsFinal");
	return count;
}

static CK_OBJECT_HANDLE
find_one(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *name)
{
	CK_OBJECT_HANDLE found[2] = {0};

	if (find_objects(session, class, name, found) != 1) {
		fprintf(stderr, "token-setup: not exactly one key '%s'\n", name);
		exit(1);
	}
	return found[0];
}

static void
set_sign(CK_SESSION_HANDLE session, const char *name, bool on)
{
	CK_BBOOL value = on ? CK_TRUE : CK_FALSE;
	CK_ATTRIBUTE a = {CKA_SIGN, &value, sizeof value};

	must(f->C_SetAttributeValue(session, find_one(session, CKO_PRIVATE_KEY, name), &a, 1),
		"C_SetAttributeValue");
}

static void
destroy_pair(CK_SESSION_HANDLE session, const char *name)
{
	must(f->C_DestroyObject(session, find_one(session, CKO_PRIVATE_KEY, name)),
		"C_DestroyObject");
	must(f->C_DestroyObject(session, find_one(session, CKO_PUBLIC_KEY, name)),
		"C_DestroyObject of the public key");
}

/* The public key and the key reference, by the agent's own functions. */
static void
print_key(struct token_conf *conf, const char *pin_file, const char *name, const unsigned char *id)
{
	AUTO(secret) struct secret *pin = read_pin(pin_file);
	AUTO(token) struct token *token = NULL;
	struct key_name key;
	struct key_facts facts;
	EVP_PKEY *public = NULL;
	char uri[KEY_URI_TEXT], *pem = NULL;
	struct err e;
	struct pin_answer refused;

	hex_encode(id, 16, key.id);
	text_copy(key.label, sizeof key.label, name);
	must_not_fail(token_open(conf, ROAD_AUTO, pin, &token, &refused, &e), &e);
	must_not_fail(key_find(token, &key, &facts, &public, &e), &e);
	must_not_fail(key_uri(token, &key, uri, &e), &e);
	must_not_fail(keypem_make(uri, &pem, &e), &e);
	if (!public || PEM_write_PUBKEY(stdout, public) != 1) {
		fprintf(stderr, "token-setup: the new key cannot be read\n");
		exit(1);
	}
	fputs(pem, stdout);
	free(pem);
	EVP_PKEY_free(public);
}

int
main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	struct token_conf conf = {
		.name = (char *)"test", .module = argv[1], .init_args = argv[2], .label = argv[4]};
	const char *what = argv[3], *name = argc > 6 ? argv[6] : "";
	AUTO(secret) struct secret *pin = NULL;
	struct module *module;
	struct err e;

	must_not_fail(module_load(conf.module, conf.init_args, &module, &e), &e);
	f = module_functions(module);
	if (text_same(what, "flags")) {
		printf("%lx\n", token_info(find_slot(conf.label)).flags);
	} else if (text_same(what, "init") && argc == 7) {
		pin = read_pin(argv[6]);
		init_token(conf.label, argv[5], (const char *)secret_bytes(pin));
	} else if (argc > 6) {
		CK_SESSION_HANDLE session = open_session(find_slot(conf.label));
		unsigned char id[16];
		pin = read_pin(argv[5]);
		login(session, CKU_USER, (const char *)secret_bytes(pin));
		if (text_same(what, "make") && argc == 8 && RAND_bytes(id, sizeof id) == 1) {
			make_pair(session, argv[7], name, id);
			must(f->C_Logout(session), "C_Logout");
			print_key(&conf, argv[5], name, id);
		} else if (text_same(what, "sign") && argc == 8) {
			set_sign(session, name, text_same(argv[7], "on"));
		} else if (text_same(what, "destroy")) {
			destroy_pair(session, name);
		} else {
			return 2;
		}
	} else {
		return 2;
	}
	/* Without it a TPM that has no resource manager keeps what this process held. */
	must(f->C_Finalize(NULL), "C_Finalize");
	return 0;
}
