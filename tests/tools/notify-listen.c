/*
 * notify-listen SOCKET [FILE] - stands for systemd at the other end of NOTIFY_SOCKET, for tests of
 * what a service says of itself (sd_notify(3)).
 *
 * Makes a datagram socket at the path SOCKET (what is there is replaced; any user may send), or at
 * the abstract name behind "@", and writes each line of each message until it is killed:
 *
 *	MICROSECONDS PID LINE		1187301220113 4711 READY=1
 *
 * The time is CLOCK_MONOTONIC's at the receipt, the unit of MONOTONIC_USEC=. The PID is the
 * sender's, as the kernel says it. The lines of one message have the same time. Bytes that do not
 * print become "?". Descriptors that come with a message are closed.
 *
 * FILE is made when the socket is ready, so a test waits for it; without it, standard output.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static int
open_socket(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(name);
	int on = 1;

	if (len == 0 || len >= sizeof address.sun_path) {
		fprintf(stderr, "notify-listen: '%s' is no name of a socket\n", name);
		exit(2);
	}
	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	else
		unlink(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
		bind(fd, (struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0 ||
		(name[0] != '@' && chmod(name, 0666) < 0))
		fail(name);
	return fd;
}

static void
write_lines(FILE *to, pid_t pid, char *text, size_t len)
{
	struct timespec now;
	char *end = text + len;

	clock_gettime(CLOCK_MONOTONIC, &now);
	while (text < end) {
		size_t n = strcspn(text, "\n");
		if (n > (size_t)(end - text))
			n = (size_t)(end - text);
		for (size_t i = 0; i < n; i++)
			if (!isprint((unsigned char)text[i]))
				text[i] = '?';
		fprintf(to, "%lld %d %.*s\n", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000,
			(int)pid, (int)n, text);
		text += n + 1;
	}
	fflush(to);
}

int
main(int argc, char **argv)
{
	static char text[65536];
	/* Room for who sent it and nothing else, so the kernel keeps what is passed on. */
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;

	if (argc < 2 || argc > 3)
		return 2;
	int fd = open_socket(argv[1]);
	FILE *to = argc == 3 ? fopen(argv[2], "we") : stdout;
	if (!to)
		fail(argv[2]);
	for (;;) {
		struct iovec part = {.iov_base = text, .iov_len = sizeof text - 1};
		struct msghdr message = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof control};
		struct ucred sender = {0};
		ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
		if (n < 0)
			fail("recvmsg");
		const struct cmsghdr *c = CMSG_FIRSTHDR(&message);
		if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
			memcpy(&sender, CMSG_DATA(c), sizeof sender);
		text[n] = '\0';
		write_lines(to, sender.pid, text, (size_t)n);
	}
}
