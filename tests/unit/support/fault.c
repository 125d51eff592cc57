#include "support/fault.h"

#include <limits.h>

#include "support/softhsm.h"
#include "support/unit.h"

static char rules[PATH_MAX], calls[PATH_MAX];

const char *
fault_set_up(void)
{
	static char module[PATH_MAX];
	char program[PATH_MAX / 2] = "";

	/* OUT/unit/test_x is this program, OUT/doubles/ is beside its folder. */
	assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
	for (int up = 0; up < 2; up++)
		*strrchr(program, '/') = '\0';
	snprintf(module, sizeof module, "%s/doubles/fault_module.so", program);
	snprintf(rules, sizeof rules, "%s/fault.rules", unit_folder());
	snprintf(calls, sizeof calls, "%s/fault.log", unit_folder());
	fault_rules("");
	fault_log_clear();
	setenv("FAULT_MODULE", SOFTHSM_MODULE, 1);
	setenv("FAULT_RULES", rules, 1);
	setenv("FAULT_LOG", calls, 1);
	return module;
}

void
fault_rules(const char *text)
{
	/* By rename: another inode each time, so that it is seen to be written anew. */
	assert_int_equal(rename(unit_file("fault.rules.new", text), rules), 0);
}

unsigned
fault_calls(const char *name)
{
	char line[64];
	unsigned n = 0;
	FILE *f = fopen(calls, "r");

	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		n += strcmp(line, name) == 0;
	}
	fclose(f);
	return n;
}

void
fault_log_clear(void)
{
	unit_file("fault.log", "");
}
