/*
 * What a certificate says that somebody else had issued: read for people, and not judged.
 */
#ifndef KEYSTAY_X509_LEAF_H
#define KEYSTAY_X509_LEAF_H

#include "keystay/x509/chain.h"

/* No more names of one certificate are kept. */
#define LEAF_NAMES_MAX 1000

/*
 * The DNS names and addresses that it is for, normalised; where it has none, its common names that
 * are such. Other kinds of name, and what is no host's name, are left out. False without memory.
 */
bool leaf_names(const struct chain *c, struct list *ret);

/* Its subject in one line ("C = GB, O = Example Council"), fit for a terminal, cut to `size`. */
void leaf_subject(const struct chain *c, char *line, size_t size);

/* "rsa-2048", "ec-p256", "ec-secp256k1", "ed25519"; "" for a key that cannot be read. */
void leaf_key_word(const struct chain *c, char *word, size_t size);

#endif
