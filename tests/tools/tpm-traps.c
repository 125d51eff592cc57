/*
 * tpm-traps MODULE LABEL PIN-FILE TRAP - walks into a trap of tpm2-pkcs11 by raw calls, as a
 *program would that does not know of it, or passes by it with the agent's own functions. Prints
 *what happened in a word or two; exit status 1 where something else failed.
 *
 *	raw-handles    gen A, gen B, destroy A, gen C: has C the handles of B?
 *	handles        the same by key_make and key_destroy
 *	late-anchor    the first object of the token is a stranger's, and goes; then the same
 *	raw-fork       a forked child signs on the inherited session: does the parent still sign?
 *	child          a program is run by child_run between two signatures
 *	raw-slots N    keys made and used in one process, until it fails
 *	slots N        the same by the agent's functions, with a new start of the module where
 *needed blind ID       waits on stdin; then: is the key that another process made there? after a
 *new start?
 */
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keystay/base/child.h"
#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "keystay/token/module.h"
#include "keystay/base/source.h"
#include "keystay/token/rv.h"
#include "keystay/token/token.h"

static struct token_conf conf = {.name = (char *)"test"};
static struct secret *pin;
static struct token *token;
static struct err e;

static void
must(int rc)
{
	if (rc == 0)
		return;
	fprintf(stderr, "tpm-traps: %s\n", e.text);
	exit(1);
}

static void
must_rv(CK_RV rv, const char *what)
{
	if (rv == CKR_OK)
		return;
	fprintf(stderr, "tpm-traps: %s: %s\n", what, rv_word(rv));
	exit(1);
}

static void
open_token(void)
{
	struct pin_answer answer;

	must(token_open(&conf, ROAD_AUTO, pin, &token, &answer, &e));
}

static void
start_anew(void)
{
	struct module *m = token_module(token);

	token_close(token);
	must(module_restart(m, &e));
	open_token();
}

static struct key_name
named(int n)
{
	struct key_name k;

	snprintf(k.id, sizeof k.id, "%032x", 0xabc000 + n);
	snprintf(k.label, sizeof k.label, "trap %d", n);
	return k;
}

/* Raw calls, on a session of their own beside the token's. */
static CK_FUNCTION_LIST *f;
static CK_SESSION_HANDLE session;

static void
open_raw(void)
{
	CK_SLOT_ID slots[64];
	CK_ULONG count = 64;
	CK_TOKEN_INFO info;
	char label[33];

	f = module_functions(token_module(token));
	must_rv(f->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
	for (CK_ULONG i = 0; i < count; i++) {
		must_rv(f->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
		module_text(label, info.label, sizeof info.label);
		if (text_same(label, conf.label))
			must_rv(f->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION,
					NULL, NULL, &session),
				"C_OpenSession");
	}
}

struct pair {
	CK_OBJECT_HANDLE public_key, private_key;
};

static struct pair
raw_make(int n)
{
	struct key_name k = named(n);
	struct key_template t;
	unsigned char id[KEY_ID_BYTES];
	struct pair p;

	hex_decode(k.id, id, sizeof id);
	template_make(&t, KEY_EC_P256, id, k.label, EXTRAS_ALL, false);
	must_rv(f->C_GenerateKeyPair(session, &t.mechanism, t.public_key, t.publics, t.private_key,
			t.privates, &p.public_key, &p.private_key),
		"C_GenerateKeyPair");
	return p;
}

static void
raw_destroy(struct pair p)
{
	must_rv(f->C_DestroyObject(session, p.private_key), "C_DestroyObject");
	must_rv(f->C_DestroyObject(session, p.public_key), "C_DestroyObject");
}

static CK_RV
raw_sign(CK_OBJECT_HANDLE key)
{
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	CK_BYTE digest[32] = {1}, signature[256];
	CK_ULONG len = sizeof signature;

	CK_RV rv = f->C_SignInit(session, &m, key);
	return rv == CKR_OK ? f->C_Sign(session, digest, sizeof digest, signature, &len) : rv;
}

static void
raw_handles(void)
{
	struct pair a = raw_make(1), b = raw_make(2);

	raw_destroy(a);
	struct pair c = raw_make(3);
	puts(c.private_key == b.private_key || c.public_key == b.public_key ||
				c.private_key == c.public_key
			? "mixed up"
			: "apart");
}

/* The hash of a key that is whole and signs. */
static void
check_key(int n, char hash[KEY_HASH_TEXT])
{
	struct key_name k = named(n);
	struct key_facts facts;
	EVP_PKEY *public = NULL;

	must(key_find(token, &k, &facts, &public, &e));
	if (facts.presence != KEY_WHOLE) {
		printf("key %d is not whole\n", n);
		exit(0);
	}
	must(key_try(token, &k, public, &e));
	text_copy(hash, KEY_HASH_TEXT, facts.public_hash);
	EVP_PKEY_free(public);
}

/* As the agent's loop does it: what was lost is there again after a new start, once. */
static void
make_key(int n)
{
	struct key_name k = named(n);
	struct key_facts facts;

	if (key_make(token, &k, KEY_EC_P256, &e) == 0)
		return;
	if (e.kind != ERR_LOST)
		must(-1);
	start_anew();
	must(key_find(token, &k, &facts, NULL, &e));
	if (facts.presence == KEY_WHOLE)
		return;
	must(key_discard(token, &k, &e));
	must(key_make(token, &k, KEY_EC_P256, &e));
}

static void
destroy_key(int n, const char *hash)
{
	struct key_name k = named(n);
	bool found;

	if (key_destroy(token, &k, hash, &found, &e) == 0)
		return;
	if (e.kind != ERR_LOST)
		must(-1);
	start_anew();
	must(key_destroy(token, &k, hash, &found, &e));
}

static void
handles(void)
{
	char a[KEY_HASH_TEXT], b[KEY_HASH_TEXT], c[KEY_HASH_TEXT], again[KEY_HASH_TEXT];

	make_key(1);
	make_key(2);
	check_key(1, a);
	check_key(2, b);
	destroy_key(1, a);
	make_key(3);
	check_key(3, c);
	check_key(2, again);
	if (!text_same(b, again) || text_same(b, c)) {
		puts("mixed up");
		return;
	}
	destroy_key(3, c);
	check_key(2, again);
	puts(text_same(b, again) ? "apart" : "mixed up");
}

static void
late_anchor(void)
{
	struct pair stranger = raw_make(9);

	make_key(1);
	raw_destroy(stranger);
	make_key(2);
	make_key(3);
	char a[KEY_HASH_TEXT], b[KEY_HASH_TEXT], again[KEY_HASH_TEXT];
	check_key(1, a);
	check_key(2, b);
	destroy_key(3, (check_key(3, again), again));
	check_key(1, again);
	bool ok = text_same(a, again);
	check_key(2, again);
	puts(ok && text_same(b, again) ? "apart" : "mixed up");
}

static void
raw_fork(void)
{
	struct pair a = raw_make(1);

	must_rv(raw_sign(a.private_key), "the first signature");
	/* Not by the C library: its handlers, and OpenSSL's, would know of the child. */
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		_exit(raw_sign(a.private_key) == CKR_OK ? 0 : 1);
	waitpid(child, NULL, 0);
	puts(raw_sign(a.private_key) == CKR_OK ? "signs" : "broken");
}

static void
child(void)
{
	char *argv[] = {(char *)"/bin/true", NULL};
	const struct child program = {.argv = argv, .time_limit_ms = 5000};
	char hash[KEY_HASH_TEXT];
	struct key_name k = named(1);
	EVP_PKEY *key = NULL;

	make_key(1);
	check_key(1, hash);
	must(key_load(token, &k, hash, &key, &e));
	for (int i = 0; i < 5; i++) {
		must(child_must(&program, &e));
		check_key(1, hash);
	}
	EVP_PKEY_free(key);
	puts("signs");
}

static void
raw_slots(int64_t n)
{
	for (int i = 0; i < n; i++) {
		struct key_name k = named(i);
		struct key_template t;
		unsigned char id[KEY_ID_BYTES];
		struct pair p;
		hex_decode(k.id, id, sizeof id);
		template_make(&t, KEY_EC_P256, id, k.label, EXTRAS_ALL, false);
		if (f->C_GenerateKeyPair(session, &t.mechanism, t.public_key, t.publics,
			    t.private_key, t.privates, &p.public_key, &p.private_key) != CKR_OK ||
			raw_sign(p.private_key) != CKR_OK) {
			printf("failed at key %d\n", i + 1);
			return;
		}
	}
	printf("%d keys\n", (int)n);
}

static void
slots(int64_t n)
{
	char hash[KEY_HASH_TEXT];

	for (int i = 0; i < n; i++) {
		make_key(i);
		/* A signature needs a place, too. */
		struct key_name k = named(i);
		struct key_facts facts;
		EVP_PKEY *public = NULL;
		must(key_find(token, &k, &facts, &public, &e));
		if (key_try(token, &k, public, &e) < 0)
			start_anew();
		EVP_PKEY_free(public);
		check_key(i, hash);
	}
	printf("%d keys\n", (int)n);
}

static void
blind(const char *id)
{
	struct key_name k;
	struct key_facts facts;
	char line[8];

	text_copy(k.id, sizeof k.id, id);
	text_copy(k.label, sizeof k.label, "keystay probe, made elsewhere");
	must(key_find(token, &k, &facts, NULL, &e));
	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof line, stdin))
		exit(1);
	must(key_find(token, &k, &facts, NULL, &e));
	printf("%s, ", facts.presence == KEY_WHOLE ? "seen" : "not seen");
	start_anew();
	must(key_find(token, &k, &facts, NULL, &e));
	puts(facts.presence == KEY_WHOLE ? "seen after a new start" : "not seen");
}

int
main(int argc, char **argv)
{
	char source[4200];
	int64_t n = 0;

	if (argc < 5)
		return 2;
	conf.module = argv[1];
	conf.label = argv[2];
	snprintf(source, sizeof source, "file:%s", argv[3]);
	conf.pin = source;
	must(source_get(source, "PIN", &pin, &e));
	open_token();
	open_raw();
	const char *trap = argv[4];
	if (argc > 5)
		(void)number_parse(argv[5], 1, 1000, &n);
	if (text_same(trap, "raw-handles"))
		raw_handles();
	else if (text_same(trap, "handles"))
		handles();
	else if (text_same(trap, "late-anchor"))
		late_anchor();
	else if (text_same(trap, "raw-fork"))
		raw_fork();
	else if (text_same(trap, "child"))
		child();
	else if (text_same(trap, "raw-slots"))
		raw_slots(n);
	else if (text_same(trap, "slots"))
		slots(n);
	else if (text_same(trap, "blind") && argc > 5)
		blind(argv[5]);
	else
		return 2;
	fflush(stdout);
	token_close(token);
	modules_finish();
	secret_free(pin);
	return 0;
}
