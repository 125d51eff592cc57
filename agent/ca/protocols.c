#include "keystay/ca/protocols.h"

#include "acme_protocol.h"
#include "est_protocol.h"
#include "manual.h"

static const struct ca_ops *const protocols[] = {&acme_ops, &est_ops, &manual_ops};

const struct ca_ops *
ca_protocol(const char *word)
{
	for (size_t i = 0; i < COUNT(protocols); i++)
		if (text_same(protocols[i]->word, word))
			return protocols[i];
	return NULL;
}

const char *
ca_protocol_words(void)
{
	return "acme, est, manual";
}
