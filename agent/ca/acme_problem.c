#include "acme_problem.h"

#include <stdio.h>
#include <string.h>

#include "keystay/base/buf.h"
#include "keystay/base/text.h"

static const char prefix[] = "urn:ietf:params:acme:error:";

/* What a person can do about the problems that a person can do something about. */
static const struct {
	const char *type;
	const char *hint;
} hints[] = {
	{"connection", "can the authority reach this host at port 80, by every name?"},
	{"dns", "do all the names have the right addresses in public DNS?"},
	{"unauthorized", "is the challenge served from the folder or port that the configuration "
			 "names, for every name?"},
	{"incorrectResponse", "is the challenge served from the folder or port that the "
			      "configuration names, for every name?"},
	{"caa", "the CAA record of a name forbids this authority"},
	{"rejectedIdentifier", "the authority does not issue for one of the names"},
	{"userActionRequired", "write 'agree_terms: true' for the authority if you agree"},
	{"agreementRequired", "write 'agree_terms: true' for the authority if you agree"},
	{"externalAccountRequired", "the authority wants an account that was made at its portal"},
	{"badPublicKey", "choose another type under 'keys:'"},
	{"rateLimited", "it is tried again when the authority allows it"},
};

void
problem_type(const json_t *problem, char type[48])
{
	const char *whole = problem ? json_text_at(problem, "type") : "";

	text_copy(type, 48, text_starts(whole, prefix) ? whole + strlen(prefix) : whole);
	text_printable(type);
}

static void
add_detail(struct buf *b, const json_t *problem)
{
	char detail[600], type[48];

	problem_type(problem, type);
	text_copy(detail, sizeof detail, json_text_at(problem, "detail"));
	text_printable(detail);
	buf_addf(b, "%s%s%s", detail, *detail ? " " : "", *type ? "(" : "");
	buf_addf(b, "%s%s", type, *type ? ")" : "");
}

int
problem_fail(const json_t *problem, int status, when_t retry_at, struct err *e)
{
	AUTO(buf) struct buf b = BUF(1400);
	char type[48], name[256];
	size_t i;
	json_t *sub;

	if (problem)
		add_detail(&b, problem);
	if (b.len == 0)
		buf_addf(&b, "HTTP status %d", status);
	json_t *subs = problem ? json_array_at(problem, "subproblems") : NULL;
	json_array_foreach(subs, i, sub)
	{
		json_t *identifier = json_object_at(sub, "identifier");
		text_copy(name, sizeof name, identifier ? json_text_at(identifier, "value") : "");
		text_printable(name);
		buf_addf(&b, "; %s%s", name, *name ? ": " : "");
		add_detail(&b, sub);
	}
	enum err_kind kind = status == 429 || status == 503 ? ERR_BUSY
			     : status >= 500                ? ERR_NETWORK
							    : ERR_AUTHORITY;
	err_set(e, kind, "the authority says: %s", buf_text(&b));
	if (kind == ERR_BUSY)
		e->retry_at = retry_at;
	problem_type(problem, type);
	/* The reason is often in the subproblem only. */
	if (json_array_size(subs) > 0 && text_same(type, "compound"))
		problem_type(json_array_get(subs, 0), type);
	for (i = 0; i < COUNT(hints); i++)
		if (text_same(hints[i].type, type))
			return err_hint(e, "%s", hints[i].hint);
	return -1;
}
