/* A renewal window as an authority answers it (agent/ca/acme_renewal.h). */
#include "../../agent/ca/acme_renewal.h"
#include "fuzz.h"
#include "keystay/base/text.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *text = fuzz_bytes(data, size);
	struct ca_window w = {.start = 1, .end = 2, .explanation = "before", .ask_at = 3};
	struct err e = {0};

	int rc = renewal_info_read(text, size, &w, &e);
	MUST(w.ask_at == 3);
	if (rc < 0) {
		MUST(e.kind == ERR_AUTHORITY && e.text[0]);
		MUST(w.start == 1 && w.end == 2 && text_same(w.explanation, "before"));
		return 0;
	}
	/* One moment can be chosen in it, and shown. */
	char shown[WHEN_TEXT];
	MUST(w.start >= 0 && w.end > w.start && w.end - w.start <= 366 * DAY);
	MUST(when_format(w.start, shown)[0] && when_format(w.end, shown)[0]);
	MUST(memchr(w.explanation, '\0', sizeof w.explanation) && fuzz_printable(w.explanation));
	MUST(!w.explanation[0] || text_starts(w.explanation, "http"));
	return 0;
}
