#!/usr/bin/env bash
# An estate at the shell: certificates that exist are watched (adopt), managed by files that keystay
# writes whole (add), and end with their keys (remove); dry runs change nothing, a kill in between
# is continued, and what a person wrote is never touched.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
export PEBBLE_WFE_NONCEREJECT=0
lab_usual
mkdir -p "$LAB/policies"
printf 'policy: lab\nrules: {drain: 2d, disable: 1d}\n' >"$LAB/policies/lab.yaml"
DB=$LAB/state/keystay.db
DROPINS=$LAB/certificates.d

sql() { "$BIN/tools/db-run" "$DB" "$1"; }
state_of() { sql "SELECT state FROM key WHERE id = '$1'"; }
key_of() { sql "SELECT key_id FROM version WHERE certificate = '$1' ORDER BY number DESC LIMIT 1"; }
objects_of() { "$BIN/tools/token-ids" "$SOFTHSM_MODULE" web "$LAB/web.pin" "" "$1"; }
kinds() { sql "SELECT count(*) FROM journal WHERE kind = '$1' AND certificate = '$2'"; }
# All that a dry run might change, by content; not what SoftHSM writes at each login. The database by
# what is in it.
world() {
	(cd "$LAB" && find certificates.d keystay.yaml state/live state/versions tokens \( -type f -o -type l \) \
		! -name '*.lock' ! -name token.object ! -name generation 2>/dev/null | sort | xargs -r sha256sum 2>/dev/null)
	for table in certificate key version attempt journal watched removed served; do
		sql "SELECT count(*), '$table' FROM $table"
	done
	sql "SELECT group_concat(name || names || owner || place || not_after, ',') FROM watched"
	sql "SELECT group_concat(id || state, ',') FROM key"
}
# Time is not waited for: what was done to a certificate's keys is made older by days. Then a pass.
later() {
	sql "UPDATE key SET state_at = state_at - $2 * 86400 WHERE owner = '$1'; UPDATE memory SET value = value - $2 * 86400 WHERE word = 'removed:$1'"
	ks renew --due payments
}

# --- a list of 72
{
	echo 'name,names,subject,owner,authority,policy,token,key_type,not_after,endpoints,notes'
	for i in $(seq 72); do
		echo "site-$i,site-$i.example www.site-$i.example,\"C = GB, O = \"\"Example, Council\"\"\",team-$((i % 3))@example.org,pebble,lab,web,ec-p256,$((i % 28 + 1))/0$((i % 9 + 1))/2028,,\"row $i\""
	done
} >"$LAB/estate.csv"
ks_is 0 "the first certificate of before" issue payments
before=$(world)
ks_is 0 "a list of 72 is looked at" adopt "$LAB/estate.csv" --dry-run
like "$OUT" "72 certificates: 72 new, 0 updated, 0 unchanged, 0 managed already; nothing was changed" "and counted"
is "$(world)" "$before" "nothing was changed"
ks_is 0 "it is adopted" adopt "$LAB/estate.csv" --json
is "$(jq -r '.certificates | length, (map(.result) | unique | join(" ")), (.[0] | [.name, .managed, .not_after] | map(tostring) | join(" "))' <<<"$OUT" | tr '\n' ' ')" \
	"72 new site-1 false 2028-02-02T00:00:00Z " "all of it"
ks_is 0 "and once more" adopt "$LAB/estate.csv"
like "$OUT" "72 certificates: 0 new, 0 updated, 72 unchanged" "which changes nothing"
is "$(sql "SELECT count(*) FROM journal WHERE kind = 'adopted'")" 72 "each is journaled once"
sed 's/^site-3,site-3.example/site-3,si te_3.example/; s/^site-9,.*/site-9,/' "$LAB/estate.csv" >"$LAB/broken.csv"
before=$(world)
ks_is 2 "a list with rows that are wrong" adopt "$LAB/broken.csv"
like "$OUT" "broken.csv:4: 'te_3.example' is no name for a certificate" "is refused with the line"
like "$OUT" "hint: wrong too: line 10" "and the other"
sed '$s/.*/site-72,"site-72.example/' "$LAB/estate.csv" >"$LAB/broken.csv"
ks_is 2 "what is no list" adopt "$LAB/broken.csv"
like "$OUT" "broken.csv:73: a quoted field that begins here has no end" "is refused with the line"
is "$(world)" "$before" "nothing of either landed"
printf 'names;owner;not_after\nsemi.example;a, b;01/02/2029\n' >"$LAB/semi.csv"
ks_is 0 "a list with semicolons" adopt "$LAB/semi.csv" --owner ops@example.org
is "$(sql "SELECT name || ' ' || owner || ' ' || not_after FROM watched WHERE names = 'semi.example'")" \
	"semi.example ops@example.org 1864598400" "is read as well"
ks_is 0 "a watched one is forgotten" remove semi.example --yes
is "$(sql "SELECT count(*) FROM watched WHERE name = 'semi.example'") $(kinds forgotten semi.example)" "0 1" "and journaled"

# --- all of it is added in one go
before=$(world)
ks_is 0 "the estate is to be added" add --from-watched --all --owner team-1@example.org --dry-run
like "$OUT" "24 certificates, 48 left out" "those of one owner"
like "$OUT" "site-1: would be added, in $DROPINS/site-1.yaml" "the files are shown"
is "$(world)" "$before" "nothing was changed"
ks_is 0 "those of one owner are added" add --from-watched --all --owner team-1@example.org
is "$(find "$DROPINS" -name '*.yaml' | wc -l) $(sql "SELECT count(*) FROM watched")" "24 48" "each has a file, and is watched no more"
ks_is 0 "and the rest" add --from-watched --all
is "$(find "$DROPINS" -name '*.yaml' | wc -l) $(sql "SELECT count(*) FROM watched")" "72 0" "too"
ks_is 0 "all 72 are configured" status --json
is "$(jq '.certificates | length' <<<"$OUT")" 73 "beside the one of before"
is "$(stat -c %a "$DROPINS/site-1.yaml") $(head -1 "$DROPINS/site-1.yaml")" \
	"644 # written by 'keystay add'; 'keystay remove site-1' takes it away" "the file says who wrote it"
like "$(cat "$DROPINS/site-1.yaml")" 'organization: "Example, Council", country: "GB"' "the subject came with it"
like "$(cat "$DROPINS/site-1.yaml")" "webroot: \"$LAB/webroot\"" "and the challenge that the other has"
ks_is 0 "nothing is left to add" add --from-watched --all
ks_is 0 "one of them is issued" issue site-7
is "$(openssl x509 -in "$LAB/state/live/site-7/cert.pem" -noout -ext subjectAltName | tail -1 | tr -d ' ')" \
	"DNS:site-7.example,DNS:www.site-7.example" "for its names"
ks_is 0 "an adopted list knows what is managed" adopt "$LAB/estate.csv"
like "$OUT" "0 new, 0 updated, 0 unchanged, 72 managed already" "all of it"

# --- add by itself
before=$(world)
ks_is 0 "add, a dry run" add parks --names parks.example,www.parks.example --like payments --dry-run
like "$OUT" "endpoints: \[\"127.0.0.1:$LAB_TLS\"\]" "shows the target of the other"
is "$(world)" "$before" "nothing was changed"
ks_is 0 "add" add parks --names parks.example,www.parks.example --like payments
ks_is 0 "the same again" add parks --names parks.example,www.parks.example
like "$OUT" "parks: unchanged" "is no change"
ks_is 2 "another wish" add parks --names parks.example
like "$OUT" '^  -     names: \["parks.example", "www.parks.example"\]' "shows what is"
like "$OUT" '^  \+     names: \["parks.example"\]' "and what would be"
like "$OUT" "hint: --replace makes it this one" "and how"
ks_is 0 "with --replace" add parks --names parks.example --replace
ks_is 2 "one that a person wrote" add payments --owner x
like "$OUT" "$CONFIG:[0-9]+: certificate 'payments' is in a file that keystay did not write" "is left alone"
like "$OUT" "hint: change by hand: $CONFIG, lines $(grep -n 'name: payments' "$CONFIG" | cut -d: -f1) to $(wc -l <"$CONFIG")" "and the lines are named"
printf 'certificates: []\n' >"$DROPINS/mine.yaml"
ks_is 2 "a file of that name that is somebody's" add mine --names mine.example
like "$OUT" "'$DROPINS/mine.yaml' is there, and keystay did not write it" "is not written over"
is "$(cat "$DROPINS/mine.yaml")" "certificates: []" "it is as it was"
rm "$DROPINS/mine.yaml"
ks_is 2 "names that are none" add x --names a_b.example
like "$OUT" "$DROPINS/x.yaml:4:[0-9]+: 'a_b.example' is no name for a certificate" "are refused with their place"
is "$(test -e "$DROPINS/x.yaml"; echo $?)" 1 "before anything lands"
ks_is 2 "an authority that is not there" add x --names x.example --authority nowhere
ks_is 2 "a path for a name" add ../x --names x.example
ks_is 2 "no names" add x
like "$OUT" "which names\?" "is said"
ks_is 0 "a subject, two keys, files" add two --names two.example --subject "/C=GB/O=A/OU=B" --keys ec-p256,rsa-3072 \
	--install files --path "fullchain=$LAB/two.pem"
is "$(find "$DROPINS" -name 'two.yaml' -exec grep -c 'rsa-3072\|unit: "B"\|fullchain' {} +)" 3 "are written"

# --- PEM files and endpoints
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 20 -subj /CN=old -addext "subjectAltName=DNS:old.example,DNS:older.example" \
	-keyout "$LAB/old.key" -out "$LAB/old.crt" 2>/dev/null
cat "$LAB/old.key" "$LAB/old.crt" >"$LAB/old.pem"
before=$(world)
ks_is 0 "a file with its key is looked at" adopt "$LAB/old.pem" --dry-run
is "$(world)" "$before" "nothing was changed"
ks_is 0 "it is adopted" adopt "$LAB/old.pem" --owner me@example.org --json
is "$(jq -r '.certificates[0] | [.name, .result, .source, .place, (.names | join(","))] | join(" ")' <<<"$OUT")" \
	"old.example new file $LAB/old.pem old.example,older.example" "by its names"
is "$(jq -r '.certificates[0].fingerprint_sha256' <<<"$OUT")" \
	"$(openssl x509 -in "$LAB/old.crt" -noout -fingerprint -sha256 | cut -d= -f2 | tr -d : | tr A-F a-f)" "and its bytes"
is "$(grep -rlF "$(sed -n 2p "$LAB/old.key")" "$LAB/state" | tr '\n' ' ')" "" "its key is nowhere in the state"
ks_is 2 "a file without a certificate" adopt "$LAB/old.key"
like "$OUT" "there is no certificate in it" "is refused"
lab_port OTHER
openssl s_server -accept "127.0.0.1:$OTHER" -cert "$LAB/old.crt" -key "$LAB/old.key" -quiet >/dev/null 2>&1 &
LAB_PIDS+=($!)
lab_wait_port "$OTHER"
ks_is 0 "what an endpoint shows" adopt "127.0.0.1:$OTHER" --sni older.example --name shown --json
is "$(jq -r '.certificates[0] | [.name, .result, .source, .place] | join(" ")' <<<"$OUT")" \
	"shown updated endpoint 127.0.0.1:$OTHER older.example" "is the same certificate, now seen there"
ks_is 0 "what keystay serves itself" adopt "127.0.0.1:$LAB_TLS" --sni payments.example
like "$OUT" "payments: is managed by keystay already" "is not watched"
ks_is 5 "an endpoint where nothing listens" adopt 127.0.0.1:1
ks_is 0 "a watched one is added under its name" add --from-watched shown --authority pebble --policy lab
is "$(sql "SELECT count(*) FROM watched WHERE name = 'shown'") $(kinds added shown)" "0 1" "and is watched no more"

# --- what nginx names
# --- what nginx names
mkdir -p "$LAB/etc/sites" "$LAB/etc/tls"
cat >"$LAB/etc/sites/shop.conf" <<-CONF
	server {
		listen 127.0.0.1:$OTHER ssl;
		listen [::1]:$OTHER ssl;
		server_name shop.example;
		ssl_certificate tls/shop.crt; # beside the main file
		ssl_certificate_key $LAB/old.key;
	}
	server {
		listen 127.0.0.1:$OTHER ssl;
		server_name more.shop.example;
		ssl_certificate "tls/shop.crt";
		ssl_certificate_key $LAB/old.key;
	}
	server {
		listen 127.0.0.1:$OTHER ssl;
		server_name payments.example;
		ssl_certificate $LAB/state/live/payments/fullchain.pem;
		ssl_certificate_key $LAB/state/live/payments/key.pem;
	}
	server {
		listen 127.0.0.1:$OTHER ssl;
		server_name any.example;
		ssl_certificate $LAB/etc/\$ssl_server_name.crt;
		ssl_certificate_key $LAB/old.key;
	}
CONF
cat >"$LAB/etc/nginx.conf" <<-CONF
	env SOFTHSM2_CONF; env OPENSSL_CONF;
	pid $LAB/other.pid;
	events { }
	http { access_log off; include sites/*.conf; }
CONF
openssl req -x509 -key "$LAB/old.key" -days 40 -subj /CN=shop -addext "subjectAltName=DNS:shop.example,DNS:more.shop.example" -out "$LAB/etc/tls/shop.crt" 2>/dev/null
export OPENSSL_CONF=$LAB/server-openssl.cnf
before=$(world)
ks_is 0 "what nginx serves is looked at" adopt --nginx --nginx-conf "$LAB/etc/nginx.conf" --dry-run
is "$(world)" "$before" "nothing was changed"
ks_is 0 "it is adopted" adopt --nginx --nginx-conf "$LAB/etc/nginx.conf" --json
is "$(jq -r '.certificates[] | [.name, .result, .source, .place, .config, (.names | join(","))] | join(" ")' <<<"$OUT")" \
	"shop.example new file $LAB/etc/tls/shop.crt $LAB/etc/sites/shop.conf:5 shop.example,more.shop.example" "one row, with the line that names it"
is "$(sql "SELECT endpoints FROM watched WHERE name = 'shop.example'")" "127.0.0.1:$OTHER [::1]:$OTHER" "and where it is served"
is "$(jq -r '.findings | map(.text) | sort | join("; ")' <<<"$OUT" | sed "s,$LAB,LAB,g")" \
	"left out: 'LAB/etc/\$ssl_server_name.crt' depends on a variable, named at LAB/etc/sites/shop.conf:23; left out: 'LAB/state/live/payments/fullchain.pem' is keystay's own, named at LAB/etc/sites/shop.conf:17" \
	"what is left out is told"
sed 's/events/broken events/' "$LAB/etc/nginx.conf" >"$LAB/etc/broken.conf"
ks_is 1 "a configuration that nginx refuses" adopt --nginx --nginx-conf "$LAB/etc/broken.conf"
like "$OUT" "'nginx' failed with status 1: .*unknown directive \"broken\"" "is told with its words"
unset OPENSSL_CONF
ks_is 1 "an nginx that cannot use the token's keys" adopt --nginx --nginx-conf "$LAB/etc/nginx.conf"
like "$OUT" "hint: 'nginx -T' must work; keys in a token need OPENSSL_CONF set as nginx has it" "is told what it needs"
ks_is 2 "a program that is not there" adopt --nginx --binary "$LAB/nowhere"

# --- remove
lab_nginx_conf payments "$LAB_NAMES" parks "parks.example"
ks_is 0 "parks is issued" issue parks site-9
key=$(key_of parks)
before=$(world)
ks_is 2 "what a person wrote" remove payments --yes
like "$OUT" "hint: take it out by hand: $CONFIG, lines [0-9]+ to [0-9]+" "is not removed"
ks_is 2 "a certificate that is not there" remove nowhere --yes
ks_is 2 "nothing" remove
ks_is 2 "a reason that is none" remove parks --revoke --reason boredom --yes
ks_is 2 "without a yes" remove site-9
like "$OUT" "its keys \(1\) are switched off after 2d and destroyed after 1d more" "it is said what will happen"
ks_is 0 "a dry run of what is served" remove parks --dry-run
like "$OUT" "parks: it is still served at 127.0.0.1:$LAB_TLS \(parks.example\)" "says where"
ks_is 3 "which is not removed" remove parks --yes
like "$OUT" "hint: take it off the server first; with --force" "and it is said what to do"
is "$(world)" "$before" "nothing was changed by all that"
ks_is 0 "with --force it is" remove parks --yes --force
is "$(test -e "$DROPINS/parks.yaml"; echo $?) $(state_of "$key") $(kinds removed parks)" "1 draining 1" "its file is gone, its key drains"
is "$(sql "SELECT live_version FROM certificate WHERE name = 'parks'")" 0 "it is live no more"
is "$(served parks.example)" "$(openssl x509 -in "$LAB/state/live/parks/cert.pem" -noout -fingerprint -sha256)" "and it is served still"
ks_is 0 "once more" remove parks --yes
like "$OUT" "parks: was removed before" "is no change"
ks status --json
is "$(jq '[.certificates[] | select(.name == "parks")] | length' <<<"$OUT")" 0 "status knows it no more"
later parks 3
like "$OUT" "certificate 'parks' was removed, and is still served at 127.0.0.1:$LAB_TLS" "when its time has come it is still served"
is "$(state_of "$key")" draining "so its key stays"
is "$(served parks.example)" "$(openssl x509 -in "$LAB/state/live/parks/cert.pem" -noout -fingerprint -sha256)" "and nothing went down"
lab_nginx_conf payments "$LAB_NAMES"
"$LAB/reload-nginx"
sleep 2
later parks 1
is "$(state_of "$key")" draining "it drains anew from the day when it was seen"
later parks 1
is "$(state_of "$key")" disabled "then it is switched off"
is "$(objects_of "$key") $(test -L "$LAB/state/live/parks"; echo $?)" "2 0" "and is there still, with its files"
later parks 1
is "$(state_of "$key") $(objects_of "$key")" "destroyed 0" "then it is destroyed"
is "$(find "$LAB/state" -name parks | tr '\n' ' ')" "" "and its files are gone"
is "$(kinds files-removed parks)" 1 "which is journaled"
ks_is 0 "remove, now that all is gone" remove parks --yes
like "$OUT" "was removed before" "is no change"

# --keep-key, --revoke
key=$(key_of site-7)
serial=$(openssl x509 -in "$LAB/state/live/site-7/cert.pem" -noout -serial | cut -d= -f2)
ks_is 0 "a key that is to stay" remove site-7 --keep-key --revoke --yes
is "$(state_of "$key")" active "stays active"
is "$(lab_pebble_root "/cert-status-by-serial/${serial,,}" | jq -r '"\(.Status) \(.Reason)"')" "Revoked 5" "its certificate is revoked"
later site-7 300
is "$(state_of "$key") $(objects_of "$key") $(test -L "$LAB/state/live/site-7"; echo $?)" "active 2 0" "a month later it is there"

# Taken out by hand, and added again while its key drains.
key=$(key_of site-9)
rm "$DROPINS/site-9.yaml"
ks_is 0 "one whose file was taken away by hand" remove site-9 --yes
is "$(state_of "$key") $(kinds removed site-9)" "draining 1" "ends as well"
ks_is 0 "it is added again" add site-9 --names site-9.example,www.site-9.example --owner team-0@example.org --policy lab --token web
is "$(state_of "$key") $(sql "SELECT live_version FROM certificate WHERE name = 'site-9'") $(sql "SELECT count(*) FROM removed WHERE certificate = 'site-9'")" \
	"active 1 0" "and lives on with its key"
ks_is 0 "which is known" status site-9 --json
is "$(jq -r '.certificates[0].state' <<<"$OUT")" valid "and valid"
ks_is 0 "removed again" remove site-9 --yes
later site-9 2
is "$(state_of "$key")" disabled "now it is switched off"
ks_is 0 "added again" add site-9 --names site-9.example,www.site-9.example --policy lab --token web
is "$(sql "SELECT live_version FROM certificate WHERE name = 'site-9'") $(test -L "$LAB/state/live/site-9"; echo $?)" "0 1" "what cannot sign is not live"
ks_is 0 "it is issued anew" issue site-9
is "$(readlink "$LAB/state/live/site-9")" "../versions/site-9/0002" "with the next number"
isnt "$(key_of site-9)" "$key" "and another key"

# --- kills: at every change of a file of add and remove, the same command goes on
CALLS=rename,unlink,fsync,fdatasync,pwrite64,write,ftruncate
trace() {
	strace -qq -y -f -o "$LAB/trace" -e trace="$CALLS" "$KEYSTAY" --config "$CONFIG" "$@" >/dev/null 2>&1 </dev/null
	awk -F'(' '!/keystay-lab[^>]*\/tokens\// { sub(/^[0-9]+ /, "", $1); print $1, ++n[$1] }' "$LAB/trace"
}
spread() {
	awk -v want="$1" '{ line[NR] = $0 } END { for (i = 1; i <= NR; i++) if (int(i * want / NR) != int((i - 1) * want / NR)) print line[i] }'
}
printf 'name,names,authority,policy,token\nkilled,killed.example,pebble,lab,web\n' >"$LAB/killed.csv"
ks adopt "$LAB/killed.csv"
trace add --from-watched killed | spread 10 >"$LAB/points"
killed=0 lost=0 wrong=0
while read -r call n; do
	rm -f "$DROPINS/killed.yaml"
	sql "DELETE FROM watched WHERE name = 'killed'" >/dev/null
	ks adopt "$LAB/killed.csv"
	( strace -qq -f -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$n" "$KEYSTAY" --config "$CONFIG" add --from-watched killed >/dev/null 2>&1 </dev/null; exit $? ) 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
	[ -e "$DROPINS/killed.yaml" ] || [ "$(sql "SELECT count(*) FROM watched WHERE name = 'killed'")" = 1 ] || { lost=$((lost + 1)); note "lost at $call $n"; }
	ks add --from-watched killed
	if [ "$STATUS" != 0 ] || [ ! -e "$DROPINS/killed.yaml" ] || [ "$(sql "SELECT count(*) FROM watched WHERE name = 'killed'")" != 0 ]; then
		wrong=$((wrong + 1))
		note "after add killed at $call $n:" "$OUT"
	fi
done <"$LAB/points"
tap "$([ "$killed" -ge 6 ]; echo $?)" "$killed kills of add at $(wc -l <"$LAB/points") points"
is "$lost $wrong" "0 0" "nothing was lost, and the same command completed each time"

ks_is 0 "one to be removed" issue killed
ks add killed --names killed.example
cp "$DROPINS/killed.yaml" "$LAB/killed.yaml"
trace remove killed --yes | spread 14 >"$LAB/points"
killed=0 wrong=0 half=0
while read -r call n; do
	cp "$LAB/killed.yaml" "$DROPINS/killed.yaml"
	ks check >/dev/null
	ks add killed --names killed.example
	[ "$(sql "SELECT live_version > 0 FROM certificate WHERE name = 'killed'")" = 1 ] || note "not back before $call $n"
	( strace -qq -f -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$n" "$KEYSTAY" --config "$CONFIG" remove killed --yes >/dev/null 2>&1 </dev/null; exit $? ) 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
	# The file is there and the key is active, or the file is gone and a row says how it ends.
	if [ ! -e "$DROPINS/killed.yaml" ] && [ "$(sql "SELECT count(*) FROM removed WHERE certificate = 'killed'")" != 1 ]; then
		half=$((half + 1))
		note "half removed at $call $n"
	fi
	ks remove killed --yes
	if [ "$STATUS" != 0 ] || [ -e "$DROPINS/killed.yaml" ] || [ "$(state_of "$(key_of killed)")" != draining ] ||
		[ "$(sql "SELECT live_version FROM certificate WHERE name = 'killed'")" != 0 ]; then
		wrong=$((wrong + 1))
		note "after remove killed at $call $n:" "$OUT"
	fi
done <"$LAB/points"
tap "$([ "$killed" -ge 9 ]; echo $?)" "$killed kills of remove at $(wc -l <"$LAB/points") points"
is "$half $wrong" "0 0" "never half removed, and the same command completed each time"

# --- the state is another user's, the configuration is root's
mkdir "$LAB/site" && install -d -m 711 -o daemon -g daemon "$LAB/site/state"
sed "s,^state:.*,state: $LAB/site/state,; /^certificates:/,\$d" "$CONFIG" >"$LAB/site/keystay.yaml"
chmod 600 "$LAB/old.pem"
CONFIG=$LAB/site/keystay.yaml
ks_is 0 "a file that only root may read is adopted" adopt "$LAB/old.pem"
ks_is 0 "and added" add --from-watched old.example --authority pebble --policy lab --token web --webroot "$LAB/webroot"
is "$(stat -c '%U %a' "$LAB/site/certificates.d/old.example.yaml")" "root 644" "its file is root's"
DB=$LAB/site/state/keystay.db
is "$(sql "SELECT (SELECT count(*) FROM watched) || ' ' || (SELECT count(*) FROM journal WHERE kind = 'added')")" "0 1" "and the database knows"
sql "INSERT INTO certificate (name, last_version) VALUES ('old.example', 1)" >/dev/null
chown -R daemon: "$LAB/site/state"
ks_is 0 "and removed" remove old.example --yes
is "$(find "$LAB/site/certificates.d" -type f | wc -l) $(sql "SELECT count(*) FROM removed")" "0 1" "the file is gone, and the database knows"
is "$(find "$LAB/site/state" ! -user daemon | tr '\n' ' ')" "" "all of the state is that user's"
setpriv --reuid daemon --regid daemon --clear-groups "$KEYSTAY" --config "$CONFIG" add x --names x.example --authority pebble --policy lab --token web \
	--webroot "$LAB/webroot" >"$LAB/said" 2>&1
is $? 1 "who may not write the configuration"
like "$(cat "$LAB/said")" "hint: run keystay as the user that owns the configuration \(root\)" "is told who may"
done_testing
