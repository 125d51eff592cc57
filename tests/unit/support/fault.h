/*
 * The PKCS#11 module that fails as told (tests/doubles/fault_module.c) before SoftHSM, for a unit
 * test. fault_set_up comes before the first use of the module in the process: it is told by the
 * environment, once. Initialise tokens (softhsm_token) before, through the real module.
 */
#ifndef KEYSTAY_TESTS_FAULT_H
#define KEYSTAY_TESTS_FAULT_H

/* Sets FAULT_MODULE, FAULT_RULES (empty) and FAULT_LOG; the path to give as `module`. */
const char *fault_set_up(void);

/* Replaces the rules, one a line; "" for none. Their counts begin anew, even of the same text. */
void fault_rules(const char *text);

/* How often a call was made since the last fault_log_clear. */
unsigned fault_calls(const char *name);

void fault_log_clear(void);

#endif
