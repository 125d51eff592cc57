#include "keystay/token/roads.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "keystay/base/text.h"
#include "road_libp11.h"
#include "road_provider.h"

static const char *const words[ROADS] = {
	[ROAD_AUTO] = "auto",
	[ROAD_PROVIDER] = "provider",
	[ROAD_LIBP11] = "libp11",
};

const char *
road_word(enum road road)
{
	return words[road];
}

bool
road_of(const char *word, enum road *ret)
{
	for (int i = 0; i < ROADS; i++)
		if (text_same(words[i], word)) {
			*ret = (enum road)i;
			return true;
		}
	return false;
}

bool
road_provider_present(void)
{
	const char *folder = secure_getenv("OPENSSL_MODULES");
	char path[4096];

	if (!folder)
		folder = OPENSSL_info(OPENSSL_INFO_MODULES_DIR);
	snprintf(path, sizeof path, "%s/pkcs11.so", folder ? folder : "");
	return access(path, R_OK) == 0;
}

const struct road_ops *
road_choose(enum road road)
{
	if (road == ROAD_LIBP11 || (road == ROAD_AUTO && !road_provider_present()))
		return &road_libp11;
	return &road_provider;
}
