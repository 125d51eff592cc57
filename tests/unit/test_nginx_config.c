/* What nginx -T prints (target/nginx_config.h): which certificates are served where. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "keystay/target/nginx_config.h"
#include "support/seed.h"

static char found[8192];

static int
note(void *ctx, const struct nginx_certificate *c, struct err *e)
{
	char endpoints[256], names[256];

	(void)ctx;
	(void)e;
	snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s @%s [%s] (%s)\n",
		c->variable ? "$" : "", c->path, c->config,
		list_join(&c->endpoints, endpoints, sizeof endpoints),
		list_join(&c->names, names, sizeof names));
	return 0;
}

static int
read_text(const char *text)
{
	static int n;
	char name[32];
	AUTO(buf) struct buf kept = BUF(64 * 1024);

	snprintf(name, sizeof name, "unit-%02d", n++);
	buf_adds(&kept, text);
	seed_keep(name, &kept);
	found[0] = '\0';
	return nginx_config_read(text, strlen(text), note, NULL, UNIT_ERR);
}

static void
finds(const char *text, const char *wanted)
{
	assert_ok(read_text(text));
	assert_string_equal(found, wanted);
}

#define MAIN                                                                 \
	"nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n" \
	"# configuration file /etc/nginx/nginx.conf:\n"

static void
servers_are_found(void **state)
{
	(void)state;
	finds(MAIN "user x;\nevents { }\nhttp {\n"
		   "  server {\n    listen 443 ssl;\n    listen [::]:443 ssl http2;\n"
		   "    listen 80;\n    server_name a.example *.b.example;\n"
		   "    ssl_certificate /a.pem;\n    ssl_certificate_key /a.key;\n"
		   "    location / { return 200 \"}\"; }\n  }\n}\n",
		"/a.pem @/etc/nginx/nginx.conf:9 [127.0.0.1:443, [::1]:443] (a.example, "
		"*.b.example)\n");
	finds(MAIN "http { server { ssl_certificate a.pem; ssl_certificate 'b c.pem'; "
		   "listen 192.0.2.1:8443 ssl; listen unix:/x ssl; listen *:444 ssl; } }",
		"/etc/nginx/a.pem @/etc/nginx/nginx.conf:1 [192.0.2.1:8443, 127.0.0.1:444] ()\n"
		"/etc/nginx/b c.pem @/etc/nginx/nginx.conf:1 [192.0.2.1:8443, 127.0.0.1:444] ()\n");
	/* Of the level above, for a server with TLS that has none; the old `ssl on`. */
	finds(MAIN
		"http {\nssl_certificate /all.pem;\nserver { listen 443 ssl; }\n"
		"server { listen 80; }\nserver { listen 444; ssl on; ssl_certificate /own.pem; }\n"
		"upstream u { server x:1; } }\n",
		"/all.pem @/etc/nginx/nginx.conf:2 [127.0.0.1:443] ()\n"
		"/own.pem @/etc/nginx/nginx.conf:5 [127.0.0.1:444] ()\n");
}

static void
files_are_included_where_they_are_named(void **state)
{
	(void)state;
	finds(MAIN "http {\n  include sites/*.conf;\n}\n\n"
		   "# configuration file /etc/nginx/sites/a.conf:\n"
		   "# a comment with { and '\nserver {\n  listen 443 ssl;\n"
		   "  include /etc/nginx/tls.conf;\n}\n\n"
		   "# configuration file /etc/nginx/tls.conf:\nssl_certificate /tls.pem;\n\n"
		   "# configuration file /etc/nginx/sites/b.conf:\n"
		   "server { listen 444 ssl; include tls.conf; }\n\n"
		   "# configuration file /etc/nginx/sites/deep/c.conf:\n"
		   "server { listen 445 ssl; ssl_certificate /c.pem; }\n",
		"/tls.pem @/etc/nginx/tls.conf:1 [127.0.0.1:443] ()\n"
		"/tls.pem @/etc/nginx/tls.conf:1 [127.0.0.1:444] ()\n");
}

static void
paths_that_are_none_are_told(void **state)
{
	(void)state;
	finds(MAIN "http { server { listen 443 ssl; ssl_certificate /x/$ssl_server_name.pem;\n"
		   "ssl_certificate ${a}/b.pem; ssl_certificate data:$x; "
		   "ssl_certificate \"store:pkcs11:x\"; } }",
		"$/x/$ssl_server_name.pem @/etc/nginx/nginx.conf:1 [127.0.0.1:443] ()\n"
		"$${a}/b.pem @/etc/nginx/nginx.conf:2 [127.0.0.1:443] ()\n"
		"$data:$x @/etc/nginx/nginx.conf:2 [127.0.0.1:443] ()\n"
		"store:pkcs11:x @/etc/nginx/nginx.conf:2 [127.0.0.1:443] ()\n");
}

static void
what_is_no_configuration_gives_none(void **state)
{
	char deep[4096] = MAIN;

	(void)state;
	finds("", "");
	finds("server { ssl_certificate /x.pem; }\n", "");
	finds(MAIN, "");
	finds(MAIN "http { server { ssl_certificate /x.pem", "");
	finds(MAIN "} } server { ssl_certificate ; listen ssl; ssl_certificate /x.pem; }",
		"/x.pem @/etc/nginx/nginx.conf:1 [] ()\n");
	finds(MAIN "server { ssl_certificate \"/x.pem", "");
	/* Itself, and deeper than anybody goes. */
	assert_refused(
		read_text(MAIN "include nginx.conf;\n"), ERR_CONFIG, "deeper than 24 levels");
	for (int i = 0; i < 100; i++)
		snprintf(deep + strlen(deep), sizeof deep - strlen(deep), "a {");
	assert_refused(read_text(deep), ERR_CONFIG, "deeper than 24 levels");
	/* Twenty files, each with the next one twice. */
	snprintf(deep, sizeof deep, MAIN "include f1; include f1;\n");
	for (int i = 1; i < 23; i++)
		snprintf(deep + strlen(deep), sizeof deep - strlen(deep),
			"# configuration file /etc/nginx/f%d:\ninclude f%d; include f%d;\n", i,
			i + 1, i + 1);
	assert_refused(read_text(deep), ERR_CONFIG, "more than 4194304 words");
}

static int
stop(void *ctx, const struct nginx_certificate *c, struct err *e)
{
	(void)c;
	++*(int *)ctx;
	return err_set(e, ERR_FAILED, "enough");
}

static void
the_reader_of_certificates_ends_it(void **state)
{
	static const char text[] = MAIN "server { ssl_certificate /x; ssl_certificate /y; }";
	int calls = 0;

	(void)state;
	assert_refused(nginx_config_read(text, strlen(text), stop, &calls, UNIT_ERR), ERR_FAILED,
		"enough");
	assert_int_equal(calls, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_are_found),
		cmocka_unit_test(files_are_included_where_they_are_named),
		cmocka_unit_test(paths_that_are_none_are_told),
		cmocka_unit_test(what_is_no_configuration_gives_none),
		cmocka_unit_test(the_reader_of_certificates_ends_it),
	};
	return cmocka_run_group_tests_name("nginx_config", tests, NULL, NULL);
}
