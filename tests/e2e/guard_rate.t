#!/usr/bin/env bash
# Handshakes per second through nginx with the guard and without: two servers with the same key, by
# turns. RATE_ROUNDS=9 RATE_SECONDS=3 for the figures; here that none fails, and that the guarded
# ones are all counted.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
ROUNDS=${RATE_ROUNDS:-1}
SECONDS_EACH=${RATE_SECONDS:-1}
lab_usual
ks_is 0 "a certificate" issue payments
signatures() { "$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r '.keys[0].signatures'; }

# A second nginx whose provider loads the token's module itself.
lab_port BARE_PORT
lab_port BARE_HTTP
sed "s/127.0.0.1:$LAB_TLS /127.0.0.1:$BARE_PORT /; s/127.0.0.1:$LAB_HTTP;/127.0.0.1:$BARE_HTTP;/; s|$LAB/nginx.pid|$LAB/bare.pid|" "$LAB/nginx.conf" >"$LAB/bare.conf"
sed "s|^pkcs11-module-path = .*|pkcs11-module-path = $SOFTHSM_MODULE|; /^pkcs11-module-init-args/d" "$LAB/server-openssl.cnf" >"$LAB/bare.cnf"
OPENSSL_CONF=$LAB/bare.cnf nginx -c "$LAB/bare.conf" -e "$LAB/log/bare.error" || exit 2
LAB_PIDS+=("$(cat "$LAB/bare.pid")")
lab_wait_port "$BARE_PORT" || exit 2

# "HANDSHAKES CPU-TICKS-OF-THE-WORKERS" of two clients on a port, in this time.
ticks() { pgrep -P "$1" | sed 's|.*|/proc/&/stat|' | xargs awk '{ n += $14 + $15 } END { print n }'; }
round() { # PORT PID-FILE
	local pid before i all=0
	pid=$(cat "$2")
	before=$(ticks "$pid")
	for i in 1 2; do
		"$BIN/tools/handshakes" "$1" payments.example "$SECONDS_EACH" fast >"$LAB/client$i" &
		clients[i]=$!
	done
	wait "${clients[@]}"
	for i in 1 2; do
		read -r _ n _ no _ < <(tr -d , <"$LAB/client$i")
		all=$((all + n))
		failed=$((failed + no))
	done
	echo "$all $(($(ticks "$pid") - before)) $failed" >"$LAB/round"
	read -r ROUND_HANDS ROUND_TICKS failed <"$LAB/round"
}

failed=0 guarded=0
before=$(signatures)
for _ in $(seq "$ROUNDS"); do
	round "$LAB_TLS" "$LAB/nginx.pid"
	echo "$ROUND_HANDS $ROUND_TICKS" >>"$LAB/with"
	guarded=$((guarded + ROUND_HANDS))
	round "$BARE_PORT" "$LAB/bare.pid"
	echo "$ROUND_HANDS $ROUND_TICKS" >>"$LAB/without"
done
is "$failed" 0 "no handshake failed"
like "$guarded" "^[1-9][0-9]" "they were many"
is "$(($(signatures) - before))" "$guarded" "each of the guarded server's $guarded is counted, and none of the other's"
paste "$LAB/with" "$LAB/without" | awk -v s="$SECONDS_EACH" '
	{ rate[NR] = $1 / $3; with += $1; without += $3; wt += $2; bt += $4; w[NR] = $1 / s; b[NR] = $3 / s }
	function median(a, n,   i, j, t) {
		for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (a[j] < a[i]) { t = a[i]; a[i] = a[j]; a[j] = t }
		return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
	}
	END {
		m = median(rate, NR); mw = median(w, NR); mb = median(b, NR)
		printf "# | handshakes/s, median | guard %.0f [%.0f-%.0f] | bare %.0f [%.0f-%.0f] | ratio %.3f [%.3f-%.3f] |\n", \
			mw, w[1], w[NR], mb, b[1], b[NR], m, rate[1], rate[NR]
		if (with && without && bt) printf "# | worker CPU of a handshake | guard %.0f us | bare %.0f us | ratio %.3f |\n", \
			wt * 10000 / with, bt * 10000 / without, (wt / with) / (bt / without)
	}' >&2
done_testing
