#include "come_back.h"

#include <string.h>

#include "keystay/net/header.h"

when_t
come_back(when_t now, const struct http_answer *answer, when_t fallback, bool *ret_said)
{
	when_t theirs = answer->date ? answer->date : now, when = theirs + fallback;

	bool said =
		retry_after_parse(answer->retry_after, strlen(answer->retry_after), theirs, &when);
	if (ret_said)
		*ret_said = said;
	return now + (when > theirs ? when - theirs : 1);
}
