#!/usr/bin/env bash
# The account at the authority: made once, found again by its key, made anew where it is gone.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
ks_is 0 "the first certificate makes the account" -v issue payments
like "$OUT" 'POST .*/sign-me-up: 201' "it is made"
ks_is 0 "the second uses it" -v renew payments --force
unlike "$OUT" 'sign-me-up' "without asking for it"

# The authority forgets everything, as a test CA does: same address, new server.
kill "${LAB_PIDS[1]}"
while kill -0 "${LAB_PIDS[1]}" 2>/dev/null; do sleep 0.1; done
lab_pebble_again
ks_is 0 "an authority that forgot the account" -v renew payments --force
like "$OUT" 'POST .*/sign-me-up: 201' "it is made anew"
is "$(served payments.example)" "$(live_fingerprint payments)" "and the certificate is served"
ks keys list --json
is "$(jq '[.keys[] | select(.purpose == "account")] | length' <<<"$OUT")" 1 "with the same key"
done_testing
