#!/usr/bin/env bash
# Days of one machine with an EST server, by a clock that is moved: a first certificate by
# login, then renewals by certificate, a new key every third time, an outage, a new root. The agent is
# killed in every wait. All the time the live certificate is a valid one, and served.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
lab_begin
cd "$LAB" || exit 2
LIFE=64800 # seconds that a certificate lives: three renewals a day
echo 0 >"$LAB/clock"
MOVED=(LD_PRELOAD="$BIN/doubles/clock.so" KEYSTAY_TEST_CLOCK="$LAB/clock")

# ca NAME: a root. link NAME OF BY: the root OF, signed by the root BY (RFC 7030 4.1.3).
ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=Day CA' \
		-keyout "$1.key" -out "$1.pem" -addext basicConstraints=critical,CA:TRUE \
		-addext keyUsage=critical,keyCertSign 2>/dev/null
}
link() {
	openssl x509 -in "$2.pem" -signkey "$2.key" -x509toreq 2>/dev/null |
		openssl x509 -req -CA "$3.pem" -CAkey "$3.key" -days 20 -out "$1.pem" \
			-extfile <(printf '%s\n' basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign) 2>/dev/null
}
# https NAME CA [CHAIN]: the server's own certificate.
https() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 \
		-keyout "$1.key" -out "$1.csr" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -days 20 -out "$1.pem" \
		-extfile <(printf 'subjectAltName=IP:127.0.0.1\n') 2>/dev/null
	cat "${@:3}" </dev/null >>"$1.pem"
}
ca old
ca new
link new-with-old new old
link old-with-new old new
https first old
https second new new-with-old.pem
https third new
cat old.pem new.pem new-with-old.pem old-with-new.pem >all.pem
cat old.pem new.pem >clients.pem
printf 'estuser:estpwd\n' >users
: >rules

# server HTTPS CA CACERTS: on the port that it had
lab_port EST
SERVER=
server_end() {
	[ -z "$SERVER" ] || { kill "$SERVER" && wait "$SERVER" 2>/dev/null; }
	SERVER=
}
server() {
	server_end
	env "${MOVED[@]}" "$BIN/tools/est-server" "$EST" "$1.pem" "$1.key" "$2.pem" "$2.key" rules \
		--users users --clients clients.pem --cacerts "$3" --seconds $LIFE --retry-after 60 >>"$LAB/log/est" &
	SERVER=$!
	LAB_PIDS+=("$SERVER")
	lab_wait_port "$EST"
}
server first old old.pem

lab_port LAB_HTTP
lab_port LAB_TLS
lab_config
perl -0pi -e 's,authorities:.*certificates:\n,,s' "$CONFIG"
(umask 077 && echo estpwd >est.password)
mkdir policies
printf 'policy: day\nextends: lab\nrules: {rotate: 1d, drain: 1h, disable: 1h}\n' >policies/day.yaml
lab_reload_script
cat >>"$CONFIG" <<-YAML
	authorities:
	  - {name: internal, protocol: est, url: "https://127.0.0.1:$EST", trust: $LAB/old.pem, username: estuser, password: "file:$LAB/est.password"}
	certificates:
	  - name: payments
	    names: [payments.example, www.payments.example]
	    token: web
	    authority: internal
	    policy: day
	$(lab_on_nginx)
YAML
agent_alerts
lab_tokens >/dev/null || exit 2
lab_nginx_conf
lab_server_openssl payments
lab_nginx_start || exit 2
lab_nginx_conf payments "payments.example www.payments.example"

now() { echo $(($(date +%s) + $(cat "$LAB/clock"))); }
enrolled() { grep -c "POST .*/simple.*enroll auth=$1" "$LAB/log/est"; }
ends() { date -d "$(openssl x509 -in "$LAB/state/live/payments/cert.pem" -noout -enddate | cut -d= -f2)" +%s; }
# Whatever happens: what is live is valid now, a pair, and served.
BAD=0
LOOKS=0
look() {
	LOOKS=$((LOOKS + 1))
	[ "$(ends)" -gt "$(now)" ] && live_pair_whole payments &&
		[ "$(served payments.example)" = "$(live_fingerprint payments)" ] && return
	BAD=$((BAD + 1))
	note "at $(cat "$LAB/clock") s: not valid, no pair, or not served"
}
# The clock goes on, and the agent with it.
later() {
	agent_mark
	echo $(($(cat "$LAB/clock") + $1)) >"$LAB/clock.new"
	mv "$LAB/clock.new" "$LAB/clock"
	agent_heard '^STATUS=1 certificates; (next|nothing)' || note "the agent says nothing after $1 s"
}
KILLS=0
restart() {
	kill -9 "$AGENT"
	wait "$AGENT" 2>/dev/null
	KILLS=$((KILLS + 1))
	agent_start "${MOVED[@]}"
	agent_heard '^STATUS=1 certificates; (next|nothing)'
}
parked() { db "SELECT cookie FROM part" 2>/dev/null | grep -q since; }
renewals() { journaled payments renewed; }
keys_made() { journaled payments key-made; }
# A pass waits with what waits for less than ten minutes.
slow() { printf '/simple.*enroll pending 900\n' >rules; }
fast() { : >rules; }

# --- the first one: by login, and it has to wait
slow
agent_start "${MOVED[@]}"
wait_for parked
tap $? "the first request has to wait"
csr=$(db "SELECT cookie FROM part" | jq -r .csr)
restart
is "$(db "SELECT cookie FROM part" | jq -r .csr) $(keys_made)" "$csr 1" "killed in the wait: request and key are kept"
fast
later 1000
wait_for '[ "$(journaled payments issued)" = 1 ]'
is "$(journaled payments issued) $(enrolled cert)" "1 0" "a certificate, by login"
isnt "$(enrolled basic)" 0 "which was sent"
logins=$(enrolled basic)
agent_heard '^STATUS=1 certificates; next'
look

# --- renewals by certificate; each waits first, and the agent is killed in each wait and after it
# renewal N: what is due comes, in steps of three quarters of an hour
renewal() {
	local steps=0
	slow
	until parked; do
		[ $((steps += 1)) -le 24 ] || { note "renewal $1 is not due"; return 1; }
		later 2700
		look
	done
	restart
	look
	fast
	later 1000
	wait_for '[ "$(renewals)" = '"$1"' ]' || note "renewal $1 does not come"
	look
	agent_heard '^STATUS=1 certificates; next'
	restart
}
keys=(1)
for n in 1 2 3 4; do
	renewal $n
	keys+=("$(keys_made)")
done
is "$(renewals)" 4 "four renewals"
is "${keys[*]}" "1 1 1 2 2" "a new key the third time"
is "$(enrolled basic)" "$logins" "all by certificate, none by login"
is "$(grep -c 'simplereenroll auth=cert' "$LAB/log/est")" "$(enrolled cert)" "as renewals, each asked twice"

# --- an outage of a third of the lifetime, from when it is due
half=$((($(ends) - $(now)) - LIFE / 2))
server_end
[ $half -le 0 ] || later $((half + 1000))
gone=0
while [ $gone -lt $((LIFE / 3)) ]; do
	later 1800
	gone=$((gone + 1800))
	look
	[ $gone != 10800 ] || restart
done
isnt "$(journaled payments failed)" 0 "an outage of six hours: renewals fail"
like "$(db "SELECT error_text FROM attempt")" "authority 'internal': no answer from 'https://127.0.0.1:$EST/.well-known/est/" "and it is said why"
is "$(renewals)" 4 "nothing comes"
server first old old.pem
for _ in $(seq 12); do
	[ "$(renewals)" = 5 ] && break
	later 1800
	look
done
is "$(renewals)" 5 "it is back, and so is the renewal, in time"
left=$(($(ends) - $(now)))
tap "$([ $left -gt $((LIFE / 2)) ]; echo $?)" "($left s to live)"

# --- a new root: the old one vouches for it; the server shows it from now on
anchors() { grep -c BEGIN "$LAB/state/anchors/internal.pem"; }
is "$(anchors)" 1 "one anchor"
server second new all.pem
renewal 6
is "$(renewals) $(anchors)" "6 2" "a new root, by the word of the old one: learned, and used"
like "$(db "SELECT text FROM journal WHERE kind = 'anchor'")" "authority 'internal': the CA '/CN=Day CA' .*is an anchor now, by the word of $(openssl x509 -in old.pem -outform DER | sha256sum | cut -c1-64)" "the journal tells by whose"
openssl verify -attime "$(now)" -CAfile new.pem "$LAB/state/live/payments/cert.pem" >/dev/null
tap $? "what is live is of the new root"
cmp -s "$LAB/state/live/payments/anchors.pem" "$LAB/state/anchors/internal.pem"
tap $? "and both roots are beside it, for those who look at it"
server third new new.pem
for n in 7 8 9 10; do
	renewal $n
	keys+=("$(keys_made)")
done
is "$(renewals) $(anchors)" "10 2" "the server knows the new one alone: ten renewals"
is "$(enrolled basic)" "$logins" "one login in all that time"
is "$(db "SELECT count(*) FROM key WHERE token = 'web' AND state NOT IN ('destroyed', 'reserved')")" "$(token_ids web web | wc -l)" "no key is left that the agent does not know"
hours=$(($(cat "$LAB/clock") / 3600))
tap "$([ $hours -ge 24 ]; echo $?)" "in $hours hours"
is "$BAD" 0 "at $LOOKS looks in between a valid certificate was served ($KILLS kills)"
is "$(told payments expiring true) $(told payments expired false)" "1 0" "people were told of the outage, and that it is over; nothing ended"
like "$(known_ids web | wc -l)" '^[12]$' "old keys are gone"
agent_stop
is "$STATUS" 0 "it ends"
done_testing
