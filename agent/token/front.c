#include "keystay/token/front.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keystay/base/file.h"
#include "keystay/base/text.h"

/* Modules that have their library, for the life of the process: it is loaded under its name. */
struct fronted {
	char *module;
	char library[4200];
	struct fronted *next;
};

static char guard_path[4200], state_path[4200];
static struct fronted *all;

int
front_set(const char *guard, const char *state, struct err *e)
{
	if (!text_copy(guard_path, sizeof guard_path, guard ? guard : "") ||
		!text_copy(state_path, sizeof state_path, state ? state : ""))
		return err_set(e, ERR_CONFIG, "the path of the state folder is too long");
	return 0;
}

/* Copied when it is not there or is another version's: byte by byte, since a link would be the same
 * library to the loader. */
static int
make_copy(const char *module, char path[4200], struct err *e)
{
	AUTO(buf) struct buf guard = BUF(4 << 20);
	AUTO(buf) struct buf copy = BUF(4 << 20);
	unsigned char digest[32];
	char hex[65], folder[4200];
	unsigned len = 0;
	struct err ignored;

	if (EVP_Digest(module, strlen(module), digest, &len, EVP_sha256(), NULL) != 1)
		return err_set(e, ERR_FAILED, "no memory");
	hex_encode(digest, sizeof digest, hex);
	if (snprintf(folder, sizeof folder, "%s/guard", state_path) >= (int)sizeof folder ||
		snprintf(path, 4200, "%.4100s/%s.so", folder, hex) >= 4200)
		return err_set(e, ERR_CONFIG, "the path of the state folder is too long");
	if (file_read(guard_path, &guard, e) < 0)
		return -1;
	if (file_read(path, &copy, &ignored) == 0 && copy.len == guard.len &&
		memcmp(buf_text(&copy), buf_text(&guard), guard.len) == 0)
		return 0;
	if (folder_make(folder, 0755, e) < 0)
		return -1;
	return file_replace(
		path, buf_text(&guard), guard.len, 0755, FILE_SAME_OWNER, FILE_SAME_GROUP, e);
}

static int
add(const char *module, struct fronted **ret, struct err *e)
{
	struct fronted *f = calloc(1, sizeof *f);

	if (!f || !(f->module = strdup(module))) {
		free(f);
		return err_set(e, ERR_FAILED, "no memory");
	}
	text_copy(f->library, sizeof f->library, guard_path);
	if (all && make_copy(module, f->library, e) < 0) {
		free(f->module);
		free(f);
		return err_in(e, "the guard before '%s'", module);
	}
	f->next = all;
	all = f;
	*ret = f;
	return 0;
}

int
front_of(const char *module, const char *init_args, struct front *ret, struct err *e)
{
	struct fronted *f = all;
	bool has_args = init_args && *init_args;

	if (!guard_path[0]) {
		if (!text_copy(ret->library, sizeof ret->library, module) ||
			!text_copy(
				ret->init_args, sizeof ret->init_args, has_args ? init_args : ""))
			return err_set(e, ERR_CONFIG, "too long a path: '%.200s...'", module);
		return 0;
	}
	if (access(guard_path, R_OK) < 0) {
		err_set(e, ERR_CONFIG, "the guard '%s' is not there", guard_path);
		return err_hint(
			e, "install keystay-guard.so beside keystay, or in ../lib/keystay/");
	}
	if (strchr(module, ' ') || strchr(state_path, ' ')) {
		err_set(e, ERR_CONFIG,
			"the module '%s' or the state folder '%s' has a blank in "
			"its path",
			module, state_path);
		return err_hint(e, "make a symbolic link with a plain name to it");
	}
	while (f && !text_same(f->module, module))
		f = f->next;
	if (!f && add(module, &f, e) < 0)
		return -1;
	text_copy(ret->library, sizeof ret->library, f->library);
	if (snprintf(ret->init_args, sizeof ret->init_args,
		    "module=%s ledger=%s/ledger role=agent%s%s", module, state_path,
		    has_args ? " init=" : "",
		    has_args ? init_args : "") >= (int)sizeof ret->init_args)
		return err_set(e, ERR_CONFIG, "too long init_args for '%s'", module);
	return 0;
}
