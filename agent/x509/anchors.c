#include "keystay/x509/anchors.h"

#include <openssl/err.h>
#include <string.h>

#include "keystay/base/text.h"

/* SHA-1 has 63 bits of security, SHA-256 has 128. */
#define SIGNATURE_BITS 100

static bool
is_valid(const X509 *x, when_t now)
{
	when_t from = ossl_when(X509_get0_notBefore(x)), until = ossl_when(X509_get0_notAfter(x));

	return from && until && from <= now && now < until;
}

static bool
is_signed_by(X509 *x, X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	return X509_check_issued(issuer, x) == X509_V_OK && key && X509_verify(x, key) == 1;
}

bool
anchor_is_root(X509 *x, when_t now)
{
	bool root = X509_check_ca(x) == 1 && is_valid(x, now) &&
		    X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0 &&
		    is_signed_by(x, x);

	ERR_clear_error();
	return root;
}

bool
anchor_fingerprint(const X509 *x, char hex[65])
{
	unsigned char digest[32];

	if (X509_digest(x, EVP_sha256(), digest, NULL) != 1)
		return false;
	hex_encode(digest, sizeof digest, hex);
	return true;
}

void
anchor_name(const X509 *x, char name[200])
{
	X509_NAME_oneline(X509_get_subject_name(x), name, 200);
	text_printable(name);
}

static bool
has_own_name(X509 *x)
{
	return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
}

/* The same CA, by another signature: name and key. */
static bool
is_same_ca(X509 *a, X509 *b)
{
	return X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0 &&
	       X509_get0_pubkey(a) && X509_get0_pubkey(b) &&
	       EVP_PKEY_eq(X509_get0_pubkey(a), X509_get0_pubkey(b)) == 1;
}

/*
 * A subordinate CA is not to become a root by such a link. Under the name of the old root it is no
 * subordinate; under another one nothing may bind it.
 */
static bool
may_be_root(X509 *link)
{
	static const int binding[] = {NID_name_constraints, NID_policy_constraints,
		NID_inhibit_any_policy, NID_ext_key_usage};
	int bits = 0;

	if (X509_check_ca(link) != 1 || X509_get_extension_flags(link) & EXFLAG_CRITICAL ||
		X509_get_signature_info(link, NULL, NULL, &bits, NULL) != 1 ||
		bits < SIGNATURE_BITS)
		return false;
	if (has_own_name(link))
		return true;
	for (size_t i = 0; i < COUNT(binding); i++)
		if (X509_get_ext_by_NID(link, binding[i], -1) >= 0)
			return false;
	return X509_get_pathlen(link) < 0;
}

/* The anchor that signed `link`. */
static X509 *
voucher_of(X509 *link, const struct certs *anchors, when_t now)
{
	if (!may_be_root(link) || !is_valid(link, now))
		return NULL;
	for (size_t i = 0; i < certs_count(anchors); i++) {
		X509 *anchor = certs_at(anchors, i);
		/* One that may have no CA below it has none. */
		bool alone = X509_get_pathlen(anchor) == 0 && !has_own_name(link);
		if (!alone && is_valid(anchor, now) && is_signed_by(link, anchor))
			return anchor;
	}
	return NULL;
}

static X509 *
find_voucher(X509 *root, const struct certs *answer, const struct certs *anchors, when_t now)
{
	for (size_t i = 0; i < certs_count(answer); i++) {
		X509 *link = certs_at(answer, i);
		/* The root itself, where it is an old one's key with a new life. */
		if (!is_same_ca(link, root))
			continue;
		X509 *voucher = voucher_of(link, anchors, now);
		if (voucher)
			return voucher;
	}
	return NULL;
}

/* One round; a new anchor may vouch for others in the next one. */
static int
look_once(struct certs *anchors, const struct certs *answer, when_t now, bool *ret_more,
	int (*each)(void *ctx, const struct anchor_found *found, struct err *e), void *ctx,
	struct err *e)
{
	*ret_more = false;
	for (size_t i = 0; i < certs_count(answer); i++) {
		X509 *root = certs_at(answer, i);
		if (certs_has(anchors, root) || !anchor_is_root(root, now))
			continue;
		struct anchor_found found = {root, find_voucher(root, answer, anchors, now)};
		if (!found.voucher)
			continue;
		if (certs_count(anchors) == CERTS_COUNT_MAX)
			return err_set(e, ERR_AUTHORITY, "there are more than %d anchors",
				CERTS_COUNT_MAX);
		if (each(ctx, &found, e) < 0 || certs_add(anchors, root, e) < 0)
			return -1;
		*ret_more = true;
	}
	return 0;
}

/* Somebody chose to trust less than it: an anchor that it issued. */
static bool
is_above(X509 *root, const struct certs *anchors)
{
	for (size_t i = 0; i < certs_count(anchors); i++)
		if (!is_same_ca(certs_at(anchors, i), root) &&
			is_signed_by(certs_at(anchors, i), root))
			return true;
	return false;
}

static bool
came_before(const struct certs *answer, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (X509_cmp(certs_at(answer, i), certs_at(answer, index)) == 0)
			return true;
	return false;
}

static int
tell_strangers(const struct certs *anchors, const struct certs *answer, when_t now,
	int (*each)(void *ctx, const struct anchor_found *found, struct err *e), void *ctx,
	struct err *e)
{
	for (size_t i = 0; i < certs_count(answer); i++) {
		const struct anchor_found found = {certs_at(answer, i), NULL};
		if (came_before(answer, i) || certs_has(anchors, found.certificate) ||
			!anchor_is_root(found.certificate, now) ||
			is_above(found.certificate, anchors))
			continue;
		if (each(ctx, &found, e) < 0)
			return -1;
	}
	return 0;
}

int
anchors_look(struct certs *anchors, const struct certs *answer, when_t now,
	int (*each)(void *ctx, const struct anchor_found *found, struct err *e), void *ctx,
	struct err *e)
{
	bool more = true;
	int rc = 0;

	while (rc == 0 && more)
		rc = look_once(anchors, answer, now, &more, each, ctx, e);
	if (rc == 0)
		rc = tell_strangers(anchors, answer, now, each, ctx, e);
	ERR_clear_error();
	return rc;
}
