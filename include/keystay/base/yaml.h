/*
 * The door to libfyaml: one YAML document read by events into plain structs, driven by tables.
 *
 *	static const struct yaml_key keys[] = {
 *		{"name", yaml_text, offsetof(struct thing, name), YAML_REQUIRED},
 *		{"names", yaml_list, offsetof(struct thing, names), 0},
 *	};
 *	yaml_mapping(y, "thing", keys, COUNT(keys), &thing, &e)
 *
 * Unknown and repeated keys, missing required ones, aliases and wrong kinds of value are errors of
 * kind ERR_CONFIG that say FILE:LINE:COLUMN and show the line with a caret.
 */
#ifndef KEYSTAY_BASE_YAML_H
#define KEYSTAY_BASE_YAML_H

#include "keystay/base/err.h"
#include "keystay/base/text.h"

/* Where in which file; lines and columns count from 1. `file` is borrowed from whoever opened it.
 */
struct mark {
	const char *file;
	int line;
	int column;
};

struct yaml;

/* Reads one value (the reader must consume all of it) into *slot. */
typedef int (*yaml_read_fn)(struct yaml *y, void *slot, struct err *e);

#define YAML_REQUIRED 1u

struct yaml_key {
	const char *word;
	yaml_read_fn read;
	size_t offset; /* of the slot in the object that the mapping fills */
	unsigned flags;
};

/*
 * Begins reading `text`, which with `file` (its name in errors) must outlive the reader and every
 * mark. The caller frees it with yaml_free.
 */
int yaml_open(
	const char *file, const char *text, size_t len, struct yaml **ret, struct err *e) MUST_USE;
void yaml_free(struct yaml *y);

/* Readers of whole values. Text slots are `char *` (freed and replaced), empty text allowed. */
int yaml_text(struct yaml *y, void *char_slot, struct err *e) MUST_USE;
int yaml_bool(struct yaml *y, void *bool_slot, struct err *e) MUST_USE;
int yaml_number(struct yaml *y, void *int64_slot, struct err *e) MUST_USE;
int yaml_duration(struct yaml *y, void *when_slot, struct err *e) MUST_USE;
int yaml_list(struct yaml *y, void *list_slot, struct err *e) MUST_USE;

/* A list, or one scalar as a list of one. */
int yaml_list_or_one(struct yaml *y, void *list_slot, struct err *e) MUST_USE;

/* A mapping by table; `what` names it in errors ("certificate"). An empty value is an empty map. */
int yaml_mapping(struct yaml *y, const char *what, const struct yaml_key *keys, size_t count,
	void *object, struct err *e) MUST_USE;

/*
 * A mapping whose keys the caller judges: `each` is called per key and must read its value.
 * Repeated keys are refused here.
 */
int yaml_each_key(struct yaml *y, const char *what,
	int (*each)(struct yaml *y, const char *key, void *object, struct err *e), void *object,
	struct err *e) MUST_USE;

/* A sequence: `each` is called per item, with `object`, and must read it. */
int yaml_each_item(
	struct yaml *y, const char *what, yaml_read_fn each, void *object, struct err *e) MUST_USE;

/* True when the value that comes next is a mapping; a list. */
bool yaml_next_is_mapping(struct yaml *y);
bool yaml_next_is_list(struct yaml *y);

/* After the top value: nothing else may follow. */
int yaml_end(struct yaml *y, struct err *e) MUST_USE;

/* The place of the value (or key) that is being read. */
struct mark yaml_mark(const struct yaml *y);

/* While it is on, errors show no values of the lines that they show. */
void yaml_hide(struct yaml *y, bool hide);

/* An error at the current place, with the line and a caret. Always -1. */
int yaml_fail(const struct yaml *y, struct err *e, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* "FILE:LINE:COLUMN: " before the text of an error that was found later. Always -1. */
int mark_fail(const struct mark *at, struct err *e, const char *fmt, ...) PRINTF_LIKE(3, 4);

static inline void
auto_yaml(struct yaml **slot)
{
	yaml_free(*slot);
}

#endif
