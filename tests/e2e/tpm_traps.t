#!/usr/bin/env bash
# The traps of tpm2-pkcs11, each shown by raw calls (it is there) and passed by the agent (it does
# no harm). A new release of the module that mends one shows here, too.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/../../scripts/lab-tokens.sh"

traps() { timeout 120 "$BIN/tools/tpm-traps" "$KIND_MODULE" "$KIND_LABEL" "$LAB/web.pin" "$@" 2>"$LAB/traps.err"; }

# trap_is KIND NAME WANTED trap-arguments...: on a token of its own.
trap_is() {
	local kind=$1 name=$2 wanted=$3
	shift 3
	lab_begin
	lab_kind "$kind" || exit 2
	is "$(traps "$@")" "$wanted" "$name"
	grep -v '^ERROR' "$LAB/traps.err" | head -3 | sed 's/^/# /' >&2
	lab_end
}

trap_is tpm "handles: after a destroyed key a new one gets another's handles" "mixed up" raw-handles
trap_is tpm "handles: the agent's anchor keeps them apart" apart handles
trap_is tpm "handles: where a stranger's object was first, what is read back tells" apart late-anchor
trap_is tpm "fork: a child that signs on the inherited session breaks the parent's" broken raw-fork
trap_is tpm "fork: the agent's programs are spawned, and the session lives" signs child
trap_is tpm-bare "places: without a resource manager keys fill them up" "failed at key 2" raw-slots 4
trap_is tpm-bare "places: the agent starts the module anew and goes on" "4 keys" slots 4

# New keys are not seen by a process that has the module open.
lab_begin
lab_kind tpm || exit 2
lab_config
id=00112233445566778899aabbccddeeff
coproc BLIND { traps blind $id; }
read -r line <&"${BLIND[0]}"
is "$line" ready "blind: a process has the module open"
timeout 30 "$KEYSTAY" --config "$CONFIG" token witness web $id "keystay probe, made elsewhere" make 2>/dev/null
is "$?" 0 "blind: another makes a key"
echo >&"${BLIND[1]}"
read -r line <&"${BLIND[0]}"
is "$line" "not seen, seen after a new start" "blind: a new start of the module shows it"
wait "$BLIND_PID" 2>/dev/null
lab_end

# Dictionary lock-out: a wrong PIN is tried once, however often the agent runs; the fourth would
# lock the whole TPM, for a quarter of an hour.
lab_begin
lab_kind tpm || exit 2
lab_config
lab_certificate one one.example
"$KEYSTAY" --config "$CONFIG" token init agent --so-pin "file:$LAB/so.pin" >/dev/null || exit 2
cp "$LAB/web.pin" "$LAB/right.pin"
lab_pin web "not the PIN"
for i in 1 2 3 4 5 6; do
	ks issue one
	[ "$STATUS" = 4 ] || note "$OUT"
	if [ $i = 1 ]; then
		like "$OUT" "login refused \(CKR_PIN_INCORRECT\)" "lock-out: the wrong PIN is refused once"
	fi
done
like "$OUT" "was refused on .* and is not tried again" "lock-out: and not tried again by five more runs"
cp "$LAB/right.pin" "$LAB/web.pin.new" && mv "$LAB/web.pin.new" "$LAB/web.pin"
ks token probe web
is "$STATUS" 0 "lock-out: the TPM is not locked: the right PIN works at once"
[ "$STATUS" = 0 ] || note "$OUT"
for i in 1 2 3 4; do
	pkcs11-tool --module "$KIND_MODULE" --token-label "$KIND_LABEL" --login --pin wrong -O >/dev/null 2>"$LAB/tool.err"
done
like "$(cat "$LAB/tool.err")" "CKR_PIN_LOCKED" "lock-out: four tries by a program that does not remember lock it"
ks check
is "$STATUS" 4 "lock-out: then the right PIN is refused, too"
like "$OUT" "CKR_PIN_LOCKED" "lock-out: check says that it is locked"
like "$OUT" "a TPM unlocks by itself" "lock-out: and what to do"
lab_end
done_testing
