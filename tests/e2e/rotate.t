#!/usr/bin/env bash
# Rotations to new keys under clients that never stop: no handshake fails. ROTATIONS=20 for the
# proof (make proof-rotate); a few otherwise.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
ROTATIONS=${ROTATIONS:-4}
lab_usual
ks_is 0 "the first certificate" issue payments
for i in 1 2; do
	"$BIN/tools/handshakes" "$LAB_TLS" payments.example 3600 >"$LAB/client$i" 2>&1 &
	clients[i]=$!
done
good=0
for _ in $(seq "$ROTATIONS"); do
	ks renew payments --force --key new
	if [ "$STATUS" = 0 ]; then
		good=$((good + 1))
	else
		note "$OUT"
	fi
done
sleep 1
kill "${clients[@]}"
wait "${clients[@]}"
is "$good" "$ROTATIONS" "$ROTATIONS rotations to a new key"
for i in 1 2; do
	like "$(cat "$LAB/client$i")" "^handshakes [0-9]{3,}, failed 0, certificates $((ROTATIONS + 1))$" "client $i: no handshake failed"
	note "$(cat "$LAB/client$i")"
done
grep -E '\[(crit|alert|emerg)\]' "$LAB/log/nginx.error" | head -5 | sed 's/^/# nginx: /' >&2
done_testing
