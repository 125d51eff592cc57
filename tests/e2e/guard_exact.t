#!/usr/bin/env bash
# The guard counts exactly what the module signs: while processes are killed in the middle of it,
# across forks, at the hard limit, and where a session is closed under a signature. A kill may leave
# one use that no signature was made for, and nothing ever loses one. With GUARD_TOTAL=N,
# GUARD_TOTAL_SOFTHSM=N, GUARD_KILLS=N and GUARD_FORKS=N there is more of it (make proof-guard).
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/../../scripts/lab-tokens.sh"
TOTAL=${GUARD_TOTAL:-1000000}
TOTAL_SOFTHSM=${GUARD_TOTAL_SOFTHSM:-4000}
KILLS=${GUARD_KILLS:-50}
FORKS=${GUARD_FORKS:-200}
GUARD=$BIN/keystay-guard.so

# Each of them with a ledger of its own; $OUT gets the counts.
count() { # VERB MODULE TOKEN PIN-FILE KEY N M [K]
	local verb=$1
	shift
	rm -f "$LAB/ledger" "$LAB/count"
	"$BIN/tools/ledger-file" make "$LAB/ledger" || exit 2
	OUT=$(timeout 900 "$BIN/tools/guard-count" "$verb" "$GUARD" "$1" "$LAB/ledger" "${@:2}" 2>&1)
	STATUS=$?
}
count_null() { # VERB N M [K]
	NULL_COUNT=$LAB/count count "$1" "$BIN/doubles/null_module.so" null - key0 "${@:2}"
}
count_softhsm() { # VERB N M [K]
	count "$1" "$KIND_MODULE" "$KIND_LABEL" "$LAB/web.pin" key "${@:2}"
}

# holds NAME EXPRESSION: of the words of $OUT, as awk has it.
holds() {
	local failed=1
	[ "$STATUS" != 0 ] || failed=$(printf '%s\n' "$OUT" | awk '
		{ for (i = 1; i < NF; i += 2) v[$i] = $(i + 1) }
		END { kills = v["kills"]; made = v["made"]; noted = v["noted"]; uses = v["uses"]
			done = v["done"]; other = v["other"]; print !('"$2"') }')
	tap "$failed" "$1"
	[ "$failed" = 0 ] || note "status $STATUS:" "$OUT"
}

lab_begin
# SoftHSM waits for the disk with every object that is made.
mount -t tmpfs -o mode=755 tmpfs "$LAB/tokens" || exit 2
lab_kind softhsm || exit 2
"$BIN/tools/token-setup" "$KIND_MODULE" "" make "$KIND_LABEL" "$LAB/web.pin" key ec-p256 >/dev/null || exit 2

count_null kills 8 "$TOTAL" "$KILLS"
note "null module, 8 processes: $OUT"
holds "null module: $TOTAL signatures of 8 processes, $KILLS kills and more" "made >= $TOTAL && kills >= $KILLS"
holds "null module: nothing that was signed is missing, and a kill costs at most one use" \
	"uses >= made && uses - made <= kills"
holds "null module: what is counted as done was done" "noted <= done && done <= made && other == 0"

count_softhsm kills 8 "$TOTAL_SOFTHSM" "$((KILLS / 5))"
note "softhsm, 8 processes: $OUT"
holds "softhsm: $TOTAL_SOFTHSM signatures of 8 processes, $((KILLS / 5)) kills and more" \
	"noted >= $TOTAL_SOFTHSM && kills >= $((KILLS / 5))"
holds "softhsm: the same, but for one of each kill" \
	"noted <= done && done <= uses && uses - noted <= kills && other == 0"

EXACT='uses == noted && done == noted && v["failed"] == 0 && other == 0 && v["slots"] == 1'
count_null forks "$FORKS" 100
note "null module: $OUT"
holds "null module: $FORKS children of a parent that signs meanwhile, exact" "$EXACT && made == noted"
count_softhsm forks "$((FORKS / 5))" 5
note "softhsm: $OUT"
holds "softhsm: $((FORKS / 5)) children, exact" "$EXACT"
unlike "$OUT" 'goes on' "softhsm: none of them signs with what its parent began"

count_null limit 5000 7000
note "null module: $OUT"
holds "8 processes at a hard limit of 5,000: the module makes exactly 5,000" 'v["first"] == 5000'
holds "the limit is raised while they run: exactly 7,000" "made == 7000 && uses == 7000 && done == 7000"
holds "and every refusal is counted" 'v["refused"] > 0 && v["refused"] == v["over"] && other == 0'

count_null close 1000 0
note "null module: $OUT"
holds "1,000 sessions closed under a thread that signs in them: nothing that was signed is missing" \
	'uses >= made && uses - made <= 1000 && done == made && made == noted && other == 0'
lab_end
done_testing
