#!/usr/bin/env bash
# kill -9 at random moments of a daemon that renews 20 certificates, each time with a new key, again
# and again; KILLS times (make proof-daemon: 500). Old keys are destroyed at once.
#
# The process is stopped first and looked at: SoftHSM cuts its own token.object and writes it anew in
# place at each login, and a token that loses its process there can be opened by nobody any more
# (docs/TOKENS.md). A daemon that stands at such a moment goes on for a hundredth of a second; how
# often that was is said at the end.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1 LAB_POLICY=fast
export PEBBLE_WFE_NONCEREJECT=0
KILLS=${KILLS:-12} N=20
RANDOM=${SEED:-$$}
lab_begin
lab_pebble || exit 2
lab_port LAB_TLS
lab_config
mkdir "$LAB/policies"
printf 'policy: fast\nrules: {drain: 0s, disable: 0s}\n' >"$LAB/policies/fast.yaml"
lab_reload_script
names=()
for i in $(seq $N); do
	lab_certificate "c$i" "c$i.example" "$(lab_on_nginx)"
	names+=("c$i" "c$i.example")
done
lab_nginx_conf
lab_server_openssl c1
lab_nginx_start || exit 2
lab_tokens >/dev/null || exit 2
lab_nginx_conf "${names[@]}"
# nginx takes none while another one's files are not there.
ks issue --all
ks_is 0 "$N certificates" issue --all
make_all_due() { db "UPDATE certificate SET cause_at = 1, cause = 'test' WHERE cause_at = 0"; }

# token.object and generation of both tokens, as they are when nobody writes them.
softhsm_sizes() { stat -c '%n %s' "$LAB"/tokens/*/token.object "$LAB"/tokens/*/generation; }
whole=$(softhsm_sizes)

# Every live certificate that changed since the last look is a pair: the leaf's key is that of the
# reference beside it, by the database's own hash. One list of keys serves all.
declare -A looked_at
broken_pairs() {
	local name at spki uri uris=""
	for name in "$LAB"/state/live/*; do
		at=$(readlink "$name")
		[ "${looked_at[$name]:-}" = "$at" ] && continue
		[ -n "$uris" ] || uris=$("$KEYSTAY" --config "$CONFIG" keys list --json | jq -r '.keys[] | .public_key_sha256 + " " + .uri')
		spki=$(openssl x509 -in "$name/cert.pem" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1)
		uri=$(sed -n "s/^$spki //p" <<<"$uris")
		if [ -n "$uri" ] && sed '1d;$d' "$name/key.pem" | base64 -d | grep -qaF "$uri"; then
			looked_at[$name]=$at
		else
			echo "$name"
		fi
	done
}

# Keys in the token of which the database never heard.
unknown_keys() { comm -23 <(token_ids web web) <(db "SELECT id FROM key" | sort); }

# Stops the daemon where SoftHSM's own files are whole, and kills it there.
kill_it() {
	while :; do
		kill -STOP "$AGENT" || return 1
		wait_for '[ "$(awk "{ print \$3 }" "/proc/$AGENT/stat")" = T ]' 20
		[ "$(softhsm_sizes)" = "$whole" ] && break
		torn=$((torn + 1))
		kill -CONT "$AGENT"
		sleep 0.01
	done
	kill -9 "$AGENT"
	wait "$AGENT" 2>/dev/null
	[ $? = 137 ]
}

killed=0 torn=0 broken=0 unknown=0 unserved=0
make_all_due
for n in $(seq "$KILLS"); do
	agent_start
	sleep "$((RANDOM % 2)).$(printf %03d $((RANDOM % 1000)))"
	{ kill_it; } 2>/dev/null && killed=$((killed + 1))
	pairs=$(broken_pairs)
	[ -z "$pairs" ] || { broken=$((broken + 1)); note "kill $n: broken: $pairs"; }
	keys=$(unknown_keys)
	[ -z "$keys" ] || { unknown=$((unknown + 1)); note "kill $n: unknown: $keys"; }
	for i in 1 2 3; do
		i=$((RANDOM % N + 1))
		[ -n "$(served "c$i.example")" ] || { unserved=$((unserved + 1)); note "kill $n: c$i is not served"; }
	done
	make_all_due
done
agent_start
wait_for '[ "$(db "SELECT (SELECT count(*) FROM attempt) + (SELECT count(*) FROM certificate WHERE cause_at > 0)")" = 0 ]' 300
tap $? "the last one brings all to its end"
agent_heard "^STATUS=$N certificates; next: "
agent_stop
is "$killed" "$KILLS" "$killed kills"
is "$broken" 0 "0 broken pairs"
is "$unknown" 0 "0 unknown keys"
is "$unserved" 0 "0 times not served"
is "$(db "SELECT count(*) FROM certificate WHERE last_version > 1")" $N "every certificate was renewed"
for i in $(seq $N); do
	[ "$(served "c$i.example")" = "$(live_fingerprint "c$i")" ] && echo "c$i"
done >"$LAB/shown"
is "$(wc -l <"$LAB/shown")" $N "and each is served"
is "$(token_ids web web)" "$(known_ids web)" "keys in the token are the keys in the database"
is "$("$KEYSTAY" --config "$CONFIG" keys list --json | jq '[.keys[] | select(.token == "web" and .state == "active")] | length')" $N "one for each certificate"
note "$killed kills, $(db "SELECT count(*) FROM journal WHERE kind = 'renewed'") renewals; $torn times it stood where SoftHSM writes its own files, and went on for 10 ms"
done_testing
