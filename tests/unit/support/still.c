#include "still.h"

#include <stdio.h>

#include "keystay/base/child.h"
#include "keystay/base/file.h"
#include "keystay/base/text.h"
#include "keystay/net/probe.h"
#include "keystay/run/system.h"
#include "keystay/x509/chain.h"

struct still still;

static when_t
still_now(void *ctx)
{
	(void)ctx;
	return still.now;
}

static void
still_sleep(void *ctx, int ms)
{
	(void)ctx;
	still.now += (ms + 999) / 1000;
}

static int
still_run(void *ctx, const struct child *c, struct err *e)
{
	(void)ctx;
	(void)e;
	if (!text_same(c->argv[0], "reload"))
		return 0;
	still.reloads++;
	if (still.reload)
		still.shown = still.reload;
	return 0;
}

static int
still_probe(void *ctx, const struct probe_request *r, struct probe_answer *ret, struct err *e)
{
	char path[4200];
	AUTO(buf) struct buf pem = BUF(CHAIN_MAX);
	AUTO(chain) struct chain *chain = NULL;
	struct leaf_facts facts;

	(void)ctx;
	(void)r;
	snprintf(ret->fingerprint, sizeof ret->fingerprint, "of another server");
	if (!still.shown)
		return 0;
	snprintf(path, sizeof path, "%s/live/%s/fullchain.pem", still.state, still.shown);
	if (file_read(path, &pem, e) < 0 || chain_parse(buf_text(&pem), pem.len, &chain, e) < 0 ||
		chain_leaf_facts(chain, &facts, e) < 0)
		return -1;
	snprintf(ret->fingerprint, sizeof ret->fingerprint, "%s", facts.fingerprint);
	return 0;
}

const struct services *
still_services(void)
{
	static struct services services;

	services = *system_services();
	services.now = still_now;
	services.sleep_ms = still_sleep;
	services.run = still_run;
	services.probe = still_probe;
	return &services;
}
