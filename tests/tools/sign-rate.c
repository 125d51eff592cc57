/*
 * sign-rate SIGN-MANY ROUNDS MILLISECONDS PROCESSES MODULE LABEL PIN-FILE TYPE [INIT-ARGS]
 *
 * Signatures per second of each road against raw C_SignInit and C_Sign. PROCESSES programs
 * sign-many are started for each of them and stay; in every round each gets its turn, in another
 * order, so that what else the machine does meets all of them. A ratio is of the same round. Prints
 * a row of a table for each: the median, and the least and the most of all rounds.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keystay/base/text.h"

#define PROCESSES_MAX 16
#define ROUNDS_MAX 200

extern char **environ;

enum { RAW, PROVIDER, LIBP11, WAYS };
static const char *const words[WAYS] = {"raw", "provider", "libp11"};

struct worker {
	pid_t pid;
	FILE *to, *from;
};

/* Of one way in one round: signatures in a second, and CPU microseconds for one. */
struct seen {
	double rate, cpu;
};

static void
fail(const char *what)
{
	fprintf(stderr, "sign-rate: %s\n", what);
	exit(1);
}

static void
start(struct worker *w, char **argv)
{
	posix_spawn_file_actions_t actions;
	int in[2], out[2];
	char line[32];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		fail("pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	if (posix_spawn(&w->pid, argv[0], &actions, NULL, argv, environ) != 0)
		fail("cannot start sign-many");
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	w->to = fdopen(in[1], "w");
	w->from = fdopen(out[0], "r");
	if (!w->to || !w->from || !fgets(line, sizeof line, w->from))
		fail("sign-many did not get ready");
}

static void
stop(struct worker *w)
{
	int status;

	fclose(w->to);
	if (waitpid(w->pid, &status, 0) < 0 || status != 0)
		fail("sign-many ended badly");
	fclose(w->from);
}

static struct seen
run(struct worker *w, int processes, const char *milliseconds)
{
	long long count, cpu, wall, counts = 0, cpus = 0, longest = 1;

	for (int i = 0; i < processes; i++) {
		fprintf(w[i].to, "%s\n", milliseconds);
		fflush(w[i].to);
	}
	for (int i = 0; i < processes; i++) {
		if (fscanf(w[i].from, "%lld %lld %lld", &count, &cpu, &wall) != 3)
			fail("sign-many failed");
		counts += count;
		cpus += cpu;
		longest = wall > longest ? wall : longest;
	}
	return (struct seen){1e6 * (double)counts / (double)longest,
		(double)cpus / (double)(counts ? counts : 1)};
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* " | median [least-most]"; sorts `value`. */
static void
print_spread(double *value, int count, int digits)
{
	qsort(value, (size_t)count, sizeof *value, ascending);
	printf(" | %.*f [%.*f-%.*f]", digits, value[count / 2], digits, value[0], digits,
		value[count - 1]);
}

static void
print_way(const struct seen (*seen)[WAYS], int rounds, int way)
{
	double value[ROUNDS_MAX];

	for (int i = 0; i < rounds; i++)
		value[i] = seen[i][way].rate;
	print_spread(value, rounds, 0);
	for (int i = 0; i < rounds; i++)
		value[i] = seen[i][way].rate / seen[i][RAW].rate;
	print_spread(value, rounds, 2);
	for (int i = 0; i < rounds; i++)
		value[i] = seen[i][way].cpu;
	print_spread(value, rounds, 0);
	for (int i = 0; i < rounds; i++)
		value[i] = seen[i][way].cpu / seen[i][RAW].cpu;
	print_spread(value, rounds, 2);
	puts(" |");
}

int
main(int argc, char **argv)
{
	static struct worker workers[WAYS][PROCESSES_MAX];
	static struct seen seen[ROUNDS_MAX][WAYS];
	int64_t rounds, processes;

	if (argc < 9 || argc > 10 || !number_parse(argv[2], 1, ROUNDS_MAX, &rounds) ||
		!number_parse(argv[4], 1, PROCESSES_MAX, &processes))
		return 2;
	for (int way = 0; way < WAYS; way++)
		for (int i = 0; i < processes; i++)
			start(&workers[way][i],
				(char *[]){argv[1], argv[5], argv[6], argv[7], (char *)words[way],
					argv[8], (char *)"-", argc > 9 ? argv[9] : NULL, NULL});
	/* The first round warms up and is not counted. */
	for (int round = -1; round < rounds; round++)
		for (int turn = 0; turn < WAYS; turn++) {
			int way = (round + 1 + turn) % WAYS;
			struct seen s = run(workers[way], (int)processes, argv[3]);
			if (round >= 0)
				seen[round][way] = s;
		}
	for (int way = 0; way < WAYS; way++) {
		for (int i = 0; i < processes; i++)
			stop(&workers[way][i]);
		printf("| %s | %d | %s", argv[8], (int)processes, words[way]);
		print_way(seen, (int)rounds, way);
	}
	return 0;
}
