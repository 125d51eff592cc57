/* How `check` and `token probe` tell what a token can do. */
#ifndef KEYSTAY_RUN_CAPABILITIES_H
#define KEYSTAY_RUN_CAPABILITIES_H

#include "keystay/run/run.h"
#include "keystay/token/capabilities.h"

/* Lines for a person; with --json the whole answer under "tokens". */
void show_capabilities(struct run *r, const char *where, const struct capabilities *c);

#endif
