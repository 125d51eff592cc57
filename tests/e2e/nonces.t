#!/usr/bin/env bash
# Pebble refuses 90 of 100 nonces; 20 issuances succeed all the same.
. "$(dirname "$0")/tap.sh"
export PEBBLE_WFE_NONCEREJECT=90 LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
N=20
lab_begin
lab_pebble || exit 2
lab_config
for i in $(seq $N); do
	lab_certificate "c$i" "c$i.example" ""
done
sed -i "s,webroot: $LAB/webroot,listen: \"127.0.0.1:$LAB_HTTP\"," "$CONFIG"
lab_tokens >/dev/null || exit 2
ks_is 0 "issue $N certificates" -v issue --all
is "$("$KEYSTAY" --config "$CONFIG" status --json | jq '[.certificates[] | select(.state == "valid")] | length')" $N "all are valid"
requests=$(sed -n "s/.*authority .pebble.: \([0-9]*\) requests on .*/\1/p" <<<"$OUT")
tap "$([ "$requests" -gt $((14 * N)) ]; echo $?)" "$requests requests: most nonces were refused"
done_testing
