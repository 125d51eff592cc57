# shellcheck shell=bash
# kills.sh - kill -9 at the system calls of one renewal of "payments": the live pair is never broken,
# the next run completes, and the keys in the token are the keys in the database. Sourced behind tap.sh.
# KILL_POINTS=all takes every write, rename, fsync, unlink and send (make proof-kill); the default is a
# spread of them. KILL_SHARE=2/3 takes the second third, so that several can run beside each other.
#
# Not among the points: SoftHSM's own writes to its token.object and generation files. It cuts
# token.object and writes it anew in place at every login, and a process that is killed between the
# two leaves a token that no program can open any more (docs/TOKENS.md).

CALLS=write,pwrite64,rename,renameat,renameat2,fsync,fdatasync,sendto,sendmsg,unlink,unlinkat,mkdir,symlink,ftruncate
POINTS=${KILL_POINTS:-18}

# The certificate is there and served.
kills() {
	strace -qq -y -o "$LAB/trace" -e trace="$CALLS" "$KEYSTAY" --config "$CONFIG" renew payments --force --key new >/dev/null 2>&1
	is $? 0 "a renewal under strace"
	# A second one, since how much is written depends on what was counted and asked meanwhile.
	strace -qq -y -o "$LAB/trace2" -e trace="$CALLS" "$KEYSTAY" --config "$CONFIG" renew payments --force --key new >/dev/null 2>&1
	is $? 0 "and another"
	# A line per point: the call and which one of its kind it is, where both runs came to it.
	awk -F'(' 'NR == FNR { ++most[$1]; next } ++n[$1] <= most[$1] && !/tokens\/[^>]*\/(token\.object|generation)>/ { print $1, n[$1] }' \
		"$LAB/trace2" "$LAB/trace" >"$LAB/all-points"
	local left_out total count killed broken unserved incomplete unknown call n
	left_out=$(grep -cE 'tokens/[^>]*/(token\.object|generation)>' "$LAB/trace")
	total=$(wc -l <"$LAB/all-points")
	if [ "$POINTS" = all ]; then
		awk -v share="${KILL_SHARE:-1/1}" 'BEGIN { split(share, s, "/") } NR % s[2] == s[1] % s[2]' \
			"$LAB/all-points" >"$LAB/points"
	else
		awk -v total="$total" -v want="$POINTS" 'int(NR * want / total) != int((NR - 1) * want / total)' "$LAB/all-points" >"$LAB/points"
	fi
	tap "$([ "$total" -ge 100 ]; echo $?)" "$total points in one renewal"
	note "$left_out writes of SoftHSM to its own token.object and generation are left out"

	killed=0 broken=0 unserved=0 incomplete=0 unknown=0
	while read -r call n; do
		(
			strace -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$n" \
				"$KEYSTAY" --config "$CONFIG" renew payments --force --key new >/dev/null 2>&1 </dev/null
			exit $?
		) 2>/dev/null
		[ $? = 137 ] && killed=$((killed + 1))
		live_pair_whole payments || { broken=$((broken + 1)); note "broken pair at $call $n"; }
		[ -n "$(served payments.example)" ] || { unserved=$((unserved + 1)); note "not served at $call $n"; }
		"$KEYSTAY" --config "$CONFIG" renew payments >"$LAB/again" 2>&1 </dev/null
		if [ $? != 0 ] || [ "$("$KEYSTAY" --config "$CONFIG" status --json | jq -r '.certificates[0].state')" != valid ] ||
			[ "$(served payments.example)" != "$(live_fingerprint payments)" ]; then
			incomplete=$((incomplete + 1))
			note "incomplete after $call $n:" "$(cat "$LAB/again")"
		fi
		if [ "$(token_ids web web)" != "$(known_ids web)" ] || ! live_pair_whole payments; then
			unknown=$((unknown + 1))
			note "keys differ after $call $n:" "$(diff <(token_ids web web) <(known_ids web))"
		fi
	done <"$LAB/points"
	count=$(wc -l <"$LAB/points")
	# The last calls of a kind may not come in a run that writes or sends a little less.
	tap "$([ "$killed" -ge $((count - 1 - count / 50)) ]; echo $?)" "$killed kills at $count points"
	is "$broken" 0 "0 broken pairs"
	is "$unserved" 0 "0 times not served"
	is "$incomplete" 0 "the next run completed each time"
	is "$unknown" 0 "0 unknown or missing keys"
}
