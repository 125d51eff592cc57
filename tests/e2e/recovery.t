#!/usr/bin/env bash
# Coming back from loss (docs/RECOVERY.md, the same headings): what check says, what the next pass
# makes of it, and that nothing unknown is destroyed.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
export PEBBLE_WFE_NONCEREJECT=0
lab_usual
mkdir -p "$LAB/policies"
printf 'policy: lab\nrules: {rotate: every_renewal, renew_at: 33%%, drain: 0s, disable: 0s}\n' >"$LAB/policies/lab.yaml"
STATE=$LAB/state DB=$LAB/state/keystay.db

orders() { grep -c 'POST /order-plz' "$LAB/log/pebble"; }
sql() { "$BIN/tools/db-run" "$DB" "$1"; }
live() { basename "$(readlink "$STATE/live/payments")"; }
whole() {
	is "$(served payments.example)" "$(live_fingerprint payments)" "$1: what is served is what is live"
	tap "$(live_pair_whole payments; echo $?)" "$1: certificate and key are a pair, and known"
	ks_is 0 "$1: then check finds nothing wrong" check
}

# A key that is not keystay's, in the same token.
pkcs11-tool --module "$SOFTHSM_MODULE" --token-label web --login --pin "$(cat "$LAB/web.pin")" \
	--keypairgen --key-type EC:prime256v1 --label foreign --id f0f0 >/dev/null 2>&1
foreign() { token_ids web web | grep -c '^f0f0$'; }
is "$(foreign)" 1 "a foreign key is in the token"

ks_is 0 "the first certificate" issue payments
cp "$DB" "$LAB/old.db"
ks_is 0 "a second version" renew payments --force
ks_is 0 "a third" renew payments --force
is "$(live)" 0003 "the third version is live"
whole "before anything is lost"

# --- the database is lost
before=$(orders) accounts=$(token_ids agent agent | wc -l)
mv "$DB" "$LAB/kept.db" && rm -f "$DB"-*
ks_is 1 "check with no database" check
like "$OUT" "fail  certificate 'payments': its files are at version 3, and the database knows of none" "says what is lost"
ks status payments
like "$OUT" "its files are at version 3, .*'keystay renew --due' rebuilds" "so does status"
unlike "$OUT" "keystay issue" "and asks for no other certificate"
ks renew --dry-run
like "$OUT" "before that what can be rebuilt is: its files are at version 3" "and a dry run"
ks_is 0 "the next pass" renew --due
is "$(orders)" "$before" "orders nothing"
is "$(live)" 0003 "the same version is live"
like "$("$KEYSTAY" --config "$CONFIG" history payments)" "rebuilt +its files are at version 3" "it is journaled"
whole "the database is lost"
is "$(sql "SELECT count(*) FROM journal WHERE kind IN ('unknown-key-used', 'ledger-rolled-back')")" 0 "no alarm about keystay's own keys"
ks_is 0 "a renewal after that" renew payments --force
is "$(live)" 0004 "has a number that was never used"
is "$(token_ids agent agent | wc -l)" "$accounts" "and uses the account that there was"
whole "after the renewal"
ks renew --due
ks renew --due
is "$(token_ids web web | wc -l)" 2 "old keys that the files named are gone; the live and the foreign one stay"
is "$(foreign)" 1 "the foreign key is still there"

# --- an old database is put back
ks_is 0 "a fifth version" renew payments --force
rm -f "$DB"-* && cp "$LAB/old.db" "$DB"
ks_is 1 "check with the database of version 1" check
like "$OUT" "its files are at version 5, and the database is at version 1: an old one was put back" "says so"
before=$(orders)
ks_is 0 "the next pass takes over what the files say" renew --due
is "$(orders)" "$before" "and orders nothing"
is "$(live)" 0005 "the live version stays"
ks status --json
is "$(jq -r '.certificates[0].state' <<<"$OUT")" valid "the certificate is valid"
ks_is 0 "a renewal after that" renew payments --force
is "$(live)" 0006 "has a number that was never used"
ks renew --due
whole "an old database"
is "$(foreign)" 1 "the foreign key is still there"

# An old database that stood in the middle of a renewal: its order is not continued over newer files.
cp "$DB" "$LAB/old.db"
"$BIN/tools/db-run" "$LAB/old.db" "INSERT INTO attempt (certificate, step, reason, key_mode, authority, version, started_at) VALUES ('payments', 'install', 'due', 'auto', 'pebble', 7, 1)"
ks_is 0 "a seventh version" renew payments --force
ks_is 0 "an eighth" renew payments --force
rm -f "$DB"-* && cp "$LAB/old.db" "$DB"
ks_is 0 "a pass with the database of before" renew --due
is "$(live)" 0008 "does not go back"
whole "an old attempt"

# --- the database is damaged
rm -f "$DB"-* && head -c 100000 /dev/urandom >"$DB"
ks_is 1 "a damaged database is refused" renew --due
like "$OUT" "hint: put back a backup, or move it away" "with a hint"
is "$(served payments.example)" "$(live_fingerprint payments)" "and the certificate is served all the while"
rm -f "$DB" "$DB"-*
ks_is 0 "without it, the next pass rebuilds" renew --due
whole "a damaged database"

# --- live/ is lost
before=$(orders)
rm -rf "$STATE/live"
ks_is 1 "check without live/" check
like "$OUT" "live/payments does not show version 8, which is the one that is recorded" "says so"
ks_is 0 "the next pass" renew --due
is "$(orders) $(live)" "$before 0008" "links the version again, and orders nothing"
whole "live/ is lost"

# --- live/ and versions/ are lost
rm -rf "$STATE/live" "$STATE/versions"
ks_is 1 "check without any files" check
like "$OUT" "the files of version 8 are gone" "says so"
ks_is 0 "the next pass" renew --due
is "$(live)" 0009 "obtains another"
whole "the files are lost"

# --- all of the state is lost
rm -rf "$STATE"
ks_is 0 "with the configuration and the token alone" renew --due
is "$(live)" 0001 "certificates are obtained anew"
whole "the state is lost"
is "$(foreign)" 1 "the foreign key is still there"

# --- the database is lost when a key was just compromised: the ledger knows
key=$(sql "SELECT key_id FROM version WHERE number = 1")
ks_is 0 "the live key is compromised" keys compromise payments --yes
rm -f "$DB" "$DB"-*
ks_is 0 "a pass without the database" renew --due
like "$("$KEYSTAY" --config "$CONFIG" history payments)" "its key is compromised" "renews for that reason"
is "$(live)" 0002 "to another version"
isnt "$(sql "SELECT key_id FROM version WHERE number = 2")" "$key" "of another key"
is "$(sql "SELECT count(*) FROM compromised")" 1 "the key is still refused for ever"
whole "the database is lost with a compromised key"

# --- the use ledger is lost
ks_is 0 "a pass before" renew --due
made=$("$KEYSTAY" --config "$CONFIG" keys show payments --json | jq '.keys[0].signatures')
rm -f "$STATE"/ledger*
ks_is 0 "a pass without the ledger" renew --due
tap "$([ "$("$KEYSTAY" --config "$CONFIG" keys show payments --json | jq '.keys[0].signatures')" -ge "$made" ]; echo $?)" "goes on counting where it was"

# --- the token is lost and replaced by another of the same label and PIN
rm -rf "${LAB:?}/tokens"/*
lab_tokens >/dev/null
ks_is 4 "check with an empty token" check
like "$OUT" "fail  token 'web': 1 key is gone: payments-" "says which keys are gone"
ks_is 6 "the next look" renew --due
like "$OUT" "key is gone from token 'web'" "says so too"
like "$OUT" "not served; the key of the version before is gone" "a server that runs on the old token cannot serve the new key"
is "$(live)" 0003 "the certificate for it stays in place"
lab_nginx_stop
lab_nginx_start
is "$(served payments.example)" "$(live_fingerprint payments)" "a server that is started anew serves it"
ks_is 0 "and the next try finds it so" renew payments
like "$("$KEYSTAY" --config "$CONFIG" history payments)" "its key is gone from the token" "with the reason"
whole "the token is replaced"
done_testing
