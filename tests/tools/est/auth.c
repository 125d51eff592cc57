#include "est.h"

#include "keystay/base/file.h"
#include "keystay/base/text.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <strings.h>

#define REALM "est"
#define NONCE_SECONDS 300

static unsigned char secret[32];

bool
auth_start(void)
{
	return RAND_bytes(secret, sizeof secret) == 1;
}

static const char *
after_scheme(const struct request *r, const char *scheme)
{
	size_t n = strlen(scheme);

	if (!r->authorization || strncasecmp(r->authorization, scheme, n) != 0 ||
		r->authorization[n] != ' ')
		return NULL;
	return r->authorization + n + strspn(r->authorization + n, " ");
}

const char *
auth_word(const struct request *r, X509 *cert)
{
	if (after_scheme(r, "Basic"))
		return "basic";
	if (after_scheme(r, "Digest"))
		return "digest";
	return cert ? "cert" : "none";
}

/* The "user:password" line of a user, without its end; the caller frees. NULL when there is none.
 */
static char *
line_of_user(const struct settings *s, const char *user, size_t len)
{
	AUTO(buf) struct buf text = BUF(64 * 1024);
	struct err e;

	if (!s->users || file_read(s->users, &text, &e) < 0)
		return NULL;
	for (const char *line = buf_text(&text); *line;) {
		size_t n = strcspn(line, "\n");
		if (n > len && memcmp(line, user, len) == 0 && line[len] == ':')
			return strndup(line, n);
		line += n + (line[n] == '\n');
	}
	return NULL;
}

static bool
basic_right(const struct settings *s, const char *text)
{
	unsigned char plain[512 + 4];
	size_t len = strlen(text);

	if (len % 4 || len > 512 || memchr(text, '-', len))
		return false;
	int n = EVP_DecodeBlock(plain, (const unsigned char *)text, (int)len);
	for (size_t i = len; n > 0 && i && text[i - 1] == '='; i--)
		n--;
	if (n <= 0)
		return false;
	plain[n] = '\0';
	char *user = (char *)plain;
	AUTO(char) char *line = line_of_user(s, user, strcspn(user, ":"));
	return line && strcmp(line, user) == 0;
}

/* ---- Digest (RFC 7616), qop=auth only */

struct digest {
	char username[128], realm[64], nonce[128], uri[1024], response[128], algorithm[32], qop[16],
		nc[16], cnonce[128];
};

static bool
read_digest(const char *text, struct digest *d)
{
	const struct {
		const char *word;
		char *to;
		size_t room;
	} fields[] = {
		{"username", d->username, sizeof d->username},
		{"realm", d->realm, sizeof d->realm},
		{"nonce", d->nonce, sizeof d->nonce},
		{"uri", d->uri, sizeof d->uri},
		{"response", d->response, sizeof d->response},
		{"algorithm", d->algorithm, sizeof d->algorithm},
		{"qop", d->qop, sizeof d->qop},
		{"nc", d->nc, sizeof d->nc},
		{"cnonce", d->cnonce, sizeof d->cnonce},
	};

	text_copy(d->algorithm, sizeof d->algorithm, "MD5");
	while (*(text += strspn(text, " ,"))) {
		char value[1024];
		size_t word = strcspn(text, "="), n = 0;
		const char *p = text + word;
		if (*p++ != '=')
			return false;
		bool quoted = *p == '"';
		for (p += quoted; *p && !strchr(quoted ? "\"" : " ,", *p) && n < sizeof value - 1;
			p++) {
			if (quoted && *p == '\\' && p[1])
				p++;
			value[n++] = *p;
		}
		if (quoted && *p++ != '"')
			return false;
		value[n] = '\0';
		for (size_t i = 0; i < COUNT(fields); i++)
			if (strlen(fields[i].word) == word &&
				strncasecmp(fields[i].word, text, word) == 0 &&
				!text_copy(fields[i].to, fields[i].room, value))
				return false;
		text = p;
	}
	return true;
}

static void
make_nonce(const char *when, char nonce[128])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char hex[2 * 16 + 1];

	if (!HMAC(EVP_sha256(), secret, sizeof secret, (const unsigned char *)when, strlen(when),
		    mac, NULL))
		memset(mac, 0, sizeof mac);
	snprintf(nonce, 128, "%s-%s", when, hex_encode(mac, 16, hex));
}

static bool
nonce_right(const char *nonce)
{
	char when[32], again[128];
	int64_t made;

	text_copy(when, sizeof when, nonce);
	when[strcspn(when, "-")] = '\0';
	make_nonce(when, again);
	return strcmp(nonce, again) == 0 && number_parse(when, 0, INT64_MAX, &made) &&
	       time(NULL) - made <= NONCE_SECONDS;
}

/* The hash of "a:b:c...", NULL at the end, in hex. */
static const char *
hash_of(const EVP_MD *md, char hex[2 * EVP_MAX_MD_SIZE + 1], const char *const *part)
{
	AUTO(buf) struct buf text = BUF(8192);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	for (size_t i = 0; part[i]; i++)
		buf_addf(&text, "%s%s", i ? ":" : "", part[i]);
	if (text.full || EVP_Digest(text.text, text.len, digest, &n, md, NULL) != 1)
		n = 0;
	return hex_encode(digest, n, hex);
}

static bool
digest_right(const struct settings *s, const struct request *r, const char *text)
{
	char ha1[2 * EVP_MAX_MD_SIZE + 1], ha2[sizeof ha1], wanted[sizeof ha1];
	struct digest d = {0};

	if (!read_digest(text, &d) || !nonce_right(d.nonce) || strcmp(d.realm, REALM) != 0 ||
		strcmp(d.uri, r->path) != 0 || strcmp(d.qop, "auth") != 0 || !d.nc[0] ||
		!d.cnonce[0])
		return false;
	bool md5 = strcasecmp(d.algorithm, "MD5") == 0;
	if (!md5 && (s->digest_md5 || strcasecmp(d.algorithm, "SHA-256") != 0))
		return false;
	const EVP_MD *md = md5 ? EVP_md5() : EVP_sha256();
	AUTO(char) char *line = line_of_user(s, d.username, strlen(d.username));
	if (!line)
		return false;
	const char *password = line + strlen(d.username) + 1;
	hash_of(md, ha1, (const char *const[]){d.username, REALM, password, NULL});
	hash_of(md, ha2, (const char *const[]){r->method, d.uri, NULL});
	hash_of(md, wanted, (const char *const[]){ha1, d.nonce, d.nc, d.cnonce, d.qop, ha2, NULL});
	return wanted[0] && strcasecmp(wanted, d.response) == 0;
}

bool
auth_right(const struct settings *s, const struct request *r)
{
	const char *text = after_scheme(r, s->digest ? "Digest" : "Basic");

	return text && (s->digest ? digest_right(s, r, text) : basic_right(s, text));
}

void
auth_ask(const struct settings *s, struct answer *a)
{
	char nonce[128], when[32];

	if (!s->digest) {
		buf_adds(&a->headers, "WWW-Authenticate: Basic realm=\"" REALM "\"\r\n");
		return;
	}
	snprintf(when, sizeof when, "%lld", (long long)time(NULL));
	make_nonce(when, nonce);
	/* What is wanted more comes first (RFC 7616 3.7). */
	for (int md5 = s->digest_md5; md5 < 2; md5++)
		buf_addf(&a->headers,
			"WWW-Authenticate: Digest realm=\"" REALM
			"\", qop=\"auth\", algorithm=%s, nonce=\"%s\"\r\n",
			md5 ? "MD5" : "SHA-256", nonce);
}
