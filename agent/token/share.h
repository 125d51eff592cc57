/* `share:`: token files that a server's workers must be able to read. */
#ifndef KEYSTAY_TOKEN_SHARE_H
#define KEYSTAY_TOKEN_SHARE_H

#include "keystay/token/token.h"

/*
 * Gives the files under conf->share.path to conf->share.group, readable (folders searchable), where
 * they are not so already. SoftHSM makes its objects 0600 whatever the umask, so this runs after
 * every key made. Nothing to do without `share:`. ERR_CONFIG for a group that does not exist.
 */
int share_token_files(const struct token_conf *conf, struct err *e) MUST_USE;

#endif
