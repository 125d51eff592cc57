#include "keystay/target/kinds.h"

#include "files.h"
#include "nginx.h"

static const struct target_ops *const kinds[] = {&nginx_ops, &files_ops};

const struct target_ops *
target_kind(const char *word)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (text_same(kinds[i]->word, word))
			return kinds[i];
	return NULL;
}

const char *
target_words(void)
{
	return "nginx, files";
}
