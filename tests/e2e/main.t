#!/usr/bin/env bash
# The main job: issue, served, rotate under a client, what is shown about it.
. "$(dirname "$0")/tap.sh"
lab_usual

ks_is 0 "check finds nothing wrong" check
ks_is 0 "status before anything" status --json
is "$(jq -r '.certificates[0].state' <<<"$OUT")" missing "a certificate that is not there is missing"
ks_is 0 "issue" issue payments
is "$(served payments.example)" "$(live_fingerprint payments)" "what is served is what is live"
is "$(served api.payments.example)" "$(live_fingerprint payments)" "by another name too"
ks_is 0 "issue again has nothing to do" issue payments
like "$OUT" 'payments: nothing to do' "and says so"
ks_is 0 "renew without names has nothing that is due" renew
like "$OUT" 'nothing to do' "and says so"

sans=$(openssl x509 -in "$LAB/state/live/payments/cert.pem" -noout -ext subjectAltName | tail -n +2 | tr -d ' ' | tr , '\n' | sort | tr '\n' ' ')
is "$sans" "DNS:api.payments.example DNS:payments.example DNS:www.payments.example " "all names are in the certificate"
unlike "$(openssl x509 -in "$LAB/state/live/payments/cert.pem" -noout -subject)" 'CN *=' "no common name was asked for"
tap "$(live_pair_whole payments; echo $?)" "key reference and certificate are one pair"
is "$(grep -rl 'PRIVATE KEY' "$LAB/state" | wc -l)" 0 "no private key is in any file of the state"
is "$(stat -c %a "$LAB/state")" 711 "mode of the state folder"
is "$(stat -c %a "$LAB/state/keystay.db")" 600 "mode of the database"
is "$(stat -L -c '%a %G' "$LAB/state/live/payments/key.pem")" "640 www-data" "mode and group of the key reference"
is "$(find "$LAB/webroot" -type f | wc -l)" 0 "challenge files are taken away"

before=$(live_fingerprint payments)
"$BIN/tools/handshakes" "$LAB_TLS" payments.example 60 >"$LAB/client" &
client=$!
sleep 0.5
ks_is 0 "renew with a new key" renew payments --key new
sleep 0.5
kill "$client"
wait "$client"
like "$(cat "$LAB/client")" '^handshakes [0-9]{2,}, failed 0, certificates 2$' "no handshake failed during the rotation"
note "$(cat "$LAB/client")"
tap "$([ "$before" != "$(live_fingerprint payments)" ]; echo $?)" "another certificate is live"
ks keys list --json
is "$(jq -r '[.keys[] | select(.purpose == "certificate") | .state] | sort | join(" ")' <<<"$OUT")" "active draining" "the old key drains, the new one is active"
is "$(token_ids web web)" "$(known_ids web)" "keys in the token are the keys in the database"

key=$(jq -r '.keys[] | select(.state == "active" and .purpose == "certificate") | .id' <<<"$OUT")
ks_is 0 "renew with the same key" renew payments --key same
ks keys list --json
is "$(jq -r '.keys[] | select(.state == "active" and .purpose == "certificate") | .id' <<<"$OUT")" "$key" "the key stayed"

ks_is 0 "history as JSON" history payments --json
is "$(jq -r '.schema' <<<"$OUT")" 1 "it has a schema"
is "$(jq -r '[.events[] | .kind] | map(select(. == "issued" or . == "renewed")) | join(" ")' <<<"$OUT")" "issued renewed renewed" "history tells what happened"
ks_is 0 "status as JSON" status payments --json
is "$(jq -r '.certificates[0] | [.state, .attempt, (.served | map(.ok) | all)] | map(tostring) | join(" ")' <<<"$OUT")" "valid null true" "valid, no attempt, all served"
is "$(jq -r '.certificates[0].served | length' <<<"$OUT")" 3 "each name was looked at"
ks_is 0 "policy explain" policy explain payments --json
is "$(jq -r '.rules | map(.rule) | join(" ")' <<<"$OUT")" "key_types token_class key_origin rotate max_key_age renew_at successor drain disable max_signatures min_rotation_interval rate_alarm max_validity names subject authorities distrust signature_algorithms weak_keys required_eku required_ku freeze owner" "every rule is explained"
ks_is 2 "an unknown certificate" renew nowhere
like "$OUT" "no certificate 'nowhere'" "is named"
ks_is 2 "an unknown command" frobnicate
is "$(grep -c 'exited on signal' "$LAB/log/nginx.error")" 0 "no worker of nginx died"
done_testing
