/*
 * find-among MODULE LABEL PIN-FILE ROAD what...
 *
 *	fill OBJECTS EDWARDS  makes our key, and OBJECTS foreign ones around it: of four, two are
 *data and two a pair of keys with an id; and EDWARDS pairs of Ed25519 find COUNT key_find, so many
 *times load COUNT            key_find once, and key_load so many times ratio COUNT key_find and
 *key_load against the module's own search for the same id, by turns: the median of the CPU time of
 *each, and of the ratio of each turn
 *
 * Finds our key among foreign objects.
 */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "keystay/token/module.h"
#include "keystay/base/source.h"
#include "keystay/token/roads.h"
#include "keystay/token/rv.h"
#include "keystay/token/token.h"

#define COUNT_MAX 10000

static const struct key_name ours = {"5169ffffffffffffffffffffffffffff", "ours among others"};
static CK_FUNCTION_LIST *f;
static CK_SESSION_HANDLE session;

static void
must(CK_RV rv, const char *what)
{
	if (rv == CKR_OK)
		return;
	fprintf(stderr, "find-among: %s: %s\n", what, rv_word(rv));
	exit(1);
}

static void
must_not_fail(int rc, const struct err *e)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "find-among: %s\n", e->text);
	exit(1);
}

static void
fail(const char *what)
{
	fprintf(stderr, "find-among: %s\n", what);
	exit(1);
}

/* A session of our own: the token's is its own business. */
static void
open_session(const char *label)
{
	CK_SLOT_ID slots[64];
	CK_ULONG count = COUNT(slots);
	CK_TOKEN_INFO info;
	char name[33];

	must(f->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
	for (CK_ULONG i = 0; i < count; i++) {
		if (f->C_GetTokenInfo(slots[i], &info) != CKR_OK)
			continue;
		module_text(name, info.label, sizeof info.label);
		if (!text_same(name, label))
			continue;
		must(f->C_OpenSession(
			     slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
			"C_OpenSession");
		return;
	}
	fail("no token of that label");
}

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

static void
make_data(bool private)
{
	CK_OBJECT_CLASS class = CKO_DATA;
	CK_ATTRIBUTE a[] = {{CKA_CLASS, &class, sizeof class}, {CKA_TOKEN, &yes, sizeof yes},
		{CKA_PRIVATE, private ? &yes : &no, sizeof yes}, {CKA_LABEL, (void *)"foreign", 7},
		{CKA_VALUE, (void *)"not ours", 8}};
	CK_OBJECT_HANDLE object;

	must(f->C_CreateObject(session, a, COUNT(a), &object), "C_CreateObject of data");
}

/* Both halves of a P-256 pair, with values of no meaning: a search does not look at them. */
static void
make_pair(void)
{
	static unsigned char p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
	unsigned char id[16], point[67] = {4, 65, 4}, value[32];
	CK_OBJECT_CLASS public = CKO_PUBLIC_KEY, private = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_ATTRIBUTE a[] = {{CKA_CLASS, &public, sizeof public}, {CKA_PRIVATE, &no, sizeof no},
		{CKA_EC_POINT, point, sizeof point}, {CKA_TOKEN, &yes, sizeof yes},
		{CKA_KEY_TYPE, &type, sizeof type}, {CKA_EC_PARAMS, p256, sizeof p256},
		{CKA_ID, id, sizeof id}, {CKA_LABEL, (void *)"foreign", 7}};
	CK_OBJECT_HANDLE object;

	if (RAND_bytes(id, sizeof id) != 1 || RAND_bytes(point + 3, 64) != 1 ||
		RAND_bytes(value, sizeof value) != 1)
		fail("no random bytes");
	must(f->C_CreateObject(session, a, COUNT(a), &object), "C_CreateObject of a public key");
	a[0].pValue = &private;
	a[1].pValue = &yes;
	a[2] = (CK_ATTRIBUTE){CKA_VALUE, value, sizeof value};
	must(f->C_CreateObject(session, a, COUNT(a), &object), "C_CreateObject of a private key");
}

/* Of a type that libp11 does not know. */
static void
make_edwards(void)
{
	static unsigned char curve[] = "\x13\x0c"
				       "edwards25519";
	CK_MECHANISM m = {CKM_EC_EDWARDS_KEY_PAIR_GEN, NULL, 0};
	unsigned char id[16];
	CK_ATTRIBUTE public[] = {{CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &no, sizeof no},
		{CKA_VERIFY, &yes, sizeof yes}, {CKA_ID, id, sizeof id},
		{CKA_LABEL, (void *)"foreign", 7}, {CKA_EC_PARAMS, curve, sizeof curve - 1}};
	CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &yes, sizeof yes},
		{CKA_SENSITIVE, &yes, sizeof yes}, {CKA_SIGN, &yes, sizeof yes},
		{CKA_ID, id, sizeof id}, {CKA_LABEL, (void *)"foreign", 7}};
	CK_OBJECT_HANDLE a, b;

	if (RAND_bytes(id, sizeof id) != 1)
		fail("no random bytes");
	must(f->C_GenerateKeyPair(
		     session, &m, public, COUNT(public), private, COUNT(private), &a, &b),
		"C_GenerateKeyPair of Ed25519");
}

static void
fill(struct token *t, int64_t objects, int64_t edwards)
{
	struct err e;

	for (int64_t i = 0; i < objects; i += 4) {
		make_data(false);
		make_data(true);
		make_pair();
		if (i / 4 == objects / 8)
			must_not_fail(key_make(t, &ours, KEY_EC_P256, &e), &e);
	}
	for (int64_t i = 0; i < edwards; i++)
		make_edwards();
}

static void
find(struct token *t, struct key_facts *facts)
{
	struct err e;

	must_not_fail(key_find(t, &ours, facts, NULL, &e), &e);
	if (facts->presence != KEY_WHOLE)
		fail("our key is not found");
}

static void
load(struct token *t, const struct key_facts *facts)
{
	EVP_PKEY *key;
	struct err e;

	must_not_fail(key_load(t, &ours, facts->public_hash, &key, &e), &e);
	EVP_PKEY_free(key);
}

/* What no program can do without: one search by the module, for the id. */
static void
search(void)
{
	CK_BYTE id[KEY_ID_BYTES];
	CK_ATTRIBUTE wanted = {CKA_ID, id, sizeof id};
	CK_OBJECT_HANDLE found[8];
	CK_ULONG count = 0;

	hex_decode(ours.id, id, sizeof id);
	must(f->C_FindObjectsInit(session, &wanted, 1), "C_FindObjectsInit");
	must(f->C_FindObjects(session, found, COUNT(found), &count), "C_FindObjects");
	must(f->C_FindObjectsFinal(session), "C_FindObjectsFinal");
	if (count != 2)
		fail("the module does not find both halves of our key");
}

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return 1e6 * (double)t.tv_sec + (double)t.tv_nsec / 1e3;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts `value`. */
static double
median(double *value, int64_t count)
{
	qsort(value, (size_t)count, sizeof *value, ascending);
	return value[count / 2];
}

static void
ratio(struct token *t, int64_t count)
{
	static double own[COUNT_MAX], us[2][COUNT_MAX], ratios[2][COUNT_MAX];
	static const char *const words[2] = {"key_find", "key_load"};
	struct key_facts facts;

	find(t, &facts);
	load(t, &facts); /* how long the road takes to start is not the question */
	for (int64_t i = 0; i < count; i++) {
		double start = cpu_us();
		search();
		double searched = cpu_us();
		find(t, &facts);
		double found = cpu_us();
		load(t, &facts);
		us[1][i] = cpu_us() - found;
		us[0][i] = found - searched;
		own[i] = searched - start;
		for (int w = 0; w < 2; w++)
			ratios[w][i] = us[w][i] / own[i];
	}
	double least = median(own, count);
	for (int w = 0; w < 2; w++)
		printf("%s %.0f us, C_FindObjects %.0f us, ratio %.3f\n", words[w],
			median(us[w], count), least, median(ratios[w], count));
}

int
main(int argc, char **argv)
{
	struct token_conf conf = {.name = (char *)"test"};
	AUTO(secret) struct secret *pin = NULL;
	struct token *token = NULL;
	struct key_facts facts;
	char source[4200];
	enum road road;
	int64_t count, edwards = 0;
	struct err e;
	struct pin_answer refused;

	if (argc < 7 || argc > 8 || !road_of(argv[4], &road) ||
		!number_parse(argv[6], 1, COUNT_MAX, &count) ||
		(argc == 8 && !number_parse(argv[7], 0, COUNT_MAX, &edwards)))
		return 2;
	const char *what = argv[5];
	conf.module = argv[1];
	conf.label = argv[2];
	snprintf(source, sizeof source, "file:%s", argv[3]);
	conf.pin = source;
	must_not_fail(source_get(source, "PIN", &pin, &e), &e);
	must_not_fail(token_open(&conf, road, pin, &token, &refused, &e), &e);
	f = module_functions(token_module(token));
	open_session(conf.label);
	if (text_same(what, "fill")) {
		fill(token, count, edwards);
	} else if (text_same(what, "find")) {
		for (int64_t i = 0; i < count; i++)
			find(token, &facts);
	} else if (text_same(what, "load")) {
		find(token, &facts);
		for (int64_t i = 0; i < count; i++)
			load(token, &facts);
	} else if (text_same(what, "ratio")) {
		ratio(token, count);
	} else {
		return 2;
	}
	token_close(token);
	modules_finish();
	return 0;
}
