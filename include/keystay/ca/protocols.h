/*
 * The list of protocols by which authorities are spoken to.
 */
#ifndef KEYSTAY_CA_PROTOCOLS_H
#define KEYSTAY_CA_PROTOCOLS_H

struct ca_ops;

/* The protocol of that word ("acme"), or NULL. */
const struct ca_ops *ca_protocol(const char *word);

/* The words of all protocols, for a hint. */
const char *ca_protocol_words(void);

#endif
