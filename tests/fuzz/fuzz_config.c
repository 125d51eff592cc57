/* keystay.yaml (config/config.h). */
#include "fuzz.h"
#include "keystay/config/config.h"

#include <sys/mman.h>

/* The input as a file that no crash leaves behind. */
static void
configuration(const char *text, size_t len)
{
	AUTO(config) struct config *c = NULL;
	struct err e = {0};
	char path[48];

	int fd = memfd_create("keystay.yaml", MFD_CLOEXEC);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		BUG("no memory for an input");
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int rc = config_read(path, &c, &e);
	close(fd);
	if (rc < 0) {
		MUST(!c && e.kind == ERR_CONFIG && e.text[0]);
		return;
	}
	MUST(c->state && c->state[0] == '/');
	for (size_t i = 0; i < c->certificates; i++) {
		const struct certificate_conf *cert = c->by_name[i];
		MUST(config_certificate(c, cert->name) == cert);
		MUST(config_token(c, cert->token) && policy_find(c->policies, cert->policy));
		MUST(cert->names.count && cert->keys && cert->keys <= KEY_TYPES);
		for (size_t k = 0; k < cert->authority.count; k++)
			MUST(config_authority(c, cert->authority.item[k]));
	}
	for (size_t i = 0; i < c->contracts; i++)
		MUST(config_authority(c, c->contract[i].authority) && *c->contract[i].owner &&
			c->contract[i].units >= 0);
	for (size_t i = 0; i < c->validations; i++)
		MUST(config_authority(c, c->validation[i].authority) && *c->validation[i].subject);
	for (size_t i = 0; i < c->authorities; i++)
		for (size_t k = 0; k < c->authority[i].rate_limits; k++)
			MUST(c->authority[i].rate_limit[k].certificates > 0 &&
				c->authority[i].rate_limit[k].per > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *text = fuzz_text(data, size);

	configuration(text, size);
	return 0;
}
