#!/usr/bin/env bash
# The other sources of a PIN: a systemd credential, the environment, the terminal. No PIN is left in
# a file, a log, or the environment of a child.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
LAB_WEB_PIN='c4nary#$" pin'
lab_usual
good=$(cat "$CONFIG")
with_source() {
	sed "s,pin: file:.*web.pin,pin: $1," <<<"$good" >"$CONFIG"
}

with_source 'env:WEB_PIN'
export WEB_PIN=$LAB_WEB_PIN
# The reload is a child: what it sees of the environment is written down.
printf '#!/bin/sh\nenv >%s/child-env\nexec kill -HUP "$(cat %s/nginx.pid)"\n' "$LAB" "$LAB" >"$LAB/reload-nginx"
ks_is 0 "env:" issue payments
unlike "$(cat "$LAB/child-env")" 'c4nary|WEB_PIN' "a child does not see it"
like "$(cat "$LAB/child-env")" '^PATH=' "but it has an environment"
unset WEB_PIN
ks_is 4 "env: without the variable" renew payments --force
like "$OUT" "the environment has no 'WEB_PIN'" "says so"

# The same by the other road (libp11 is never told the PIN), and all that can be seen from outside
# while the agent is at work: arguments, environment, limits, of the process and its child.
for road in provider libp11; do
	with_source 'env:WEB_PIN'
	perl -pi -e "s/road: \\S+/road: $road/" "$CONFIG"
	cat >"$LAB/reload-nginx" <<-SH
		#!/bin/sh
		{
			env
			for pid in \$\$ \$PPID; do tr '\\0' '\\n' </proc/\$pid/cmdline; tr '\\0' '\\n' </proc/\$pid/environ; done
			ps -eo args
		} >$LAB/seen-$road
		grep 'core file' /proc/\$PPID/limits >$LAB/limits-$road
		exec kill -HUP "\$(cat $LAB/nginx.pid)"
	SH
	WEB_PIN=$LAB_WEB_PIN timeout 300 "$KEYSTAY" --config "$CONFIG" -v renew payments --force --key new >"$LAB/said-$road" 2>&1
	is "$?" 0 "$road: a renewal with the PIN from the environment"
	is "$(served payments.example)" "$(live_fingerprint payments)" "$road: it is served"
	like "$(cat "$LAB/seen-$road")" '^PATH=' "$road: the child looked around"
	unlike "$(cat "$LAB/seen-$road")" 'c4nary' "$road: no PIN in arguments or environment, of the agent or its child"
	unlike "$(cat "$LAB/said-$road")" 'c4nary' "$road: no PIN in debug output"
	like "$(cat "$LAB/limits-$road")" 'size +0 +0' "$road: no core file can be written"
	is "$(grep -rlF 'c4nary' "$LAB/state" "$LAB/log" "$LAB/nginx.conf" | wc -l)" 0 "$road: no PIN in state, logs or the server's files"
done

with_source credential:web-pin
ks_is 4 "credential: outside systemd" renew payments --force
like "$OUT" "no systemd credential 'web-pin'" "says so"
mkdir "$LAB/credentials"
cp "$LAB/web.pin" "$LAB/credentials/web-pin"
export CREDENTIALS_DIRECTORY=$LAB/credentials
ks_is 0 "credential:" renew payments --force
unset CREDENTIALS_DIRECTORY

with_source prompt
OUT=$(setsid "$KEYSTAY" --config "$CONFIG" renew payments --force 2>&1 </dev/null)
is $? 4 "prompt without a terminal"
like "$OUT" 'asked for on the terminal, and there is none' "says so"
{ sleep 2; printf "%s\n" "$LAB_WEB_PIN"; sleep 1; } |
	script -qec "$KEYSTAY --config $CONFIG renew payments --force" "$LAB/typescript" >/dev/null
is $? 0 "prompt on a terminal"
like "$(cat "$LAB/typescript")" "PIN of token 'web':" "asks for the right PIN"
is "$(served payments.example)" "$(live_fingerprint payments)" "and what came of it is served"

printf '%s\n' "$good" >"$CONFIG"
ks_is 0 "once more, with all that it says" -v renew payments --force
unlike "$OUT" 'c4nary' "no PIN in debug output"
is "$(grep -rlF 'c4nary' "$LAB/state" "$LAB/log" | wc -l)" 0 "no PIN in state or logs"
ks server-config nginx payments
unlike "$OUT" 'c4nary' "no PIN in what servers are told"
# The PIN is changed on the token; the rule of one try holds for that, too. In a lab that has no state
# yet: whoever begins with 'check' and a wrong PIN must not lock the token.
lab_end
lab_begin
LAB_WEB_PIN='0ld "pin" #$'
lab_config
lab_certificate one one.example
lab_tokens >/dev/null || exit 2
lab_pin new 'n3w "pin" #$'
ks_is 0 "the PIN is changed" token pin web --new "file:$LAB/new.pin"
ks_is 4 "the first check, with the old one" check
like "$OUT" "login refused \(CKR_PIN_INCORRECT\)" "is refused once"
ks_is 4 "the second check" check
like "$OUT" "is not tried again" "does not try it again"
ks_is 4 "nor does a change" token pin web --new "file:$LAB/new.pin"
like "$OUT" "is not tried again" "of the PIN"
cp "$LAB/new.pin" "$LAB/web.pin"
ks_is 0 "the new one is taken" check
done_testing
