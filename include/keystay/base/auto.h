/*
 * Cleanup by attribute: AUTO(X509) X509 *cert = NULL; is freed on every way out of its block.
 * take(&cert) hands the object over and leaves NULL behind.
 *
 * AUTO_DEFINE(T, free_fn) stands once in the header that owns the type T; free_fn accepts NULL.
 */
#ifndef KEYSTAY_BASE_AUTO_H
#define KEYSTAY_BASE_AUTO_H

#include <stdlib.h>

#define AUTO(type) __attribute__((cleanup(auto_##type)))
#define AUTO_DEFINE(type, free_fn)                  \
	static inline void auto_##type(type **slot) \
	{                                           \
		free_fn(*slot);                     \
	}

/* The same for `struct tag`; the free function takes the address of a value, not a pointer. */
#define AUTO_DEFINE_VALUE(tag, free_fn)                 \
	static inline void auto_##tag(struct tag *slot) \
	{                                               \
		free_fn(slot);                          \
	}

#define take(slot)                                    \
	({                                            \
		__typeof__(*(slot)) taken_ = *(slot); \
		*(slot) = NULL;                       \
		taken_;                               \
	})

static inline void
auto_char(char **slot)
{
	free(*slot);
}

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
