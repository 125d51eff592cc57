/* What people are told of contracts and validations (life/dated.h) whose end comes near. */
#ifndef KEYSTAY_LIFE_ENDS_H
#define KEYSTAY_LIFE_ENDS_H

#include "internal.h"

/*
 * Where nobody reads the answer: 180, 90, 30, 14, 7, 3 and 1 days before an end, or before units
 * are used up, and after it, once each; and when that is over because a date was moved.
 */
void ends_tell(struct life *l);

#endif
