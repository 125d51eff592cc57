#!/usr/bin/env bash
# The picture to keep in mind: a council with 72 certificates of three authorities and six owners. It
# does what docs/ESTATE.md says.
# shellcheck disable=SC2317 # estate_each calls what it is given
. "$(dirname "$0")/tap.sh"
. "$ROOT/scripts/lab-portal.sh"
. "$ROOT/scripts/lab-est.sh" # make e2e builds its server: lab_libest
. "$(dirname "$0")/estate.sh"
. "$(dirname "$0")/terminal.sh"

# --- the list
is "$("$ROOT/tests/estate/make-72" | sha256sum)" "$(sha256sum <"$ESTATE")" "tests/estate/72.csv is what make-72 writes"
column() { estate_rows | cut -d'|' -f"$1"; }
names_of() { column 2 | awk -v least="$1" -v most="$2" 'NF >= least && NF <= most' | wc -l; }
is "$(estate_rows | wc -l) = $(names_of 1 1) + $(names_of 2 10) + $(names_of 11 25)" "72 = 40 + 20 + 12" "certificates: single, SAN, UC"
is "$(column 4 | sort -u | wc -l) $(column 5 | sort -u | paste -sd' ')" "6 internal portal public" "six owners, three authorities"
is "$(column 1 | sort | uniq -d)$(column 2 | tr ' ' '\n' | sort | uniq -d)" "" "no name stands twice"
is "$(column 9 | sort | sed -n '1p;$p' | paste -sd' ')" "2026-12-02 2028-01-05" "they end within 400 days"
unlike "$(column 2 | tr ' ' '\n' | grep -v '\(^\|\.\)northbridge\.example$')" . "all are of one domain"

# took TEXT: how long it was since the last one
took() {
	local now
	now=$(date +%s%N)
	note "$1: $(((now - TOOK) / 1000000)) ms"
	TOOK=$now
}
# A handshake with the first name of a row; what is shown must be what is in a file, at the latest
# two seconds after a reload, for which nginx does not wait.
BAD=0
shows() {
	local wanted
	wanted=$(openssl x509 -noout -fingerprint -sha256 -in "$2")
	for _ in $(seq 20); do
		[ "$(served "${3%% *}")" = "${wanted:-no file}" ] && return 0
		sleep 0.1
	done
	BAD=$((BAD + 1))
	note "$1: something else than '$2' is shown"
}
shows_old() { shows "$1" "$LAB/old/$1.pem" "$2"; }
shows_live() { shows "$1" "$LAB/state/live/$1/cert.pem" "$2"; }
shows_rest() { [ "$1" = jobs ] || shows_live "$@"; }
# For the rows of authorities that keystay asks by itself, or of the others.
automatic() { [ "$6" = portal ] || "$1" "${@:2}"; }
by_hand() { [ "$6" != portal ] || "$1" "${@:2}"; }
# said REGEX: how many lines have it
said() { grep -cE -- "$1" <<<"$OUT"; }
# What `status --json` says of all, by a filter of jq.
all_of() { "$KEYSTAY" --config "$CONFIG" status --json | jq -r "[.certificates[] | $1] | $2"; }
sql() { "$BIN/tools/db-run" "$LAB/state/keystay.db" "$1"; }
dropins() { find "$LAB/certificates.d" -name '*.yaml' | wc -l; }

# --- what is there: certificates that people made
estate_begin
lab_portal || exit 2
# All that is asked of keystay is written down.
printf '#!/bin/sh\nprintf "%%s\\n" "$*" >>%s/log/ran\nexec %s "$@"\n' "$LAB" "$KEYSTAY" >"$LAB/keystay"
chmod 755 "$LAB/keystay"
KEYSTAY=$LAB/keystay
TOOK=$(date +%s%N) BEGUN=$(date +%s)
estate_old
tap $? "72 certificates of before"
took "72 old certificates are made"

# --- adopted: watched, and nothing else
estate_list "$LAB/estate.csv"
ks_is 0 "adopt, tried" adopt "$LAB/estate.csv" --dry-run
is "$(all_of .name length)" 0 "changes nothing"
ks_is 0 "adopt" adopt "$LAB/estate.csv"
took "adopt, tried and done"
is "$(all_of 'select(.state == "watched" and (.managed | not)) | .name' length)" 72 "72 are watched"
is "$(all_of .owner 'unique | length') $(all_of .authority 'unique | join(" ")')" "6 internal portal public" "with their owners and authorities"
is "$(all_of '.days_left | select(. >= -1 and . <= 400)' length)" 72 "and days left"
ks_is 0 "adopt again" adopt "$LAB/estate.csv"
is "$(said ': unchanged')" 72 "all are unchanged"
ks_is 0 "status" status
like "$OUT" '^72 certificates: 72 watched' "says so"
ks_is 0 "status of what ends soon" status --expiring 30d --sort expiry
is "$(sed -n '2s/ .*//p' <<<"$OUT")" "$(estate_rows | sort -t'|' -k9,9 -k1,1 | sed -n '1s/|.*//p')" "begins with what is over first"
ks_is 0 "status of one owner" status --owner library
is "$(said ' watched: add it$')" "$(column 4 | grep -c library)" "has what is theirs"
is "$(dropins)" 0 "nothing is configured"
took "adopt again, and looking"

# --- added: a file of certificates.d/ for each
ks_is 0 "add, tried" add --from-watched --all --authority public --webroot "$LAB/webroot" --dry-run
is "$(said 'would be added') $(dropins)" "37 0" "shows 37 files, and changes nothing"
ks_is 0 "add those of public" add --from-watched --all --authority public --webroot "$LAB/webroot"
is "$(said ': added')" 37 "37"
ks_is 0 "of internal" add --from-watched --all --authority internal
is "$(said ': added')" 23 "23"
ks_is 0 "of portal" add --from-watched --all --authority portal
is "$(said ': added') $(dropins)" "12 72" "12, that is 72"
mapfile -t public < <(estate_rows | awk -F'|' '$5 == "public" { print $1 }')
ks_is 0 "add again" add --from-watched "${public[@]}" --webroot "$LAB/webroot"
is "$(said ': unchanged')" 37 "is unchanged"
is "$(all_of 'select(.managed and .state == "missing") | .name' length)" 72 "72 are configured and not there yet, none is watched any more"
ks_is 0 "adopt of what is managed" adopt "$LAB/estate.csv"
like "$OUT" "^72 certificates: 0 new, 0 updated, 0 unchanged, 72 managed already$" "is nothing"
ks_is 0 "check" check
took "add, and check"

estate_nginx www
tap $? "nginx has them all"
estate_each shows_old
is "$BAD" 0 "each of before is shown by its name"
took "72 handshakes with keys in files"

# --- all that need no person
ks_is 7 "issue --all: some wait for people" issue --all
is "$(said ': done$') $(said ': waiting$')" "60 12" "60 certificates, 12 requests"
took "issue --all, 60 certificates and 12 requests"

# --- the others: to the portal, and back in what it offers
to_portal() { "$KEYSTAY" --config "$CONFIG" csr "$1" --out "$LAB/portal/$1.csr" >/dev/null; }
FORMS=(p7b full p7b-der reversed text pem)
declare -A ANSWER
at_portal() {
	local form=${FORMS[0]}
	FORMS=("${FORMS[@]:1}" "$form")
	ANSWER[$1]=$LAB/portal/$1.$form
	portal_issue "$LAB/portal/$1.csr" "$LAB/portal/$1.leaf" 90 && portal_bundle "$form" "$LAB/portal/$1.leaf" "${ANSWER[$1]}"
}
# What comes without its issuer gets it from the second file.
from_portal() {
	ks import "$1" "${ANSWER[$1]}" "$LAB/portal/issuing.pem"
	[ "$STATUS" = 0 ] || note "import $1: $STATUS $OUT"
	[ "$STATUS" = 0 ] && [ "$(live_fingerprint "$1")" = "$(openssl x509 -noout -fingerprint -sha256 -in "$LAB/portal/$1.leaf")" ]
}
ks_is 0 "who waits" status --state waiting
is "$(said '^uc-.* import answer$')" 12 "the 12 do"
estate_each by_hand to_portal
tap $? "12 requests are taken to the portal"
took "12 times csr"
estate_each by_hand at_portal
tap $? "it answers them"
took "12 times the portal"
estate_each by_hand from_portal
tap $? "12 answers are brought back, and each is live"
took "12 times import"
is "$(all_of .state 'unique | join(" ")') $(all_of .name length)" "valid 72" "all 72 are valid"
ks_is 0 "forecast" forecast
like "$OUT" "^authority 'portal' is asked by people: [1-9][0-9]+ visits at its portal" "says how often people go to the portal"
ks_is 0 "status by week" status --calendar

# --- shown by nginx
estate_each estate_site_live
"$LAB/reload-nginx"
BAD=0
estate_each shows_live
is "$BAD" 0 "each of the 72 is shown by its name"
took "nginx took 72 keys in the token; 72 handshakes"

# --- from now on keystay looks after nginx, too
estate_each automatic estate_install
# One owner's: each test and reload of nginx opens all 72 keys, which takes it a second.
mapfile -t libraries < <(estate_rows | awk -F'|' '$4 ~ /^library/ && $5 != "portal" { print $1 }')
ks_is 0 "renew the libraries', with nginx as the target" renew "${libraries[@]}" --force --key new
is "$(said ': done$')" 7 "7 certificates again, each proven by handshakes"
took "renew of 7, each tested, reloaded and served"

# --- one goes
jobs=$(live_fingerprint jobs)
rm "$LAB/sites/jobs.conf"
"$LAB/reload-nginx"
for _ in $(seq 50); do
	[ "$(served jobs.northbridge.example)" = "$jobs" ] || break
	sleep 0.1
done
ks_is 0 "remove one, tried" remove jobs --dry-run
ks_is 0 "remove one" remove jobs --yes
is "$(sql "SELECT state FROM key WHERE owner = 'jobs' AND purpose = 'certificate'") $(dropins)" "draining 71" "its key drains, its file is gone"
is "$(all_of .name length) $(all_of 'select(.name == "jobs") | .name' length)" "71 0" "71 are left"
took "remove"

# --- one comes: nginx showed it, and no list had it
WIKI="wiki.northbridge.example www.wiki.northbridge.example"
estate_old_one wiki "$WIKI" "" "" "" "" "" ec-p256 2027-03-01
estate_site_old wiki "$WIKI"
"$LAB/reload-nginx"
shows_old wiki "$WIKI"
ks_is 0 "adopt where it is shown" adopt "127.0.0.1:$LAB_TLS" --sni wiki.northbridge.example --name wiki \
	--owner infrastructure-team@northbridge.example
like "$OUT" '^wiki: new, 2 names' "it is watched"
ks_is 0 "add" add --from-watched wiki --like libraries
estate_site_live wiki "$WIKI"
ks_is 0 "issue" issue wiki
is "$(served www.wiki.northbridge.example)" "$(live_fingerprint wiki)" "it is shown"
took "adopt, add and issue of one more"

# --- all of it
BAD=0
estate_each shows_rest
is "$BAD" 0 "each of the others is shown by its name"
is "$(token_ids web web)" "$(known_ids web)" "keys in the token are the keys in the database"
is "$(all_of .state 'unique | join(" ")')" valid "all are valid"
is "$(all_of .authority 'group_by(.) | map("\(.[0]) \(length)") | join(", ")')" "internal 23, portal 12, public 37" "72 of three authorities"
is "$(all_of .owner 'unique | length')" 6 "and six owners"
is "$(grep -c 'exited on signal' "$LAB/log/nginx.error")" 0 "no worker of nginx died"
ks_is 0 "status as a list" status --csv
printf '%s\n' "$OUT" >"$LAB/status.csv"
ks_is 0 "which adopt reads" adopt "$LAB/status.csv"
like "$OUT" " 72 managed already$" "and knows"
took "all of it is looked at"

# --- and what people see. The day of a renewal is dealt by chance; ages and signatures count on.
plain() {
	sed -E -e 's/renew in [0-9]+ d$/renew in NN d/' -e 's/ [ 0-9][0-9] min/  N min/' -e 's,[ 0-9][ 0-9][0-9]/50M,  N/50M,' \
		-e 's/next: [a-z-]+ in [0-9]+ days$/next: NAME in NN days/'
}
terminal_begin 80 90
says 'keystay status --sort name'
golden status-80.txt "$(plain <<<"$SAID")" "status on a terminal of 80 columns"
tm resize-window -x 200 -y 90
says 'keystay status --sort name'
golden status-200.txt "$(plain <<<"$SAID")" "and of 200"
DOC=$ROOT/docs/ESTATE.md
is "$(sed -n '/^```text$/,/^```$/{/^```/!p}' "$DOC" | plain)" "$(cat "$GOLDEN/status-200.txt")" "docs/ESTATE.md shows it"
sed -e "s,^--config $CONFIG,keystay," -e "s,$LAB/webroot,/var/www/html,; s,$LAB/portal/,,g; s,$LAB/,,g; s,127.0.0.1:$LAB_TLS,192.0.2.10:443,g" \
	"$LAB/log/ran" | sort -u >"$LAB/ran"
sed -n '/^```sh$/,/^```$/{/^```/!p}' "$DOC" | sort -u >"$LAB/told"
is "$(wc -l <"$LAB/told") $(comm -23 "$LAB/told" "$LAB/ran")" "23 " "and each of its 23 commands was run"
note "all: $(($(date +%s) - BEGUN)) s"
done_testing
