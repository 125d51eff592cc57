#!/usr/bin/env bash
# One issuance under valgrind: no definite leak of ours and no error in our own frames.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
timeout 280 valgrind --quiet --leak-check=full --show-leak-kinds=definite --error-exitcode=99 \
	--errors-for-leak-kinds=none --log-file="$LAB/valgrind" --child-silent-after-fork=yes \
	"$KEYSTAY" --config "$CONFIG" issue payments >"$LAB/out" 2>&1
status=$?
is "$status" 0 "issue ends well under valgrind"
[ "$status" = 0 ] || note "$(cat "$LAB/out" "$LAB/valgrind")"
# A record of a loss is ours when a frame of our sources stands in it.
ours=$(awk -v RS='' '/definitely lost/ && /\(([a-z_]+)\.c:[0-9]+\)/' "$LAB/valgrind" | grep -c 'definitely lost')
is "$ours" 0 "no definite leak of ours"
[ "$ours" = 0 ] || note "$(cat "$LAB/valgrind")"
note "records of definite loss in all, libraries included: $(grep -c 'definitely lost' "$LAB/valgrind")"
is "$(served payments.example)" "$(live_fingerprint payments)" "and the certificate is served"
done_testing
