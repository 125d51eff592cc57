#!/usr/bin/env bash
# What every command has: --help with an example, a man page with its options, two lines for an
# error, --quiet, and no question where nobody can answer.
. "$(dirname "$0")/tap.sh"
lab_begin
lab_config
lab_certificate shop shop.example ""

# --- help, and man pages that say the same
commands=$("$KEYSTAY" --help | sed -n '/^options/,$d; s/^  \([a-z][a-z-]*\) .*/\1/p')
tap "$([ "$(wc -w <<<"$commands")" -ge 15 ]; echo $?)" "--help lists the commands"
for c in $commands; do
	help=$("$KEYSTAY" "$c" --help)
	page=$ROOT/docs/keystay-$c.8
	like "$help" "^usage: keystay $c" "$c: --help"
	is "$("$KEYSTAY" help "$c")" "$help" "$c: help $c is the same"
	is "$(awk 'length > 100' <<<"$help")" "" "$c: its lines are not too long"
	like "$help" "^see also: keystay-$c\(8\)$" "$c: names its man page"
	if [ ! -e "$page" ]; then
		tap 1 "$c: has a man page"
		continue
	fi
	lost=
	options=$(sed -n '/^options:/,/^$/s/^  --\([a-z-]*\).*/\1/p' <<<"$help")
	for option in $options; do
		grep -qE -- "^\.It .*Fl -$option( |$)" "$page" || lost="$lost --$option"
	done
	is "$lost" "" "$c: its man page has each option"
	lost=
	verbs=$(sed -n '/^actions:/,/^$/s/^  \([a-z]*\).*/\1/p' <<<"$help")
	for verb in $verbs; do
		grep -qE "^\.(It )?Cm $verb( |$)" "$page" || lost="$lost $verb"
	done
	is "$lost" "" "$c: and each action"
	lost=
	for section in NAME SYNOPSIS DESCRIPTION OPTIONS FILES "EXIT STATUS" EXAMPLES "SEE ALSO"; do
		grep -qx ".Sh $section" "$page" || lost="$lost $section"
	done
	is "$lost" "" "$c: and each section"
	grep -qE "^\.Xr keystay-$c 8|^\.It (Xo )?Cm $c( |$)" "$ROOT/docs/keystay.8"
	tap $? "$c: keystay(8) names it"

	# Examples can be pasted: where the configuration is missing, nothing else is complained of.
	examples=$(sed -n '/^example:/,/^$/s/^    //p' <<<"$help")
	isnt "$examples" "" "$c: has an example"
	while IFS= read -r line; do
		said=$(cd "$LAB" && timeout 20 bash -c 'keystay() { "$KEYSTAY" --config /nowhere/keystay.yaml "$@"; }
			eval "${1/>\/etc*/>/dev/null}"' bash "$line" 2>&1 </dev/null)
		like "${said:-nothing}" "^nothing$|^keystay: cannot open '/nowhere/keystay.yaml'" "$c: '$line' is understood"
	done <<<"$examples"
done
is "$(mandoc -Tlint -W warning "$ROOT"/docs/*.[578] 2>&1)" "" "man pages are clean"
# References lead to pages that are there.
lost=
pages=$(sed -n 's/^\.Xr \(keystay[a-z.-]*\) \([0-9]\).*/\1.\2/p' "$ROOT"/docs/*.[578] | sort -u)
for page in $pages; do
	[ -e "$ROOT/docs/$page" ] || lost="$lost $page"
done
is "$lost" "" "and refer to each other"

# --- an error is two lines: what and why; how to mend it
# two_lines STATUS WHAT HINT arguments...
two_lines() {
	local wanted=$1 what=$2 hint=$3
	shift 3
	OUT=$("$KEYSTAY" --config "$CONFIG" "$@" 2>&1 >/dev/null </dev/null)
	STATUS=$?
	is "$STATUS $(grep -c '^keystay: ' <<<"$OUT")" "$wanted 2" "keystay $*: two lines"
	like "$(head -1 <<<"$OUT")" "^keystay: $what" "  what: $what"
	like "$(tail -1 <<<"$OUT")" "^keystay: hint: $hint" "  and how to mend it"
}
two_lines 2 "unknown command 'isue'" "did you mean 'issue'\?" isue
two_lines 2 "there is no option '--jason'" "did you mean '--json'\?" --jason
two_lines 2 "renew: there is no option '--fource'" "did you mean '--force'\?" renew --fource
two_lines 2 "renew: there is no option '--quite'" "did you mean '--quiet'\?" renew --quite
two_lines 2 "renew: --wait needs a value" "usage: keystay renew" renew --wait
two_lines 2 "renew: 'soon' is no duration" "usage: keystay renew" renew --wait=soon
two_lines 2 "'--config' needs a value" "'--config FILE'" renew --config
two_lines 2 "keys: 'lits' is none of" "did you mean 'list'\?" keys lits
two_lines 2 "check: 'now' is one too many" "usage: keystay check" check now
two_lines 2 "there is no certificate 'shpo'" "did you mean 'shop'\?" renew shpo
two_lines 2 "there is no certificate 'nothing'" "'keystay status' lists" server-config nginx nothing
two_lines 2 "there is no certificate 'shpo'" "did you mean 'shop'\?" policy explain shpo
two_lines 2 "there is no certificate 'shpo'" "did you mean 'shop'\?" status shpo
two_lines 2 "there is no certificate 'shpo'" "did you mean 'shop'\?" install shpo
two_lines 2 "there is no certificate 'shpo'" "did you mean 'shop'\?" rollback shpo
two_lines 2 "there is no certificate 'shpo'" "did you mean 'shop'\?" revoke shpo --reason superseded --yes
two_lines 2 "there is no token 'wep'" "did you mean 'web'\? the tokens are: web, agent" token pin wep --retry
two_lines 2 "there is no token 'wep'" "did you mean 'web'\?" token probe wep
two_lines 2 "there is no authority 'pepple'" "did you mean 'pebble'\? the authorities are: pebble" account show pepple
two_lines 2 "there is no authority 'pepple'" "did you mean 'pebble'\?" account rollover pepple
two_lines 2 "there is no key 'shpo'" "name it by its id or label" keys show shpo
two_lines 2 "revoke: --reason 'soon' is none of: unspecified, keyCompromise, " "'keystay revoke --help'" revoke shop --reason soon
two_lines 2 "renew: --key 'nwe' is none of: new, same, auto" "did you mean 'new'\?" renew shop --key nwe
two_lines 2 "revoke: --reason 'keyCompromised' is none of" "did you mean 'keyCompromise'\?" revoke shop --reason keyCompromised
two_lines 4 "token 'web': 0 tokens of the module are meant" "'keystay token list' shows them" token pin web --new "file:$LAB/so.pin"
lab_tokens >/dev/null || exit 2
# The authority is at a port that nobody listens on.
two_lines 2 "certificate 'shop': authority 'pebble': the trust file '$LAB/none.pem' is not there" "mend 'trust:'" issue shop --wait 0s
touch "$LAB/none.pem"
two_lines 5 "certificate 'shop': authority 'pebble': no answer from" "is it up" issue shop --wait 0s
mv "$LAB/web.pin" "$LAB/aside"
two_lines 4 "certificate 'shop': cannot open '$LAB/web.pin', the file of the PIN" "write it into '$LAB/web.pin', mode 0600" renew shop --key new --wait 0s
mv "$LAB/aside" "$LAB/web.pin"
"$KEYSTAY" --config "$CONFIG" --json --jason >"$LAB/said" 2>&1
is "$(jq -r '.error | .kind + ": " + .hint' "$LAB/said")" "usage: did you mean '--json'? 'keystay --help' lists the options" "as JSON, too"
is "$("$KEYSTAY" --json renew --config 2>&1 | jq -r .error.text)" "'--config' needs a value" "also an option without its value"

# --- --quiet, and no question where nobody can answer
for quiet in "keys list" "history" "policy list" "status" "check" "token list" "renew --dry-run"; do
	# shellcheck disable=SC2086
	is "$("$KEYSTAY" --config "$CONFIG" $quiet --quiet 2>&1 </dev/null)" "" "$quiet --quiet says nothing"
done
two_lines 2 "there is no certificate 'nothing'" "" status nothing --quiet
two_lines 2 "the account at 'pebble' ends for ever.*: this needs a yes" "say --yes" account deactivate pebble
is "$(timeout 10 setsid "$KEYSTAY" --config "$CONFIG" account deactivate pebble 2>&1 </dev/zero | head -1 | grep -c 'this needs a yes')" 1 "nothing is read where nobody is"

# --- --opt=value
ks_is 0 "--key=new" renew --dry-run --key=new shop
ks_is 2 "but not for what takes no value" renew --dry-run=yes shop
done_testing
