/* The guard before the agent's own modules (token/front.h). */
#include "support/guarded.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystay/token/front.h"

static ino_t
inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void
without_a_guard_modules_are_loaded_as_they_are(void **state)
{
	struct front f;

	(void)state;
	assert_ok(front_set(NULL, NULL, UNIT_ERR));
	assert_ok(front_of("/usr/lib/a module.so", "slots=2", &f, UNIT_ERR));
	assert_string_equal(f.library, "/usr/lib/a module.so");
	assert_string_equal(f.init_args, "slots=2");
	assert_ok(front_of("/usr/lib/m.so", NULL, &f, UNIT_ERR));
	assert_string_equal(f.init_args, "");
}

static void
what_the_init_string_cannot_hold_is_refused(void **state)
{
	struct front f;

	(void)state;
	assert_ok(front_set("/nowhere/keystay-guard.so", unit_folder(), UNIT_ERR));
	assert_refused(front_of("/usr/lib/m.so", "", &f, UNIT_ERR), ERR_CONFIG,
		"the guard '/nowhere/keystay-guard.so' is not there");
	assert_ok(front_set(guarded_so(), unit_folder(), UNIT_ERR));
	assert_refused(front_of("/usr/lib/a module.so", "", &f, UNIT_ERR), ERR_CONFIG,
		"has a blank in its path");
	assert_ok(front_set(guarded_so(), "/var/lib/two words", UNIT_ERR));
	assert_refused(
		front_of("/usr/lib/m.so", "", &f, UNIT_ERR), ERR_CONFIG, "has a blank in its path");
}

static void
each_further_module_has_a_copy_that_is_no_link(void **state)
{
	struct front first, again, second, third;
	char command[128];
	struct stat st;

	(void)state;
	assert_ok(front_set(guarded_so(), unit_folder(), UNIT_ERR));
	assert_ok(front_of("/usr/lib/one.so", "", &first, UNIT_ERR));
	assert_string_equal(first.library, guarded_so());
	snprintf(command, sizeof command, "module=/usr/lib/one.so ledger=%s/ledger role=agent",
		unit_folder());
	assert_string_equal(first.init_args, command);
	assert_ok(front_of("/usr/lib/two.so", "configdir='/a b' x=1", &second, UNIT_ERR));
	assert_non_null(strstr(second.init_args, " role=agent init=configdir='/a b' x=1"));
	assert_ok(front_of("/usr/lib/three.so", "", &third, UNIT_ERR));
	assert_string_not_equal(second.library, third.library);
	assert_int_equal(strncmp(second.library, unit_folder(), strlen(unit_folder())), 0);
	assert_true(inode_of(second.library) != inode_of(guarded_so()));
	assert_true(inode_of(second.library) != inode_of(third.library));
	assert_int_equal(stat(second.library, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	/* The same module, the same library, and a copy that is right is not written again. */
	ino_t was = inode_of(second.library);
	assert_ok(front_of("/usr/lib/two.so", "", &again, UNIT_ERR));
	assert_string_equal(again.library, second.library);
	assert_true(inode_of(second.library) == was);
	assert_ok(front_of("/usr/lib/one.so", "", &again, UNIT_ERR));
	assert_string_equal(again.library, first.library);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_guard_modules_are_loaded_as_they_are),
		cmocka_unit_test(what_the_init_string_cannot_hold_is_refused),
		cmocka_unit_test(each_further_module_has_a_copy_that_is_no_link),
	};
	return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
