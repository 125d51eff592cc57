# shellcheck shell=bash
# daemon.sh - `keystay run` under a test that stands for the service manager and for people. Sourced
# behind tap.sh. What the daemon says of itself is in $LAB/said, what it prints in $LAB/log/agent,
# and what people are told (a JSON object a line) in $LAB/told.
#
#   agent_alerts         the configuration's `alert:`; behind lab_config
#   agent_start [VAR=VALUE...]   $AGENT is its process id
#   agent_mark           what was said until now is of the past
#   agent_heard REGEX [SECONDS]   waits until it said a line like that since the mark
#   agent_wake           as a command does it that changed the state
#   agent_stop           ends it; $STATUS is its exit status

agent_alerts() {
	cat >"$LAB/alert" <<-SH
		#!/bin/sh
		cat >>$LAB/told.new || exit 1
		{ tr -d '\n' <$LAB/told.new; echo; } >>$LAB/told
		rm -f $LAB/told.new
	SH
	chmod 755 "$LAB/alert"
	: >"$LAB/told"
	sed -i "s,^certificates:,alert: {command: [$LAB/alert]}\n&," "$CONFIG"
}

agent_start() {
	if [ ! -e "$LAB/said" ]; then
		"$BIN/tools/notify-listen" "$LAB/notify" "$LAB/said" &
		LAB_PIDS+=($!)
		wait_for '[ -e "$LAB/said" ]'
	fi
	agent_mark
	env NOTIFY_SOCKET="$LAB/notify" "$@" "$KEYSTAY" --config "$CONFIG" run >>"$LAB/log/agent" 2>&1 </dev/null &
	AGENT=$!
	LAB_PIDS+=("$AGENT")
}

# Waits for a condition, a shell command; SECONDS is generous, a busy machine takes its time.
wait_for() {
	local until=$((SECONDS + ${2:-60}))
	until eval "$1"; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.05
	done
}

agent_mark() {
	AGENT_MARK=$(wc -l <"$LAB/said")
}

# A line each, without time and process.
agent_says() {
	tail -n +$((AGENT_MARK + 1)) "$LAB/said" | cut -d' ' -f3-
}

agent_heard() {
	AGENT_REGEX=$1
	wait_for 'agent_says | grep -qE -- "$AGENT_REGEX"' "${2:-60}"
}

# Does something as a command of keystay's does: with the lock of the state folder, which says in the
# end who had it. So the agent hears of it whenever it comes.
as_command() {
	flock -w 60 "$LAB/state/lock" bash -c '"${@:2}" && printf "left by process %d" $$ >"$1"' \
		bash "$LAB/state/lock" "$@"
}

agent_wake() { as_command true; }

agent_stop() {
	kill "$AGENT"
	timeout 60 tail --pid="$AGENT" -f /dev/null
	wait "$AGENT"
	STATUS=$?
}

# People were told of that: told SUBJECT KIND OVER, the number of times.
told() {
	jq -s --arg s "$1" --arg k "$2" --argjson o "$3" \
		'[.[] | select(.subject == $s and .kind == $k and .over == $o)] | length' "$LAB/told"
}

# Changes the agent's database, or asks it.
db() { "$BIN/tools/db-run" "$LAB/state/keystay.db" "$1"; }

# Makes a certificate due, by something that happened to it.
make_due() {
	as_command "$BIN/tools/db-run" "$LAB/state/keystay.db" \
		"UPDATE certificate SET cause_at = 1, cause = '${2:-test}' WHERE name = '$1'"
}

# What is parked is to be tried now.
unpark() {
	as_command "$BIN/tools/db-run" "$LAB/state/keystay.db" "UPDATE attempt SET not_before = 0"
}

# How many lines of the journal of a certificate are of a kind.
journaled() {
	db "SELECT count(*) FROM journal WHERE certificate = '$1' AND kind = '$2'"
}
