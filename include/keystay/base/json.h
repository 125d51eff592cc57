/*
 * The door to jansson. JSON from outside is parsed with a ceiling that its buffer already had, a
 * depth that jansson limits, and duplicate keys refused; then read by these getters, which never
 * hand out NULL text.
 */
#ifndef KEYSTAY_BASE_JSON_H
#define KEYSTAY_BASE_JSON_H

#include "keystay/base/auto.h"
#include "keystay/base/err.h"

#include <jansson.h>

AUTO_DEFINE(json_t, json_decref)

/* Parses one object, the whole of `text`; ERR_AUTHORITY "... is not JSON" otherwise. */
int json_read(const char *text, size_t len, json_t **ret, struct err *e) MUST_USE;

/* The text under `key`, "" when it is absent or not text; borrowed from `object`. */
const char *json_text_at(const json_t *object, const char *key);

/* The object or array under `key`, or NULL; borrowed. */
json_t *json_array_at(const json_t *object, const char *key);
json_t *json_object_at(const json_t *object, const char *key);

/* One line of JSON with sorted keys off, the caller frees; NULL without memory. */
char *json_line(const json_t *value);

#endif
