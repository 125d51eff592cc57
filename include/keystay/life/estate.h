/*
 * What there is to be renewed (life/forecast.h): the configured certificates as the database knows
 * them, what authorities issued of late, and, where that is asked for, watched certificates as if
 * they were added.
 */
#ifndef KEYSTAY_LIFE_ESTATE_H
#define KEYSTAY_LIFE_ESTATE_H

#include "keystay/config/config.h"
#include "keystay/life/forecast.h"

struct db;

struct estate {
	struct forecast_item *item;
	size_t items;
	struct forecast_event *past; /* in the order of time */
	size_t pasts;
	int64_t *issued;  /* by each authority, as far as the database knows */
	size_t ended;     /* watched certificates that are over; they are not in it */
	struct list text; /* names of watched ones */
};

/* The place of what is from no configured authority. */
#define ESTATE_NO_AUTHORITY(config) ((uint16_t)(config)->authorities)

/* `db` may be NULL: nothing is there yet. The caller frees with estate_free; pointers into it
 * live as long as the configuration. */
int estate_read(const struct config *c, struct db *db, when_t now, bool watched, struct estate *ret,
	struct err *e) MUST_USE;
void estate_free(struct estate *s);
AUTO_DEFINE_VALUE(estate, estate_free)

#endif
