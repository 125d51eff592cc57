#!/usr/bin/env bash
# The picture to keep in mind: a council with 72 certificates of three authorities and six owners.
# shellcheck disable=SC2317 # estate_each calls what it is given
. "$(dirname "$0")/tap.sh"
. "$ROOT/scripts/lab-est.sh" # make e2e builds its server: lab_libest
. "$(dirname "$0")/estate.sh"

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
# For the rows of authorities that keystay asks by itself, or of the others.
automatic() { [ "$6" = portal ] || "$1" "${@:2}"; }
by_hand() { [ "$6" != portal ] || "$1" "${@:2}"; }

# --- what is there: certificates that people made, in an nginx
estate_begin
TOOK=$(date +%s%N)
estate_old
tap $? "72 certificates of before"
took "72 old certificates are made"
estate_each automatic estate_enter
estate_nginx www
tap $? "nginx has them all"
estate_each shows_old
is "$BAD" 0 "each is shown by its name"
took "72 handshakes with keys in files"

# --- all that need no person
ks_is 0 "check" check
took "check"
ks_is 0 "issue --all" issue --all
is "$(grep -c ': done$' <<<"$OUT")" 60 "60 certificates"
took "issue --all, 60 certificates"
estate_each automatic estate_site_live
"$LAB/reload-nginx"
BAD=0
estate_each automatic shows_live
is "$BAD" 0 "each of the 60 is shown by its name"
estate_each by_hand shows_old
is "$BAD" 0 "and the 12 of before"
took "nginx took 60 keys in the token; 72 handshakes"

# --- from now on keystay looks after nginx, too
estate_each automatic estate_install
# One owner's: each test and reload of nginx opens all 60 keys, which takes it a second.
mapfile -t libraries < <(estate_rows | awk -F'|' '$4 ~ /^library/ && $5 != "portal" { print $1 }')
ks_is 0 "renew the libraries', with nginx as the target" renew "${libraries[@]}" --force --key new
is "$(grep -c ': done$' <<<"$OUT")" 7 "7 certificates again, each proven by handshakes"
took "renew of 7, each tested, reloaded and served"
BAD=0
estate_each automatic shows_live
is "$BAD" 0 "each is shown by its name"

is "$(token_ids web web)" "$(known_ids web)" "keys in the token are the keys in the database"
is "$("$KEYSTAY" --config "$CONFIG" status --json | jq -r '[.certificates[].state] | unique | join(" ")')" valid "all are valid"
is "$(grep -c 'exited on signal' "$LAB/log/nginx.error")" 0 "no worker of nginx died"
done_testing
