/*
 * guard-cost count MODULE INIT-ARGS TOKEN PIN-FILE KEY N
 * guard-cost time GUARD MODULE LEDGER TOKEN PIN-FILE KEY ROUNDS PAIRS
 *
 * What the guard adds to a signature. `count` signs N times and does nothing else that grows with
 * N, for callgrind; where NULL_COUNT is set it prints "CALLS SIGNATURES" of the null module.
 * `time` signs in one process PAIRS times through the module alone, through the guard, and in
 * another session through the module alone, by turns. It prints a row of a table for each of them:
 * CPU nanoseconds of C_SignInit and C_Sign together, the median and the least and the most of all
 * rounds; what was added to the first, and the ratio, of the same round. The third says how far two
 * equals are apart.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "keystay/base/text.h"
#include "raw-sign.h"

#define ROUNDS_MAX 1000

enum { BARE, GUARDED, AGAIN, WAYS };

static void
sign(const struct raw *r, int64_t times)
{
	while (times--)
		raw_must(raw_sign(r), "a signature");
}

static int
count(char **argv, int64_t times)
{
	const struct raw_name name = {argv[4], argv[5], argv[6]};
	const struct null_count *counted = raw_null_count();
	CK_FUNCTION_LIST *f = raw_load(argv[2]);

	raw_start(f, argv[3]);
	struct raw r = raw_open(f, &name);
	sign(&r, times);
	raw_must(f->C_Finalize(NULL), "C_Finalize");
	if (counted)
		printf("%llu %llu\n", (unsigned long long)atomic_load(&counted->calls),
			(unsigned long long)atomic_load(&counted->made[0]));
	return 0;
}

static double
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double
measure(const struct raw *r, int64_t pairs)
{
	double begin = cpu_ns();

	sign(r, pairs);
	return (cpu_ns() - begin) / (double)pairs;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* " | median [least-most]"; sorts `value`. */
static void
print_spread(double *value, int64_t n, int digits)
{
	qsort(value, (size_t)n, sizeof *value, ascending);
	printf(" | %.*f [%.*f-%.*f]", digits, value[n / 2], digits, value[0], digits, value[n - 1]);
}

static void
print_way(double (*seen)[WAYS], int64_t rounds, int way)
{
	static const char *const words[WAYS] = {"bare", "guarded", "bare again"};
	double value[ROUNDS_MAX];

	printf("%s", words[way]);
	for (int64_t i = 0; i < rounds; i++)
		value[i] = seen[i][way];
	print_spread(value, rounds, 0);
	for (int64_t i = 0; i < rounds; i++)
		value[i] = seen[i][way] - seen[i][BARE];
	print_spread(value, rounds, 0);
	for (int64_t i = 0; i < rounds; i++)
		value[i] = seen[i][way] / seen[i][BARE];
	print_spread(value, rounds, 3);
	puts(" |");
}

/* The guard starts the module; the bare one finds it started. */
static int
compare(char **argv, int64_t rounds, int64_t pairs)
{
	static double seen[ROUNDS_MAX][WAYS];
	const struct raw_name name = {argv[5], argv[6], argv[7]};
	char init[8300];

	snprintf(init, sizeof init, "module=%s ledger=%s", argv[3], argv[4]);
	CK_FUNCTION_LIST *guard = raw_load(argv[2]), *module = raw_load(argv[3]);
	raw_start(guard, init);
	raw_start(module, "");
	const struct raw ways[WAYS] = {[BARE] = raw_open(module, &name),
		[GUARDED] = raw_open(guard, &name),
		[AGAIN] = raw_open(module, &name)};
	/* The first round warms up and is not counted. */
	for (int64_t round = -1; round < rounds; round++)
		for (int turn = 0; turn < WAYS; turn++) {
			int way = (int)(round + 1 + turn) % WAYS;
			double ns = measure(&ways[way], pairs);
			if (round >= 0)
				seen[round][way] = ns;
		}
	for (int way = 0; way < WAYS; way++)
		print_way(seen, rounds, way);
	return 0;
}

int
main(int argc, char **argv)
{
	int64_t n, pairs;

	if (argc == 8 && text_same(argv[1], "count") && number_parse(argv[7], 0, INT32_MAX, &n))
		return count(argv, n);
	if (argc == 10 && text_same(argv[1], "time") && number_parse(argv[8], 1, ROUNDS_MAX, &n) &&
		number_parse(argv[9], 1, INT32_MAX, &pairs))
		return compare(argv, n, pairs);
	return 2;
}
