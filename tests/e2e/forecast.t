#!/usr/bin/env bash
# Contracts, validations and the forecast: 72 certificates month by month against a simulation, what
# stands in their way, what `status` and `check` show; and what people are told as an end comes near,
# by a moved clock.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1 LAB_VALIDITY=315360000
export PEBBLE_WFE_NONCEREJECT=0
lab_begin
echo 0 >"$LAB/clock"
# at MOMENT: from now on it is that moment for `then`; then ARGUMENTS: keystay, as a timer runs it.
at() { echo $(($(date -u -d "$1" +%s) - $(date +%s))) >"$LAB/clock"; }
then_ks() {
	OUT=$(LD_PRELOAD="$BIN/doubles/clock.so" KEYSTAY_TEST_CLOCK="$LAB/clock" timeout 300 "$KEYSTAY" --config "$CONFIG" "$@" 2>&1 </dev/null)
	STATUS=$?
}
then_is() {
	local wanted=$1 name=$2
	shift 2
	then_ks "$@"
	is "$STATUS" "$wanted" "$name"
	[ "$STATUS" = "$wanted" ] || note "keystay $*:" "$OUT"
}

# --- an estate of 72, as it is in the database: 199 days each, renewed one after the other
lab_config
cat >"$LAB/estate.yaml" <<-YAML
	state: $LAB/estate
	tokens:
	  - {name: web, module: $SOFTHSM_MODULE, label: web, pin: "file:$LAB/web.pin"}
	authorities:
	  - name: portal
	    protocol: acme
	    url: https://127.0.0.1:1/dir
	    account_key: {token: web}
	    rate_limits: [{certificates: 15, per: 7d}, {certificates: 1000, per: 7d}]
	  - {name: other, protocol: acme, url: "https://127.0.0.1:1/dir", account_key: {token: web}}
	contracts:
	  - {name: ca-2026, authority: portal, owner: web-team@example.org, ends: 2027-09-11, units: 72, units_used: 70}
	  - {name: eab, kind: credential, authority: other, owner: ops@example.org, ends: 2028-01-01}
	validations:
	  - {kind: organisation, subject: Example Council, authority: portal, owner: legal@example.org, ends: 2027-06-30}
	  - {kind: domain, subject: c7.example, authority: portal, owner: dns@example.org, ends: 2027-01-15}
	  - {kind: domain, subject: unused.example, authority: portal, owner: dns@example.org, ends: 2027-01-20}
	certificates:
YAML
for i in $(seq 72); do
	more=
	[ "$i" = 3 ] && more=', subject: {organization: Example Council}'
	[ "$i" = 5 ] && authority='[portal, other]' || authority=portal
	echo "  - {name: c$i, names: [c$i.example, www.c$i.example], token: web, authority: $authority, policy: web-public, challenge: {type: http-01, webroot: $LAB/webroot}$more}"
done >>"$LAB/estate.yaml"
lab_tokens >/dev/null || exit 2
PEBBLE_CONFIG=$CONFIG CONFIG=$LAB/estate.yaml
at 2026-12-01T00:00:00Z
then_ks history
then_ks check
begin=$(date -u -d 2026-12-01 +%s)
"$BIN/tools/db-run" "$LAB/estate/keystay.db" "
	CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 72)
		SELECT i, printf('%032x', i) AS id, printf('%064x', i) AS hash, $begin - (133 * i / 72) * 86400 AS since FROM n;
	INSERT INTO key (id, label, token, type, purpose, owner, state, public_hash, uri, evidence, created_at, state_at)
		SELECT id, 'c' || i, 'web', 'ec-p256', 'certificate', 'c' || i, 'active', hash, 'pkcs11:id=%00', '{}', since, since FROM n;
	INSERT INTO certificate (name, live_version, last_version, renew_at, renew_reason) SELECT 'c' || i, 1, 1, 0, '' FROM n;
	INSERT INTO version (certificate, number, key_type, key_id, authority, serial, issuer, not_before, not_after, fingerprint, anchored, installed_at)
		SELECT 'c' || i, 1, 'ec-p256', id, 'portal', i, 'x', since, since + 199 * 86400, i, 0, since FROM n"

# The same, worked out one by one: "2026-12 17".
simulate() {
	perl -MPOSIX -MTime::Local -e '
		my ($begin, $end, $after) = @ARGV;
		my ($limit100, $limit47) = (timegm(0, 0, 0, 15, 2, 2027), timegm(0, 0, 0, 15, 2, 2029));
		my %months;
		for my $i (1 .. 72) {
			my $life = 199 * 86400;
			my $issued = $begin - int(133 * $i / 72) * 86400;
			my $due = $issued + $life - int($life * 33 / 100);
			while (($due = $due < $begin ? $begin : $due) < $end) {
				$months{strftime("%Y-%m", gmtime $due)}++ if $due > $after;
				$life = 199 * 86400;
				$life = 100 * 86400 - 1 if $due >= $limit100;
				$life = 47 * 86400 - 1 if $due >= $limit47;
				$due += $life - int($life * 33 / 100) - int($life * 500 / 100000);
			}
		}
		print "$_ $months{$_}\n" for sort keys %months;
	' "$begin" "$(date -u -d "$1" +%s)" "${2:-0}"
}

then_is 0 "forecast to the end of 2030" forecast --until 2030-12-31 --json
forecast=$OUT
is "$(jq -r '.months[] | select(.renewals > 0) | "\(.month) \(.renewals)"' <<<"$OUT")" "$(simulate 2031-01-01)" \
	"every month is that of the simulation"
is "$(jq '.months | length' <<<"$OUT")" 49 "a month each, empty ones too"
year() { jq -r --arg y "$1" '.years[] | select(.year == $y) | .renewals' <<<"$forecast"; }
note "renewals a year: 2027 $(year 2027), 2028 $(year 2028), 2030 $(year 2030)"
# 72 certificates renewed at two thirds of 100 days take 394 of them in 365 days, and of 47 days 839.
tap "$([ "$(year 2028)" -ge 391 ] && [ "$(year 2028)" -le 399 ]; echo $?)" "a year of 100 days takes what arithmetic says"
tap "$([ "$(year 2030)" -ge 832 ] && [ "$(year 2030)" -le 847 ]; echo $?)" "and one of 47 days"
is "$(jq '[.years[].renewals] | add' <<<"$OUT")" "$(jq .renewals <<<"$OUT")" "years add up to all"
is "$(jq -r '.from + " " + .until' <<<"$OUT")" "$(jq -r .from <<<"$OUT") 2031-01-01T00:00:00Z" "the last day is in it"

finding() { jq -r --arg k "$1" --arg a "${2:-}" '.findings[] | select(.kind == $k and (.text | contains($a)))' <<<"$forecast"; }
is "$(finding ends ca-2026 | jq -r '.count, .owner')" "$(simulate 2031-01-01 "$(date -u -d 2027-09-11T23:59:59Z +%s)" | awk '{ n += $2 } END { print n }')
web-team@example.org" "renewals behind the end of the contract, and whose it is"
is "$(finding units | jq -r '.count, .authority, .owner')" "2
portal
web-team@example.org" "two units are left"
is "$(finding units | jq -r .at | cut -c1-10)" "2026-12-05" "which last for two renewals"
like "$(finding ends 'organisation validation' | jq -r .text)" "of 'Example Council' ends on 2027-06-30: [0-9]+ renewals come after it.*owner legal@example.org" "the organisation's validation ends"
like "$(finding ends 'c7.example' | jq -r .text)" "domain validation of 'c7.example' ends on 2027-01-15" "and that of a domain"
is "$(finding ends eab)$(finding ends unused)" "" "what no renewal needs is not there"
is "$(finding rate_limit | jq -r .authority)" portal "one limit is passed, and one is not"
like "$(finding rate_limit | jq -r .text)" "at most 15 in 7d: that is passed on 2029-0[3-9]" "when lifetimes are 47 days"

then_is 0 "as text" forecast --until 2027-06-30
like "$OUT" '^month +portal +all$' "a column for the authority in use"
like "$OUT" "^2027-04 +$(simulate 2027-07-01 | sed -n 's/^2027-04 //p') " "a line for a month"
is "$(grep -c '^20[0-9][0-9]-' <<<"$OUT")" 7 "seven months"
like "$OUT" "^2026 +[0-9]+ +[0-9]+$" "a line for the year"
all=$(simulate 2027-07-01 | awk '{ n += $2 } END { print n }')
like "$OUT" "^all +$all +$all$" "and for all"
unlike "$OUT" "at most 15 in 7d" "the limit is kept so far"
then_is 0 "as CSV" forecast --until 2027-06-30 --csv
is "$(tr -d '\r' <<<"$OUT" | awk -F, 'NR > 1 { n += $3 } END { print n }')" "$all" "the same"
is "$(head -1 <<<"$OUT" | tr -d '\r')" "month,authority,renewals,watched" "with a head"
then_is 0 "a duration" forecast --until 30d
is "$(grep -c '^20[0-9][0-9]-' <<<"$OUT")" 1 "is that much from now"
then_is 0 "without an end" forecast
# At midnight of the first of a month it is twelve of them, a second later thirteen.
like "$(grep -c '^20[0-9][0-9]-' <<<"$OUT")" '^1[23]$' "it is a year, to the same moment"
for wrong in yesterday 2026-11-30 2040-01-01 -5d; do
	then_is 2 "--until $wrong" forecast --until "$wrong"
done
then_is 2 "what it does not know" forecast --untill 30d
then_is 2 "CSV and JSON" forecast --csv --json

# --- watched ones
"$BIN/tools/db-run" "$LAB/estate/keystay.db" "
	CREATE TEMP TABLE w (name, authority, since, until);
	INSERT INTO w VALUES ('old', 'portal', $begin - 9000000, $begin - 1), ('soon', 'portal', $begin - 8640000, $begin + 8640000),
		('elsewhere', '', $begin - 8640000, $begin + 8640000);
	INSERT INTO watched SELECT name, name || '.example', 'file', '/x', '', '', '', authority, '', '', '', '', '', '', '', '', since, until, 0, 0, '' FROM w"
then_is 0 "watched ones are left out" forecast --until 2027-06-30 --json
is "$(jq .renewals <<<"$OUT")" "$all" "unless they are asked for"
then_is 0 "with watched ones" forecast --until 2027-06-30 --json --with-watched
is "$(jq '[.months[].authorities[] | select(.authority == "portal") | .watched] | add' <<<"$OUT")" 2 "they are counted apart"
is "$(jq '[.months[].authorities[] | select(.authority == null) | .renewals] | add' <<<"$OUT")" 2 "those of no authority too"
is "$(jq -r '[.findings[] | select(.kind == "ended" or .kind == "no_authority") | "\(.kind) \(.count)"] | sort | join(" ")' <<<"$OUT")" "ended 1 no_authority 1" "and what is not known of them is said"
then_is 0 "as text" forecast --until 2027-06-30 --with-watched
like "$OUT" '^month +portal +no authority +all$' "a column of its own"
like "$OUT" "^all +$((all + 2)) \(2\) +2 \(2\) +$((all + 4))$" "and their part in brackets"

# --- what status and check show
then_is 0 "status as JSON" status --json
is "$(jq -r '.contracts[] | [.name, .kind, .authority, .owner, .ends, .days_left, .units, .units_used, .units_left] | map(tostring) | join(" ")' <<<"$OUT")" \
	"ca-2026 contract portal web-team@example.org 2027-09-11T23:59:59Z 284 72 70 2
eab credential other ops@example.org 2028-01-01T23:59:59Z 396 null null null" "contracts with owners and ends"
is "$(jq -r '.contracts[0].takes_down | length, (map(select(.goes_to)) | map(.name + " " + .goes_to) | join(","))' <<<"$OUT")" "72
c5 other" "what the contract takes down, and what would go elsewhere"
is "$(jq -r '.contracts[1].takes_down | length' <<<"$OUT")" 0 "nothing needs the other authority first"
is "$(jq -r '.validations[] | [.subject, .kind, (.takes_down | map(.name) | join(","))] | join(" ")' <<<"$OUT")" \
	"c7.example domain c7
unused.example domain 
Example Council organisation c3" "validations, by their ends"
is "$(jq -r '.contracts[0].takes_down | map(.renewal_at >= "2026-12-0") | all' <<<"$OUT")" true "none of them before now"
then_is 0 "status" status
like "$OUT" "^contracts and validations$" "has a section of them"
like "$OUT" "^ca-2026 +contract by 'portal', ends 2027-09-11, 284 days left, owner web-team@example.org$" "a line each"
like "$OUT" "^  units: 2 of 72 left, used up on 2026-12-05$" "with units"
like "$OUT" "^  'units_used' says 70, and keystay knows of 72 certificates from there$" "which may be out of date"
like "$OUT" "^  takes down: 71 certificates \(c[0-9]+, c[0-9]+, c[0-9]+, c[0-9]+, ...\), not renewed from 2026-12-05 on; the first ends on 20.*; 1 would go to another authority, the first to 'other'" "and what it takes down"
then_is 0 "status of one" status c3
unlike "$OUT" "contracts and validations" "does not"
at 2027-01-16T12:00:00Z
then_ks check
like "$OUT" "domain validation of 'c7.example'.*it ended on 2027-01-15; it takes down 1 certificate \(c7\)" "check says what is over"
like "$OUT" "domain validation of 'unused.example'.*no certificate that 'portal' issues needs it" "and what nothing needs"
unlike "$OUT" "Example Council'.*it ends" "what ends in half a year is no finding"
like "$OUT" "contract 'ca-2026'.*its 2 units last until" "units that do not last are"

# --- what people are told, as the days go by
CONFIG=$PEBBLE_CONFIG
echo 0 >"$LAB/clock"
lab_pebble || exit 2
lab_config
agent_alerts
lab_certificate payments payments.example
lab_certificate www www.example
lab_nginx_conf
OPENSSL_CONF=/dev/null lab_nginx_start || exit 2
ks_is 0 "two real certificates, of ten years" issue --all
END=$(date -u -d "+400 days" +%F)
contract() { printf 'contracts:\n  - {name: ca, authority: pebble, owner: web@example.org, ends: %s}\n' "$1" >"$LAB/certificates.d/contracts.yaml"; }
mkdir -p "$LAB/certificates.d"
contract "$END"
# A pass of a timer so many days before the end (the day with all its hours), or so many hours later.
pass() {
	local moment=$(($(date -u -d "$END" +%s) + 86399 - $1 * 86400 + ${2:-0} * 3600))
	"$BIN/tools/db-run" "$LAB/state/keystay.db" "UPDATE memory SET value = $moment WHERE word = 'pass_at'"
	at "@$moment"
	then_ks renew --due
}
alerts() { told "contract 'ca'" ending "${1:-false}"; }
pass 181
is "$(alerts)" 0 "181 days before: nothing is told"
n=0
for days in 180 90 30 14 7 3 1 -1; do
	n=$((n + 1))
	pass "$days"
	is "$(alerts)" $n "$days days before the end people are told"
	pass "$days" 1
	is "$(alerts)" $n "once"
	pass "$days" 23
	is "$(alerts)" $n "and not on the next day"
done
like "$(jq -r 'select(.kind == "ending") | .text' "$LAB/told" | head -1)" "^contract 'ca' ends on $END, in 1(80|79) days; it would take down 2 certificates \((payments, www|www, payments)\), not renewed from 20" "what it takes down is told"
like "$(jq -r 'select(.kind == "ending") | .text' "$LAB/told" | tail -1)" "^contract 'ca' ended on $END; it takes down 2 certificates" "and that it is over"
like "$(jq -r 'select(.kind == "ending") | .hint' "$LAB/told" | head -1)" "its owner is 'web@example.org'" "and who mends it"
contract "$(date -u -d "+1500 days" +%F)"
pass -2
is "$(alerts true)" 1 "a later date: it is over"
is "$(alerts)" 8 "and nothing else is told"
pass -2 1
is "$(alerts true)" 1 "once"
contract "$END"
pass -3
is "$(alerts)" 9 "the old date again: told anew"
rm "$LAB/certificates.d/contracts.yaml"
pass -3 1
is "$(alerts true)" 2 "a contract that is not configured any more is over"
done_testing
