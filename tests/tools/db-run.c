/*
 * db-run FILE SQL - changes the agent's database behind its back, for tests of what it then makes
 * of it. Prints the rows of a query, a column a word. Waits for the agent's own writes.
 */
#include <sqlite3.h>
#include <stdio.h>

static int
show(void *unused, int columns, char **value, char **name)
{
	(void)unused;
	(void)name;
	for (int i = 0; i < columns; i++)
		printf("%s%s", i ? " " : "", value[i] ? value[i] : "-");
	putchar('\n');
	return 0;
}

int
main(int argc, char **argv)
{
	sqlite3 *db;
	char *why = NULL;

	if (argc != 3 || sqlite3_open(argv[1], &db) != SQLITE_OK)
		return 2;
	sqlite3_busy_timeout(db, 20000);
	if (sqlite3_exec(db, argv[2], show, NULL, &why) != SQLITE_OK) {
		fprintf(stderr, "db-run: %s\n", why);
		return 1;
	}
	return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
