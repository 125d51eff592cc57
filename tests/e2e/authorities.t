#!/usr/bin/env bash
# Two authorities for a certificate, one after the other: when the second has its turn and when not,
# and the way back. Two agents with one token.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
export PEBBLE_WFE_NONCEREJECT=0
lab_begin
lab_pebble || exit 2
PORT_A=$LAB_PEBBLE_PORT
# Another Pebble, with a root of its own.
PORT_B="" MANAGE_B=""
lab_port PORT_B
lab_port MANAGE_B
sed -i "s,\(listenAddress\": \"127.0.0.1:\)$PORT_A,\1$PORT_B,; s,\(managementListenAddress\": \"127.0.0.1:\)[0-9]*,\1$MANAGE_B," "$LAB/pebble.json"
LAB_PEBBLE_PORT=$PORT_B
lab_pebble_again || exit 2
lab_port A
lab_port B
: >"$LAB/log/a"
: >"$LAB/log/b"

# Each behind a proxy, which is what is down: up LETTER PORT UPSTREAM; down LETTER; rule LETTER RULE
up() {
	: >"$LAB/rules.$1"
	"$ROOT/tests/doubles/hostile-ca" "$2" "$3" "$LAB/lab.pem" "$LAB/lab.key" "$LAB_TRUST" "$LAB/rules.$1" \
		>>"$LAB/log/$1" 2>>"$LAB/log/hostile" &
	declare -g "PROXY_$1=$!"
	LAB_PIDS+=($!)
	lab_wait_port "$2"
}
down() {
	local pid=PROXY_$1
	pkill -P "${!pid}"
	kill "${!pid}"
	timeout 20 tail --pid="${!pid}" -f /dev/null
}
rule() {
	printf '%s\n' "$2" >"$LAB/rules.new"
	mv "$LAB/rules.new" "$LAB/rules.$1"
}
orders() { grep -c '^POST /order-plz' "$LAB/log/$1"; }
up b "$B" "$PORT_B"
LAB_ACME=https://127.0.0.1:$A/dir
lab_config
perl -0pi -e "s,(  - name: )pebble(.*?)127.0.0.1:$A(.*?)(certificates:),\${1}a\${2}127.0.0.1:$A\${3}\${1}b\${2}127.0.0.1:$B\${3}\${4},s" "$CONFIG"
agent_alerts
lab_certificate payments payments.example
sed -i 's,authority: pebble,authority: [a\, b],' "$CONFIG"
lab_tokens >/dev/null || exit 2
lab_nginx_conf
lab_server_openssl payments
lab_nginx_start || exit 2
by() { db "SELECT authority FROM version ORDER BY number DESC LIMIT 1"; }
went_over() { journaled payments authority-next; }
renewals() { wait_for '[ "$(journaled payments renewed)" = '"$1"' ]'; }

# --- nothing is there: no patience
agent_start
wait_for '[ "$(journaled payments issued)" = 1 ]'
is "$(by) $(went_over) $(journaled payments failed)" "b 1 1" "the first authority is down at the first certificate: the second at once"
ks history payments
like "$OUT" "authority-next.*from authority 'a' to 'b': .*127.0.0.1" "the history tells, and why"

# --- the next one begins with the first
up a "$A" "$PORT_A"
make_due payments
renewals 1
is "$(by) $(went_over)" "a 1" "the next renewal begins with the first again"

# --- there is time: three tries
agent_heard '^STATUS=1 certificates; next: '
down a
orders_b=$(orders b)
make_due payments
for n in 2 3; do
	wait_for '[ "$(journaled payments failed)" = $n ]'
	is "$(went_over) $(($(orders b) - orders_b))" "1 0" "the first is down at a renewal, try $((n - 1)): patience"
	unpark
done
renewals 2
is "$(by) $(went_over) $(journaled payments failed)" "b 2 4" "after the third it is the second's turn"
is "$(db "SELECT count(*) FROM journal WHERE kind = 'authority-next' AND text LIKE 'from authority ''a'' to ''b''%'")" 2 "which is journaled"
up a "$A" "$PORT_A"

# --- S9: it says that it will be back
agent_heard '^STATUS=1 certificates; next: '
orders_a=$(orders a) orders_b=$(orders b)
rule a '^/finalize-order/ busy 1'
make_due payments
for n in 5 6 7 8 9; do
	wait_for '[ "$(journaled payments failed)" -ge $n ]'
	unpark
done
is "$(($(orders a) - orders_a)) $(($(orders b) - orders_b))" "1 0" "503 and Retry-After five times: it stays, with one order"
is "$("$KEYSTAY" --config "$CONFIG" status --json | jq -r '.certificates[0].attempt.error.kind')" busy "and waits for it"
rule a ""
unpark
renewals 3
is "$(by) $(($(orders a) - orders_a)) $(($(orders b) - orders_b)) $(went_over)" "a 1 0 2" "back again: the same order is brought to its end"

# --- both refuse it
agent_heard '^STATUS=1 certificates; next: '
printf '{"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"no","status":400}' >"$LAB/no.json"
rule a "^/order-plz status 400 $LAB/no.json"
rule b "^/order-plz status 400 $LAB/no.json"
failed=$(journaled payments failed)
make_due payments
for n in 1 2 3 4 5 6; do
	wait_for '[ "$(journaled payments failed)" -ge '$((failed + n))' ]'
	[ $n = 6 ] || unpark
done
is "$(db "SELECT text FROM journal WHERE kind = 'authority-next' ORDER BY rowid DESC LIMIT 2" | grep -o "from authority 'a' to 'b'\|from authority 'b' to 'a'" | tr '\n' ' ')" \
	"from authority 'b' to 'a' from authority 'a' to 'b' " "refused by both, three times each: over, and back to the first"
is "$(db "SELECT authority FROM attempt")" a "where it goes on"
left=$(($(db "SELECT not_before FROM attempt") - $(date +%s)))
tap "$([ "$left" -gt 36000 ] && [ "$left" -le 43200 ]; echo $?)" "after a pause ($left s)"
wait_for '[ "$(told payments failed false)" -ge 1 ]'
like "$(jq -r 'select(.subject == "payments") | .text' "$LAB/told" | tail -n 1)" 'rejectedIdentifier' "and people know"
rule a ""
rule b ""
unpark
renewals 4
is "$(by)" a "until it has changed its mind"
agent_stop
is "$STATUS" 0 "it ends"

# --- S22: two agents, two state folders, one token
mkdir "$LAB/policies"
printf 'policy: fast\nrules: {drain: 0s, disable: 0s}\n' >"$LAB/policies/fast.yaml"
lab_port LAB_TLS
lab_reload_script
LAB_POLICY=fast
mine=$LAB/mine.yaml theirs=$LAB/theirs.yaml
for who in mine theirs; do
	lab_config
	sed -i "s,^state: .*,state: $LAB/$who," "$CONFIG"
	lab_certificate $who $who.example "$(lab_on_nginx)"
	mv "$CONFIG" "$LAB/$who.yaml"
done
servers() {
	lab_nginx_conf "$@"
	sed -i "s,$LAB/state/live/mine,$LAB/mine/live/mine,; s,$LAB/state/live/theirs,$LAB/theirs/live/theirs," "$LAB/nginx.conf"
}
CONFIG=$mine
servers mine mine.example
ks_is 0 "an agent" issue mine
CONFIG=$theirs pids=()
servers mine mine.example theirs theirs.example
ks_is 0 "and another one in the same token" issue theirs
# SoftHSM writes a token anew in place at each login, and nginx's test reads two files of the other
# agent: who meets either in between fails, keeps what it had, and is tried again.
renewed() {
	local try
	for try in 1 2 3 4 5 6; do
		timeout 100 "$KEYSTAY" --config "$LAB/$1.yaml" renew "$1" --force --key new >"$LAB/log/$1.$2" 2>&1 && return
		note "$1 $2, try $try:" "$(cat "$LAB/log/$1.$2")"
		sleep 0.2
	done
	return 1
}
for who in mine theirs; do
	for n in 1 2 3; do
		renewed $who $n || echo "$who $n"
	done >"$LAB/$who.bad" &
	pids+=($!)
done
wait "${pids[@]}"
is "$(cat "$LAB/mine.bad" "$LAB/theirs.bad")" "" "three renewals of each, beside each other, all old keys destroyed at once"
for who in mine theirs; do
	is "$(served $who.example)" "$(openssl x509 -in "$LAB/$who/live/$who/cert.pem" -noout -fingerprint -sha256)" "$who is served"
	CONFIG=$LAB/$who.yaml
	known_ids web >"$LAB/$who.ids"
	ks keys prove $who
	is "$STATUS" 0 "and its key is in the token"
done
is "$(comm -12 "$LAB/mine.ids" "$LAB/theirs.ids" | wc -l)" 0 "no id is the other's"
is "$(sort "$LAB/mine.ids" "$LAB/theirs.ids" | wc -l)" 2 "a key each"
db2() { "$BIN/tools/db-run" "$LAB/state/keystay.db" "SELECT id FROM key WHERE token = 'web' AND state NOT IN ('reserved', 'destroyed')"; }
is "$(token_ids web web)" "$({ cat "$LAB/mine.ids" "$LAB/theirs.ids"; db2; } | sort)" "and nothing else is in the token than what the three agents know"
done_testing
