#!/usr/bin/env bash
# The daemon by a clock that somebody sets, or that nobody set yet: back and ahead by months, while it
# is idle and while an order waits; certificates of six days. The authority keeps the real time.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
LAB_RETRY_AUTHZ=3 LAB_RETRY_ORDER=1 LAB_VALIDITY=518400
export PEBBLE_WFE_NONCEREJECT=0
DAY=86400
lab_begin
# The authority's own certificate is good for more than a year each way: what is looked at here are
# the agent's looks at the clock, not those of TLS.
echo $((-400 * DAY)) >"$LAB/clock"
MOVED=(LD_PRELOAD="$BIN/doubles/clock.so" KEYSTAY_TEST_CLOCK="$LAB/clock")
LAB_TLS_ENV=("${MOVED[@]}") LAB_TLS_DAYS=800
lab_pebble || exit 2
lab_port LAB_TLS
lab_config
agent_alerts
lab_reload_script
lab_certificate payments payments.example "$(lab_on_nginx)"
lab_nginx_conf
lab_server_openssl payments
lab_nginx_start || exit 2
lab_tokens >/dev/null || exit 2
lab_nginx_conf payments payments.example

moved() { printf '%d\n' "$1" >"$LAB/clock"; }
orders() { grep -c 'Added order' "$LAB/log/pebble"; }
# A pass has ended since the mark.
passed() { agent_heard '^STATUS=(1 certificates; next|the clock)'; }

# --- not yet set at the start
moved $((-$(date +%s) + 60))
agent_start "${MOVED[@]}"
agent_heard '^STATUS=.*is tried again'
is "$(orders)" 0 "1970: nothing is ordered"
agent_heard '^READY=1$'
tap $? "but it is ready"
agent_mark
moved 0
agent_heard '^STATUS=1 certificates; next: payments at .*(share of lifetime|renewal window)'
is "$(served payments.example)" "$(live_fingerprint payments)" "the clock is set: it goes on at once, and the certificate is served"
is "$(orders)" 1 "of one order"

# --- while it is idle
wrong() {
	agent_mark
	moved "$1"
	wait_for '[ "$(told clock clock false)" = '"$2"' ]'
	is "$(told clock clock false)" "$2" "$3: people are told"
	agent_heard '^STATUS=the clock of this machine says'
	tap $? "$3: so does the status"
	agent_mark
	agent_wake
	passed
	is "$(told clock clock false)" "$2" "$3: once, though the moment differs"
}
right() {
	agent_mark
	moved 0
	wait_for '[ "$(told clock clock true)" = '"$1"' ]'
	is "$(told clock clock true)" "$1" "$2: set right, that is told"
	agent_heard '^STATUS=1 certificates; next: payments at .*(share of lifetime|renewal window)'
	tap $? "$2: and it goes on"
}
wrong $((-100 * DAY)) 1 "100 days back"
is "$(orders)" 1 "100 days back: nothing is renewed"
right 1 "100 days back"
wrong $((100 * DAY)) 2 "100 days ahead"
is "$(orders)" 1 "100 days ahead: nothing is renewed, though all is expired by this clock"
is "$(told payments expired false)" 0 "100 days ahead: that is not told"
right 2 "100 days ahead"
is "$(orders)" 1 "and still nothing is"

# --- while an order waits
waiting() {
	agent_mark
	make_due payments
	wait_for 'db "SELECT cookie FROM part" | grep -q answered'
}
waiting
moved $((-100 * DAY))
agent_heard '^STATUS=the clock of this machine says'
tap $? "put back while an order waits: the work stops"
right 3 "put back while an order waits"
is "$(orders)" 2 "put back while an order waits: the same order is brought to its end"
waiting
moved $((100 * DAY))
agent_heard '^STATUS=the clock of this machine says'
tap $? "set ahead while an order waits: the work stops"
right 4 "set ahead while an order waits"
is "$(journaled payments renewed) $(orders)" "2 3" "set ahead while an order waits: the same order is brought to its end at once"

# --- a day back, and a person who has no patience (S23)
moved $((-DAY))
before=$(live_fingerprint payments)
OUT=$(env "${MOVED[@]}" timeout 100 "$KEYSTAY" --config "$CONFIG" renew payments --force 2>&1)
is $? 5 "a clock that is a day back: a new certificate is refused"
like "$OUT" 'not valid before' "it is not valid yet"
is "$(served payments.example)" "$before" "the old one is served"
agent_mark
moved 0
agent_heard '^STATUS=1 certificates; next: payments at .*(share of lifetime|renewal window)'
# A line of the pass before may come late: the failed attempt is at its end when it is gone.
wait_for '[ "$("$KEYSTAY" --config "$CONFIG" status payments --json | jq -c ".certificates[0] | [.state, .attempt]")" = "[\"valid\",null]" ]'
isnt "$(served payments.example)" "$before" "set right, there is a new one"
orders=$(orders)

# --- six days, and what the authority gives now is nearly over when it comes, by this clock: it is
# renewed again, but not again and again
renewed=$(journaled payments renewed)
# Pebble names a window of a day on either side of the fourth: before the third nothing is due.
for step in 8/5:0 14/5:0 46/10:1 48/10:1 49/10:2; do
	agent_mark
	moved $((DAY * ${step%:*}))
	passed
	is "$(($(journaled payments renewed) - renewed)) $(($(orders) - orders))" "${step#*:} ${step#*:}" "day ${step%:*}: renewals, orders"
	# A look more finds nothing more.
	agent_mark
	agent_wake
	passed
done
is "$(($(orders) - orders))" 2 "two orders for two periods"
is "$(served payments.example)" "$(live_fingerprint payments)" "it is served"
agent_stop
is "$STATUS" 0 "it ends"
done_testing
