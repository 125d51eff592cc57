/*
 * The policies that are compiled in: the files of policies/, by scripts/embed.
 */
#ifndef KEYSTAY_POLICY_SHIPPED_H
#define KEYSTAY_POLICY_SHIPPED_H

#include <stddef.h>

struct shipped_policy {
	const char *file; /* "shipped lab.yaml", for errors */
	const char *text;
};

extern const struct shipped_policy shipped_policies[];
extern const size_t shipped_policies_count;

#endif
