/* The rows of the estate for programs. */
#ifndef KEYSTAY_RUN_ESTATE_JSON_H
#define KEYSTAY_RUN_ESTATE_JSON_H

#include "estate.h"
#include "keystay/base/json.h"

/* All that is known of a row (DESIGN: `status --json`). New reference. */
int estate_json(struct estate *s, const struct estate_row *row, when_t now, json_t **ret,
	struct err *e) MUST_USE;

#endif
