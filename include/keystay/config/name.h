/*
 * What a token, an authority or a certificate may be called: the name is that of files too.
 */
#ifndef KEYSTAY_CONFIG_NAME_H
#define KEYSTAY_CONFIG_NAME_H

#include <stdbool.h>

#define CONFIG_NAME_RULE "letters, digits, '.', '_' and '-', at most 64, no leading dot"

bool config_name_fits(const char *name);

#endif
