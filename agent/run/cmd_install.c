#include "commands.h"

#include "keystay/life/reinstall.h"
#include "living.h"

static int
install(struct run *r, const char *name, struct err *e)
{
	struct reinstalled done;
	struct life *l;

	if (run_open_life(r, "install", &l, e) < 0)
		return -1;
	const struct certificate_conf *c = config_certificate(r->config, name);
	int rc = c ? life_reinstall(l, c, &done, e) : run_no_certificate(r, name, e);
	life_close(l);
	if (!c || (rc < 0 && !done.version))
		return rc;
	run_report(r, "certificates",
		json_pack("{s:s, s:I, s:s, s:b}", "name", name, "version", (json_int_t)done.version,
			"result", rc < 0 ? "failed" : "done", "served", rc == 0 && done.looked));
	if (rc == 0)
		run_say(r, "%s: version %lld is in place%s", name, (long long)done.version,
			done.looked ? ", and served" : "; it has no endpoints to look at");
	return rc;
}

static int
main_install(struct run *r, int argc, char **argv)
{
	struct err e;

	if (argc == 0)
		return run_usage(r, &command_install, "which certificate?");
	if (argc > 1 || argv[0][0] == '-')
		return run_unknown(r, &command_install, argv[argc > 1]);
	return install(r, argv[0], &e) < 0 ? run_fail(r, &e) : EXIT_DONE;
}

const struct command command_install = {
	.name = "install",
	.group = COMMANDS_DAILY,
	.synopsis = "NAME",
	.summary = "put the live version on its targets again, and look whether it is served",
	.example = "keystay install shop",
	.main = main_install,
};
