#!/usr/bin/env bash
# What a person does by hand: revoke, install, rollback, account; and S15, from a key that was
# exposed to the alarm when somebody uses it afterwards.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
export PEBBLE_WFE_NONCEREJECT=0
lab_usual
mkdir -p "$LAB/policies"
printf 'policy: lab\nrules: {drain: 1d, disable: 1d}\n' >"$LAB/policies/lab.yaml"
DB=$LAB/state/keystay.db
# One more, as a plain file, on no server; later an endpoint that does not show it.
lab_certificate filed filed.example "$(printf '    install:\n      - target: files\n        paths: {cert: %s/filed.pem}\n' "$LAB")"

sql() { "$BIN/tools/db-run" "$DB" "$1"; }
live() { sql "SELECT live_version FROM certificate WHERE name = '$1'"; }
link() { readlink "$LAB/state/live/$1"; }
key_of() { sql "SELECT key_id FROM version WHERE certificate = '$1' AND number = $2"; }
state_of() { sql "SELECT state FROM key WHERE id = '$1'"; }
fingerprint_of() { openssl x509 -in "$LAB/state/versions/$1/000$2/cert.pem" -noout -fingerprint -sha256; }
# Status and reason, as the authority has them.
at_authority() {
	local serial
	serial=$(openssl x509 -in "$LAB/state/versions/$1/000$2/cert.pem" -noout -serial | cut -d= -f2)
	lab_pebble_root "/cert-status-by-serial/${serial,,}" | jq -r '"\(.Status) \(.Reason)"'
}
# Reloads are not waited for by nginx: for up to 10 s, until that is served.
until_served() {
	for _ in $(seq 100); do
		[ "$(served payments.example)" = "$1" ] && return 0
		sleep 0.1
	done
	return 1
}
kinds() { "$KEYSTAY" --config "$CONFIG" history --json | jq -r '.events[].kind' | grep -cx "$1"; }

# --- account, before there is one
ks_is 0 "account show before the first order" account show pebble
like "$OUT" "no account was made yet" "says that there is none"
ks_is 0 "deactivate before the first order" account deactivate pebble --yes
is "$(sql "SELECT count(*) FROM key WHERE purpose = 'account'")" 0 "nothing was made for that"
ks_is 2 "an unknown authority" account show nowhere
ks_is 2 "revoke before there is anything" revoke payments --reason superseded --yes
ks_is 2 "install before there is anything" install payments
like "$OUT" "keystay issue payments" "and what to do"
ks_is 2 "rollback before there is anything" rollback payments

ks_is 0 "the first versions" issue --all
ks_is 2 "there is nothing before it" rollback payments
like "$OUT" "no version of 'payments' before version 1" "and that is said"
ks_is 0 "the second ones, with other keys" renew --force --key new
ks_is 0 "account show" account show pebble --json
is "$(jq -r '.accounts[0] | [.made, .status, .contact[0], .key.state, (.url | startswith("https://")), .key.signatures > 5] | join(" ")' <<<"$OUT")" \
	"true valid mailto:ops@example.org active true true" "what the authority says, and the key"

# --- install
rm "$LAB/state/live/payments"
ks_is 0 "install after the link was removed" install payments
is "$(link payments)" "../versions/payments/0002" "links it again"
is "$(served payments.example)" "$(live_fingerprint payments)" "and it is served"
ln -sfn ../versions/payments/0001 "$LAB/state/live/payments"
"$LAB/reload-nginx"
until_served "$(fingerprint_of payments 1)"
ks_is 0 "install after the link was bent" install payments --json
is "$(jq -r '.certificates[0] | [.result, .version, .served] | join(" ")' <<<"$OUT")" "done 2 true" "tells what is served"
is "$(served payments.example)" "$(fingerprint_of payments 2)" "and the second is served again"
is "$(kinds installed-again)" 2 "it is journaled"
mv "$LAB/state/versions/payments/0002" "$LAB/aside"
ks_is 1 "install while the folder is gone" install payments
like "$OUT" "versions/payments/0002/cert.pem.*No such file" "says which file"
like "$OUT" "hint: 'keystay renew payments'" "and what to do"
mv "$LAB/aside" "$LAB/state/versions/payments/0002"

# --- rollback
# That of 'filed' is not shown by its endpoint; it takes 20 s to find out, in which others work.
sed -i "s,        paths: {cert: $LAB/filed.pem},&\n        endpoints: ['127.0.0.1:$LAB_TLS']," "$CONFIG"
"$KEYSTAY" --config "$CONFIG" rollback filed >"$LAB/filed.said" 2>&1 </dev/null &
filed=$!
first=$(key_of payments 1) second=$(key_of payments 2)
is "$(state_of "$first") $(state_of "$second")" "draining active" "the first key drains"
ks_is 0 "rollback" rollback payments
like "$OUT" "version 1 is live again, in place of version 2" "says what is live"
like "$OUT" "it is due at 20[0-9-]+T[0-9:]+Z \(share of lifetime\)" "and when it is due"
is "$(served payments.example)" "$(fingerprint_of payments 1)" "the first version is served"
is "$(live payments) $(link payments)" "1 ../versions/payments/0001" "and is the live one"
is "$(state_of "$first") $(state_of "$second")" "active draining" "its key is active again, the other drains"
is "$(kinds rolled-back-by-hand)" 1 "it is journaled"
ks_is 2 "what is live already" rollback payments --to 1
ks_is 2 "a version that is not known" rollback payments --to 7
ks_is 0 "and forward again" rollback payments --to 2 --json
is "$(jq -r '.certificates[0] | [.result, .version, .version_before, .renew_reason] | join(" ")' <<<"$OUT")" \
	"done 2 1 share of lifetime" "told as JSON"
is "$(served payments.example)" "$(fingerprint_of payments 2)" "the second is served"
is "$(state_of "$first") $(state_of "$second")" "draining active" "and the keys are as before"
ks_is 0 "the first key is switched off" keys disable "$first"
ks_is 3 "rollback to a disabled key" rollback payments
like "$OUT" "is disabled" "is refused"
like "$OUT" "keystay keys enable ${first:0:12}" "and it is said what to do"
ks_is 0 "switched on" keys enable "$first"
sql "UPDATE version SET not_after = not_after - 8640000 WHERE certificate = 'payments' AND number = 1"
ks_is 3 "rollback to what is expired" rollback payments
like "$OUT" "version 1 expired at 20" "is refused"
sql "UPDATE version SET not_after = not_after + 8640000 WHERE certificate = 'payments' AND number = 1"
sql "INSERT INTO attempt (certificate, step, reason, key_mode, authority, started_at) VALUES ('payments', 'order', 'test', 'auto', 'pebble', 1)"
ks_is 7 "rollback while an attempt is under way" rollback payments
like "$OUT" "under way, at step order" "waits for it"
like "$OUT" "keystay renew payments" "and says how to go on"
ks_is 0 "install meanwhile" install payments
sql "DELETE FROM attempt WHERE certificate = 'payments'"
sed -i 's/names: \[payments.example, /names: [new.payments.example, payments.example, /' "$CONFIG"
ks_is 0 "rollback to a version without a name that is configured now" rollback payments
like "$OUT" "due now \(names changed in the configuration\)" "is due at once"
sed -i 's/new.payments.example, //' "$CONFIG"
ks_is 0 "and forward" rollback payments --to 2

# kill -9 at writes of a rollback: the pair is whole, known and served, and the next run goes on.
CALLS=write,pwrite64,rename,fsync,fdatasync,symlink,unlink,sendto
for to in 1 2; do
	strace -qq -y -o "$LAB/trace$to" -e trace="$CALLS" "$KEYSTAY" --config "$CONFIG" rollback payments --to $to >/dev/null 2>&1
	is $? 0 "a rollback under strace"
done
# Points that both came to, but for the last ones: how much is written differs a little.
awk -F'(' 'NR == FNR { ++most[$1]; next } ++n[$1] <= most[$1] - int(most[$1] / 8) && !/keystay-lab[^>]*\/tokens\// { print $1, n[$1] }' \
	"$LAB/trace2" "$LAB/trace1" >"$LAB/all-points"
total=$(wc -l <"$LAB/all-points")
awk -v total="$total" -v want=6 'int(NR * want / total) != int((NR - 1) * want / total)' "$LAB/all-points" >"$LAB/points"
{
	grep symlink "$LAB/all-points" | tail -1
	grep rename "$LAB/all-points" | tail -1
} >>"$LAB/points"
killed=0 broken=0 unknown=0 incomplete=0 to=1
while read -r call n; do
	(
		strace -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$n" \
			"$KEYSTAY" --config "$CONFIG" rollback payments --to $to >/dev/null 2>&1 </dev/null
		exit $?
	) 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
	{ live_pair_whole payments && [ -n "$(served payments.example)" ]; } || { broken=$((broken + 1)); note "broken at $call $n"; }
	# Whatever is linked is live, or an attempt holds its key.
	linked=$(sql "SELECT v.key_id FROM version v WHERE v.certificate = 'payments' AND v.number = $(link payments | sed 's,.*/0*,,')")
	[ "$(sql "SELECT count(*) FROM certificate c JOIN version v ON v.certificate = c.name AND v.number = c.live_version WHERE v.key_id = '$linked'") $(sql "SELECT count(*) FROM part WHERE key_id = '$linked'")" != "0 0" ] ||
		{ unknown=$((unknown + 1)); note "nobody holds the live key at $call $n"; }
	# Either command goes on with what was begun; where all was done, there is nothing to do.
	[ "$(live payments)" = $to ] || "$KEYSTAY" --config "$CONFIG" rollback payments --to $to >"$LAB/again" 2>&1 </dev/null
	if [ "$(live payments) $(link payments)" != "$to ../versions/payments/000$to" ] ||
		[ "$(served payments.example)" != "$(live_fingerprint payments)" ] || [ "$(sql "SELECT count(*) FROM attempt WHERE certificate = 'payments'")" != 0 ]; then
		incomplete=$((incomplete + 1))
		note "incomplete after $call $n:" "$(cat "$LAB/again")"
	fi
	to=$((3 - to))
done <"$LAB/points"
tap "$([ "$killed" -ge 6 ]; echo $?)" "$killed kills at $(wc -l <"$LAB/points") of $total points"
is "$broken" 0 "0 broken pairs"
is "$unknown" 0 "0 live keys that nobody holds"
is "$incomplete" 0 "the next command completed each time"
[ "$(live payments)" = 2 ] || ks rollback payments --to 2

wait "$filed"
is $? 6 "a rollback whose endpoint shows another"
like "$(cat "$LAB/filed.said")" "shows another certificate .*; rolled back to version 2" "what was live is put back"
is "$(live filed) $(link filed)" "2 ../versions/filed/0002" "as the database says"
is "$(openssl x509 -in "$LAB/filed.pem" -noout -fingerprint -sha256)" "$(fingerprint_of filed 2)" "and the file"
is "$(state_of "$(key_of filed 1)") $(state_of "$(key_of filed 2)")" "draining active" "and the keys"
is "$(sql "SELECT count(*) FROM attempt")" 0 "nothing is tried again"

# --- revoke
ks_is 2 "revoke without a reason" revoke payments
like "$OUT" "unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn" "names the reasons"
ks_is 2 "with a reason that is none" revoke payments --reason boredom --yes
ks_is 2 "without a yes" revoke payments --reason superseded
like "$OUT" "serial [0-9a-f]+\) is revoked for ever; it is live: this needs a yes" "says what would be revoked"
ks_is 0 "an old version is revoked" revoke payments --reason superseded --version 1 --yes
is "$(at_authority payments 1)" "Revoked 4" "the authority says so"
unlike "$OUT" "due now" "the live one is not due for that"
ks_is 0 "it is revoked once more" revoke payments --reason superseded --version 1 --yes
like "$OUT" "was revoked before" "and nobody is asked"
sql "UPDATE version SET revoked_at = 0 WHERE certificate = 'payments' AND number = 1"
ks_is 0 "an authority that did it already" revoke payments --reason unspecified --version 1 --yes --json
is "$(jq -r '.certificates[0] | [.version, .reason, .live] | join(" ")' <<<"$OUT")" "1 unspecified false" "is as good"
ks_is 3 "rollback to what was revoked" rollback payments
like "$OUT" "version 1 was revoked at 20[^ ]* \(unspecified\)" "is refused"
ks_is 0 "the live one is revoked" revoke payments --reason superseded --yes
like "$OUT" "due now: 'keystay renew --due' gets another" "and due"
is "$(at_authority payments 2)" "Revoked 4" "the authority says so"
is "$("$KEYSTAY" --config "$CONFIG" status --json | jq -r '.certificates[0].renew_reason')" "it was revoked" "status says why"
ks_is 0 "it is replaced" renew --due
is "$(live payments) $(served payments.example)" "3 $(fingerprint_of payments 3)" "another is served"
is "$(kinds revoked)" 3 "all of it is journaled"

# --- S15: a key is exposed. Two certificates have it.
ks_is 0 "one more by the same key" renew payments --force --key same
key=$(key_of payments 4)
is "$(key_of payments 3)" "$key" "which is the key of two"
hash=$(sql "SELECT public_hash FROM key WHERE id = '$key'")
cp -a "$LAB/tokens" "$LAB/stolen"
ks_is 0 "it is revoked for keyCompromise" revoke payments --reason keyCompromise --yes
like "$OUT" "with a new key ready: 'keystay renew --due' gets another" "a new key is ready"
is "$(at_authority payments 3), $(at_authority payments 4)" "Revoked 1, Revoked 1" "both certificates are revoked"
is "$(state_of "$key") $(sql "SELECT count(*) FROM compromised WHERE public_hash = '$hash'")" "compromised 1" "the key is refused for ever"
ready=$(sql "SELECT id FROM key WHERE state = 'staged' AND owner = 'payments'")
ks_is 0 "the next run" renew --due
is "$(live payments) $(key_of payments 5)" "5 $ready" "has another key"
is "$(served payments.example)" "$(fingerprint_of payments 5)" "which is served"
is "$(state_of "$key") $("$BIN/tools/token-ids" "$SOFTHSM_MODULE" web "$LAB/web.pin" "" "$key")" "destroyed 0" "the old one is destroyed"
ks_is 3 "there is no way back to it" rollback payments --to 4
like "$OUT" "revoked at 20" "which is said"
sql "UPDATE version SET revoked_at = 0 WHERE certificate = 'payments' AND number = 4"
ks_is 3 "not even if it had not been revoked" rollback payments --to 4
like "$OUT" "is compromised" "which is said, too"
# Somebody has a copy of the token, and puts the key back.
(cd "$LAB/stolen" && find . -name '*.object') | while read -r f; do
	[ -e "$LAB/tokens/$f" ] || cp -a "$LAB/stolen/$f" "$LAB/tokens/$f"
done
is "$("$BIN/tools/token-ids" "$SOFTHSM_MODULE" web "$LAB/web.pin" "" "$key")" 2 "the old key is back"
OPENSSL_CONF=$LAB/server-openssl.cnf openssl dgst -sha256 -sign "$LAB/state/versions/payments/0004/key.pem" -out "$LAB/signature" "$CONFIG" >"$LAB/said" 2>&1
isnt $? 0 "but a server may not sign with it"
ks_is 0 "the next run" renew --due
like "$OUT" "is destroyed, and a server tried to sign with it" "tells that somebody tried"
is "$(kinds disabled-key-used)" 1 "and journals it"
ks_is 0 "keys compromise without --revoke" keys compromise payments --yes
like "$OUT" "its authority does not know: 'keystay keys compromise $ready --revoke'|--revoke' has 1 certificate revoked" "hints at it"
ks_is 0 "and with it" keys compromise payments --revoke --yes
is "$(at_authority payments 5)" "Revoked 1" "the authority knows"

# --- the account gets another key, and ends
account=$(sql "SELECT key_id FROM account") url=$(sql "SELECT url FROM account")
ks_is 0 "the account gets another key" account rollover pebble --json
next=$(jq -r '.accounts[0].key.id' <<<"$OUT")
is "$(jq -r '.accounts[0] | [.status, .url, .key.state] | join(" ")' <<<"$OUT")" "valid $url active" "it is the same account"
isnt "$next" "$account" "and not the same key"
is "$(state_of "$account") $(sql "SELECT key_id FROM account")" "draining $next" "the old one drains"
is "$(kinds account-key-changed)" 1 "it is journaled"
# As a kill leaves it behind the authority's answer.
sql "UPDATE account SET key_id = '$account'; UPDATE key SET state = 'active' WHERE id = '$account'; UPDATE key SET state = 'staged' WHERE id = '$next'"
sql "UPDATE version SET revoked_at = 0 WHERE certificate = 'payments' AND number = 1"
ks_is 0 "whoever uses the account next" revoke payments --reason superseded --version 1 --yes
is "$(sql "SELECT key_id FROM account") $(state_of "$account") $(state_of "$next")" "$next draining active" "finds out that it is the new key's"
ks_is 0 "and another one" account rollover pebble
is "$(state_of "$next")" draining "is as good"
ks_is 2 "deactivate without a yes" account deactivate pebble
account=$(sql "SELECT key_id FROM account") url=$(sql "SELECT url FROM account")
ks_is 0 "the account is deactivated" account deactivate pebble --yes
like "$OUT" "the account is deactivated and forgotten" "and that is said"
is "$(state_of "$account") $(sql "SELECT count(*) FROM account")" "draining 0" "its key drains"
is "$(kinds account-deactivated)" 1 "it is journaled"
sql "UPDATE version SET revoked_at = 0 WHERE certificate = 'payments' AND number = 1"
ks_is 5 "what it issued is not revoked by it" revoke payments --reason superseded --version 1 --yes
like "$OUT" "the account $url is gone" "it is said why"
like "$OUT" "hint: have it revoked at the authority: serial [0-9a-f]+, issuer CN *= *Pebble" "and what to do"
ks_is 0 "the next order" -v renew --due
like "$OUT" 'POST .*/sign-me-up: 201' "makes another account"
ks_is 0 "account show" account show pebble --json
is "$(jq -r '.accounts[0] | [.status, .url != "'"$url"'", .key.id != "'"$account"'"] | join(" ")' <<<"$OUT")" "valid true true" "shows it"
# Put back by hand: it is deactivated at the authority.
sql "UPDATE account SET url = '$url', key_id = '$account'"
ks_is 0 "account show of one that has ended" account show pebble
like "$OUT" "status   (refused|deactivated)" "says so"
ks_is 0 "deactivate it again" account deactivate pebble --yes
is "$(sql "SELECT count(*) FROM account")" 0 "and it is forgotten"
done_testing
