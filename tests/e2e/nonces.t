#!/usr/bin/env bash
# Pebble refuses 90 of 100 nonces; 20 issuances succeed all the same.
. "$(dirname "$0")/tap.sh"
export PEBBLE_WFE_NONCEREJECT=90
N=20
lab_ci
lab_own_listener
for i in $(seq 2 $N); do # the first one is there
	lab_certificate "c$i" "c$i.example" ""
done
ks_is 0 "issue $N certificates" -v issue --all
is "$("$KEYSTAY" --config "$CONFIG" status --json | jq '[.certificates[] | select(.state == "valid")] | length')" $N "all are valid"
requests=$(sed -n "s/.*authority 'acme': \([0-9]*\) requests on .*/\1/p" <<<"$OUT")
tap "$([ "$requests" -gt $((14 * N)) ]; echo $?)" "$requests requests: most nonces were refused"
done_testing
