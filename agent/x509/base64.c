#include "keystay/x509/base64.h"

#include <openssl/evp.h>
#include <string.h>

bool
base64_read(const char *text, size_t len, struct buf *ret)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	unsigned char *out = len < INT32_MAX ? malloc(len + 8) : NULL;
	int n = 0, last = 0;

	/* libcrypto takes a minus for an end. */
	bool ok = ctx && out && !memchr(text, '-', len);
	if (ok) {
		EVP_DecodeInit(ctx);
		ok = EVP_DecodeUpdate(ctx, out, &n, (const unsigned char *)text, (int)len) >= 0 &&
		     EVP_DecodeFinal(ctx, out + n, &last) == 1;
	}
	if (ok)
		buf_add(ret, out, (size_t)(n + last));
	EVP_ENCODE_CTX_free(ctx);
	free(out);
	return ok && !ret->full && n + last > 0;
}

bool
base64_write(const void *data, size_t len, struct buf *ret)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	unsigned char *out = len < INT32_MAX / 2 ? malloc(len / 48 * 65 + 80) : NULL;
	int n = 0, last = 0;

	bool ok = ctx && out;
	if (ok) {
		EVP_EncodeInit(ctx);
		ok = EVP_EncodeUpdate(ctx, out, &n, data, (int)len) == 1;
		EVP_EncodeFinal(ctx, out + n, &last);
	}
	if (ok)
		buf_add(ret, out, (size_t)(n + last));
	EVP_ENCODE_CTX_free(ctx);
	free(out);
	return ok && !ret->full;
}
