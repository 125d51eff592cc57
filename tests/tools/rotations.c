/*
 * rotations CONFIG CERTIFICATE COUNT EVERY
 *
 * Rotates a certificate to a new key COUNT times in one process, as the agent does, and prints a
 * line for every EVERY-th: "rotation N rss KIB objects M". The objects are all of the certificate's
 * token, as the module itself shows them.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keystay/base/text.h"
#include "keystay/life/life.h"
#include "keystay/run/system.h"
#include "keystay/token/module.h"
#include "keystay/base/source.h"

static struct secret *pin;

static long
rss_kib(void)
{
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "RssAnon: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

/* By a session of our own: its login is the process's. */
static unsigned long
count_objects(const struct token_conf *conf)
{
	CK_SLOT_ID slots[64];
	CK_ULONG slot_count = 64, n = 0, all = 0;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE handles[64];
	CK_TOKEN_INFO info;
	struct module *m;
	struct err e;
	char label[33];

	if (module_load(conf->module, conf->init_args, &m, &e) < 0)
		return 0;
	CK_FUNCTION_LIST *f = module_functions(m);
	if (f->C_GetSlotList(CK_TRUE, slots, &slot_count) != CKR_OK)
		return 0;
	for (CK_ULONG i = 0; i < slot_count; i++) {
		if (f->C_GetTokenInfo(slots[i], &info) != CKR_OK)
			continue;
		module_text(label, info.label, sizeof info.label);
		if (strcmp(label, conf->label) != 0 ||
			f->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &session) !=
				CKR_OK)
			continue;
		/* Between two rotations the agent may have closed its token. */
		(void)f->C_Login(
			session, CKU_USER, (CK_UTF8CHAR_PTR)secret_bytes(pin), secret_length(pin));
		if (f->C_FindObjectsInit(session, NULL, 0) == CKR_OK) {
			while (f->C_FindObjects(session, handles, 64, &n) == CKR_OK && n)
				all += n;
			f->C_FindObjectsFinal(session);
		}
		f->C_CloseSession(session);
	}
	return all;
}

static void
warn(void *ctx, const struct err *why)
{
	(void)ctx;
	fprintf(stderr, "rotations: warning: %s\n", why->text);
}

static int
rotate(struct life *l, const struct certificate_conf *c, struct err *e)
{
	const struct wish wish = {.key = KEY_NEW, .reason = "rotation of a test"};
	bool started;

	if (life_want(l, c, &wish, &started, e) < 0 || life_go(l, 10 * MINUTE, e) < 0)
		return -1;
	const struct life_result *r = life_result_at(l, 0);
	if (r->state != LIFE_DONE) {
		*e = r->err;
		return -1;
	}
	life_forget(l);
	return 0;
}

int
main(int argc, char **argv)
{
	struct config *config;
	struct life *l;
	struct err e;

	if (argc != 5)
		return 2;
	if (config_read(argv[1], &config, &e) < 0) {
		fprintf(stderr, "rotations: %s\n", e.text);
		return 1;
	}
	const struct certificate_conf *c = config_certificate(config, argv[2]);
	if (!c || source_get(config_token(config, c->token)->pin, "PIN", &pin, &e) < 0) {
		fprintf(stderr, "rotations: %s\n", c ? e.text : "no such certificate");
		return 1;
	}
	const struct life_conf conf = {.config = config,
		.services = system_services(),
		.command = "rotations",
		.watcher = {.warning = warn}};
	int64_t count, every;
	if (!number_parse(argv[3], 1, 100000, &count) || !number_parse(argv[4], 1, 100000, &every))
		return 2;
	if (life_open(&conf, &l, &e) < 0) {
		fprintf(stderr, "rotations: %s\n", e.text);
		return 1;
	}
	for (int64_t i = 1; i <= count; i++) {
		if (rotate(l, c, &e) < 0) {
			fprintf(stderr, "rotations: rotation %d: %s\n", (int)i, e.text);
			return 1;
		}
		if (i % every == 0) {
			printf("rotation %d rss %ld objects %lu sqlite %lld\n", (int)i, rss_kib(),
				count_objects(config_token(config, c->token)),
				(long long)sqlite3_memory_used());
			fflush(stdout);
		}
	}
	life_close(l);
	modules_finish();
	secret_free(pin);
	config_free(config);
	return 0;
}
