#include "keystay/base/endpoint.h"

#include "keystay/base/text.h"

bool
endpoint_split(const char *endpoint, char host[ENDPOINT_HOST], char port[ENDPOINT_PORT])
{
	const char *colon = strrchr(endpoint, ':');
	int64_t number;

	if (!colon || !number_parse(colon + 1, 1, 65535, &number))
		return false;
	size_t len = (size_t)(colon - endpoint);
	if (endpoint[0] == '[') {
		if (len < 3 || endpoint[len - 1] != ']')
			return false;
		endpoint++;
		len -= 2;
	} else if (memchr(endpoint, ':', len)) {
		return false;
	}
	if (len == 0 || len >= ENDPOINT_HOST || memchr(endpoint, '[', len) ||
		memchr(endpoint, ']', len))
		return false;
	memcpy(host, endpoint, len);
	host[len] = '\0';
	snprintf(port, ENDPOINT_PORT, "%lld", (long long)number);
	return true;
}
