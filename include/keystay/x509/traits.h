/*
 * What a policy looks at in a chain: dates, who issued it, how it is signed, what it is for. Read
 * from bytes that are not trusted: every list has a ceiling.
 */
#ifndef KEYSTAY_X509_TRAITS_H
#define KEYSTAY_X509_TRAITS_H

#include "keystay/x509/chain.h"
#include "keystay/x509/weak.h"

/* No list of a chain's traits is longer, and no text in one; what is beyond is left out. */
#define TRAITS_MAX 100
#define TRAIT_TEXT 256

struct chain_traits {
	when_t not_before; /* of the leaf */
	when_t not_after;
	when_t issued_at; /* the later of not_before and the earliest SCT in the leaf */
	size_t scts;      /* in the leaf (RFC 6962 3.3) */
	when_t first_sct; /* 0 = there is none */
	/* Common names and organisations of every issuer, and of every subject but the leaf's. */
	struct list issuers;
	struct list keys;       /* SHA-256 of every SubjectPublicKeyInfo, hex, leaf first */
	struct list signatures; /* words of the signatures, leaf first; not a root's own */
	bool has_eku, has_ku;
	struct list eku;  /* of the leaf: OpenSSL's words ("serverAuth"), else the dotted number */
	struct list ku;   /* of the leaf: RFC 5280's words ("digitalSignature") */
	struct weak weak; /* of the leaf's key */
};

/* Reads them; ERR_AUTHORITY when the dates or a key cannot be read. Free with traits_free. */
int chain_traits(const struct chain *c, struct chain_traits *ret, struct err *e) MUST_USE;
void traits_free(struct chain_traits *t);
AUTO_DEFINE_VALUE(chain_traits, traits_free)

/*
 * The words of signatures: "ecdsa-sha256", "rsa-sha256", "rsa-pss-sha256", "ed25519" and the like;
 * true for one that chain_traits can give.
 */
bool signature_word_known(const char *word);

/* True for a word of key usage; for one of extended key usage (or a dotted number). */
bool ku_word_known(const char *word);
bool eku_word_known(const char *word);

#endif
