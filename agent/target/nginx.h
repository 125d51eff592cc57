/* nginx reads live/NAME/fullchain.pem and key.pem; its test and reload are the work. */
#ifndef KEYSTAY_TARGET_NGINX_H
#define KEYSTAY_TARGET_NGINX_H

#include "keystay/target/target.h"

extern const struct target_ops nginx_ops;

#endif
