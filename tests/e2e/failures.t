#!/usr/bin/env bash
# A token that fails: sessions lost, device gone and back, full, names twice. Where no real part can
# be made to fail so, the double tests/doubles/fault_module.c stands before SoftHSM. The daemon of a
# real TPM's resource manager is killed and started again.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/../../scripts/lab-tokens.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1

# SoftHSM behind the double; rules TEXT tells it what to do.
export FAULT_MODULE=$SOFTHSM_MODULE
lab_begin
KIND_MODULE=$BIN/doubles/fault_module.so KIND_LABEL=web KIND_INIT_ARGS="" KIND_SHARE=$LAB/tokens KIND_ENV=(FAULT_MODULE FAULT_RULES)
export FAULT_RULES=$LAB/fault.rules FAULT_LOG=$LAB/fault.log
rules() {
	printf '%s\n' "$@" >"$FAULT_RULES.new"
	mv "$FAULT_RULES.new" "$FAULT_RULES"
	: >"$FAULT_LOG"
}
calls() { grep -cx "$1" "$FAULT_LOG"; }
rules ""
lab_pebble || exit 2
lab_port LAB_TLS
lab_config
# The account's token is SoftHSM itself: what fails is the servers'.
lab_reload_script
lab_nginx_conf
OPENSSL_CONF=/dev/null nginx -c "$LAB/nginx.conf" -e "$LAB/log/nginx.error" || exit 2
LAB_PIDS+=("$(cat "$LAB/nginx.pid")")
lab_certificate one one.example
lab_certificate two two.example
"$BIN/tools/token-setup" "$SOFTHSM_MODULE" "" init web 12345678 "$LAB/web.pin" || exit 2
lab_tokens >/dev/null || exit 2

ks_is 0 "a certificate through the double" issue one
before=$(live_fingerprint one)

rules "lost"
ks_is 0 "all sessions are lost at once: the module is started anew, and it goes on" renew one --force --key new
# At the end of the process it is finalised, too.
is "$(calls C_Finalize)" 2 "started anew once"
isnt "$(live_fingerprint one)" "$before" "there is a new certificate"
before=$(live_fingerprint one)

rules "fail C_GenerateKeyPair CKR_DEVICE_ERROR times=1"
ks_is 0 "the device fails once: the same" renew one --force --key new

rules "fail C_GenerateKeyPair CKR_DEVICE_ERROR"
before=$(live_fingerprint one)
ks_is 4 "it fails again and again: it is parked" renew one --force --key new
like "$OUT" "cannot make an ec-p256 key \(CKR_DEVICE_ERROR\)" "with what failed"
is "$(calls C_Finalize)" 2 "after one new start, not more"
is "$(calls C_Login)" 2 "and one login for each"
is "$(live_fingerprint one)" "$before" "the old certificate stays"
rules "gone"
ks_is 4 "the device is removed" renew one --force --key new
like "$OUT" "no token with label 'web'|CKR_TOKEN_NOT_PRESENT|CKR_DEVICE_REMOVED" "and that is said"
rules ""
ks_is 0 "and back: it goes on where it was" renew one
isnt "$(live_fingerprint one)" "$before" "with a new certificate"

rules "fail C_GenerateKeyPair CKR_DEVICE_MEMORY"
ks_is 4 "the token is full" issue two
like "$OUT" "CKR_DEVICE_MEMORY" "the token's word for it"
like "$OUT" "the token is full: destroy keys" "and what to do"
is "$(calls C_GenerateKeyPair)" 1 "it is not tried again and again"
rules ""
ks_is 0 "with room again" issue two

rules "corrupt C_Sign"
ks_is 4 "signatures that are wrong" renew two --force --key same
like "$OUT" "signature of the request does not verify" "are caught before they leave"
rules "fail C_Login CKR_PIN_LOCKED"
ks_is 4 "a locked PIN" renew two --force
like "$OUT" "CKR_PIN_LOCKED" "is said"
is "$(calls C_Login)" 1 "after one try"
rules ""
ks_is 4 "and not tried again" renew two
is "$(calls C_Login)" 0 "by the next run"
like "$OUT" "the token said 'locked'" "which says why"
ks_is 0 "until a person says so" token pin web --retry
rules "fail C_Login CKR_PIN_INCORRECT" "flags CKF_USER_PIN_FINAL_TRY"
ks_is 4 "a refused PIN with one try left" renew two
like "$OUT" "one try is left" "is told"
rules ""
ks token pin web --retry
ks_is 0 "all is well again" renew two

# Names that are there twice.
"$BIN/tools/token-setup" "$SOFTHSM_MODULE" "" make web "$LAB/web.pin" twin ec-p256 >"$LAB/twin"
id=$("$KEYSTAY" --config "$CONFIG" keys show one --json | jq -r '.keys[0].id')
label=$("$KEYSTAY" --config "$CONFIG" keys show one --json | jq -r '.keys[0].label')
pin=$(cat "$LAB/web.pin")
pkcs11-tool --module "$SOFTHSM_MODULE" --token-label web --login --pin "$pin" --keypairgen --key-type EC:prime256v1 --id "$id" --label "$label" >/dev/null 2>&1
is $? 0 "a second key of the same id and label"
ks_is 4 "a name that stands for two keys" renew one --force --key same
like "$OUT" "holds two keys '$label'" "is refused, with the name"
softhsm2-util --init-token --free --label web --pin "$pin" --so-pin 12345678 >/dev/null
ks_is 4 "two tokens of one label" renew two --force
like "$OUT" "2 tokens have this label" "are refused"
like "$OUT" "name the token by 'serial:'" "with what to do"
lab_end

# A TPM whose resource manager dies in the middle and is started again, in one process.
unset FAULT_MODULE FAULT_RULES FAULT_LOG
LAB_POLICY=lab
lab_begin
lab_kind tpm || exit 2
lab_pebble || exit 2
lab_port LAB_TLS
lab_config
mkdir -p "$LAB/policies"
printf 'policy: lab\nrules: {drain: 0s, disable: 0s}\n' >"$LAB/policies/lab.yaml"
lab_certificate one one.example
lab_nginx_conf
OPENSSL_CONF=/dev/null nginx -c "$LAB/nginx.conf" -e "$LAB/log/nginx.error" || exit 2
LAB_PIDS+=("$(cat "$LAB/nginx.pid")")
lab_tokens >/dev/null || exit 2
ks_is 0 "a certificate on the TPM" issue one
: >"$LAB/rotations"
"$BIN/tools/rotations" "$CONFIG" one 6 1 >"$LAB/rotations" 2>"$LAB/rotations.err" &
rotating=$!
for _ in $(seq 300); do
	[ "$(wc -l <"$LAB/rotations")" -ge 2 ] && break
	sleep 0.1
done
# Held still meanwhile: it starts the module anew once and at once, and must find it then.
kill -STOP "$rotating"
abrmd=$(pgrep -f "tpm2-abrmd --session .*port=$TPM_PORT")
kill "$abrmd"
for _ in $(seq 100); do
	kill -0 "$abrmd" 2>/dev/null || break
	sleep 0.1
done
lab_kind_abrmd_start || exit 2
kill -CONT "$rotating"
timeout 120 tail --pid="$rotating" -f /dev/null
wait "$rotating"
is "$?" 0 "the resource manager is killed and started in the middle of rotations: all are done"
is "$(wc -l <"$LAB/rotations")" 6 "six of them"
grep -v '^ERROR\|WARN' "$LAB/rotations.err" | head -5 | sed 's/^/# /' >&2
lab_end
done_testing
