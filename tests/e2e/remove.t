#!/usr/bin/env bash
# Certificates come and go at the shell: add writes a drop-in, remove takes it away; the key drains by
# its policy, stays while it is served, and goes with the files.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
export PEBBLE_WFE_NONCEREJECT=0
lab_usual
mkdir -p "$LAB/policies"
printf 'policy: lab\nrules: {drain: 2d, disable: 3d}\n' >"$LAB/policies/lab.yaml"
DB=$LAB/state/keystay.db
sql() { "$BIN/tools/db-run" "$DB" "$1"; }
# So many days go by, for what was removed and for its keys.
days() {
	sql "UPDATE key SET state_at = state_at - $1 * 86400; UPDATE removed SET removed_at = removed_at - $1 * 86400" >/dev/null
}
states() { sql "SELECT group_concat(state, ' ') FROM (SELECT state FROM key WHERE owner = '$1' AND purpose = 'certificate' ORDER BY created_at)"; }
sums() { find "$LAB" -path "$LAB/state" -prune -o -path "$LAB/log" -prune -o -type f -name '*.yaml' -print0 | sort -z | xargs -0 sha256sum; }
ks_is 0 "the first certificate, configured by hand" issue payments

# --- add
before=$(sums)
ks_is 0 "a dry run of add" add shop --names shop.example,www.shop.example --like payments --dry-run
like "$OUT" "nothing was changed" "says that nothing was changed"
is "$(sums)" "$before" "and nothing was"
ks_is 0 "add" add shop --names shop.example,www.shop.example --like payments --owner shop-team@example.org
[ -f "$LAB/certificates.d/shop.yaml" ]
is $? 0 "its file is there"
is "$(stat -c %a "$LAB/certificates.d/shop.yaml")" 644 "with its mode"
ks_is 0 "the same again" add shop --names shop.example,www.shop.example --like payments --owner shop-team@example.org
like "$OUT" "shop: unchanged" "is unchanged"
lab_nginx_conf payments "$LAB_NAMES" shop "shop.example www.shop.example"
ks_is 0 "issue" issue shop
is "$(served www.shop.example)" "$(live_fingerprint shop)" "it is served"
ks_is 2 "add of what a person wrote" add payments --names x.example --like shop
like "$OUT" "keystay.yaml" "names the file"

# --- remove: what is refused
before=$(sums)
ks_is 2 "what a person wrote" remove payments --yes
like "$OUT" "keystay.yaml.* lines? [0-9]+" "names file and lines"
ks_is 2 "without a yes" remove shop
like "$OUT" "switched off 2d from now and destroyed 3d after that" "says what will happen"
like "$OUT" "still served at 127.0.0.1:$LAB_TLS" "and where it is served"
like "$OUT" "hint: say --yes" "and what to do"
ks_is 2 "revoking what is served" remove shop --yes --revoke
like "$OUT" "would be revoked" "is refused"
ks_is 0 "a dry run" remove shop --dry-run
like "$OUT" "shop: would be removed" "says what would be done"
ks_is 2 "what there is not" remove nothing --yes
is "$(sums)" "$before" "none of that changed a file"
is "$(states shop)" "active" "nor a key"

# --- remove, while it is served
ks_is 0 "remove" remove shop --yes
[ ! -e "$LAB/certificates.d/shop.yaml" ]
is $? 0 "its file is gone"
is "$(states shop)" "draining" "its key drains"
is "$(served shop.example | cut -c1-6)" "sha256" "and it is served as before"
ks_is 0 "once more" remove shop --yes
like "$OUT" "removed already" "is nothing"
ks_is 0 "status" status
unlike "$OUT" "shop" "does not show it"
ks_is 0 "check" check
days 3
ks_is 0 "a pass behind the time to drain" renew --due
is "$(states shop)" "draining" "leaves the key of what is still served"
is "$(served shop.example | cut -c1-6)" "sha256" "so that it is served"

# --- out of the server's configuration
lab_nginx_conf payments "$LAB_NAMES"
kill -HUP "$(cat "$LAB/nginx.pid")"
for _ in $(seq 50); do
	[ "$(served shop.example)" = "$(live_fingerprint payments)" ] && break
	sleep 0.1
done
ks_is 0 "the next pass" renew --due
is "$(states shop)" "disabled" "switches it off"
[ -e "$LAB/state/live/shop" ]
is $? 0 "its files are there as long as its key"
days 4
ks_is 0 "days later" renew --due
is "$(states shop)" "destroyed" "it is destroyed"
[ ! -e "$LAB/state/live/shop" ] && [ ! -e "$LAB/state/versions/shop" ]
is $? 0 "and its files are gone"
is "$(token_ids web web)" "$(known_ids web | grep -vx "$(sql "SELECT id FROM key WHERE owner = 'shop'")")" "the token has it no more"
like "$("$KEYSTAY" --config "$CONFIG" history shop | awk '{ print $3 }' | tr '\n' ' ')" "added .*issued removed .*key-disabled .*key-destroyed removal-ended" "the journal has all of it"

# --- and again
ks_is 0 "added again" add shop --names shop.example --like payments
lab_nginx_conf payments "$LAB_NAMES" shop "shop.example"
ks_is 0 "issued again" issue shop
is "$(sql "SELECT count(*) FROM removed")" 0 "nothing of the removal is left"
ks_is 0 "removed with its key kept" remove shop --yes --keep-key
is "$(states shop | awk '{ print $NF }')" "active" "the key is as it was"
days 30
ks_is 0 "weeks later" renew --due
is "$(states shop | awk '{ print $NF }')" "active" "it is still there"

# --- with revocation
ks_is 0 "one more" add third --names third.example --like payments --install files --path "cert=$LAB/third.pem"
ks_is 0 "issued" issue third
serial=$(openssl x509 -in "$LAB/state/live/third/cert.pem" -noout -serial | cut -d= -f2)
ks_is 0 "removed and revoked" remove third --yes --revoke
like "$(lab_pebble_root "/cert-status-by-serial/${serial,,}")" '"Status": ?"Revoked"' "the authority says so"

# --- kill -9 in between: the same command goes on
good=0 kills=0 all=0
for n in 1 2 3 4 6 9 12 15; do
	"$KEYSTAY" --config "$CONFIG" add k$n --names k$n.example --like payments --install files --path "cert=$LAB/k$n.pem" >/dev/null 2>&1 || note "add k$n"
	"$KEYSTAY" --config "$CONFIG" issue k$n >/dev/null 2>&1 || note "issue k$n"
	all=$((all + 1))
	(
		strace -f -qq -o /dev/null \
			-e trace=pwrite64,unlink,fsync,fdatasync -e inject=pwrite64,unlink,fsync,fdatasync:signal=KILL:when=$((n * 2)) \
			"$BIN/keystay" --config "$CONFIG" remove k$n --yes >/dev/null 2>&1
		exit $?
	) 2>/dev/null
	[ $? != 137 ] || kills=$((kills + 1))
	ks remove k$n --yes
	if [ "$STATUS" = 0 ] && [ ! -e "$LAB/certificates.d/k$n.yaml" ] && [ "$(states k$n)" = draining ]; then
		good=$((good + 1))
	else
		note "after $n: $STATUS $(states k$n): $OUT"
	fi
done
is "$good" "$all" "removals that were cut short go on"
tap "$([ $kills -ge 5 ]; echo $?)" "$kills kills"
done_testing
