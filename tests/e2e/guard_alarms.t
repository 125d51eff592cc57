#!/usr/bin/env bash
# Uses that should not be: of a key that no certificate has yet, of a key that nobody made, of
# operations that no server needs, of an hour that is far too busy. Each is journaled, once, and told.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
mkdir -p "$LAB/policies"
printf 'policy: lab\nrules: {successor: keep}\n' >"$LAB/policies/lab.yaml"
GUARD=$BIN/keystay-guard.so
printf '%s\n' "# for programs that give no init string" "module=$SOFTHSM_MODULE" "ledger=$LAB/state/ledger" >"$LAB/guard.conf"
export KEYSTAY_GUARD=$LAB/guard.conf
printf 'what a server would sign' >"$LAB/text"
openssl dgst -sha256 -binary "$LAB/text" >"$LAB/digest"
p11() { pkcs11-tool --module "$GUARD" --token-label web --pin "$(cat "$LAB/web.pin")" "$@" 2>&1; }
kinds() { "$KEYSTAY" --config "$CONFIG" history --json | jq -r '.events[].kind' | grep -cx "$1"; }

ks_is 0 "a certificate, and the next key ready" issue payments
id=$("$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r '.keys[0].id')
staged=$("$KEYSTAY" --config "$CONFIG" keys list --json | jq -r '.keys[] | select(.state == "staged") | .id')
is "$(kinds staged-key-used)" 0 "the agent's own uses, and those of an installation, are no alarm"

like "$(p11 --sign --mechanism ECDSA --id "$staged" --input-file "$LAB/digest" --output-file "$LAB/signature")" "Using sign" "somebody signs with the staged key"
ks_is 0 "the next run" renew --due
like "$OUT" "has no certificate yet, and a server made 1 signatures with it" "tells it"
ks renew --due
unlike "$OUT" "has no certificate yet" "once"
is "$(kinds staged-key-used)" 1 "and journals it"

"$BIN/tools/token-setup" "$SOFTHSM_MODULE" "" make web "$LAB/web.pin" stranger ec-p256 >"$LAB/stranger.pem"
sign_as_server() { OPENSSL_CONF=$1 openssl dgst -sha256 -sign "$LAB/stranger.pem" -out /dev/null "$LAB/text" 2>/dev/null; }
sign_as_server "$LAB/server-openssl.cnf" && sign_as_server "$LAB/server-openssl.cnf"
is $? 0 "a stranger's key signs by a server's configuration"
ks_is 0 "the next run" renew --due
like "$OUT" "the key 'stranger' in the token with serial '[0-9a-f]+' made 2 signatures" "tells it, with its label and its token"
is "$(kinds unknown-key-used)" 1 "and journals it"
sed 's/unknown=count/unknown=refuse/' "$LAB/server-openssl.cnf" >"$LAB/strict.cnf"
sign_as_server "$LAB/strict.cnf"
isnt $? 0 "unknown=refuse stops it"
ks renew --due
like "$OUT" "the key 'stranger' was refused [0-9] signatures" "and that is told, too"

like "$(p11 --decrypt --mechanism RSA-PKCS --id "$id" --input-file "$LAB/digest" --output-file "$LAB/plain")" "CKR_KEY_FUNCTION_NOT_PERMITTED" "decryption is refused"
like "$(p11 --delete-object --type privkey --id "$id")" "CKR_ACTION_PROHIBITED|0x1b" "so is destroying the key"
like "$(p11 --keypairgen --key-type EC:prime256v1 --label intruder)" "CKR_FUNCTION_NOT_SUPPORTED" "and making one"
like "$(p11 --sign --mechanism SHA-1-HMAC --id "$id" --input-file "$LAB/digest" --output-file "$LAB/signature")" "CKR_MECHANISM_INVALID|error" "and a mechanism that is not the key's"
ks renew --due
like "$OUT" "key 'payments-[^']*': a server was refused what it has no business with \(.*decrypt 1, change 1\)" "decryption and destruction are told, with the key"
like "$OUT" "key 'unknown': a server was refused what it has no business with \(make 1\)" "making one has no key"
like "$("$KEYSTAY" --config "$CONFIG" keys show payments)" "refused" "keys show has what was refused"
is "$(served payments.example)" "$(live_fingerprint payments)" "the server serves on"

# In one hour of the clock.
while [ "$(date +%M%S)" -gt 5830 ]; do sleep 1; done
"$BIN/tools/handshakes" "$LAB_TLS" payments.example 300 count=1100 abort >"$LAB/client"
like "$(cat "$LAB/client")" "^handshakes 1100, failed 0" "1,100 clients that go away"
label=$("$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r '.keys[0].label')
"$BIN/tools/ledger-file" hour "$LAB/state/ledger" "$label" 30=300
ks_is 0 "the busiest hour of the week had 300" renew --due
unlike "$OUT" "signatures in the hour" "less than ten times as many are no alarm"
"$BIN/tools/ledger-file" hour "$LAB/state/ledger" "$label" 30=40
"$BIN/tools/ledger-file" hour "$LAB/state/ledger" "$label" 170=5000
"$BIN/tools/handshakes" "$LAB_TLS" payments.example 300 count=2 >/dev/null
ks_is 0 "the busiest hour of the week had 40; what was before the week does not count" renew --due
like "$OUT" "made 1[0-9]{3} signatures in the hour from .*; the busiest hour of the 7 days before had 40" "an hour that is too busy is told"
ks renew --due
unlike "$OUT" "signatures in the hour" "once"
is "$(kinds rate-alarm)" 1 "and journaled"

# An account's key has limits by the authority's policy, and they hold at once.
printf 'policy: account\nrules: {max_signatures: {soft: 3, hard: 5}}\n' >"$LAB/policies/account.yaml"
sed -i "s|    account_key: {token: agent, type: ec-p256}|&\n    policy: account|" "$CONFIG"
lab_certificate other other.example
ks_is 3 "an account key at its hard limit signs no further order" issue other
like "$OUT" "the account key 'pebble-[^']*' made [0-9]+ signatures, and its limit is 5" "it is said why"
like "$OUT" "hint: 'keystay keys compromise [0-9a-f]{12}' has the agent make another account" "and what to do"
sed -i 's/hard: 5/hard: 5000/' "$LAB/policies/account.yaml"
ks_is 0 "with a higher limit it goes on" issue other
sed -i 's/policy: account$/policy: nowhere/' "$CONFIG"
ks_is 2 "a policy that is not there" check
like "$OUT" "authority 'pebble': there is no policy 'nowhere'" "is refused with its place"
done_testing
