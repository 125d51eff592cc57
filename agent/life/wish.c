#include "wish.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "keystay/base/text.h"

/* The order in the file means nothing. */
static void
add_names(struct buf *b, const struct list *names)
{
	AUTO(list) struct list sorted = {0};
	bool whole = true;

	for (size_t i = 0; i < names->count; i++)
		whole = list_add(&sorted, names->item[i]) && whole;
	list_sort(&sorted);
	buf_addf(b, "names");
	for (size_t i = 0; whole && i < sorted.count; i++)
		buf_addf(b, " %s", sorted.item[i]);
}

static void
add_field(struct buf *b, const char *word, const char *value)
{
	char text[300];

	if (!value)
		return;
	text_copy(text, sizeof text, value);
	text_printable(text);
	buf_addf(b, " %s=%s;", word, text);
}

void
wish_text(const struct certificate_conf *c, char ret[WISH_TEXT])
{
	AUTO(buf) struct buf b = BUF(512 * 1024);
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	buf_addf(&b, "keys");
	for (size_t i = 0; i < c->keys; i++)
		buf_addf(&b, " %s", key_type_word(c->key[i]));
	buf_addf(&b, "\ntoken %s\nsubject", c->token);
	add_field(&b, "O", c->subject.organization);
	add_field(&b, "OU", c->subject.unit);
	add_field(&b, "L", c->subject.locality);
	add_field(&b, "ST", c->subject.state);
	add_field(&b, "C", c->subject.country);
	add_field(&b, "serialNumber", c->subject.serial_number);
	add_field(&b, "CN", c->subject.common_name);
	buf_addf(&b, "\n");
	add_names(&b, &c->names);
	if (text_copy(ret, WISH_TEXT, buf_text(&b)))
		return;
	EVP_Digest(buf_text(&b), b.len, hash, &len, EVP_sha256(), NULL);
	text_copy(ret, WISH_TEXT, "sha256 ");
	hex_encode(hash, len, ret + strlen(ret));
}

/* The line of a wish that begins with that word; its length without the line's end. */
static const char *
line_of(const char *wish, const char *word, size_t *ret_len)
{
	size_t n = strlen(word);

	while (*wish) {
		size_t len = strcspn(wish, "\n");
		if (len >= n && memcmp(wish, word, n) == 0) {
			*ret_len = len;
			return wish;
		}
		wish += len + (wish[len] == '\n');
	}
	*ret_len = 0;
	return "";
}

const char *
wish_differs(const char *stored, const char *now)
{
	static const char *const words[] = {"names", "keys", "subject", "token"};
	static const char *const said[] = {"names", "key types", "subject", "token"};

	if (!*stored || text_same(stored, now))
		return NULL;
	for (size_t i = 0; i < COUNT(words); i++) {
		size_t was_len, is_len;
		const char *was = line_of(stored, words[i], &was_len);
		const char *is = line_of(now, words[i], &is_len);
		if (was_len != is_len || memcmp(was, is, is_len) != 0)
			return was_len && is_len ? said[i] : "configuration";
	}
	return "configuration";
}
