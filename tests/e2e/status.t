#!/usr/bin/env bash
# The estate at a glance: the table, its filters and order, CSV, the calendar, JSON, colours on a
# terminal, and the story of one certificate.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
export PEBBLE_WFE_NONCEREJECT=0
lab_usual
mkdir -p "$LAB/certificates.d"
cat >"$LAB/certificates.d/more.yaml" <<-YAML
	authorities:
	  - {name: nowhere, protocol: acme, url: "https://127.0.0.1:1/dir", agree_terms: true, trust: $LAB_TRUST, account_key: {token: agent}}
	certificates:
	  - {name: shop, names: [shop.example, www.shop.example], owner: Büro für Zertifikate, token: web, authority: pebble, policy: lab,
	     challenge: {type: http-01, webroot: $LAB/webroot}}
	  - {name: broken, names: [broken.example], owner: web-team@example.org, token: web, authority: nowhere, policy: lab,
	     challenge: {type: http-01, webroot: $LAB/webroot}}
YAML
NOW=$(date +%s)
DAY=86400

lines() { printf '%s\n' "$OUT" | wc -l; }
line() { printf '%s\n' "$OUT" | sed -n "$1p"; }
widest() { printf '%s\n' "$OUT" | sed '$d' | sed $'s/\033\\[[0-9]*m//g' | LC_ALL=C.UTF-8 wc -L; }
names() { printf '%s\n' "$OUT" | sed '1d;$d' | awk '{ print $1 }' | paste -sd' '; }
state() { jq -r ".certificates[] | select(.name == \"$1\") | .state" <<<"$OUT"; }

# --- before anything is there
ks_is 0 "before anything" status
is "$(names)" "broken payments shop" "all that is configured is there, by name"
like "$(line 2)" '^broken +broken\.example +web-team@example\.org +nowhere .* missing .* issue$' "and is to be obtained"
is "$(line 5)" "3 certificates: 3 missing" "the last line counts"

ks_is 0 "two are obtained" issue payments shop
ks_is 5 "one fails" issue broken
"$BIN/tools/db-run" "$LAB/state/keystay.db" "INSERT INTO watched VALUES ('old', 'old.example www.old.example', 'endpoint', '192.0.2.7:443', '/etc/nginx/old.conf:12', 'CN=old.example', 'Büro', 'old CA', '', '', 'rsa-2048', '192.0.2.7:443', 'ask Jo, then call', 'CN=Old CA', '01ab', 'ff', $((NOW - 300 * DAY)), $((NOW + 20 * DAY + 100)), $NOW, $NOW, '')"

# --- the table
ks_is 0 "the table" status
is "$(names)" "broken old payments shop" "what failed is first, then what ends first"
is "$(lines)" 6 "a line for each certificate"
like "$(line 1)" '^NAME +NAMES +OWNER +AUTHORITY .*LEFT +KEY AGE .*NEXT$' "heads"
like "$(line 2)" '^broken +broken\.example +web-team@example\.org +nowhere .* - .*mend: no answer from ' "the one that failed says what is wrong"
like "$(line 3)" '^old +old\.example \+1 +Büro +old CA .* 20 d .* watched: add it$' "a watched one is among them"
like "$(line 4)" '^payments +payments\.example \+2 +- +pebble .* 89 d +0 min .* renew in [0-9]+ d$' "a valid one: names, authority, days, age of the key, what is next"
like "$(line 6)" '^4 certificates: 2 valid, 1 failed, 1 watched; next: (payments|shop) in [0-9]+ days$' "the last line counts, and says what is next"
[ "$(widest)" -le 132 ]
tap $? "no line is wider than 132 in a pipe"
unlike "$OUT" $'\033' "no colour in a pipe"
ks status --wide
like "$OUT" '^NAME .* TOKEN +KEY +STATE +UNTIL .* NEXT$' "--wide has every column"
like "$OUT" '^payments +payments\.example www\.payments\.example api\.payments\.example ' "and every name"
unlike "$OUT" '…' "nothing is cut"
ks_is 0 "--quiet" --quiet status
is "$OUT" "" "says nothing"

# --- picked, and in another order
ks status --owner BÜRO
is "$(names)" "old shop" "a part of the owner, in any case"
ks status --owner zertifikate
is "$(names)" "shop" "and of another"
is "$(line 3 | cut -d: -f1)" "1 of 4 certificates" "of how many"
ks status --authority pebble,nowhere --sort name --reverse
is "$(names)" "shop payments broken" "of these authorities, in the opposite order of names"
ks status --expiring 30d
is "$(names)" "old" "what ends within 30 days"
ks status --state failed,watched --sort expiry
is "$(names)" "old broken" "in one of two states, what ends first"
ks status --policy lab --state valid --owner zert --expiring 1000d
is "$(names)" "shop" "all filters together"
ks_is 0 "none is like that" status --state expired
is "$OUT" "none of 4 certificates is like that" "is said"
ks status shop old
is "$(names)" "old shop" "several names: a table of these"
ks status shop --wide
is "$(names)" "shop" "a name and an option: a table, too"
for bad in "--state good" "--state" "--sort size" "--expiring soon" "--weeks 0" "--weeks 521" "--owner" "--csv --json" "--csv --calendar" "--colour" "nix" "shop nix"; do
	# shellcheck disable=SC2086
	ks_is 2 "refused: status $bad" status $bad
done
like "$OUT" "there is no certificate 'nix' in" "and says what is wrong"

# --- for programs
ks_is 0 "--json" status --json
is "$(jq -r '[.certificates[].name] | join(" ")' <<<"$OUT")" "payments shop broken old" "in the order of the configuration, watched ones behind"
is "$(for n in payments shop broken old; do state "$n"; done | paste -sd' ')" "valid valid failed watched" "their states"
is "$(jq -r '.certificates[0] | [.managed, .days_left, .key_age_days, .keys[0].key_age_days, .keys[0].authority, .token] | map(tostring) | join(" ")' <<<"$OUT")" \
	"true 89 0 0 pebble web" "days left, age and origin of the key"
is "$(jq -c '.certificates[3] | [.managed, .source, .place, .config, .endpoints, .issuer, .days_left, .keys, .attempt, .problem]' <<<"$OUT")" \
	'[false,"endpoint","192.0.2.7:443","/etc/nginx/old.conf:12",["192.0.2.7:443"],"CN=Old CA",20,[],null,null]' "what is known of the watched one"
ks status --json --owner zertifikate --state valid
is "$(jq -r '[.certificates[].name] | join(" ")' <<<"$OUT")" shop "filters hold there, too"
ks status --json --sort state
is "$(jq -r '[.certificates[].name] | join(" ")' <<<"$OUT")" "broken old payments shop" "and an order that is asked for"
ks_is 0 "--csv" status --csv
is "$(line 1 | cut -d, -f1-11)" "name,names,subject,owner,authority,policy,token,key_type,not_after,endpoints,notes" "begins with the columns of an estate's list"
is "$(lines)" 5 "a line for each certificate"
like "$(line 2)" "^payments,payments\.example www\.payments\.example api\.payments\.example,.*,pebble,lab,web,ec-p256,20..-..-..T..:..:..Z,127\.0\.0\.1:$LAB_TLS,.*,yes,valid,89," "one of them"
like "$(line 5)" '^old,old\.example www\.old\.example,CN=old\.example,Büro,old CA,.*,rsa-2048,.*,192\.0\.2\.7:443,"ask Jo, then call",no,watched,20,' "a comma is quoted"
is "$(printf '%s' "$OUT" | grep -c $'\r$')" 5 "lines end with CR LF"

# --- by week
ks_is 0 "--calendar" status --calendar --weeks 520
is "$(line 1)" "MONDAY      WEEK  RENEW   END  NAMES" "heads"
week=$(date -u -d "@$((NOW + 20 * DAY + 100))" +%V)
monday=$(date -u -d "@$((NOW + 20 * DAY + 100 - DAY * ($(date -u -d "@$((NOW + 20 * DAY + 100))" +%u) - 1)))" +%F)
like "$OUT" "^$monday  W$week       0     1  end: old$" "the week in which the watched one ends"
like "$OUT" '^20..-..-..  W[0-9]+  +2  +0  .*shop' "the week in which two are renewed"
like "$OUT" '^[0-9]+ quiet weeks?$' "weeks without anything are counted"
like "$OUT" '^not there yet: 1$' "and what is not there yet"
ks status --calendar --json --weeks 520
is "$(jq -r '[.weeks[].renewals[]] | sort | join(" ")' <<<"$OUT")" "payments shop" "as JSON: renewals"
is "$(jq -r "[.weeks[] | select(.monday == \"$monday\") | .expiries[]] | join(\" \")" <<<"$OUT")" old "and ends"

# --- on a terminal: on_terminal COLUMNS WORDS...
on_terminal() {
	local width=$1
	shift
	OUT=$(script -qec "stty cols $width; $KEYSTAY --config $CONFIG $*" /dev/null </dev/null | tr -d '\r')
}
export TERM=xterm
unset NO_COLOR
on_terminal 80 status
like "$(line 2)" $'^\033\\[31mbroken .*\033\\[0m$' "on a terminal what failed is red"
like "$(line 3)" $'^\033\\[33mold .*\033\\[0m$' "what is soon over yellow"
like "$(line 4)" '^payments ' "what is valid has no colour"
is "$(widest)" 80 "no line is wider than the terminal, and one is as wide"
like "$(line 2)" '…' "what is too long is cut"
unlike "$(line 1)" 'POLICY' "what has no room is left out"
for width in 60 200; do
	on_terminal $width status
	is "$(widest)" $width "nor in $width columns"
done
like "$(line 1)" 'AUTHORITY +POLICY +STATE +LEFT +KEY AGE +KEY USE +NEXT' "there all is shown"
export NO_COLOR=1
on_terminal 80 status
unlike "$OUT" $'\033' "NO_COLOR is honoured"
export NO_COLOR=
on_terminal 80 status
like "$OUT" $'\033' "unless it is empty"
unset NO_COLOR
TERM=dumb on_terminal 80 status
unlike "$OUT" $'\033' "a dumb terminal has none"
for form in --csv --json --calendar "shop"; do
	on_terminal 80 status $form
	unlike "$OUT" $'\033' "nor has status $form"
done

# --- the story of one
ks_is 0 "the story of one that is served" status payments
like "$OUT" '^payments is valid until 20..-..-.., 89 days from now\.$' "until when"
like "$OUT" '^  payments\.example, www\.payments\.example, api\.payments\.example$' "for which names"
like "$OUT" "^Version 1 is live since .*, by policy 'lab'; it came from authority 'pebble', issued by .*Pebble" "from whom"
like "$OUT" "^Its ec-p256 key in token 'web' was made on .* ago, and is active\.$" "with which key"
like "$OUT" '^  its key: [0-9]+ signatures' "and how used that is"
like "$OUT" "^  at 127\.0\.0\.1:$LAB_TLS: proven at 20..-..-..T..:..:..Z, by [0-9]+ handshakes?$" "where it was proven"
like "$OUT" '^Next: it is renewed at 20..-..-..T..:..:..Z, [0-9]+ days from now \(.+\)\.$' "what is next, and why"
like "$OUT" '^  20..-..-..T..:..:..Z  issued ' "what happened last"
unlike "$OUT" 'wrong' "nothing is wrong"
ks status shop
like "$OUT" '^Its owner is Büro für Zertifikate\.$' "whose it is"
like "$OUT" "^No server is told of it: it is for whoever reads 'live/shop'\.$" "that no server is told"
ks status broken
like "$OUT" '^broken is not there yet; getting it fails\.$' "one that failed"
like "$OUT" 'What is wrong: it failed 1 time, and goes on at step [a-z]+: .*nowhere' "how often, where and why"
like "$OUT" '^  next try: 20..-..-..T..:..:..Z$' "when it is tried again"
ks status old
like "$OUT" '^old is valid until .*, 20 days from now; it is watched, not managed\.$' "one that is watched"
like "$OUT" "^It was found at '192\.0\.2\.7:443'" "where it was seen"
like "$OUT" "^'/etc/nginx/old\.conf:12' names it\.$" "what names it"
like "$OUT" "keystay add --from-watched old" "and how to have it managed"

# --- what is wrong with one that was valid
rm -r "$LAB/state/versions/shop/0001"
ks status --wide
like "$OUT" '^shop .* mend: the files of version 1 are gone$' "lost files are in the table"
ks status shop
like "$OUT" "^What is wrong: the files of version 1 are gone; 'keystay renew --due' rebuilds" "and in the story"

# --- weeks from now; the sanitizer's library, if the program has it, must come first
MOVED="$(ldd "$KEYSTAY" | awk '/libasan/ { print $3 }') $BIN/doubles/clock.so"
later() {
	echo $(($1 * DAY)) >"$LAB/clock"
	shift
	OUT=$(LD_PRELOAD=$MOVED KEYSTAY_TEST_CLOCK=$LAB/clock "$KEYSTAY" --config "$CONFIG" status "$@")
}
later 75
like "$OUT" '^payments .* 14 d .* renews now$' "75 days later it is due"
is "$(names)" "old shop broken payments" "what is expired is first, then what is lost or failed, then what is due"
like "$OUT" '^old .* -54 d ' "below 0 where it is over"
later 75 --expiring 20d --sort name
is "$(names)" "old payments shop" "those that end soon, or are over"
later 75 payments
like "$OUT" '^payments is valid until .*, 14 days from now; it is due now\.$' "the story says that it is due"
later 100 payments
like "$OUT" '^payments is expired since .*, 10 days ago\.$' "or expired"
later 100 --csv
like "$OUT" '^payments,.*,yes,expired,-11,' "as CSV: -11 days, a number"
done_testing
