#include "read.h"

#include <stdio.h>
#include <string.h>

#include "keystay/policy/values.h"

/* "'a', 'b' or 'c'". */
static const char *
say_words(const char *const *words, size_t count, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count && used < size; i++) {
		const char *between = i == 0 ? "" : i + 1 == count ? " or " : ", ";
		int n = snprintf(text + used, size - used, "%s'%s'", between, words[i]);
		used += n > 0 ? (size_t)n : 0;
	}
	return text;
}

static int
find_word(struct yaml *y, const char *text, const char *const *words, size_t count, size_t *ret,
	struct err *e)
{
	char known[300];

	for (size_t i = 0; i < count; i++)
		if (text_same(words[i], text)) {
			*ret = i;
			return 0;
		}
	return yaml_fail(y, e, "%s, not '%s'", say_words(words, count, known, sizeof known), text);
}

int
read_word(struct yaml *y, const char *const *words, size_t count, size_t *ret, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	return find_word(y, text, words, count, ret, e);
}

int
read_flags(struct yaml *y, const char *const *words, size_t count, bool *flags, struct err *e)
{
	AUTO(list) struct list texts = {0};
	char known[300];
	size_t flag = 0;

	memset(flags, 0, count * sizeof *flags);
	if (yaml_list(y, &texts, e) < 0)
		return -1;
	for (size_t i = 0; i < texts.count; i++) {
		if (find_word(y, texts.item[i], words, count, &flag, e) < 0)
			return -1;
		if (flags[flag])
			return yaml_fail(y, e, "'%s' stands twice", texts.item[i]);
		flags[flag] = true;
	}
	if (texts.count == 0)
		return yaml_fail(y, e, "at least one of %s is expected here",
			say_words(words, count, known, sizeof known));
	return 0;
}

const char *
flags_join(const bool *flags, const char *const *words, size_t count, char *text, size_t size)
{
	AUTO(list) struct list set = {0};

	for (size_t i = 0; i < count; i++)
		if (flags[i])
			(void)list_add(&set, words[i]);
	return list_join(&set, text, size);
}

int
read_known(struct yaml *y, struct list *slot, bool (*known)(const char *word), const char *what,
	struct err *e)
{
	if (yaml_list(y, slot, e) < 0)
		return -1;
	for (size_t i = 0; i < slot->count; i++)
		if (!known(slot->item[i]))
			return yaml_fail(y, e, "'%s' is not %s", slot->item[i], what);
	if (slot->count == 0)
		return yaml_fail(y, e, "the list is empty");
	return 0;
}

int
read_when(struct yaml *y, when_t *ret, bool *ret_day, struct err *e)
{
	AUTO(char) char *text = NULL;

	if (yaml_text(y, &text, e) < 0)
		return -1;
	if (!when_parse(text, ret, ret_day))
		return yaml_fail(y, e,
			"a day such as 2026-12-20 or a moment such as 2026-12-20T18:00:00Z is "
			"expected here, not '%s'",
			text);
	return 0;
}

void *
read_one_more(struct yaml *y, void *array_slot, size_t *count, size_t size, struct err *e)
{
	void *array;

	memcpy(&array, array_slot, sizeof array);
	if (*count >= VALUES_MAX) {
		yaml_fail(y, e, "more than %d of them", VALUES_MAX);
		return NULL;
	}
	char *more = realloc(array, (*count + 1) * size);
	if (!more) {
		err_set(e, ERR_FAILED, "no memory for a policy");
		return NULL;
	}
	memcpy(array_slot, &more, sizeof more);
	memset(more + *count * size, 0, size);
	return more + (*count)++ * size;
}
