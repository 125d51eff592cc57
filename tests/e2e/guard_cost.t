#!/usr/bin/env bash
# What the guard adds to a signature, against the module alone: instructions by callgrind, which is
# no clock and is held to a budget; PKCS#11 calls; and CPU time, which is shown only. With
# GUARD_COST_ROUNDS=N it measures so many rounds of time, and with GUARD_COST_SIGNATURES=N the
# instructions of so many signatures (make proof-guard-cost).
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/../../scripts/lab-tokens.sh"
ROUNDS=${GUARD_COST_ROUNDS:-5}
SIGNATURES=${GUARD_COST_SIGNATURES:-300}
GUARD=$BIN/keystay-guard.so
NULL=$BIN/doubles/null_module.so
KEY="signs many: ec-p256"

# instructions MODULE INIT-ARGS KEY...: of one signature, by callgrind: what so many more of them
# take, so that the start of a process is out of it, and the first signature, which looks for its key.
instructions() {
	local n
	for n in $((SIGNATURES + 100)) 100; do
		timeout 120 valgrind --tool=callgrind --callgrind-out-file=/dev/null \
			--log-file="$LAB/callgrind" "$BIN/tools/guard-cost" count "$@" "$n" >&2 || return 1
		sed -nE 's/.*Collected : ([0-9]+).*/\1/p' "$LAB/callgrind"
	done | awk -v by="$SIGNATURES" '{ n[NR] = $1 } END { printf "%.0f\n", (n[1] - n[2]) / by }'
}

# calls INIT-ARGS MODULE: C_ calls that the null module got for 1,000 signatures.
calls() {
	local n
	for n in 1100 100; do
		rm -f "$LAB/count"
		NULL_COUNT=$LAB/count "$BIN/tools/guard-cost" count "$1" "$2" null - key0 "$n" || return 1
	done | awk '{ calls[NR] = $1; made[NR] = $2 } END { print calls[1] - calls[2], made[1] - made[2] }'
}

# cost WORD MODULE PAIRS KEY...: sets BARE and GUARDED, and shows them and the time.
cost() {
	local word=$1 module=$2 pairs=$3
	shift 3
	BARE=$(instructions "$module" "" "$@")
	GUARDED=$(instructions "$GUARD" "module=$module ledger=$LAB/ledger" "$@")
	note "$word: instructions of a signature: $BARE, guarded $GUARDED, added $((GUARDED - BARE))"
	note "$word: by | CPU ns of a signature [least-most] | added | ratio |"
	OUT=$(timeout 300 "$BIN/tools/guard-cost" time "$GUARD" "$module" "$LAB/ledger" "$@" "$ROUNDS" "$pairs" 2>&1)
	is "$?" 0 "$word: signed by turns, bare, guarded and bare again"
	note "$OUT"
}

lab_begin
# SoftHSM waits for the disk with every object that is made.
mount -t tmpfs -o mode=755 tmpfs "$LAB/tokens" || exit 2
lab_kind softhsm || exit 2
OUT=$("$BIN/tools/ledger-file" make "$LAB/ledger" 2>&1)
is "$?,$OUT" "0," "a ledger"
OUT=$(timeout 60 "$BIN/tools/sign-many" "$KIND_MODULE" "$KIND_LABEL" "$LAB/web.pin" raw ec-p256 1 2>&1)
is "$OUT" "1 signatures verified" "softhsm: a key"

is "$(calls "$NULL" "")" "2000 1000" "1,000 signatures of the null module alone are 2,000 calls"
is "$(calls "$GUARD" "module=$NULL ledger=$LAB/ledger")" "2000 1000" "and guarded not one more"

cost "null module" "$NULL" 20000 null - key0
tap "$(awk -v b="$BARE" -v g="$GUARDED" 'BEGIN { print !(b > 0 && g > b) }')" \
	"null module: callgrind sees what the guard does"
cost softhsm "$KIND_MODULE" 100 "$KIND_LABEL" "$LAB/web.pin" "$KEY"
tap "$(awk -v b="$BARE" -v g="$GUARDED" 'BEGIN { print !(b > 0 && g > 0 && g <= 1.02 * b) }')" \
	"softhsm: at most 1.02 times the instructions of the module alone"
# What callgrind saw, more and less; for the null module the calls too; the rounds, and the one before.
softhsm=$((SIGNATURES + 200 + (ROUNDS + 1) * 100))
null=$((SIGNATURES + 200 + 1200 + (ROUNDS + 1) * 20000))
is "$("$BIN/tools/ledger-file" show "$LAB/ledger" | sed -E 's/ state=.* uses/ uses/')" "header
key0 uses=$null done=$null
$KEY uses=$softhsm done=$softhsm" "the ledger has every guarded signature, and no other"
lab_end
done_testing
