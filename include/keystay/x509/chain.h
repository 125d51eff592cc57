/*
 * The chain that an authority gave: read with ceilings, judged, never trusted. Leaf first.
 */
#ifndef KEYSTAY_X509_CHAIN_H
#define KEYSTAY_X509_CHAIN_H

#include "keystay/base/err.h"
#include "keystay/base/text.h"

#include <openssl/types.h>
#include <openssl/x509.h>

/* Ceilings: the text of a chain, the certificates in it, the DER of one of them. */
#define CHAIN_MAX (256 * 1024)
#define CHAIN_COUNT_MAX 10
#define CHAIN_DER_MAX (64 * 1024)

/* Room for the name by which an authority is asked about a certificate (RFC 9773 4.1). */
#define ARI_ID_TEXT 128

struct chain;

/* Facts of the leaf. */
struct leaf_facts {
	char serial[48];      /* hex */
	char issuer[256];     /* one line; control characters replaced */
	char fingerprint[65]; /* SHA-256 of the DER, hex */
	char public_hash[65]; /* SHA-256 of its SubjectPublicKeyInfo, hex */
	char ari_id[ARI_ID_TEXT];
	when_t not_before;
	when_t not_after;
};

/*
 * Reads a PEM chain of `len` bytes: certificates and blank lines, nothing else. ERR_AUTHORITY says
 * what is wrong. The caller frees *ret with chain_free.
 */
int chain_parse(const char *pem, size_t len, struct chain **ret, struct err *e) MUST_USE;
void chain_free(struct chain *c);

/*
 * The first certificate of a file that may hold anything beside it, private keys too: of PEM, or
 * the whole of a DER file. ERR_CONFIG where there is none. The caller frees *ret with chain_free.
 */
int chain_first(const char *data, size_t len, struct chain **ret, struct err *e) MUST_USE;

/* The leaf, borrowed; the number of certificates; one of them, leaf first. */
X509 *chain_leaf(const struct chain *c);
size_t chain_count(const struct chain *c);
X509 *chain_at(const struct chain *c, size_t index);

int chain_leaf_facts(const struct chain *c, struct leaf_facts *ret, struct err *e) MUST_USE;

/* The names that the leaf is for, normalised; false when it has none, or of a kind that
 * x509/names.h has not. */
bool chain_names(const struct chain *c, struct list *ret);

/* The DER of the leaf; the caller frees *ret with free. */
int chain_leaf_der(
	const struct chain *c, unsigned char **ret, size_t *ret_len, struct err *e) MUST_USE;

/* What the leaf must be. */
struct chain_wish {
	EVP_PKEY *public;         /* our key */
	const struct list *names; /* all of them, normalised */
	when_t now;
	const char *anchors; /* PEM file, NULL = the chain must link and verify in itself */
	bool not_a_server;   /* it need not be for TLS servers */
};

/*
 * Refuses a chain (ERR_AUTHORITY) whose leaf has another key, lacks a name or has more, is not
 * valid now (five minutes of clock difference are allowed before notBefore), is a CA or (but for
 * not_a_server) is not for TLS servers; whose certificates do not lead one to the next; or which
 * does not end at an anchor, where there are anchors. *ret_anchored says whether it did.
 */
int chain_judge(const struct chain *c, const struct chain_wish *wish, bool *ret_anchored,
	struct err *e) MUST_USE;

/* The PEM of certificates FROM..TO-1 (0 is the leaf); caller frees. */
int chain_pem(const struct chain *c, size_t from, size_t to, char **ret, struct err *e) MUST_USE;

static inline void
auto_chain(struct chain **slot)
{
	chain_free(*slot);
}

#endif
