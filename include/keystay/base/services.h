/*
 * What the agent asks of the world below it: time, randomness, programs, HTTPS and TLS handshakes.
 * A struct of functions handed down, so that a test can hold time still or lose the network.
 */
#ifndef KEYSTAY_BASE_SERVICES_H
#define KEYSTAY_BASE_SERVICES_H

#include "keystay/base/child.h"
#include "keystay/base/err.h"
#include "keystay/base/when.h"

struct http;
struct http_request;
struct http_answer;
struct probe_request;
struct probe_answer;

struct services {
	/* Seconds since 1970, UTC. */
	when_t (*now)(void *ctx);
	/* Waits; only the loop of life/ calls it, never a step. */
	void (*sleep_ms)(void *ctx, int ms);
	/* Fills `len` bytes from the kernel's generator; cannot fail (it aborts instead). */
	void (*random)(void *ctx, void *data, size_t len);
	/* child_must: runs a program that has to succeed. */
	int (*run)(void *ctx, const struct child *c, struct err *e);
	/* http_send (net/http.h): one request on a kept connection. */
	int (*http)(void *ctx, struct http *connection, const struct http_request *request,
		struct http_answer *ret, struct err *e);
	/* probe (net/probe.h): one TLS handshake. */
	int (*probe)(void *ctx, const struct probe_request *request, struct probe_answer *ret,
		struct err *e);
	void *ctx;
};

/* The moment, by the services' clock. */
static inline when_t
services_now(const struct services *s)
{
	return s->now(s->ctx);
}

#endif
