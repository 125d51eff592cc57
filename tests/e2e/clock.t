#!/usr/bin/env bash
# The parts that stand for systemd and for the clock: tests/tools/notify-listen.c and
# tests/doubles/clock.c. Tests of the daemon believe what these say.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual

# --- what a service says of itself
"$BIN/tools/notify-listen" "$LAB/notify" "$LAB/said" &
LAB_PIDS+=($!)
"$BIN/tools/notify-listen" "@keystay-test" "$LAB/said-abstract" &
LAB_PIDS+=($!)
for _ in $(seq 100); do
	[ -e "$LAB/said" ] && [ -e "$LAB/said-abstract" ] && break
	sleep 0.02
done
send='use IO::Socket::UNIX; use Socket;
	my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => shift =~ s/^@/\0/r) or die $!;
	$s->send($_) for @ARGV; print $$'
pid=$(perl -e "$send" "$LAB/notify" $'READY=1\nSTATUS=one two\n' $'STATUS=\x01')
perl -e "$send" @keystay-test 'WATCHDOG=1' >/dev/null
sleep 0.2
is "$(cut -d' ' -f3- "$LAB/said")" $'READY=1\nSTATUS=one two\nSTATUS=?' "each line of each message"
is "$(cut -d' ' -f2 "$LAB/said" | sort -u)" "$pid" "with its sender"
like "$(cut -d' ' -f1 "$LAB/said" | sort -cn && head -n 1 "$LAB/said")" '^[0-9]{7,} ' "in the order of their times"
is "$(cut -d' ' -f3- "$LAB/said-abstract")" WATCHDOG=1 "an abstract name"
is "$(stat -c %a "$LAB/notify")" 666 "any user may send"

# --- a clock that is moved
clock() {
	LD_PRELOAD=$BIN/doubles/clock.so KEYSTAY_TEST_CLOCK=$LAB/clock timeout 20 "$BIN/tools/clock-wait" "$@"
}

# days_off: how many days each way to ask is off, and seconds of the monotonic clock.
days_off() {
	local real
	real=$(date +%s)
	awk -v now="$real" -v up="$(cut -d. -f1 /proc/uptime)" '{
		for (i = 1; i < NF; i++) { d = ($i - now) / 86400; printf "%.0f ", d }
		m = $NF - up; print (m < -2 || m > 2) ? "moved" : "kept" }'
}
is "$(clock now | days_off)" "0 0 0 0 0 kept" "no file"
echo 2592000 >"$LAB/clock"
is "$(clock now | days_off)" "30 30 30 30 30 kept" "30 days on"
echo -86400 >"$LAB/clock"
is "$(clock now | days_off)" "-1 -1 -1 -1 -1 kept" "a day back"
echo soon >"$LAB/clock"
is "$(clock now | days_off)" "0 0 0 0 0 kept" "no number"

# after_move NUMBER-OF-SECONDS HOW clock-wait-arguments...: what a waiting process says when the
# clock is moved, on one line. HOW is `write`, or `rename`.
after_move() {
	local to=$1 how=$2
	shift 2
	echo 0 >"$LAB/clock"
	rm -f "$LAB/waited"
	clock "$@" >"$LAB/waited" &
	for _ in $(seq 100); do
		grep -q armed "$LAB/waited" 2>/dev/null && break
		sleep 0.02
	done
	sleep 0.1
	if [ "$how" = write ]; then
		echo "$to" >"$LAB/clock"
	else
		echo "$to" >"$LAB/clock.new"
		mv "$LAB/clock.new" "$LAB/clock"
	fi
	wait $!
	tr '\n' ' ' <"$LAB/waited"
}
echo 0 >"$LAB/clock"
is "$(clock 1 5 | tr '\n' ' ')" "armed ready expired " "a timer fires by itself"
is "$(after_move 600 write 500 5)" "armed ready expired " "its moment is there when the clock is set"
is "$(after_move 600 rename 500 5)" "armed ready expired " "by a file that is put in place, too"
is "$(after_move 600 write 500 5 cancel)" "armed ready cancelled ready expired " \
	"one that is to be cancelled is, and fires"
is "$(after_move -600 write 500 1 cancel)" "armed ready cancelled nothing " "the clock is put back"
is "$(after_move 400 rename 500 1 cancel)" "armed ready cancelled nothing " "it is not yet time"
is "$(after_move 600 write 500 5 cancel arm)" "armed ready armed, was cancelled ready expired " \
	"armed again without a look"
is "$(after_move 600 write 500 5 plain)" "armed ready expired " "told once"

# The thread that watches the file neither costs time nor takes signals.
echo 0 >"$LAB/clock"
LD_PRELOAD=$BIN/doubles/clock.so KEYSTAY_TEST_CLOCK=$LAB/clock "$BIN/tools/clock-wait" 500 30 cancel >"$LAB/waited" &
pid=$!
sleep 0.5
is "$(awk '{ print $14 + $15 }' "/proc/$pid/stat")" 0 "it costs no time to wait"
is "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" 2 "in a thread of its own"
kill -TERM "$pid"
wait "$pid" 2>/dev/null
is $? 143 "a signal ends the process"

# It lets a real renewal be: TLS, the database, the token and a server's handshake by the moved clock.
echo 864000 >"$LAB/clock"
export LD_PRELOAD=$BIN/doubles/clock.so KEYSTAY_TEST_CLOCK=$LAB/clock
ks_is 0 "a certificate is issued 10 days from now" issue payments
unset LD_PRELOAD
ks history payments --json
is "$(jq -r '.events[0].at' <<<"$OUT" | cut -dT -f1)" "$(date -u -d '+10 days' +%F)" "and journaled then"
done_testing
