/* What an nginx may print of its configuration (target/nginx_config.h). */
#include "fuzz.h"
#include "keystay/base/endpoint.h"
#include "keystay/target/nginx_config.h"

static int
note(void *ctx, const struct nginx_certificate *c, struct err *e)
{
	char host[ENDPOINT_HOST], port[ENDPOINT_PORT];

	(void)e;
	++*(size_t *)ctx;
	MUST(strlen(c->path) < sizeof c->path && strchr(c->config, ':'));
	MUST(c->variable == (strchr(c->path, '$') != NULL) || strchr(c->path, '/'));
	for (size_t i = 0; i < c->endpoints.count; i++)
		MUST(endpoint_split(c->endpoints.item[i], host, port));
	for (size_t i = 0; i < c->names.count; i++)
		MUST(c->names.item[i]);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *bytes = fuzz_bytes(data, size);
	size_t found = 0;
	struct err e = {0};

	if (nginx_config_read(bytes, size, note, &found, &e) < 0)
		MUST(e.kind == ERR_CONFIG && e.text[0]);
	return 0;
}
