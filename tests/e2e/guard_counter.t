#!/usr/bin/env bash
# A token that counts signatures itself, as Thales Luna does (a module before SoftHSM that behaves so;
# no Luna was here): what it counts more than the ledger was signed past the guard; a hard limit is
# handed down to it; a counter that goes back is told.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_begin
lab_pebble || exit 2
lab_port LAB_TLS
lab_config
export COUNTER_MODULE=$SOFTHSM_MODULE COUNTER_FILE=$LAB/counters COUNTER_BACK=$LAB/back
KIND_ENV=(COUNTER_MODULE COUNTER_FILE COUNTER_BACK)
LUNA=$BIN/doubles/luna_module.so
lab_reload_script
lab_tokens >/dev/null || exit 2
sed -i "0,/module: /s|module: .*|module: $LUNA|" "$CONFIG"
mkdir -p "$LAB/policies"
policy() { printf 'policy: lab\nrules: {drain: 1d, disable: 1d%s}\n' "$1" >"$LAB/policies/lab.yaml"; }
policy ""
lab_certificate payments "payments.example" "$(lab_on_nginx)"
sed -i "s|test: \[env, |&COUNTER_MODULE=$COUNTER_MODULE, COUNTER_FILE=$COUNTER_FILE, |" "$CONFIG"
lab_nginx_conf
lab_server_openssl payments
lab_nginx_start || exit 2
lab_nginx_conf payments "payments.example"
DB=$LAB/state/keystay.db
journal() { "$BIN/tools/db-run" "$DB" "SELECT count(*) FROM journal WHERE kind = '$1'"; }
# What the token says of the key: "COUNT LIMIT".
token_says() { od -An -v -w16 -tu4 "$COUNTER_FILE" | awk '$3 || $4 { print $3, $4 }' | tail -1; }
sign_past_the_guard() {
	printf x >"$LAB/text"
	sed "s|^pkcs11-module-path = .*|pkcs11-module-path = $LUNA|; /^pkcs11-module-init-args/d" "$LAB/server-openssl.cnf" >"$LAB/bare.cnf"
	OPENSSL_CONF=$LAB/bare.cnf openssl dgst -sha256 -sign "$LAB/state/live/payments/key.pem" -out /dev/null "$LAB/text" 2>/dev/null
}

ks_is 0 "a certificate" issue payments
"$BIN/tools/handshakes" "$LAB_TLS" payments.example 300 count=30 >/dev/null
ks_is 0 "a look at the counters" renew --due
like "$OUT" "^nothing to do; next: payments at 20" "token and ledger agree"
like "$("$BIN/tools/db-run" "$DB" "SELECT token_count FROM use_count WHERE token_count > 0")" "^3[0-9]$" "the token's count is kept"
sign_past_the_guard && sign_past_the_guard && sign_past_the_guard
is $? 0 "three signatures by the vendor's module directly"
ks_is 0 "the next look" renew --due
like "$OUT" "the token counted 3 signatures more than the ledger: they were made past the guard" "tells them"
ks renew --due
like "$OUT" "^nothing to do; next: payments at 20" "once"
is "$(journal counter-disagrees)" 1 "and journals it"
touch "$COUNTER_BACK"
ks renew --due
like "$OUT" "the token's counter went back from [0-9]+ to [0-9]+" "a counter that goes back is told"
rm "$COUNTER_BACK"
ks renew --due
ks renew --due
like "$OUT" "^nothing to do; next: payments at 20" "and what follows is its new beginning"

# The hard limit, in the token too: what goes past the guard does not get past that.
made=$("$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r '.keys[0].signatures')
policy ", max_signatures: {hard: $((made + 20)), hard_when: always}"
ks_is 0 "a hard limit" renew --due
read -r count limit < <(token_says)
is "$((limit - count))" 20 "the token has the same distance to its own ($count of $limit)"
is "$(journal token-limit)" 1 "the journal says so"
"$BIN/tools/handshakes" "$LAB_TLS" payments.example 300 count=15 >"$LAB/client"
like "$(cat "$LAB/client")" "^handshakes 15, failed 0" "15 handshakes"
good=0
for _ in 1 2 3 4 5 6 7 8; do sign_past_the_guard && good=$((good + 1)); done
is "$good" 5 "past the guard the token gives what is left, and no more"
policy ", max_signatures: {hard: $((made + 60)), hard_when: always}"
ks_is 0 "the limit is raised" renew --due
"$BIN/tools/handshakes" "$LAB_TLS" payments.example 300 count=10 >"$LAB/client"
like "$(cat "$LAB/client")" "^handshakes 10, failed 0" "in the token as well: service is back"
policy ""
ks_is 0 "the limit is lifted" renew --due
read -r count limit < <(token_says)
[ "$((limit - count))" -gt 1000000 ]
is $? 0 "the token's, too"
done_testing
