/*
 * token-ids MODULE LABEL PIN-FILE [INIT-ARGS [ID]]
 *
 * The CKA_ID of every private key on a token, a line each, asked of the module itself, so that a
 * test can compare the token with the agent's database. With an ID (hex): how many objects of any
 * class have it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "keystay/token/module.h"
#include "keystay/base/source.h"
#include "keystay/token/token.h"

/* By a session of our own: the token's is its own business. */
static unsigned long
count_objects(CK_FUNCTION_LIST *f, const char *label, const char *id_hex)
{
	CK_SLOT_ID slots[64];
	CK_ULONG slot_count = 64, found = 0, all = 0;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE handles[64];
	CK_TOKEN_INFO info;
	unsigned char id[64];
	int len = hex_decode(id_hex, id, sizeof id);
	CK_ATTRIBUTE wanted = {CKA_ID, id, (CK_ULONG)len};
	char name[33];

	if (len <= 0 || f->C_GetSlotList(CK_TRUE, slots, &slot_count) != CKR_OK)
		exit(1);
	for (CK_ULONG i = 0; i < slot_count; i++) {
		if (f->C_GetTokenInfo(slots[i], &info) != CKR_OK)
			continue;
		module_text(name, info.label, sizeof info.label);
		if (!text_same(name, label))
			continue;
		if (f->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &session) !=
				CKR_OK ||
			f->C_FindObjectsInit(session, &wanted, 1) != CKR_OK)
			exit(1);
		while (f->C_FindObjects(session, handles, 64, &found) == CKR_OK && found)
			all += found;
	}
	return all;
}

int
main(int argc, char **argv)
{
	struct token_conf conf = {.name = (char *)"test"};
	AUTO(secret) struct secret *pin = NULL;
	AUTO(token) struct token *token = NULL;
	AUTO(list) struct list ids = {0};
	char source[4200];
	struct err e;
	struct pin_answer refused;

	if (argc < 4 || argc > 6)
		return 2;
	conf.module = argv[1];
	conf.label = argv[2];
	conf.init_args = argc > 4 ? argv[4] : NULL;
	snprintf(source, sizeof source, "file:%s", argv[3]);
	conf.pin = source;
	if (source_get(source, "PIN", &pin, &e) < 0 ||
		token_open(&conf, ROAD_AUTO, pin, &token, &refused, &e) < 0 ||
		key_list(token, &ids, &e) < 0) {
		fprintf(stderr, "token-ids: %s\n", e.text);
		return 1;
	}
	if (argc == 6) {
		printf("%lu\n",
			count_objects(module_functions(token_module(token)), conf.label, argv[5]));
	} else {
		for (size_t i = 0; i < ids.count; i++)
			puts(ids.item[i]);
	}
	token_close(token);
	token = NULL;
	modules_finish();
	return 0;
}
