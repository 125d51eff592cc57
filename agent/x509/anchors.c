#include "keystay/x509/anchors.h"

#include <openssl/err.h>
#include <string.h>

#include "keystay/base/text.h"

static bool
is_valid(const X509 *x, when_t now)
{
	return ossl_when(X509_get0_notBefore(x)) <= now && now < ossl_when(X509_get0_notAfter(x));
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

/* The same CA, by another signature: name and key. */
static bool
is_same_ca(X509 *a, X509 *b)
{
	return X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0 &&
	       X509_get0_pubkey(a) && X509_get0_pubkey(b) &&
	       EVP_PKEY_eq(X509_get0_pubkey(a), X509_get0_pubkey(b)) == 1;
}

/* The anchor that signed `link`; a subordinate CA is not to become a root by such a link. */
static X509 *
voucher_of(X509 *link, const struct certs *anchors, when_t now)
{
	bool own_name = X509_NAME_cmp(X509_get_subject_name(link), X509_get_issuer_name(link)) == 0;

	if (X509_check_ca(link) != 1 || !is_valid(link, now) ||
		(!own_name && X509_get_pathlen(link) >= 0))
		return NULL;
	for (size_t i = 0; i < certs_count(anchors); i++) {
		X509 *anchor = certs_at(anchors, i);
		if (is_valid(anchor, now) && is_signed_by(link, anchor))
			return anchor;
	}
	return NULL;
}

static X509 *
find_voucher(X509 *root, const struct certs *answer, const struct certs *anchors, when_t now)
{
	for (size_t i = 0; i < certs_count(answer); i++) {
		X509 *link = certs_at(answer, i);
		if (X509_cmp(link, root) == 0 || !is_same_ca(link, root))
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
		if (is_signed_by(certs_at(anchors, i), root))
			return true;
	return false;
}

int
anchors_look(struct certs *anchors, const struct certs *answer, when_t now,
	int (*each)(void *ctx, const struct anchor_found *found, struct err *e), void *ctx,
	struct err *e)
{
	bool more = true;

	while (more)
		if (look_once(anchors, answer, now, &more, each, ctx, e) < 0)
			return -1;
	ERR_clear_error();
	for (size_t i = 0; i < certs_count(answer); i++) {
		const struct anchor_found found = {certs_at(answer, i), NULL};
		if (!certs_has(anchors, found.certificate) &&
			anchor_is_root(found.certificate, now) &&
			!is_above(found.certificate, anchors) && each(ctx, &found, e) < 0)
			return -1;
	}
	ERR_clear_error();
	return 0;
}
