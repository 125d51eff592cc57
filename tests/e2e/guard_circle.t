#!/usr/bin/env bash
# The whole circle by itself: real handshakes bring a key to its soft limit, its certificate becomes
# due, the successor is issued and served, the old key drains under its hard limit, is disabled,
# watched, and destroyed; all of it in the journal.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
DB=$LAB/state/keystay.db
mkdir -p "$LAB/policies"
policy() { printf 'policy: lab\nrules: {successor: keep, drain: 1d, disable: 1d, %s}\n' "$1" >"$LAB/policies/lab.yaml"; }
key_json() { "$KEYSTAY" --config "$CONFIG" keys list --all --json | jq -r --arg i "$1" ".keys[] | select(.id == \$i) | .$2"; }
live_key() { "$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r '.keys[0].id'; }
age() { "$BIN/tools/db-run" "$DB" "UPDATE key SET state_at = state_at - $2 WHERE id = '$1'"; }
# Signatures with a key by the servers' own configuration, as a server that was forgotten.
sign_as_server() {
	printf x >"$LAB/text"
	OPENSSL_CONF=$LAB/server-openssl.cnf openssl dgst -sha256 -sign "$1" -out /dev/null "$LAB/text" 2>/dev/null
}

policy "max_signatures: {soft: 60, hard: 100}, min_rotation_interval: 0s"
ks_is 0 "the first certificate" issue payments
first=$(live_key)
cp "$LAB/state/live/payments/key.pem" "$LAB/old-key.pem"
next=$("$KEYSTAY" --config "$CONFIG" keys list --json | jq -r '.keys[] | select(.owner == "payments" and .state == "staged") | .id')
ks_is 0 "nothing is due" renew --due
like "$OUT" "^nothing to do; next: payments at 20" "below the soft limit"
is "$(key_json "$first" hard_limit_armed)" false "the hard limit of a live TLS key is not armed"
"$BIN/tools/handshakes" "$LAB_TLS" payments.example 300 count=80 >"$LAB/client"
like "$(cat "$LAB/client")" "^handshakes 80, failed 0" "80 real handshakes"
[ "$(key_json "$first" signatures)" -ge 80 ]
is $? 0 "all counted"
is "$("$KEYSTAY" --config "$CONFIG" status --json | jq -r '.certificates[0].keys[0] | "\(.soft_limit) \(.hard_limit)"')" "60 100" "status has the limits"
ks_is 0 "the certificate is renewed by itself" renew --due
is "$(live_key)" "$next" "with the successor that was ready"
is "$(served payments.example)" "$(live_fingerprint payments)" "it is served"
is "$(key_json "$first" state)" draining "the old key drains"
is "$(key_json "$first" hard_limit_armed)" true "now its hard limit is armed: the successor is live"
like "$("$KEYSTAY" --config "$CONFIG" history payments)" "due: signatures of the key" "the journal says why it was renewed"
isnt "$("$KEYSTAY" --config "$CONFIG" keys list --json | jq -r '.keys[] | select(.owner == "payments" and .state == "staged") | .id')" "" "and the next successor is ready"

# The draining key still signs, up to its hard limit.
left=$((100 - $(key_json "$first" signatures)))
good=0
for _ in $(seq $((left + 5))); do sign_as_server "$LAB/old-key.pem" && good=$((good + 1)); done
is "$good" "$left" "what was left of its hard limit ($left), and no more"
age "$first" 86400
ks_is 0 "a day later" renew --due
like "$OUT" "at its hard limit: 5 signatures were refused" "the refusals are told"
is "$(key_json "$first" state)" disabled "it is disabled"
sign_as_server "$LAB/old-key.pem"
isnt $? 0 "a server that still has it cannot sign"
age "$first" 90000
ks_is 0 "another day later" renew --due
like "$OUT" "is disabled, and a server tried to sign with it" "the attempt is an alarm"
is "$(key_json "$first" state)" disabled "and it is not destroyed: the watch begins anew"
age "$first" 90000
ks_is 0 "after a day of peace" renew --due
is "$(key_json "$first" state)" destroyed "it is destroyed"
is "$("$BIN/tools/token-ids" "$SOFTHSM_MODULE" web "$LAB/web.pin" "" "$first")" 0 "in the token"
hash=$(key_json "$first" public_key_sha256)
is "$("$BIN/tools/db-run" "$DB" "SELECT group_concat(kind, ' ') FROM (SELECT kind FROM journal WHERE key_hash = '$hash' ORDER BY sequence)")" \
	"key-made soft-limit key-draining hard-limit key-disabled disabled-key-used key-destroyed" "the journal has its whole life"

# An attacker's handshakes do not spend the authority's limit: rotations have a least distance.
policy "max_signatures: {soft: 60, hard: 100}, min_rotation_interval: 2d"
second=$(live_key)
"$BIN/tools/handshakes" "$LAB_TLS" payments.example 300 count=80 abort >"$LAB/client"
ks_is 0 "the next key at its soft limit" renew --due
is "$(live_key)" "$second" "is not replaced before two days"
like "$("$KEYSTAY" --config "$CONFIG" history payments)" "signatures of 60: the certificate is due at 20" "it is said when it will be"
"$BIN/tools/handshakes" "$LAB_TLS" payments.example 300 count=40 >"$LAB/client"
like "$(cat "$LAB/client")" "^handshakes 40, failed 0" "over the hard limit it still serves: the successor is not live"
age "$second" 180000
"$BIN/tools/db-run" "$DB" "UPDATE certificate SET cause_at = cause_at - 180000, renew_at = renew_at - 180000"
ks_is 0 "two days later" renew --due
is "$(key_json "$second" state)" draining "it is replaced"
done_testing
