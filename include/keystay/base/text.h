/*
 * Strings, numbers, lists of strings, and the encodings that protocols wrap bytes in.
 */
#ifndef KEYSTAY_BASE_TEXT_H
#define KEYSTAY_BASE_TEXT_H

#include "keystay/base/auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies `src` into `dst` of `size` bytes (at least 1), cut if need be; true when all of it fits.
 */
bool text_copy(char *dst, size_t size, const char *src);

bool text_starts(const char *text, const char *with);
bool text_same(const char *a, const char *b);

/* Makes what a foreign machine said fit for a terminal: controls (C0, C1, of direction) and what is
 * not UTF-8 become '?', in place. */
void text_printable(char *text);

/* Replaces every byte that is not part of valid UTF-8 (RFC 3629) by '?', in place. */
void text_utf8(char *text);

/* The first byte of `len` bytes that is not part of valid UTF-8; NULL when all is. */
const char *text_find_foreign(const char *text, size_t len);

/* A decimal number, the whole of `text`, within [min, max]; else false and *ret is left alone. */
bool number_parse(const char *text, int64_t min, int64_t max, int64_t *ret);

/* Lower-case hex of `len` bytes into `hex`, which has room for 2 * len + 1. Returns hex. */
char *hex_encode(const void *data, size_t len, char *hex);

/* Reads hex (either case) into `data` of `room` bytes; the number of bytes, or -1 if it is not hex.
 */
int hex_decode(const char *hex, void *data, size_t room);

/* base64url without padding (RFC 7515 2) of `len` bytes; the caller frees; NULL without memory. */
char *base64url(const void *data, size_t len);

/* Reads base64url without padding; the number of bytes, or -1 for anything else or too much. */
int base64url_decode(const char *text, void *data, size_t room);

/* A list of strings that owns them. {0} is an empty one. */
struct list {
	char **item;
	size_t count;
};

/* Appends a copy; false only without memory. */
bool list_add(struct list *l, const char *text);
bool list_has(const struct list *l, const char *text);

/* In the order of their bytes; then whether one of them is `text`, quickly. */
void list_sort(struct list *l);
bool list_sorted_has(const struct list *l, const char *text);

/* "a, b, c", cut to `size` bytes with "..." if need be. Returns text. */
const char *list_join(const struct list *l, char *text, size_t size);

/* A NULL-terminated view for exec; borrowed until the list changes. NULL when empty. */
char *const *list_argv(const struct list *l);

void list_free(struct list *l);
AUTO_DEFINE_VALUE(list, list_free)

#endif
