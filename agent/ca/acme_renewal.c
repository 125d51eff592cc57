#include "acme_renewal.h"

#include <string.h>

#include "acme.h"
#include "keystay/net/header.h"
#include "keystay/x509/chain.h"

/* How soon, and how late, an authority may be asked again (RFC 9773 4.3.3), and where it does not
 * say. */
#define ASK_SOONEST MINUTE
#define ASK_LATEST DAY
#define ASK_USUAL (6 * HOUR)

static when_t
ask_again(struct acme *a, const struct http_answer *answer)
{
	when_t now = services_now(a->services), when = acme_come_back(a, answer, ASK_USUAL);

	if (when < now + ASK_SOONEST)
		return now + ASK_SOONEST;
	return when > now + ASK_LATEST ? now + ASK_LATEST : when;
}

int
renewal_info_read(const char *text, size_t len, struct ca_window *ret, struct err *e)
{
	AUTO(json_t) json_t *json = NULL;
	struct ca_window w = *ret;

	if (json_read(text, len, &json, e) < 0)
		return -1;
	json_t *window = json_object_at(json, "suggestedWindow");
	if (!window || !when_parse_rfc3339(json_text_at(window, "start"), &w.start) ||
		!when_parse_rfc3339(json_text_at(window, "end"), &w.end))
		return err_set(e, ERR_AUTHORITY, "the renewal window has no start or no end");
	if (w.end <= w.start || w.end - w.start > 366 * DAY || w.start < 0)
		return err_set(e, ERR_AUTHORITY, "the renewal window does not end after its start");
	const char *url = json_text_at(json, "explanationURL");
	w.explanation[0] = '\0';
	if (text_starts(url, "https://") || text_starts(url, "http://"))
		text_copy(w.explanation, sizeof w.explanation, url);
	text_printable(w.explanation);
	*ret = w;
	return 0;
}

int
acme_renewal_info(void *ca, const char *ari_id, struct ca_window *ret, struct err *e)
{
	struct acme *a = ca;
	AUTO(http_answer) struct http_answer answer = {0};
	struct ca_window w = {.start = 0};
	char url[ACME_URL_MAX + ARI_ID_TEXT + 2];

	if (acme_need_directory(a, e) < 0)
		return -1;
	if (!a->renewal_info[0]) {
		w.ask_at = services_now(a->services) + ASK_LATEST;
		*ret = w;
		return 0;
	}
	/* Some servers write the slash behind their URL, some do not. */
	size_t len = strlen(a->renewal_info);
	snprintf(url, sizeof url, "%s%s%s", a->renewal_info,
		len && a->renewal_info[len - 1] == '/' ? "" : "/", ari_id);
	if (acme_get(a, url, &answer, e) < 0)
		return -1;
	if (answer.status != 200) {
		/* The directory may be an old one. */
		a->has_directory = answer.status != 404;
		return acme_fail(a, &answer, NULL, e);
	}
	if (renewal_info_read(buf_text(&answer.body), answer.body.len, &w, e) < 0)
		return err_in(e, "authority '%s'", a->conf->name);
	w.ask_at = ask_again(a, &answer);
	*ret = w;
	return 0;
}
