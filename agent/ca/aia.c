#include "keystay/ca/aia.h"

#include <string.h>

#include "keystay/base/text.h"
#include "keystay/net/http.h"
#include "keystay/net/url.h"

#define HOPS_MAX 4
#define ANSWER_MAX (256 * 1024)

bool
aia_place(const X509 *x, char *url, size_t size)
{
	AUTHORITY_INFO_ACCESS *all = X509_get_ext_d2i(x, NID_info_access, NULL, NULL);
	bool found = false;

	for (int i = 0; !found && i < sk_ACCESS_DESCRIPTION_num(all); i++) {
		const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(all, i);
		if (OBJ_obj2nid(d->method) != NID_ad_ca_issuers || d->location->type != GEN_URI)
			continue;
		const ASN1_IA5STRING *text = d->location->d.uniformResourceIdentifier;
		size_t len = (size_t)ASN1_STRING_length(text);
		const char *data = (const char *)ASN1_STRING_get0_data(text);
		if (len == 0 || len >= size || memchr(data, 0, len))
			continue;
		memcpy(url, data, len);
		url[len] = '\0';
		found = text_starts(url, "http://") || text_starts(url, "https://");
		for (const char *c = url; *c; c++)
			found = found && *c > ' ' && *c < 0x7f;
	}
	AUTHORITY_INFO_ACCESS_free(all);
	return found;
}

static int
fetch(const struct services *s, struct http *h, const char *url, struct certs *known, struct err *e)
{
	AUTO(http_answer) struct http_answer answer = {.status = 0};
	AUTO(certs) struct certs *got = NULL;
	const struct http_request request = {.method = HTTP_GET,
		.url = url,
		.ceiling = ANSWER_MAX,
		.follow = true,
		.plain = true};
	bool plain;

	if (s->http(s->ctx, h, &request, &answer, e) < 0)
		return -1;
	if (answer.status != 200)
		return err_set(e, ERR_AUTHORITY, "'%s' answers %d", url, answer.status);
	if (certs_only_read(buf_text(&answer.body), answer.body.len, &got, &plain, e) < 0)
		return err_in(e, "'%s'", url);
	for (size_t i = 0; i < certs_count(got); i++)
		if (!certs_has(known, certs_at(got, i)) &&
			certs_add(known, certs_at(got, i), e) < 0)
			return -1;
	return 0;
}

static bool
self_signed(X509 *x)
{
	return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
}

int
aia_complete(
	const struct services *s, const char *name, X509 *leaf, struct certs *known, struct err *e)
{
	struct http *h = NULL;
	char url[URL_MAX];
	X509 *x = leaf;
	int rc = 0, requests = 0, steps = 0;

	while (rc == 0 && x && !self_signed(x)) {
		X509 *issuer = certs_issuer(known, x);
		if (issuer) {
			x = issuer;
			/* A ring of cross certificates: enough is there. */
			if (++steps > CERTS_COUNT_MAX)
				break;
			continue;
		}
		if (requests++ >= HOPS_MAX || !aia_place(x, url, sizeof url))
			break;
		if ((!h && (rc = http_open(name, "system", &h, e)) < 0) ||
			(rc = fetch(s, h, url, known, e)) < 0)
			break;
		if (!certs_issuer(known, x))
			rc = err_set(e, ERR_AUTHORITY,
				"%s: what '%s' gives did not sign the certificate", name, url);
	}
	http_close(h);
	return rc;
}
