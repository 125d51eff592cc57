/*
 * When certificates are renewed from now on: pure arithmetic over an estate (life/estate.h), by the
 * policies that stand today. A certificate lives as long as the last one from its authority, or as
 * the limit that is in force on the day of its issue, if that is less; it is renewed as the agent
 * would (life/due.h), as long as nothing else happens to it.
 */
#ifndef KEYSTAY_LIFE_FORECAST_H
#define KEYSTAY_LIFE_FORECAST_H

#include "keystay/ca/ca.h"
#include "keystay/policy/policy.h"

struct certificate_conf;

/* The middle of what the agent draws for each certificate (certificate_row.jitter). */
#define FORECAST_JITTER 500

/* More renewals than this are no forecast any more. */
#define FORECAST_MAX ((size_t)4 * 1000 * 1000)

/* A certificate that is renewed again and again. */
struct forecast_item {
	const char *name;
	const struct certificate_conf *conf; /* NULL = it is watched, or a test's */
	const struct policy *policy;
	uint16_t authority;    /* its place among the authorities */
	uint16_t certificates; /* that one renewal takes: one for each type of key */
	when_t due_at;         /* its next renewal; what is past means at once */
	when_t not_after;      /* of what is there; 0 = nothing is there yet */
	when_t life; /* of the next one, where no limit is shorter: not_after - not_before */
	when_t key_made_at;
	bool watched;
	bool assumed; /* how long it lives is not known */
};

/* Its renewals one by one: the next is at `at`, of a certificate that lives until `not_after`. */
struct forecast_walk {
	const struct forecast_item *item;
	when_t at;
	when_t not_after;
	when_t key_made_at;
	int64_t jitter; /* per mille of a hundredth of the lifetime, by which all are earlier */
};

struct forecast_walk forecast_begin(const struct forecast_item *item, when_t now, int64_t jitter);
void forecast_next(struct forecast_walk *w);

/* Certificates that an authority issues at once. */
struct forecast_event {
	when_t at;
	uint32_t item;
	uint16_t authority;
	uint16_t certificates;
};

/* What is issued from `now` until `until` (which is not in it), in the order of time. */
struct forecast {
	struct forecast_event *event;
	size_t events;
};

/* ERR_USAGE for more than FORECAST_MAX. The caller frees with forecast_free. */
int forecast_make(const struct forecast_item *item, size_t items, when_t now, when_t until,
	int64_t jitter, struct forecast *ret, struct err *e) MUST_USE;
void forecast_free(struct forecast *f);
AUTO_DEFINE_VALUE(forecast, forecast_free)

/* A limit of an authority, held against what it issued and will issue. */
struct forecast_load {
	int64_t worst;   /* the most certificates in a time of that length */
	when_t worst_at; /* the end of that time */
	when_t first_at; /* the first certificate that is too many; 0 = none is */
};

/* `past` is what was issued before the forecast, in the order of time; its items mean nothing. */
struct forecast_load forecast_load(const struct forecast *f, const struct forecast_event *past,
	size_t pasts, uint16_t authority, const struct rate_limit *limit);

/* The first second of the month, by UTC. */
when_t forecast_month(when_t at);

#endif
