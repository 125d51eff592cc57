#!/usr/bin/env bash
# A hard limit of 500 on a key that two servers sign with, under load: exactly 500 signatures in the
# token, and each is a client's, a client's that went away, or the agent's own. Then refusals; then
# the limit is raised while the servers run, and they serve again.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_begin
lab_pebble || exit 2
lab_port LAB_TLS
lab_port HAPROXY_PORT
lab_config
# The token's own count: a module before it that notes every call of the servers.
export FAULT_MODULE=$SOFTHSM_MODULE
FAULT=$BIN/doubles/fault_module.so
LOG=$LAB/log/calls
KIND_ENV=(FAULT_MODULE FAULT_LOG)
lab_reload_script
lab_tokens >/dev/null || exit 2
sed -i "0,/module: /s|module: .*|module: $FAULT|" "$CONFIG"
mkdir -p "$LAB/policies"
policy() { printf 'policy: lab\nrules: {%s}\n' "$1" >"$LAB/policies/lab.yaml"; }
policy "rotate: every_renewal"
lab_certificate payments "payments.example" "$(lab_on_nginx)"
sed -i "s|test: \[env, |&FAULT_MODULE=$SOFTHSM_MODULE, |" "$CONFIG"
lab_nginx_conf
lab_server_openssl payments
like "$(cat "$LAB/server-openssl.cnf")" "^pkcs11-module-path = .*/keystay-guard.so$" "server-config has the guard as the provider's module"
like "$(cat "$LAB/server-openssl.cnf")" "^pkcs11-module-init-args = module=$FAULT ledger=$LAB/state/ledger role=server unknown=count$" "and tells it what stands behind it"
: >"$LOG"
chmod 666 "$LOG"
FAULT_LOG=$LOG lab_nginx_start || exit 2
lab_nginx_conf payments "payments.example"
ks_is 0 "the first certificate" issue payments

cat >"$LAB/haproxy.cfg" <<-CFG
	global
		user www-data
		group www-data
		nbthread 2
	defaults
		mode http
		timeout connect 5s
		timeout client 5s
		timeout server 5s
	frontend tls
		bind 127.0.0.1:$HAPROXY_PORT ssl crt $LAB/state/live/payments/combined.pem
		http-request return status 200
CFG
FAULT_LOG=$LOG OPENSSL_CONF=$LAB/server-openssl.cnf haproxy -W -db -f "$LAB/haproxy.cfg" >"$LAB/log/haproxy" 2>&1 &
LAB_PIDS+=($!)
lab_wait_port "$HAPROXY_PORT" || exit 2

signatures() { "$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r ".keys[0].$1"; }
# Calls that the token saw since the log was emptied.
token_signed() { grep -c '^C_Sign$' "$LOG"; }
load() { # seconds
	local i
	clients=()
	"$BIN/tools/handshakes" "$LAB_TLS" payments.example "$1" >"$LAB/client1" 2>&1 & clients+=($!)
	"$BIN/tools/handshakes" "$HAPROXY_PORT" payments.example "$1" >"$LAB/client2" 2>&1 & clients+=($!)
	"$BIN/tools/handshakes" "$LAB_TLS" payments.example "$1" abort >"$LAB/client3" 2>&1 & clients+=($!)
	wait "${clients[@]}"
	ok=0 failed=0
	for i in 1 2 3; do
		read -r _ all _ no _ < <(tr -d , <"$LAB/client$i")
		ok=$((ok + all - no)) failed=$((failed + no))
	done
	note "$(cat "$LAB"/client[123] | tr '\n' ';')"
}

before=$(signatures signatures)
like "$before" "^[0-9]+$" "the key's signatures are counted ($before so far: the request, the agent's handshakes)"
policy "max_signatures: {hard: $((before + 500)), hard_when: always}"
ks_is 0 "the limit is set" renew --due
is "$(signatures hard_limit_armed)" true "and armed, as the policy says"
ks check
like "$OUT" "signatures of '127.0.0.1:$LAB_TLS' are counted" "check sees by a handshake that the server signs through the guard"
probes=$(($(signatures signatures) - before))
: >"$LOG"
load 4
is "$(token_signed)" $((500 - probes)) "exactly 500 signatures, with the agent's own ($probes)"
is "$ok" $((500 - probes)) "each is a handshake of a client, or one that a client left ($ok)"
[ "$failed" -gt 0 ]
is $? 0 "the others were refused ($failed)"
is "$(signatures signatures)" $((before + 500)) "the ledger says the same"
[ "$(signatures refused)" -ge "$failed" ]
is $? 0 "and counted the refusals"
like "$(grep -c 'key attributes do not allow' "$LAB/log/nginx.error")" "^[1-9]" "nginx's log says that the key may not be used so"
ks keys list
like "$OUT" "payments-.* $((before + 500)) signatures of $((before + 500)) \(hard limit\), [0-9,]+ refused" "keys list has count and limit"
ks status payments
like "$OUT" "its key: $((before + 500)) signatures" "and so has status"
is "$("$KEYSTAY" --config "$CONFIG" status --json | jq -c '.certificates[0].keys[0] | [.signatures, .soft_limit, .hard_limit]')" \
	"[$((before + 500)),null,$((before + 500))]" "also for machines"

pids=$(pgrep -P "$(lab_nginx_pid)" | sort | tr '\n' ' ')
policy "max_signatures: {hard: $((before + 900)), hard_when: always}"
ks_is 0 "the limit is raised" renew --due
like "$OUT" "at its hard limit: [0-9]+ signatures were refused" "what was refused is told"
: >"$LOG"
load 4
is "$ok" 400 "400 more, at once"
is "$(token_signed)" 400 "in the token, too"
is "$(pgrep -P "$(lab_nginx_pid)" | sort | tr '\n' ' ')" "$pids" "the workers are the same: nothing was reloaded"
like "$("$KEYSTAY" --config "$CONFIG" history --json | jq -r '.events[].kind' | sort | uniq -c)" "hard-limit" "the journal has it"

# A server that loads the vendor's module itself.
sed -i "s|^pkcs11-module-path = .*|pkcs11-module-path = $SOFTHSM_MODULE|; /^pkcs11-module-init-args/d" "$LAB/server-openssl.cnf"
lab_nginx_stop
lab_nginx_start || exit 2
ks check
like "$OUT" "127.0.0.1:$LAB_TLS' signs past the guard" "check says when a server uses the vendor's module directly"
like "$OUT" "hint: set 'pkcs11-module-path' as 'keystay server-config nginx payments' says" "and what to do"
done_testing
