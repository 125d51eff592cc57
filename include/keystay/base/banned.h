/*
 * Included before every source: calls that have no place in this program are compile errors.
 *
 *	strcpy strcat sprintf vsprintf strtok	text_copy, struct buf, snprintf
 *	atoi atol				number_parse
 *	gmtime localtime			when_format
 *	system popen fork vfork			child_run
 */
#ifndef KEYSTAY_BASE_BANNED_H
#define KEYSTAY_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol gmtime localtime system popen \
	fork vfork

#endif
