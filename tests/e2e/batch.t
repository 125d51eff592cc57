#!/usr/bin/env bash
# A batch: all orders in flight on one connection, requests counted; nonces refused; our own listener.
. "$(dirname "$0")/tap.sh"
export PEBBLE_WFE_NONCEREJECT=0 PEBBLE_VA_NOSLEEP=1 PEBBLE_AUTHZREUSE=0
N=${N:-20}
lab_begin
lab_pebble || exit 2
lab_config
lab_own_listener
for i in $(seq $N); do
	lab_certificate "c$i" "c$i.example" ""
done
lab_tokens >/dev/null || exit 2
ks_is 0 "issue $N certificates by the agent's own listener" issue --all
: >"$LAB/log/pebble"
start=$(date +%s%N)
ks -v renew --force
wall=$((($(date +%s%N) - start) / 1000000))
is "$STATUS" 0 "renew $N certificates"
counts=$(sed -n "s/.*authority 'pebble': \([0-9]*\) requests on \([0-9]*\) connections/\1 \2/p" <<<"$OUT")
requests=${counts% *}
is "${counts#* }" 1 "one connection"
tap "$([ "$requests" -le $((7 * N + 6)) ]; echo $?)" "$requests requests for $N renewals (budget $((7 * N + 6)))"
note "$N renewals: $requests requests on ${counts#* } connection, $wall ms (Retry-After ${LAB_RETRY_AUTHZ:-3} s/${LAB_RETRY_ORDER:-5} s)"
is "$(jq -s 'map(select(.state == "valid")) | length' <<<"$("$KEYSTAY" --config "$CONFIG" status --json | jq '.certificates[]')")" $N "all are valid"
is "$(token_ids web web)" "$(known_ids web)" "keys in the token are the keys in the database"
done_testing
