#!/usr/bin/env bash
# `keystay run`: what it tells the service manager and people, how it waits and what wakes it, and
# how it lives beside commands, another daemon, and a PIN that is refused.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
LAB_RETRY_AUTHZ=2 LAB_RETRY_ORDER=1 LAB_POLICY=lab
export PEBBLE_WFE_NONCEREJECT=0
lab_usual
agent_alerts
usual=$(cat "$CONFIG")

# --- beside all that follows: an alert command that hangs, in a daemon of its own
HANGS=$LAB/hangs
mkdir "$HANGS"
printf 'wrong\n' >"$HANGS/pin" && chmod 600 "$HANGS/pin"
printf '#!/bin/sh\necho $$ >>%s/pids\nsleep 1000 &\necho $! >>%s/pids\nwait\n' "$HANGS" "$HANGS" >"$HANGS/alert"
chmod 755 "$HANGS/alert"
sed "s,^state: .*,state: $HANGS/state,; s,file:$LAB/web.pin,file:$HANGS/pin,; s,\[$LAB/alert\],[$HANGS/alert]," \
	<<<"$usual" >"$HANGS/keystay.yaml"
"$BIN/tools/notify-listen" "$HANGS/notify" "$HANGS/said" &
LAB_PIDS+=($!)
wait_for '[ -e "$HANGS/said" ]'
NOTIFY_SOCKET=$HANGS/notify "$KEYSTAY" --config "$HANGS/keystay.yaml" run >"$HANGS/log" 2>&1 </dev/null &
hanging=$!
LAB_PIDS+=("$hanging")

# --- what it does not start with
sed "s,pin: file:$LAB/web.pin,pin: env:WEB_PIN," <<<"$usual" >"$CONFIG"
WEB_PIN=x ks_is 2 "a PIN from the environment" run
like "$OUT" "^keystay: $CONFIG:[0-9]+:[0-9]+: token 'web': 'run' cannot take its PIN from 'env:WEB_PIN'" "is refused, with its place"
sed "s,pin: file:$LAB/web.pin,pin: prompt," <<<"$usual" >"$CONFIG"
ks_is 2 "a PIN that a person types" run
like "$OUT" "^keystay: $CONFIG:[0-9]+:[0-9]+: token 'web': 'run' cannot take its PIN from 'prompt'" "is refused, too"
printf '%s\n' "$usual" >"$CONFIG"

# --- the first certificate, without a command
agent_start WATCHDOG_USEC=1000000
agent_heard '^READY=1$'
tap $? "it says that it is ready"
agent_heard "^STATUS=1 certificates; works on 'payments'"
tap $? "and what it works on"
agent_heard '^STATUS=1 certificates; next: payments at 20[0-9-]*T.*\((share of lifetime|renewal window of the authority)\)$'
tap $? "then when it has something to do again"
is "$(served payments.example)" "$(live_fingerprint payments)" "and a certificate is served that nobody asked for"
is "$(agent_says | grep -c '^READY=1$')" 1 "it was ready once"
is "$(agent_says | grep -nm1 -e '^READY=1$' -e 'next: ' | cut -d: -f2)" READY=1 "before the certificate was there"
# Half of the watchdog's time; a machine that is busy may be late.
parked=$(awk '$3 == "WATCHDOG=1" { if (last) { d = $1 - last; if (d > most) most = d } last = $1; n++ } END { print n, most + 0 }' "$LAB/said")
tap "$([ "${parked% *}" -ge 4 ]; echo $?)" "$parked (signs of life while it was parked, and the longest time between two, us)"
agent_mark
agent_heard '^WATCHDOG=1$' && agent_mark && agent_heard '^WATCHDOG=1$'
tap $? "signs of life while it is idle"

# --- idle: nothing is open, nothing is held, nothing is used up
is "$(find "/proc/$AGENT/fd" -lname "$LAB/state/*" ! -lname '*/agent.lock' -o -lname "$LAB/tokens/*" -o -lname 'socket:*' | wc -l)" 0 "idle: no database, no token, no connection"
flock -n "$LAB/state/lock" true
tap $? "idle: no lock"
is "$(find "/proc/$AGENT/task" -mindepth 1 -maxdepth 1 | wc -l)" 1 "idle: one thread"

# --- a command beside it
agent_mark
ks_is 0 "a command beside the idle daemon does its work" renew payments --force --key same
agent_heard '^STATUS=1 certificates; next: payments at'
tap $? "the daemon wakes up and looks again"
# The lock is held while a server is told; the daemon is at that.
printf '#!/bin/sh\nwhile [ -e %s/slow ]; do sleep 0.1; done\nexec kill -HUP "$(cat %s/nginx.pid)"\n' "$LAB" "$LAB" >"$LAB/reload-nginx"
touch "$LAB/slow"
agent_mark
make_due payments
wait_for 'grep -q "step reload" "$LAB/state/lock"'
timeout 100 "$KEYSTAY" --config "$CONFIG" renew payments --force >"$LAB/beside" 2>&1 &
beside=$!
wait_for '[ -s "$LAB/beside" ]'
like "$(cat "$LAB/beside")" "waiting for the lock: keystay run, process $AGENT, certificate 'payments', step reload" "a command beside the working one waits"
rm "$LAB/slow"
wait $beside
is $? 0 "and has its turn"
agent_heard '^STATUS=1 certificates; next: payments at'
is "$(db "SELECT count(*) FROM journal WHERE kind = 'renewed' AND text LIKE '%(due: test)'")" 1 "the daemon renewed for its reason"

# --- another configuration
agent_mark
perl -pi -e 's/names: \[payments.example/names: [new.example, payments.example/' "$CONFIG"
kill -HUP "$AGENT"
agent_heard "^STATUS=1 certificates; works on 'payments'" && wait_for '[ "$(db "SELECT count(*) FROM journal WHERE text LIKE '"'%names changed%'"'")" = 1 ]'
tap $? "SIGHUP: it goes on"
read -r line at <<<"$(tail -n +$((AGENT_MARK + 1)) "$LAB/said" | awk '$3 == "RELOADING=1" { t = $1 } $3 ~ /^MONOTONIC_USEC=/ && t { split($3, m, "="); print NR, t - m[2]; exit }')"
tap "$([ -n "$line" ] && [ "$at" -ge 0 ] && [ "$at" -lt 5000000 ]; echo $?)" "RELOADING=1 with MONOTONIC_USEC (${at:-none} us before it was read)"
like "$(agent_says | grep -E '^(RELOADING|READY)' | tr '\n' ' ')" '^RELOADING=1 READY=1 $' "then READY=1"
like "$(db "SELECT text FROM journal WHERE kind = 'renewed' ORDER BY rowid DESC LIMIT 1")" 'due: names changed in the configuration' "a name that was added: renewed for that reason"
like "$(openssl x509 -in "$LAB/state/live/payments/cert.pem" -noout -ext subjectAltName)" 'DNS:new.example' "and it is there"
whole=$(cat "$CONFIG")
printf 'certificates: [\n  - {name: }\n' >>"$CONFIG"
agent_mark
kill -HUP "$AGENT"
agent_heard '^STATUS=the new configuration is not taken: '
tap $? "SIGHUP with a broken file: said in the status"
wait_for '[ "$(told configuration configuration false)" = 1 ]'
is "$(told configuration configuration false)" 1 "and people are told"
like "$(jq -r 'select(.subject == "configuration") | .text + ": " + .hint' "$LAB/told" | tr '\n' ' ')" "$CONFIG:[0-9]+:.*the configuration of before goes on" "with the place"
like "$(cat "$LAB/log/agent")" "alert: configuration: $CONFIG:[0-9]+:" "also on standard error"
agent_mark
make_due payments
wait_for '[ "$(db "SELECT count(*) FROM journal WHERE kind = '"'renewed' AND text LIKE '%(due: test)'"'")" = 2 ]'
is "$(db "SELECT count(*) FROM journal WHERE kind = 'renewed' AND text LIKE '%(due: test)'")" 2 "the work goes on with that of before"
printf '%s\n' "$whole" >"$CONFIG"
kill -HUP "$AGENT"

# --- another daemon on the same state folder
timeout 100 "$KEYSTAY" --config "$CONFIG" run >"$LAB/second" 2>&1
is $? 7 "a second daemon goes"
like "$(cat "$LAB/second")" "$LAB/state' has its agent already: keystay run, process $AGENT" "and says which one is there"

# --- what fails is told once, and when it is over
agent_mark
kill "${LAB_PIDS[1]}"
timeout 20 tail --pid="${LAB_PIDS[1]}" -f /dev/null
make_due payments
for n in 1 2 3 4; do
	wait_for '[ "$(journaled payments failed)" = $n ]'
	[ $n = 2 ] && is "$(told payments failed false)" 0 "an authority that is down twice mends itself"
	unpark
done
wait_for '[ "$(journaled payments failed)" = 5 ]'
is "$(told payments failed false)" 1 "down for longer: people are told, once"
like "$(jq -r 'select(.subject == "payments") | .text' "$LAB/told")" "certificate 'payments'.*127.0.0.1" "of what"
is "$(jq -r 'select(.subject == "payments") | [.schema, .kind, .hint, (.at | length)] | map(tostring) | join(" ")' "$LAB/told" | cut -d' ' -f1-2)" "1 failed" "as JSON"
lab_pebble_again
unpark
wait_for '[ "$(told payments failed true)" = 1 ]'
is "$(told payments failed true)" 1 "and that it is over"

# --- the end, while something is parked
agent_heard '^STATUS=1 certificates; next: payments at'
agent_mark
make_due payments
wait_for '[ -n "$(db "SELECT 1 FROM part WHERE cookie LIKE '"'%order%'"'")" ]'
agent_stop
is "$STATUS" 0 "SIGTERM ends it, with status 0"
like "$(agent_says | tr '\n' ' ')" 'STOPPING=1' "after it said so"
order=$(db "SELECT cookie FROM part" | grep -o '"order": *"[^"]*"')
isnt "$order" "" "an order was under way"
orders=$(grep -c 'Added order' "$LAB/log/pebble")
ks_is 0 "'renew' goes on with it" renew payments
is "$(grep -c 'Added order' "$LAB/log/pebble")" "$orders" "with the same order"

# --- a PIN that is refused
export FAULT_MODULE=$SOFTHSM_MODULE FAULT_LOG=$LAB/fault.log
printf 'right\n' >"$LAB/odd.pin" && chmod 600 "$LAB/odd.pin"
sed -i "s,^authorities:,  - {name: odd\, module: $BIN/doubles/fault_module.so\, label: odd\, pin: \"file:$LAB/odd.pin\"}\n&," "$CONFIG"
lab_certificate bare bare.example
perl -0pi -e 's/(name: bare\n.*\n    token: )web/$1odd/' "$CONFIG"
ks token init odd --so-pin "file:$LAB/so.pin"
printf 'wrong\n' >"$LAB/odd.pin"
: >"$FAULT_LOG"
agent_start
wait_for '[ "$(told bare failed false)" = 1 ]'
is "$(told bare failed false)" 1 "a refused PIN is told"
for n in 1 2 3; do
	agent_mark
	unpark
	agent_heard '^STATUS=.*next: '
done
db "DELETE FROM memory WHERE word LIKE 'token:%'"
agent_mark
agent_wake
agent_heard '^STATUS=.*next: '
is "$(grep -cx C_Login "$FAULT_LOG")" 1 "and tried at the token once, whatever asks for it"
is "$(journaled bare failed)" 4 "(it was asked for four times)"
kill -0 "$AGENT"
tap $? "the daemon goes on"
printf 'right\n' >"$LAB/odd.pin"
agent_wake
wait_for '[ -e "$LAB/state/live/bare/cert.pem" ] && [ "$(told bare failed true)" = 1 ]'
tap $? "with the right PIN in its file it goes on by itself"
agent_heard '^STATUS=2 certificates; next: '
agent_stop
is "$STATUS" 0 "it ends"

# --- how often it wakes up, and what that costs: with the unit's watchdog of 10 minutes it is told
# of every 5, here every 2 seconds
agent_start WATCHDOG_USEC=4000000
agent_heard '^STATUS=2 certificates; next: '
before=$(awk '{ print $14 + $15 }' "/proc/$AGENT/stat")
timeout -s INT 8 strace -qq -f -e trace=all -o "$LAB/calls" -p "$AGENT"
after=$(awk '{ print $14 + $15 }' "/proc/$AGENT/stat")
polls=$(grep -cE '^[0-9]+ +(<\.\.\. )?p?poll.*= [0-9]' "$LAB/calls")
calls=$(grep -cE '= -?[0-9]' "$LAB/calls")
tap "$([ "$polls" -ge 2 ] && [ "$polls" -le 6 ]; echo $?)" "$polls wake-ups in 8 seconds of idle waiting, $calls system calls"
note "$polls wake-ups in 8 s with a sign of life every 2 s; with one every 5 min that is 12 an hour, and a pass an hour"
tap "$([ $((after - before)) -le 1 ]; echo $?)" "$((after - before)) ticks of CPU time"

# --- what the hanging alert command came to
wait_for 'grep -q "next: \|STATUS=.*refused" "$HANGS/said"'
tap $? "an alert command that hangs does not hold up the daemon"
like "$(cat "$HANGS/log")" "the command of 'alert:' failed: '$HANGS/alert' did not end within 10 seconds and was killed" "it is killed"
is "$(while read -r pid; do [ -e "/proc/$pid" ] && echo "$pid"; done <"$HANGS/pids" | wc -l)" 0 "with all that it started"
kill -0 $hanging
tap $? "and the daemon lives"
done_testing
