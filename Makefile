# keystay: one Makefile, not recursive.
#
#   make            build/keystay and build/keystay-guard.so (release, hardened)
#   make demo       the main job, start to end, in a scratch folder      (runs `make deps`)
#   make test       every test, unit and end to end                      (runs `make deps`)
#   make check      floors, headers, layout, linters, unit tests, fuzz seeds
#   make fuzz       libFuzzer on every parser, FUZZ_SECONDS each
#   make proof-kill kill -9 at every point of a renewal; proof-rotate: 20 rotations under load;
#                   proof-tokens: 200 and 50 rotations in one process; proof-signing: the roads'
#                   speed against the module's own; proof-guard: the guard counts 10 million
#                   signatures under kill -9; proof-guard-cost: what it adds to one;
#                   proof-est: EST under AddressSanitizer;
#                   proof-scale: 10,000 certificates, beside certbot; proof-daemon: 500 kills of the
#                   daemon
#   make install    PREFIX=/usr/local, DESTDIR=; make uninstall
#
# MODE=asan builds the same under build/asan with AddressSanitizer and UBSan; V=1 shows commands.

MODE ?= release
PREFIX ?= /usr/local
V ?= 0
Q := $(if $(filter 1,$(V)),,@)

CC = gcc
PKGS = libcrypto libssl libcurl sqlite3 libmicrohttpd p11-kit-1 libp11 jansson libfyaml libsystemd
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wformat=2 -Wformat-truncation=0 -Wimplicit-fallthrough -Werror
HARDEN = -fstack-protector-strong -fstack-clash-protection -fPIE -D_FORTIFY_SOURCE=2
BASE = -std=gnu11 -g -D_GNU_SOURCE -Iinclude -include include/keystay/base/banned.h -MMD -MP

ifeq ($(MODE),release)
OUT = build/release
OPT = -O2 $(HARDEN)
LINK = -pie -Wl,-z,relro,-z,now,-z,noexecstack
else ifeq ($(MODE),asan)
OUT = build/asan
OPT = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LINK = -fsanitize=address,undefined
SANITIZED = $(OUT)/tests/unit/support/no_deepbind.o
else ifeq ($(MODE),fuzz)
OUT = build/fuzz
CC = clang
OPT = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link \
	-fno-sanitize-recover=undefined -Wno-unknown-warning-option
LINK = -fsanitize=address,undefined,fuzzer
else
$(error MODE is release, asan or fuzz)
endif

# pkg-config is asked late: before `make deps` it may not be there.
CFLAGS = $(BASE) $(OPT) $(WARN) $(shell pkg-config --cflags $(PKGS))
LIBS = $(shell pkg-config --libs $(PKGS)) -lcsv -ldl

SOURCES := $(wildcard agent/*/*.c)
OBJECTS = $(SOURCES:%.c=$(OUT)/%.o)
LIBRARY = $(OUT)/libkeystay.a
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_PROGRAMS = $(UNIT:%=$(OUT)/unit/%)
DOUBLES = $(patsubst tests/doubles/%.c,$(OUT)/doubles/%.so,$(wildcard tests/doubles/*.c))
SHELL_FILES := $(wildcard scripts/deps scripts/test-servers scripts/ci-keystay scripts/demo scripts/check-floors scripts/run-unit scripts/tokens-table scripts/*.sh tests/e2e/*.sh tests/e2e/*.t)
LAYOUT_FILES := $(wildcard agent/*/*.[ch] include/keystay/*/*.h tests/*/*.[ch] tests/*/*/*.[ch])

.PHONY: all deps tools programs libest-server demo test check check-floors check-layout check-lint check-shell \
	unit e2e fuzz fuzz-run fuzz-seeds proof-daemon proof-est proof-kill proof-rotate proof-tokens proof-signing \
	proof-guard proof-guard-cost proof-scale tokens-table clean install uninstall
# The program people run is always the release one.
ifeq ($(MODE),release)
all: build/keystay build/keystay-guard.so
build/%: $(OUT)/%
	$(Q)ln -sf release/$* $@
else
all: $(OUT)/keystay $(OUT)/keystay-guard.so
endif

$(OUT)/keystay: $(OUT)/agent/run/main.o $(SANITIZED) $(LIBRARY)
	@echo "  LINK  $@"
	$(Q)$(CC) $(OPT) $(LINK) -o $@ $^ $(LIBS)

$(LIBRARY): $(filter-out $(OUT)/agent/run/main.o,$(OBJECTS)) $(OUT)/shipped.o
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(OUT)/shipped.c: scripts/embed $(sort $(wildcard policies/*.yaml))
	@mkdir -p $(@D)
	$(Q)scripts/embed $(filter %.yaml,$^) >$@

$(OUT)/shipped.o: $(OUT)/shipped.c
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

# What servers load: libc and nothing else, one symbol to the outside, never unloaded (it has
# handlers of forks), never sanitised (the server is not). Unit tests and the fuzz target have the
# same files from the library.
GUARD = calls ledger resolve say settings start table uses vendor
$(OUT)/guard/%.o: agent/guard/%.c
	@mkdir -p $(@D)
	@echo "  CC    $< (guard)"
	$(Q)gcc $(BASE) -O2 $(filter-out -fPIE,$(HARDEN)) -fPIC -fvisibility=hidden $(WARN) \
		$(shell pkg-config --cflags p11-kit-1) -c -o $@ $<
$(OUT)/keystay-guard.so: $(GUARD:%=$(OUT)/guard/%.o)
	@echo "  LINK  $@"
	$(Q)gcc -shared -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodelete,-z,defs -o $@ $^

# Unit tests: one program per tests/unit/test_*.c, with what tests/unit/support holds.
SUPPORT = $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/unit/support/*.c))
$(OUT)/unit/%: $(OUT)/tests/unit/%.o $(SUPPORT) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(OPT) $(LINK) -o $@ $^ $(LIBS) -lcmocka
$(OUT)/tests/unit/%.o: CFLAGS += -Itests/unit

# Fuzz targets: one program per tests/fuzz/fuzz_*.c. With gcc (MODE=asan) replay.c is their main()
# and runs the seeds; with clang (MODE=fuzz) libFuzzer is, FUZZ_SECONDS for each.
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 60
FUZZ_MAIN = $(if $(filter fuzz,$(MODE)),,$(OUT)/tests/fuzz/replay.o)
$(OUT)/fuzz/%: $(OUT)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(OPT) $(LINK) -o $@ $^ $(LIBS)

fuzz-seeds: $(FUZZ:%=$(OUT)/fuzz/%) $(OUT)/doubles/fuzz_vendor.so
	$(Q)for t in $(FUZZ); do printf 'fuzz %s: ' $$t; \
		$(OUT)/fuzz/$$t tests/fuzz/seeds/$$t || exit 1; done

fuzz-run: $(FUZZ:%=$(OUT)/fuzz/%) $(OUT)/doubles/fuzz_vendor.so
	$(Q)for t in $(FUZZ); do mkdir -p $(OUT)/corpus/$$t; echo "fuzz $$t: $(FUZZ_SECONDS) s"; \
		$(OUT)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
			-max_len=8192 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=$(OUT)/$$t- $(OUT)/corpus/$$t tests/fuzz/seeds/$$t || exit 1; done

fuzz:
	$(Q)scripts/deps fuzz
	$(Q)$(MAKE) --no-print-directory MODE=fuzz fuzz-run

-include $(wildcard $(OUT)/agent/*/*.d $(OUT)/guard/*.d $(OUT)/doubles/*.d $(OUT)/tests/*/*.d $(OUT)/tests/*/*/*.d)

# What end-to-end tests and the demo use beside the program.
TOOLS = $(patsubst tests/tools/%.c,$(OUT)/tools/%,$(wildcard tests/tools/*.c))
tools: $(TOOLS) $(DOUBLES)
$(OUT)/tools/%: $(OUT)/tests/tools/%.o $(SANITIZED) $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OPT) $(LINK) -o $@ $(filter %.o,$^) $(LIBRARY) $(LIBS)

# A tool in several files.
$(OUT)/tools/est-server: $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/tools/est/*.c))

# An EST server on libest, for tests alone; only here is the library needed, and fetched.
LIBEST = build/libest/usr
LIBEST_LIB = $(LIBEST)/lib/$(shell gcc -print-multiarch)
libest-server: $(OUT)/tools/est-libest
$(LIBEST)/include/est/est.h:
	$(Q)scripts/test-servers libest
$(OUT)/tests/libest/est-libest.o: $(LIBEST)/include/est/est.h
$(OUT)/tests/libest/est-libest.o: CFLAGS += -isystem $(LIBEST)/include
$(OUT)/tools/est-libest: $(OUT)/tests/libest/est-libest.o $(SANITIZED) $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OPT) $(LINK) -o $@ $^ -L$(LIBEST_LIB) -lest -Wl,-rpath,$(CURDIR)/$(LIBEST_LIB) $(LIBS)

# PKCS#11 modules that misbehave. Never sanitised (what loads them may be), never unloaded (what
# was told to one must outlive a C_Finalize with dlclose).
$(OUT)/doubles/%.so: tests/doubles/%.c
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)gcc $(BASE) -MF $(@:.so=.d) -MT $@ -O2 $(WARN) $(shell pkg-config --cflags p11-kit-1) \
		-shared -fPIC -Wl,-z,nodelete -o $@ $<

# nginx's workers run as www-data, so both need root.
AS_ROOT = $(if $(filter 0,$(shell id -u)),,sudo)
demo: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)$(AS_ROOT) scripts/demo

unit: $(UNIT_PROGRAMS) $(DOUBLES) $(OUT)/keystay-guard.so
	$(Q)scripts/run-unit $(UNIT_PROGRAMS)

check-floors:
	$(Q)scripts/check-floors

# clang-format 14 is Debian 12's; another version lays out differently, so only that one judges.
FORMAT := $(shell command -v clang-format-14)
check-layout:
ifneq ($(FORMAT),)
	$(Q)$(FORMAT) --dry-run -Werror $(LAYOUT_FILES) && echo "check-layout: $(words $(LAYOUT_FILES)) files"
else
	@echo "check-layout: not part of this check, there is no clang-format-14 here"
endif

check-lint:
	$(Q)cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr \
		--suppressions-list=scripts/cppcheck.suppress --library=scripts/cppcheck.cfg \
		--error-exitcode=1 -Iinclude \
		-j 2 agent && echo "check-lint: cppcheck found nothing"

check-shell:
	$(Q)shellcheck -x -P SCRIPTDIR -e SC1091,SC2086,SC2016,SC2129,SC2119,SC2120,SC2001,SC2181,SC2034,SC2319 $(SHELL_FILES) && echo "check-shell: $(words $(SHELL_FILES)) scripts"

deps:
	$(Q)scripts/deps

check: all check-floors check-layout check-lint check-shell unit
	$(Q)$(MAKE) --no-print-directory MODE=asan fuzz-seeds

# Each end-to-end test is root in mount, network and IPC namespaces of its own.
# They wait more than they work, so three run side by side.
E2E = tests/e2e/*.t
JOBS = 3
ifeq ($(MODE),asan)
SANITIZER = ASAN_OPTIONS=fast_unwind_on_malloc=0 \
	LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.suppress:print_suppressions=0
endif
e2e: all tools $(if $(shell grep -l libest $(wildcard $(E2E)) /dev/null),libest-server)
	$(Q)$(AS_ROOT) env BIN=$(CURDIR)/$(OUT) $(SANITIZER) prove -j $(JOBS) --timer --exec tests/e2e/in-namespace $(E2E)

# All that is compiled for the tests, so that they themselves run without make's own jobs.
PARALLEL = -j$(shell nproc)
programs: all tools $(UNIT_PROGRAMS) $(if $(filter asan,$(MODE)),$(FUZZ:%=$(OUT)/fuzz/%))

# Each part in a make of its own: what `deps` installs is there when the next one looks for it.
test: deps
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) programs
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) MODE=asan programs
	$(Q)$(MAKE) --no-print-directory check
	$(Q)$(MAKE) --no-print-directory MODE=asan unit
	$(Q)$(MAKE) --no-print-directory MODE=asan e2e \
		E2E="tests/e2e/hostile.t tests/e2e/key_life.t tests/e2e/failures.t \
		tests/e2e/guard_ledger.t tests/e2e/est_identity.t"
	$(Q)$(MAKE) --no-print-directory e2e

# Longer proofs, each the same test as in `make test` with more of it.
#   proof-kill: kill -9 at every write, rename, fsync, unlink and send of a renewal, over ACME and over
#   EST (an hour)
proof-kill: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)$(AS_ROOT) env KILL_POINTS=all prove -v --timer --exec tests/e2e/in-namespace \
		tests/e2e/kill.t tests/e2e/est_kill.t

#   proof-est: all end-to-end tests of EST under AddressSanitizer (ten minutes)
proof-est: deps
	$(Q)$(MAKE) --no-print-directory MODE=asan all tools libest-server
	$(Q)$(MAKE) --no-print-directory MODE=asan e2e E2E="tests/e2e/est_libest.t tests/e2e/est_server.t \
		tests/e2e/est.t tests/e2e/est_tokens.t tests/e2e/est_hostile.t tests/e2e/est_trust.t"

#   proof-daemon: kill -9 at 500 random moments of a daemon that renews 20 certificates (half an hour)
proof-daemon: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)$(AS_ROOT) env KILLS=$${KILLS:-500} prove -v --timer --exec tests/e2e/in-namespace \
		tests/e2e/daemon_kill.t

#   proof-rotate: 20 rotations to a new key under two clients (two minutes)
proof-rotate: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)$(AS_ROOT) env ROTATIONS=20 prove -v --timer --exec tests/e2e/in-namespace \
		tests/e2e/rotate.t

#   proof-tokens: 200 rotations in one process on SoftHSM, 50 on a TPM (a quarter of an hour)
proof-tokens: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)$(AS_ROOT) env ROTATIONS_SOFTHSM=200 ROTATIONS_LIBP11=100 ROTATIONS_TPM=50 \
		ROTATIONS_EVERY=10 BIN=$(CURDIR)/$(OUT) prove -v --timer --exec tests/e2e/in-namespace \
		tests/e2e/rotations.t

#   tokens-table: the table in docs/TOKENS.md, anew from what the suite sees (six minutes)
tokens-table: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)rm -f build/tokens.jsonl
	$(Q)$(AS_ROOT) env TOKEN_TABLE=$(CURDIR)/build/tokens.jsonl BIN=$(CURDIR)/$(OUT) prove --timer \
		--exec tests/e2e/in-namespace $(filter-out %_hidden.t,$(wildcard tests/e2e/tokens_*.t))
	$(Q)scripts/tokens-table --write build/tokens.jsonl

#   proof-signing: signatures per second and CPU time of each road against the module's own, and
#   the search for a key among 1,000 objects (two minutes)
proof-signing: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)$(AS_ROOT) env SIGNING_ROUNDS=$${SIGNING_ROUNDS:-9} prove -v --timer \
		--exec tests/e2e/in-namespace tests/e2e/signing.t

#   proof-guard: 10 million signatures through the guard while processes are killed, and 50,000 of a
#   SoftHSM key; 1,000 forks (one minute)
proof-guard: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)$(AS_ROOT) env GUARD_TOTAL=10000000 GUARD_TOTAL_SOFTHSM=50000 GUARD_KILLS=1000 \
		GUARD_FORKS=1000 BIN=$(CURDIR)/$(OUT) prove -v --timer --exec tests/e2e/in-namespace \
		tests/e2e/guard_exact.t

#   proof-guard-cost: instructions and CPU time of a signature, and handshakes per second through
#   nginx, guarded and not (three minutes)
proof-guard-cost: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)$(AS_ROOT) env GUARD_COST_ROUNDS=$${GUARD_COST_ROUNDS:-201} GUARD_COST_SIGNATURES=1000 \
		RATE_ROUNDS=15 RATE_SECONDS=3 BIN=$(CURDIR)/$(OUT) prove -v --timer \
		--exec tests/e2e/in-namespace tests/e2e/guard_cost.t tests/e2e/guard_rate.t

# A pass over 10,000 certificates, beside certbot's over as many; the daemon with 72 and 10,000.
proof-scale:
	$(Q)scripts/deps scale
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)$(AS_ROOT) env SCALE=72 RSS_MAX=12 BIN=$(CURDIR)/$(OUT) prove -v --timer \
		--exec tests/e2e/in-namespace tests/e2e/scale.t
	$(Q)$(AS_ROOT) env SCALE=$${SCALE:-10000} CERTBOT=1 BIN=$(CURDIR)/$(OUT) prove -v --timer \
		--exec tests/e2e/in-namespace tests/e2e/scale.t

# systemd finds units and users below /usr/local and below /usr. Nothing is enabled or started.
UNITS := $(notdir $(wildcard scripts/systemd/*.service scripts/systemd/*.timer scripts/systemd/*.path))
DROPINS := $(notdir $(wildcard scripts/systemd/keystay.service.d/*.conf))
PAGES := $(sort $(notdir $(wildcard docs/*.[578])))
COMPLETIONS = $(OUT)/completion/keystay $(OUT)/completion/_keystay
INSTALLED = sbin/keystay lib/keystay/keystay-guard.so lib/sysusers.d/keystay.conf \
	$(foreach p,$(PAGES),share/man/man$(subst .,,$(suffix $p))/$p) \
	share/bash-completion/completions/keystay share/zsh/site-functions/_keystay \
	$(UNITS:%=lib/systemd/system/%) $(DROPINS:%=share/doc/keystay/keystay.service.d/%)
TO = $(DESTDIR)$(PREFIX)
$(OUT)/completion/keystay: $(OUT)/keystay
	@mkdir -p $(@D)
	$(Q)$< completion bash >$@
$(OUT)/completion/_keystay: $(OUT)/keystay
	@mkdir -p $(@D)
	$(Q)$< completion zsh >$@
install: all $(COMPLETIONS)
	install -D -m 755 build/keystay $(TO)/sbin/keystay
	install -D -m 755 build/keystay-guard.so $(TO)/lib/keystay/keystay-guard.so
	set -e; for p in $(PAGES); do install -D -m 644 docs/$$p $(TO)/share/man/man$${p##*.}/$$p; done
	install -D -m 644 $(OUT)/completion/keystay $(TO)/share/bash-completion/completions/keystay
	install -D -m 644 $(OUT)/completion/_keystay $(TO)/share/zsh/site-functions/_keystay
	install -D -m 644 scripts/systemd/keystay.sysusers $(TO)/lib/sysusers.d/keystay.conf
	install -D -m 644 -t $(TO)/lib/systemd/system $(UNITS:%=scripts/systemd/%)
	sed -i 's,@PREFIX@,$(PREFIX),g' $(UNITS:%=$(TO)/lib/systemd/system/%)
	install -D -m 644 -t $(TO)/share/doc/keystay/keystay.service.d $(DROPINS:%=scripts/systemd/keystay.service.d/%)

# Leaves the configuration, the state and the user.
uninstall:
	rm -f $(INSTALLED:%=$(TO)/%)
	rmdir $(TO)/lib/keystay $(TO)/share/doc/keystay/keystay.service.d $(TO)/share/doc/keystay

.SECONDARY:
