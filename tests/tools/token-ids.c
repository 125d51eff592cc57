/*
 * token-ids MODULE LABEL PIN-FILE - the CKA_ID of every private key on a token, a line each, asked
 * of the module itself, so that a test can compare the token with the agent's database.
 */
#include <stdio.h>
#include <stdlib.h>

#include "keystay/base/text.h"
#include "keystay/token/key.h"
#include "keystay/token/pin.h"
#include "keystay/token/token.h"

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

	if (argc != 4)
		return 2;
	conf.module = argv[1];
	conf.label = argv[2];
	snprintf(source, sizeof source, "file:%s", argv[3]);
	conf.pin = source;
	if (pin_get(source, "PIN", &pin, &e) < 0 ||
		token_open(&conf, ROAD_AUTO, pin, &token, &refused, &e) < 0 ||
		key_list(token, &ids, &e) < 0) {
		fprintf(stderr, "token-ids: %s\n", e.text);
		return 1;
	}
	for (size_t i = 0; i < ids.count; i++)
		puts(ids.item[i]);
	return 0;
}
