#include "keystay/base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct secret {
	size_t len;
	unsigned char bytes[SECRET_MAX + 1];
};

struct secret *
secret_new(void)
{
	/* A page of its own: mlock and MADV_DONTDUMP work on pages. */
	void *page = mmap(NULL, sizeof(struct secret), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return NULL;
	/* Without the right to lock it the secret still works; it may then reach swap. */
	(void)mlock(page, sizeof(struct secret));
	(void)madvise(page, sizeof(struct secret), MADV_DONTDUMP);
	return page;
}

int
secret_add(struct secret *s, const void *data, size_t len, struct err *e)
{
	if (len > SECRET_MAX - s->len)
		return err_set(e, ERR_PIN, "a secret longer than %d bytes", SECRET_MAX);
	memcpy(s->bytes + s->len, data, len);
	s->len += len;
	return 0;
}

void
secret_cut_newline(struct secret *s)
{
	if (!s->len || s->bytes[s->len - 1] != '\n')
		return;
	s->bytes[--s->len] = 0;
	if (s->len && s->bytes[s->len - 1] == '\r')
		s->bytes[--s->len] = 0;
}

const unsigned char *
secret_bytes(const struct secret *s)
{
	return s->bytes;
}

size_t
secret_length(const struct secret *s)
{
	return s->len;
}

void
secret_free(struct secret *s)
{
	if (!s)
		return;
	secret_wipe(s, sizeof *s);
	munmap(s, sizeof *s);
}

void
secret_wipe(void *data, size_t len)
{
	explicit_bzero(data, len);
}
