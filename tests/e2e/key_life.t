#!/usr/bin/env bash
# The life of a key: staged, active, draining, disabled, destroyed, compromised; what a person may
# do and what is refused; the successor made ahead; what the database does not know is left alone.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
mkdir -p "$LAB/policies"
printf 'policy: lab\nrules: {drain: 1d, disable: 2d}\n' >"$LAB/policies/lab.yaml"
DB=$LAB/state/keystay.db

state_of() { "$KEYSTAY" --config "$CONFIG" keys list --all --json | jq -r --arg i "$1" '.keys[] | select(.id == $i) | .state'; }
live_key() { "$KEYSTAY" --config "$CONFIG" keys show "$1" --json | jq -r '.keys[0].id'; }
# Time is not waited for: what was done is made older.
age() { "$BIN/tools/db-run" "$DB" "UPDATE key SET state_at = state_at - $2 WHERE id = '$1'"; }
objects_of() { "$BIN/tools/token-ids" "$SOFTHSM_MODULE" web "$LAB/web.pin" "" "$1"; }

ks_is 0 "the first certificate" issue payments
first=$(live_key payments)
is "$(state_of "$first")" active "its key is active"
is "$("$KEYSTAY" --config "$CONFIG" status --json | jq -c '.certificates[0].keys[0] | [.sensitive, .never_extractable, .local, .token_class]')" \
	'[true,true,true,"software"]' "status says what the token said of it"
ks_is 3 "a live key is not destroyed" keys destroy payments --yes
like "$OUT" "is the live key of certificate 'payments'" "and it is said why"
ks_is 2 "a live key is not disabled without a yes" keys disable payments
like "$OUT" "this needs a yes" "and it is said what is missing"
ks_is 2 "a key that is not there" keys show 0123456789
like "$OUT" "there is no key '0123456789'" "is not there"
account=$("$KEYSTAY" --config "$CONFIG" keys list --json | jq -r '.keys[] | select(.purpose == "account") | .id')
ks_is 3 "an account's key is not destroyed" keys destroy "$account" --yes

# A stranger's key on the token, with a label like ours.
cp "$LAB/web.pin" "$LAB/stranger.pin"
"$BIN/tools/token-setup" "$SOFTHSM_MODULE" "" make web "$LAB/web.pin" payments-stranger ec-p256 >/dev/null
is $? 0 "a stranger's key on the token"
strangers=$(token_ids web web | wc -l)

# What the probe's helper may remove is what a probe made.
label=$("$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r '.keys[0].label')
ks_is 2 "the probe's helper is not for a live key" token witness web "$first" "$label" remove
is "$(objects_of "$first")" 2 "which stays"

ks_is 0 "a rotation" renew payments --force --key new
second=$(live_key payments)
is "$(state_of "$first")" draining "the old key drains"
ks_is 0 "a day has not gone by" renew --due
is "$(state_of "$first")" draining "it drains still"
age "$first" 86400
ks_is 0 "a day later" renew --due
is "$(state_of "$first")" disabled "it is switched off"
is "$(objects_of "$first")" 2 "and is there still"
ks_is 0 "a person switches it on again" keys enable "$first"
is "$(state_of "$first")" draining "it drains as before"
ks_is 0 "and off" keys disable "$first"
age "$first" 172800
ks_is 0 "two more days later" renew --due
is "$(state_of "$first")" destroyed "it is destroyed"
is "$(objects_of "$first")" 0 "no object is left"
ks_is 2 "what is destroyed is not enabled" keys enable "$first"
ks keys list
unlike "$OUT" "destroyed" "keys list shows what is there"
ks keys list --all
like "$OUT" "destroyed" "and --all what was"
is "$("$BIN/tools/db-run" "$DB" "SELECT group_concat(kind, ' ') FROM (SELECT kind FROM journal WHERE key_hash = (SELECT public_hash FROM key WHERE id = '$first') ORDER BY sequence)")" \
	"key-made key-draining key-disabled key-enabled key-disabled key-destroyed" "the journal has its whole life"
is "$(token_ids web web | wc -l)" "$strangers" "the stranger's key is untouched"

# An endpoint that was last seen with the old certificate keeps its key.
ks_is 0 "another rotation" renew payments --force --key new
third=$(live_key payments)
age "$second" 864000
"$BIN/tools/db-run" "$DB" "UPDATE served SET fingerprint = (SELECT fingerprint FROM version WHERE key_id = '$second')"
ks_is 0 "a renewal of nothing" renew --due
is "$(state_of "$second")" draining "a key that is still served is not switched off"
ks_is 3 "nor destroyed by hand" keys destroy "$second" --yes
like "$OUT" "was still served" "and it is said why"
"$BIN/tools/db-run" "$DB" "UPDATE served SET fingerprint = (SELECT fingerprint FROM version WHERE key_id = '$third')"
ks_is 0 "when no endpoint shows it any more" keys destroy "${second:0:8}" --yes
is "$(objects_of "$second")" 0 "it goes"

# Another key under the name of ours is neither used nor destroyed.
ks_is 0 "one more rotation" renew payments --force --key new
"$BIN/tools/db-run" "$DB" "UPDATE key SET public_hash = replace(public_hash, substr(public_hash, 1, 4), 'ffff') WHERE id = '$third'"
ks_is 4 "a key whose public key is another" keys destroy "$third" --yes
like "$OUT" "is not the one that was made" "is not the one meant"
is "$(objects_of "$third")" 2 "and stays"

# Compromise.
live=$(live_key payments)
hash=$("$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r '.keys[0].public_key_sha256')
ks_is 0 "the live key is compromised" keys compromise payments --reason "seen on a forum" --yes
like "$OUT" "due now, with a new key ready: payments" "a new key is staged and the certificate due"
is "$(state_of "$live")" compromised "its state"
is "$("$KEYSTAY" --config "$CONFIG" keys list --json | jq -r '[.keys[] | select(.owner == "payments" and .state == "staged")] | length')" 1 "one key is staged"
staged=$("$KEYSTAY" --config "$CONFIG" keys list --json | jq -r '.keys[] | select(.owner == "payments" and .state == "staged") | .id')
is "$(served payments.example)" "$(live_fingerprint payments)" "the old certificate is still served"
ks status payments
like "$OUT" "compromised" "status says why it is due"
ks_is 0 "it is renewed" renew --due
is "$(live_key payments)" "$staged" "with the key that was ready"
is "$(state_of "$live")" destroyed "and the compromised key is destroyed"
# The same public key turns up again, for another certificate: the database is made to say so.
lab_certificate other other.example
"$BIN/tools/db-run" "$DB" "INSERT INTO compromised SELECT public_hash, 'test', 1 FROM key WHERE id = '$staged'; UPDATE key SET state = 'staged', owner = 'other' WHERE id = '$staged'; UPDATE certificate SET live_version = 0 WHERE name = 'payments'"
ks_is 3 "a compromised public key is refused for another certificate" issue other
like "$OUT" "was compromised and is refused for ever" "for ever"
like "$("$KEYSTAY" --config "$CONFIG" history --json)" "$hash" "its hash stays in the journal"

# An account's key: switched off it is said what to do; compromised, another account is made.
"$BIN/tools/db-run" "$DB" "DELETE FROM compromised WHERE reason = 'test'"
lab_certificate third third.example
ks_is 0 "the account's key is switched off" keys disable "$account" --yes
ks_is 3 "then nothing is ordered" issue third
like "$OUT" "its key .* is disabled" "it is said why"
like "$OUT" "keystay keys enable ${account:0:12}" "and what to do"
ks_is 0 "switched on" keys enable "$account"
ks_is 0 "it goes on" issue third
ks_is 0 "the account's key is compromised" keys compromise "$account" --yes
ks_is 0 "the next order is by another account" renew third --force
is "$(state_of "$account")" destroyed "the old account's key is destroyed"
isnt "$("$BIN/tools/db-run" "$DB" "SELECT key_id FROM account")" "$account" "the account has another"

# The successor: one key is ready, and rotating takes it, so that no key is made on the way.
printf 'policy: lab\nrules: {successor: keep}\n' >"$LAB/policies/lab.yaml"
lab_certificate ready ready.example
ks_is 0 "a certificate whose policy keeps a successor" issue ready
next=$("$KEYSTAY" --config "$CONFIG" keys list --json | jq -r '.keys[] | select(.owner == "ready" and .state == "staged") | .id')
like "$next" "^[0-9a-f]{32}$" "a key is ready"
ks_is 0 "its rotation" renew ready --force --key new
is "$(live_key ready)" "$next" "takes it"
is "$("$KEYSTAY" --config "$CONFIG" keys list --json | jq -r '[.keys[] | select(.owner == "ready" and .state == "staged")] | length')" 1 "and the next is ready"
"$BIN/tools/db-run" "$DB" "UPDATE capability SET answer = '{'"
ks_is 0 "what is stored of a token is damaged: it is found out anew" renew ready --force
like "$("$BIN/tools/db-run" "$DB" "SELECT answer FROM capability")" '"library_sha256"' "and stored"
ks_is 0 "keys prove, for a person" keys prove ready
is "$(printf '%s\n' "$OUT" | wc -l)" 4 "in four lines"
like "$OUT" "stays in its token" "that say it stays"
done_testing
