#include "clock.h"

#include <string.h>

#include "keystay/life/trust.h"
#include "keystay/net/http.h"
#include "keystay/state/memory.h"

#define WORD "pass_at"
#define DOUBTED "clock_doubted"
#define ANSWER_MAX (256 * 1024)

/* What the authority's server says the time is. */
static int
ask(struct life *l, const struct authority_conf *a, when_t *ret, struct err *e)
{
	AUTO(http_answer) struct http_answer answer = {0};
	const struct http_request r = {
		.method = HTTP_GET, .url = a->url, .ceiling = ANSWER_MAX, .follow = true};
	AUTO(char) char *anchors = NULL;
	struct http *http;
	char name[96];
	bool implicit = a->trust && text_same(a->trust, "system");
	int rc = 0;

	snprintf(name, sizeof name, "authority '%s'", a->name);
	bool learns = a->ops->has_anchors && !implicit;
	if ((learns && trust_https(l->db, a, &anchors, e) < 0) ||
		http_open(name, learns ? NULL : a->trust, &http, e) < 0)
		return -1;
	/* Of a server that nothing is known of, no time is believed. */
	if (learns && !*anchors)
		rc = err_set(e, ERR_AUTHORITY, "%s: nothing is known of it yet", name);
	else if (learns)
		rc = http_trust(http, anchors, e);
	if (rc == 0)
		rc = l->services->http(l->services->ctx, http, &r, &answer, e);
	http_close(http);
	if (rc < 0)
		return -1;
	if (answer.date == 0)
		return err_set(e, ERR_AUTHORITY, "%s does not say what time it is", name);
	*ret = answer.date;
	return 0;
}

/* The first authority that answers decides. */
static int
compare(struct life *l, when_t now, when_t last, struct err *e)
{
	char is[WHEN_TEXT], was[WHEN_TEXT], theirs_text[WHEN_TEXT];
	when_t theirs = 0;
	bool any = false;
	struct err why;

	err_set(&why, ERR_FAILED, "no authority can be asked");
	for (size_t i = 0; i < l->config->authorities; i++) {
		const struct authority_conf *a = &l->config->authority[i];
		if (!a->url || a->ops->by_hand || !config_uses(l->config, a))
			continue;
		any = true;
		if (ask(l, a, &theirs, &why) < 0)
			continue;
		if (theirs - now <= CLOCK_DIFFERENCE_MAX && now - theirs <= CLOCK_DIFFERENCE_MAX)
			return 0;
		err_set(e, ERR_WAIT,
			"the clock of this machine says %s, and that of authority '%s' %s",
			when_format(now, is), a->name, when_format(theirs, theirs_text));
		return err_hint(e, "set the clock; nothing is renewed by time until then");
	}
	/* Where people carry everything, a machine that was off for a week is nothing strange. */
	if (!any && now > last)
		return 0;
	err_set(e, ERR_WAIT,
		"the clock says %s; at the last pass it said %s, and no authority can be asked what "
		"time it is: %s",
		when_format(now, is), when_format(last, was), why.text);
	return err_hint(e, "look at the clock and at the network; nothing is renewed by time until "
			   "then");
}

int
clock_look(struct life *l, struct err *e)
{
	when_t now = services_now(l->services);
	int64_t last, doubted;
	struct err ignored;

	if (memory_get(l->db, WORD, &last, e) < 0 || memory_get(l->db, DOUBTED, &doubted, e) < 0)
		return -1;
	bool near = last == 0 || (now >= last - CLOCK_BEHIND_MAX && now <= last + CLOCK_AHEAD_MAX);
	if (!near && compare(l, now, last, e) < 0) {
		(void)!memory_set(l->db, DOUBTED, 1, &ignored);
		return -1;
	}
	/* What a clock that was ahead parked is parked for nothing. A retry is at most a day away,
	 * and what an authority says at most a month. */
	bool was_wrong = doubted || (!near && now < last);
	if (attempts_unpark(l->db, now, now + (was_wrong ? DAY : 31 * DAY), e) < 0 ||
		(doubted && memory_set(l->db, DOUBTED, 0, e) < 0))
		return -1;
	return memory_set(l->db, WORD, now, e);
}
