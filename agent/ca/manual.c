/*
 * There is nobody to ask: an order is the request that waits, for weeks if need be. The answer
 * comes by life/by_hand.h, which ends the wait.
 */
#include "manual.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/json.h"

/* How often what waits is looked at, so that people are told again. */
#define LOOK_AGAIN (7 * DAY)

struct manual {
	const struct services *services;
};

static int
open_session(
	const struct authority_conf *conf, const struct ca_needs *needs, void **ret, struct err *e)
{
	struct manual *m = calloc(1, sizeof *m);

	(void)conf;
	if (!m)
		return err_set(e, ERR_FAILED, "no memory for a session");
	m->services = needs->services;
	*ret = m;
	return 0;
}

static int
advance(void *ca, struct ca_order *order, enum ca_progress *ret, struct err *e)
{
	const struct manual *m = ca;
	when_t now = services_now(m->services);

	if (!order->cookie) {
		json_t *cookie = json_pack("{s:I}", "asked_at", (json_int_t)now);
		order->cookie = json_dumps(cookie, JSON_COMPACT);
		json_decref(cookie);
		if (!order->cookie)
			return err_set(e, ERR_FAILED, "no memory for an order");
	}
	order->not_before = now + LOOK_AGAIN;
	snprintf(order->doing, sizeof order->doing, "waits for 'keystay import %s FILE'",
		order->certificate);
	*ret = CA_WAIT;
	return 0;
}

static void
settle(void *ca, const struct ca_order *order)
{
	(void)ca;
	(void)order;
}

static const char *
account(void *ca)
{
	(void)ca;
	return "";
}

static int
check(const struct authority_conf *conf, const struct ca_needs *needs, struct err *e)
{
	(void)conf;
	(void)needs;
	(void)e;
	return 0;
}

static void
close_session(void *ca)
{
	free(ca);
}

const struct ca_ops manual_ops = {
	.word = "manual",
	.by_hand = true,
	.open = open_session,
	.advance = advance,
	.settle = settle,
	.account = account,
	.check = check,
	.close = close_session,
};
