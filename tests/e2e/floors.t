#!/usr/bin/env bash
# scripts/check-floors catches what it is there to catch: a fault of each kind is planted in a copy.
. "$(dirname "$0")/tap.sh"
lab_begin
copy() {
	rm -rf "$LAB/tree"
	mkdir "$LAB/tree"
	cp -r "$ROOT/agent" "$ROOT/include" "$ROOT/scripts" "$LAB/tree"
}
check() {
	OUT=$("$ROOT/scripts/check-floors" "$LAB/tree" 2>&1)
	STATUS=$?
}
# caught NAME REGEX
caught() {
	check
	is "$STATUS" 1 "$1"
	like "$OUT" "$2" "$1: named"
}
copy
check
is "$STATUS" 0 "the tree as it is has no fault"
echo '#include "keystay/state/db.h"' >>"$LAB/tree/agent/token/key.c"
caught "a floor that includes one beside it" 'agent/token/key.c: token/ may not include state/'
copy
echo '#include <sqlite3.h>' >>"$LAB/tree/agent/life/renew.c"
caught "a library through another door" 'agent/life/renew.c: <sqlite3.h> belongs to: state'
copy
printf 'void f(void);\nvoid f(void) { printf("x"); }\n' >>"$LAB/tree/agent/ca/acme.c"
caught "printing below run/" 'agent/ca/acme.c:.*only run/ prints'
copy
echo '#include "keystay/base/buf.h"' >>"$LAB/tree/agent/base/text.c"
echo '#include "keystay/base/text.h"' >>"$LAB/tree/agent/base/buf.c"
caught "a cycle of files" 'a cycle of files'
copy
sed -i '/include "keystay\/base\/err.h"/d' "$LAB/tree/include/keystay/base/file.h"
sed -i '/include "keystay\/base\/buf.h"/d' "$LAB/tree/include/keystay/base/file.h"
caught "a header that does not compile alone" 'include/keystay/base/file.h: does not compile alone'
copy
mkdir "$LAB/tree/agent/attic"
echo 'int x;' >"$LAB/tree/agent/attic/x.c"
caught "a folder on no floor" "the folder 'attic' is on no floor"
done_testing
