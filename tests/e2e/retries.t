#!/usr/bin/env bash
# What fails again and again: each failure counts, though steps before it go well, so that tries
# become rare and the next authority gets its turn; and the agent does not go round and round.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
export PEBBLE_WFE_NONCEREJECT=0
lab_usual
sed -i "s/authority: pebble/authority: [pebble, second]/" "$CONFIG"
sed -i "/^certificates:/i\\
  - {name: second, protocol: acme, url: $LAB_ACME, agree_terms: true, trust: $LAB_TRUST, account_key: {token: agent}}" "$CONFIG"
attempt() { "$KEYSTAY" --config "$CONFIG" status --json | jq -r ".certificates[0].attempt | $1"; }
ks_is 0 "the first certificate" issue payments

# --- validations fail, after orders that were taken
sed -i 's#/\.well-known/acme-challenge/ { root .*; }#/.well-known/acme-challenge/ { return 404; }#' "$LAB/nginx.conf"
"$LAB/reload-nginx"
sleep 1
ks_is 5 "a validation that fails" renew payments --force
is "$(attempt '"\(.tries) \(.authority)"')" "1 pebble" "is the first failure"
ks_is 5 "once more" renew payments
is "$(attempt '"\(.tries) \(.authority)"')" "2 pebble" "is the second, at the same authority"
ks_is 5 "and a third time" renew payments
is "$(attempt '"\(.tries) \(.authority)"')" "4 second" "then the next authority is asked, and it counts too"
like "$("$KEYSTAY" --config "$CONFIG" history payments)" "authority-next +from authority 'pebble' to 'second'" "it is journaled"
"$BIN/tools/db-run" "$LAB/state/keystay.db" "DELETE FROM attempt"
lab_nginx_conf payments "$LAB_NAMES"
"$LAB/reload-nginx"
sleep 1

# --- the server does not take it: installed, looked for, rolled back
cp "$CONFIG" "$LAB/kept.yaml"
sed -i "s#reload: \[.*\]#reload: ['true']#" "$CONFIG"
ks_is 6 "a certificate that is not served" renew payments --force
is "$(attempt .tries)" 1 "is a failure"
ks_is 6 "nor the next time" renew payments
is "$(attempt .tries)" 2 "is another, though it was installed before"
next=$(date -d "$(attempt .not_before)" +%s)
tap "$([ $((next - $(date +%s))) -gt 500 ]; echo $?)" "the next try waits ten minutes"
cp "$LAB/kept.yaml" "$CONFIG"
ks_is 0 "when the server takes it" renew payments

# --- an authority whose windows lie in the past
ks_is 0 "it is asked for the window" renew --due
"$BIN/tools/db-run" "$LAB/state/keystay.db" "UPDATE renewal_info SET window_start = 1, window_end = 2, chosen_at = 1"
ks_is 0 "which is over before the certificate was there" renew --due
like "$OUT" "nothing to do; next: payments at .* \(renewal window of the authority\)" "it is not renewed at once, and again and again"
begin=$(date -d "$(openssl x509 -in "$LAB/state/live/payments/cert.pem" -noout -startdate | cut -d= -f2)" +%s)
next=$(date -d "$(sed -n 's/.*next: payments at \([^ ]*\) .*/\1/p' <<<"$OUT")" +%s)
tap "$([ $((next - begin)) -ge 21600 ] && [ $((next - begin)) -lt 21900 ]; echo $?)" "but six hours after it was there"

# --- what cannot be begun is due at once, and at once again
passes() {
	timeout "$1" "$KEYSTAY" --config "$CONFIG" run >"$LAB/run.out" 2>&1
	grep -c "$2" "$LAB/run.out"
}
mv "$LAB/lab-ca.pem" "$LAB/lab-ca.away"
"$BIN/tools/db-run" "$LAB/state/keystay.db" "DELETE FROM renewal_info"
is "$(passes 6 'warning: .*the trust file')" 1 "an authority that cannot be spoken to is asked for its windows once"
mv "$LAB/lab-ca.away" "$LAB/lab-ca.pem"
rm -f "$LAB"/state/keystay.db*
mv "$LAB/tokens" "$LAB/tokens.away"
mkdir "$LAB/tokens"
n=$(passes 12 "warning: certificate 'payments': its files are at version")
tap "$([ "$n" -ge 2 ] && [ "$n" -le 5 ]; echo $?)" "files whose token is away are looked at less and less often"
note "$n passes in 12 s"
rmdir "$LAB/tokens"
mv "$LAB/tokens.away" "$LAB/tokens"
ks_is 0 "when it is back, they are taken over" renew --due
done_testing
