#!/usr/bin/env bash
# What a signature through a token costs: the PKCS#11 calls of each road, its rate against the
# module's own C_Sign, and finding our key among 1,000 foreign objects. With SIGNING_ROUNDS=N it
# measures so many rounds of half a second, and prints the tables (make proof-signing).
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/../../scripts/lab-tokens.sh"
ROUNDS=${SIGNING_ROUNDS:-2}
SPAN=$([ -n "${SIGNING_ROUNDS:-}" ] && echo 500 || echo 200)
lab_kind_find pkcs11-spy.so SPY

show() { [ -z "${SIGNING_ROUNDS:-}" ] || note "$@"; }

# spied LOG TOOL arguments...: a tool on the token, with every call of it in a log (which the spy
# would append to).
spied() {
	local log=$1 tool=$2
	shift 2
	rm -f "$log"
	OUT=$(PKCS11SPY=$KIND_MODULE PKCS11SPY_OUTPUT=$log timeout 120 "$BIN/tools/$tool" "$SPY" \
		"$KIND_LABEL" "$LAB/web.pin" "$@" 2>&1) || note "$tool: $OUT"
}

# How often each function was called, by a log: "12 C_Sign", a line each.
calls() { sed -nE 's/^[0-9]+: (C_[A-Za-z]+)$/\1/p' "$1" | sort | uniq -c; }
calls_of() { grep -cE "^[0-9]+: $2\$" "$1"; }

# calls_each LOG LOG N: what N more of something added, for one: "C_Sign 1, C_SignInit 1".
calls_each() {
	awk -v n="$3" 'NR == FNR { first[$2] = $1; next }
		$1 != first[$2] { printf "%s%s %g", comma, $2, ($1 - first[$2]) / n; comma = ", " }' \
		<(calls "$1") <(calls "$2")
}

# signature_calls TYPE ROAD CALLS
signature_calls() {
	spied "$LAB/spy1" sign-many "$2" "$1" 1
	spied "$LAB/spy101" sign-many "$2" "$1" 101
	is "$OUT" "101 signatures verified" "$1, $2: 101 signatures, each verified outside the token"
	is "$(calls_each "$LAB/spy1" "$LAB/spy101" 100)" "$3" "$1, $2: calls of a signature"
	is "$(calls_of "$LAB/spy101" C_Login)" 1 "$1, $2: one login"
}

# No ratio is near 0.2, however busy the machine: below it a road does something else than to sign.
rates() { # PROCESSES TYPE
	OUT=$(timeout 300 "$BIN/tools/sign-rate" "$BIN/tools/sign-many" "$ROUNDS" "$SPAN" "$1" \
		"$KIND_MODULE" "$KIND_LABEL" "$LAB/web.pin" "$2" "$KIND_INIT_ARGS" 2>&1)
	is "$?,$(printf '%s\n' "$OUT" | awk -F ' [|] ' '$5 + 0 > 0.2' | wc -l)" 0,3 \
		"$KIND, $2, $1 at once: all signatures verified, no road below a fifth of the module's own rate"
	printf '%s\n' "$OUT" | grep -q '^|' || note "$OUT"
	show "$(printf '%s\n' "$OUT" | sed "s/^|/| $KIND |/")"
}

table_head() {
	show "| token | key | processes | by | signatures/s | ratio | CPU us each | ratio |"
}

kind_begin() {
	lab_begin
	# SoftHSM waits for the disk with every object that is made.
	mount -t tmpfs -o mode=755 tmpfs "$LAB/tokens" || exit 2
	lab_kind "$1" || exit 2
}

make_key() {
	OUT=$(timeout 60 "$BIN/tools/sign-many" "$KIND_MODULE" "$KIND_LABEL" "$LAB/web.pin" raw "$1" 1 \
		"$KIND_INIT_ARGS" 2>&1)
	is "$OUT" "1 signatures verified" "$KIND, $1: a key is made and signs"
}

# among ROAD: our key is found, for how much more than the module's own search.
among() {
	OUT=$(timeout 120 "$BIN/tools/find-among" "$KIND_MODULE" "$KIND_LABEL" "$LAB/web.pin" "$1" ratio \
		$((ROUNDS * 8 + 5)) 2>&1)
	is "$?" 0 "$1: our key is found among 1,000 foreign objects and three Ed25519 pairs, and loaded"
	tap "$(printf '%s\n' "$OUT" | awk '/^key_find/ { bad = !($NF <= 1.2) } END { print bad }')" \
		"$1: for at most 1.2 times the CPU time of the module's own search"
	printf '%s\n' "$OUT" | grep -q '^key_find' || note "$OUT"
	show "$1:" "$OUT"
}

# searches ROAD VERB N: how often the module is made to search.
searches() {
	spied "$LAB/spy1" find-among "$1" "$2" 1
	spied "$LAB/spy11" find-among "$1" "$2" 11
	like "$(calls_each "$LAB/spy1" "$LAB/spy11" 10)" "C_FindObjectsInit $3(,|\$)" \
		"$1: key_$2 has the module search $3 times"
}

kind_begin softhsm
for type in ec-p256 rsa-2048; do
	make_key "$type"
	signature_calls "$type" raw "C_Sign 1, C_SignInit 1"
	signature_calls "$type" libp11 "C_GetSessionInfo 1, C_Sign 1, C_SignInit 1"
done
signature_calls ec-p256 provider "C_GetSessionInfo 2, C_Sign 1, C_SignInit 1"
signature_calls rsa-2048 provider "C_GetSessionInfo 2, C_SignFinal 1, C_SignInit 1, C_SignUpdate 1"

table_head
for type in ec-p256 rsa-2048; do
	rates 1 "$type"
	rates 4 "$type"
done

OUT=$(timeout 120 "$BIN/tools/find-among" "$KIND_MODULE" "$KIND_LABEL" "$LAB/web.pin" provider fill 1000 3 2>&1) ||
	note "$OUT"
# Ours are three pairs: this one, and the two that signed.
is "$(find "$LAB/tokens" -name '*.object' ! -name token.object | wc -l)" $((1000 + 6 + 6)) \
	"a token with 1,000 foreign objects, three Ed25519 pairs and ours"
among provider
among libp11
searches provider find 1
searches libp11 find 1
# The provider looks for the public key too, since an EC private key does not hold it.
searches provider load 2
searches libp11 load 1
lab_end

kind_begin tpm
make_key ec-p256
table_head
rates 1 ec-p256
lab_end
done_testing
