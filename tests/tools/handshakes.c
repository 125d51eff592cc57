/*
 * handshakes - a client that shakes hands until it is told to stop (SIGTERM, SIGINT) or for a
 *number of seconds, each time on a fresh connection with a full handshake, and then says
 * "handshakes N, failed M, certificates K": K different leaves were seen.
 *
 *	handshakes PORT NAME SECONDS [CA-FILE | abort | count=N | fast]
 *
 * With a CA file each chain and name must verify too. With "abort" it goes away when it has the
 * server's whole answer to its first message, for which that has signed, and says nothing more.
 * With "count=N" it stops after so many; with "fast" it takes no breath between two.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LEAVES_MAX 64

static unsigned char leaf[LEAVES_MAX][32];
static int leaves;

static void
remember_leaf(SSL *ssl)
{
	unsigned char digest[32];
	X509 *x = SSL_get1_peer_certificate(ssl);

	if (x && X509_digest(x, EVP_sha256(), digest, NULL) == 1) {
		int i = 0;
		while (i < leaves && memcmp(leaf[i], digest, 32) != 0)
			i++;
		if (i == leaves && leaves < LEAVES_MAX)
			memcpy(leaf[leaves++], digest, 32);
	}
	X509_free(x);
}

static int
connect_to(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
shake_hands(SSL_CTX *ctx, int port, const char *name)
{
	int ok = 0, fd = connect_to(port);

	if (fd < 0)
		return 0;
	SSL *ssl = SSL_new(ctx);
	if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1 &&
		SSL_set1_host(ssl, name) == 1 && SSL_connect(ssl) == 1) {
		remember_leaf(ssl);
		SSL_shutdown(ssl);
		ok = 1;
	}
	SSL_free(ssl);
	close(fd);
	ERR_clear_error();
	return ok;
}

/* The server's flight, until the client would have its turn; the client's Finished is never sent.
 */
static int
hear_all(SSL *ssl, BIO *in, BIO *out, int fd)
{
	unsigned char answer[16384];

	for (;;) {
		ssize_t n = recv(fd, answer, sizeof answer, 0);
		if (n <= 0 || BIO_write(in, answer, (int)n) != n)
			return 0;
		int rc = SSL_connect(ssl);
		if (rc != 1 && SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ)
			return 0;
		/* The client has something to say: it took what the server signed. */
		if (BIO_pending(out))
			return 1;
	}
}

/* What a server signs for without any client. */
static int
say_hello(SSL_CTX *ctx, int port, const char *name)
{
	unsigned char hello[4096];
	int ok = 0, n = 0, fd = connect_to(port);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	SSL *ssl = SSL_new(ctx);

	if (fd >= 0 && ssl && in && out && SSL_set_tlsext_host_name(ssl, name) == 1) {
		SSL_set_bio(ssl, in, out);
		(void)SSL_connect(ssl);
		n = BIO_read(out, hello, sizeof hello);
		ok = n > 0 && send(fd, hello, (size_t)n, MSG_NOSIGNAL) == n &&
		     hear_all(ssl, in, out, fd);
	}
	SSL_free(ssl);
	if (fd >= 0)
		close(fd);
	ERR_clear_error();
	return ok;
}

int
main(int argc, char **argv)
{
	unsigned long done = 0, failed = 0, most = ULONG_MAX;
	const struct timespec no_wait = {0};
	sigset_t stop;

	if (argc < 4) {
		fprintf(stderr, "usage: handshakes PORT NAME SECONDS [CA-FILE]\n");
		return 2;
	}
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		return 2;
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	bool abort_early = argc > 4 && strcmp(argv[4], "abort") == 0;
	bool fast = argc > 4 && strcmp(argv[4], "fast") == 0;
	if (argc > 4 && strncmp(argv[4], "count=", 6) == 0)
		most = strtoul(argv[4] + 6, NULL, 10);
	else if (argc > 4 && !abort_early && !fast) {
		if (SSL_CTX_load_verify_file(ctx, argv[4]) != 1)
			return 2;
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
	/* Looked for between handshakes: a signal in the midst of one would make it fail. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	time_t until = time(NULL) + strtol(argv[3], NULL, 10);
	int port = (int)strtol(argv[1], NULL, 10);
	while (done < most && sigtimedwait(&stop, NULL, &no_wait) < 0 && time(NULL) < until) {
		done++;
		if (!(abort_early ? say_hello : shake_hands)(ctx, port, argv[2]))
			failed++;
		if (!fast)
			usleep(2000);
	}
	printf("handshakes %lu, failed %lu, certificates %d\n", done, failed, leaves);
	SSL_CTX_free(ctx);
	return failed ? 1 : 0;
}
