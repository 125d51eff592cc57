#!/usr/bin/env bash
# A use ledger that is deleted, put back, swapped, cut, filled with noise, sparse or open to others:
# noticed, told, and never begun at zero. The servers go on in each case, and so do renewals.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
LEDGER=$LAB/state/ledger
signatures() { "$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r '.keys[0].signatures'; }
hands() { "$BIN/tools/handshakes" "$LAB_TLS" payments.example 300 "count=$1"; }
restart() {
	lab_nginx_stop
	lab_nginx_start
}
at_least() { # GOT LEAST NAME
	[ "$1" -ge "$2" ]
	tap $? "$3 ($1)"
}

ks_is 0 "a certificate" issue payments
is "$(stat -c '%a %s' "$LEDGER")" "600 659456" "the ledger is its owner's alone"
[ "$(($(stat -c '%b * %B' "$LEDGER")))" -ge 659456 ]
is $? 0 "and allocated in full"
hands 20 >/dev/null
ks renew --due
count=$(signatures)
at_least "$count" 25 "its signatures"
cp -p "$LEDGER" "$LAB/earlier"

rm "$LEDGER"
is "$(hands 10)" "handshakes 10, failed 0, certificates 1" "the ledger is deleted: servers that have it mapped go on"
is "$(signatures)" "$count" "what is shown is the last checkpoint"
ks_is 0 "the next run" renew --due
like "$OUT" "the use ledger '.*' is gone; what was counted since [^ ]+ is not known" "tells it"
like "$OUT" "hint: .*start the servers anew" "and what to do"
at_least "$(signatures)" "$count" "it goes on from the checkpoint"
restart
hands 10 >/dev/null
ks renew --due
unlike "$OUT" "use ledger" "once"
at_least "$(signatures)" $((count + 10)) "after a new start the servers count in it"

count=$(signatures)
cat "$LAB/earlier" >"$LAB/state/ledger.put" && chmod 600 "$LAB/state/ledger.put" && mv "$LAB/state/ledger.put" "$LEDGER"
ks_is 0 "an earlier ledger is put in its place" renew --due
like "$OUT" "the use ledger is another one than before|was put back to an earlier state" "which is told"
at_least "$(signatures)" "$count" "and counts no less"
cp "$LEDGER" "$LAB/now"
restart
hands 10 >/dev/null
ks renew --due
cat "$LAB/now" >"$LEDGER"
ks_is 0 "the same one, as it was earlier, while it is mapped" renew --due
like "$OUT" "was put back to an earlier state" "is told"
at_least "$(signatures)" $((count + 10)) "and counts no less"

count=$(signatures)
damage() { # NAME [FILE]
	if [ -n "${2:-}" ]; then
		chmod 600 "$LAB/$2"
		mv "$LAB/$2" "$LEDGER"
	fi
	ks_is 0 "$1" renew --due
	like "$OUT" "the use ledger '.*' (is no ledger of keystay|is not allocated in full|is a ledger of another version) \(set aside as '.*/ledger.damaged-[0-9]+'\)" "is told, and set aside"
	at_least "$(signatures)" "$count" "nothing is forgotten"
	rm -rf "$LEDGER".damaged-*
}
head -c 659456 /dev/urandom >"$LAB/noise"
damage "a ledger of noise" noise
head -c 100000 "$LEDGER" >"$LAB/short"
damage "a ledger that was cut" short
truncate -s 659456 "$LAB/sparse"
dd if="$LEDGER" of="$LAB/sparse" bs=4096 count=2 conv=notrunc status=none
damage "a ledger with holes" sparse
cp "$LEDGER" "$LAB/newer"
printf '\x09' | dd of="$LAB/newer" bs=1 seek=8 conv=notrunc status=none
damage "a ledger of another version" newer
rm "$LEDGER"
mkdir "$LEDGER"
damage "a folder in its place"

chmod 666 "$LEDGER"
ks_is 0 "a ledger that others may write" renew --due
like "$OUT" "could be written by others than its owner" "is told"
is "$(stat -c %a "$LEDGER")" 600 "and closed"

# Noise in the slots only, while the servers have it mapped.
restart
hands 3 >/dev/null
dd if=/dev/urandom of="$LEDGER" bs=4096 seek=1 count=160 conv=notrunc status=none
hands 10 >/dev/null
kill -0 "$(lab_nginx_pid)"
is $? 0 "noise in the slots: the server lives"
ks_is 0 "and the agent" renew --due
like "$OUT" "the use ledger had (lost [0-9]+ keys|fewer signatures)" "which tells it"
at_least "$(signatures)" "$count" "the key's count is there"

# A disk that is full: certificates are renewed all the same.
rm "$LEDGER"
mkdir "$LEDGER.new"
touch "$LEDGER.new/x"
ks_is 0 "no ledger can be made: a renewal" renew payments --force
like "$OUT" "signatures are not counted and no limit is kept: cannot make the use ledger" "is done, and it is said what is missing"
is "$(served payments.example)" "$(live_fingerprint payments)" "the new certificate is served"
rm -r "$LEDGER.new"
ks_is 0 "when that is mended" renew --due
like "$OUT" "is gone; what was counted since" "the ledger is made anew"

# A server that was started without a ledger takes the one that is made later, at its next reload.
rm "$LEDGER"
lab_nginx_stop
lab_nginx_start 2>"$LAB/log/nginx.start"
like "$(cat "$LAB/log/nginx.start")" "keystay-guard: the ledger '$LEDGER' is not there; signatures are counted in memory only" "a server without a ledger says so"
is "$(hands 5)" "handshakes 5, failed 0, certificates 1" "and serves"
ks_is 0 "the ledger is made" renew --due
count=$(signatures)
"$LAB/reload-nginx"
sleep 2
hands 10 >/dev/null
at_least "$(signatures)" $((count + 10)) "after a reload it counts in it"
done_testing
