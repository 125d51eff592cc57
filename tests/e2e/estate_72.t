#!/usr/bin/env bash
# The picture to keep in mind: a council with 72 certificates of three authorities and six owners.
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

# took TEXT: what it took since the last one
took() {
	local at
	at=$(date +%s%N)
	note "$1: $(((at - TOOK) / 1000000)) ms"
	TOOK=$at
}
shown() { served "${2%% *}" >"$LAB/shown/$1"; }
same_as() { [ "$(cat "$LAB/shown/$1")" = "$(openssl x509 -noout -fingerprint -sha256 -in "$LAB/$2/$1${3:-}")" ]; }
old_shown() { same_as "$1" old .pem || note "$1: something else than the old certificate is shown"; }

estate_begin
mkdir "$LAB/shown"
TOOK=$(date +%s%N)
estate_old
tap $? "72 certificates of before"
took "made"
done_testing
