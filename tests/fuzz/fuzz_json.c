/* JSON and problem documents of an authority (base/json.h, agent/ca/acme_problem.h). */
#include "../../agent/ca/acme_problem.h"
#include "fuzz.h"
#include "keystay/base/text.h"

#define RETRY_AT ((when_t)1795282774)

static void
problem(const json_t *json, int status)
{
	struct err e = {0};
	char type[48];

	problem_type(json, type);
	MUST(strlen(type) < sizeof type && fuzz_printable(type));
	MUST(problem_fail(json, status, RETRY_AT, &e) == -1);
	bool busy = status == 429 || status == 503;
	MUST(e.kind == (busy ? ERR_BUSY : status >= 500 ? ERR_NETWORK : ERR_AUTHORITY));
	MUST(e.retry_at == (busy ? RETRY_AT : 0));
	MUST(e.text[0] && fuzz_printable(e.text) && fuzz_printable(e.hint));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {0, 400, 429, 500, 503};
	AUTO(char) char *text = fuzz_bytes(data, size);
	AUTO(json_t) json_t *json = NULL, *again = NULL;
	struct err e = {0};

	int rc = json_read(text, size, &json, &e);
	if (rc < 0) {
		MUST(!json && e.kind == ERR_AUTHORITY && e.text[0]);
		return 0;
	}
	for (size_t i = 0; i < COUNT(statuses); i++)
		problem(json, statuses[i]);
	/* Getters answer for every kind of value. */
	MUST(json_text_at(json, "detail") && json_text_at(json_array_at(json, "subproblems"), "x"));
	(void)json_object_at(json, "identifier");
	/* What was read can be stored and read again, as the cookie of an order is. */
	AUTO(char) char *line = json_line(json);
	MUST(line && json_read(line, strlen(line), &again, &e) == 0);
	return 0;
}
