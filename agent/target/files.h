/* Copies of a version's files at places of the user's choice, for anything that reads PEM. */
#ifndef KEYSTAY_TARGET_FILES_H
#define KEYSTAY_TARGET_FILES_H

#include "keystay/target/target.h"

extern const struct target_ops files_ops;

#endif
