/*
 * What null_module.c counts, in a file that whoever loads it makes of this size and maps too.
 */
#ifndef KEYSTAY_DOUBLES_NULL_MODULE_H
#define KEYSTAY_DOUBLES_NULL_MODULE_H

#include <stdatomic.h>
#include <stdint.h>

#define NULL_KEYS 4 /* "key0" to "key3" */

struct null_count {
	_Atomic uint64_t calls; /* of any function but C_GetFunctionList */
	_Atomic uint64_t made[NULL_KEYS];
};

#endif
