#!/usr/bin/env bash
# A CA that misbehaves: a proxy before Pebble answers with other keys, fewer names, half or huge
# bodies. The old certificate stays, and the next try with an honest CA succeeds.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
ks_is 0 "the first certificate" issue payments
first=$(live_fingerprint payments)

lab_port HOSTILE
: >"$LAB/rules"
"$ROOT/tests/doubles/hostile-ca" "$HOSTILE" "$(sed 's,.*:\([0-9]*\)/.*,\1,' <<<"$LAB_ACME")" \
	"$LAB/lab.pem" "$LAB/lab.key" "$LAB_TRUST" "$LAB/rules" >"$LAB/log/hostile" 2>&1 &
LAB_PIDS+=($!)
lab_wait_port "$HOSTILE"
sed -i "s,url: https://127.0.0.1:[0-9]*,url: https://127.0.0.1:$HOSTILE," "$CONFIG"

# A chain of the lab's own CA for a key, with names: chain FILE KEY-FILE-OR-PUBKEY SAN
chain() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=bad ca' \
		-keyout "$LAB/bad-ca.key" -out "$LAB/bad-ca.pem" -addext 'basicConstraints=critical,CA:TRUE' 2>/dev/null
	printf 'subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n' "$3" >"$LAB/bad.ext"
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout "$LAB/bad.key" -out "$LAB/bad.csr" 2>/dev/null
	openssl x509 -req -in "$LAB/bad.csr" ${2:+-force_pubkey "$2"} -CA "$LAB/bad-ca.pem" -CAkey "$LAB/bad-ca.key" \
		-days 20 -CAcreateserial -extfile "$LAB/bad.ext" -out "$LAB/bad-leaf.pem" 2>/dev/null
	cat "$LAB/bad-leaf.pem" "$LAB/bad-ca.pem" >"$1"
}

hostile() {
	local rule=$1 regex=$2 name=$3 status=${4:-5}
	printf '%s\n' "$rule" >"$LAB/rules"
	ks_is "$status" "$name" renew payments --force --key same
	like "$OUT" "$regex" "$name: says what"
	is "$(served payments.example)" "$first" "$name: the old certificate is served"
}
all="DNS:payments.example,DNS:www.payments.example,DNS:api.payments.example"
# The key that --key same goes on using, as a public key file.
openssl x509 -in "$LAB/state/live/payments/cert.pem" -noout -pubkey >"$LAB/ours.pub"

hostile "^/order-plz html" 'https URL|not JSON' "an HTML page for an order"
hostile "^/dir html" 'not an ACME directory|not JSON' "an HTML page for the directory"
chain "$LAB/other-key.pem" "" "$all"
hostile "^/certZ/ file $LAB/other-key.pem" 'is for another key than ours' "a certificate for another key"
chain "$LAB/less.pem" "$LAB/ours.pub" "DNS:payments.example,DNS:www.payments.example"
hostile "^/certZ/ file $LAB/less.pem" "lacks the name 'api.payments.example'" "a name is missing"
chain "$LAB/more.pem" "$LAB/ours.pub" "$all,DNS:evil.example"
hostile "^/certZ/ file $LAB/more.pem" "not asked for: 'evil.example'" "a name too many"
head -c 300 "$LAB/less.pem" >"$LAB/half.pem"
hostile "^/certZ/ file $LAB/half.pem" 'cut short' "half a PEM"
hostile "^/certZ/ empty" 'empty' "an empty body"
hostile "^/certZ/ html" "text/html" "an HTML page"
hostile "^/certZ/ cut" 'no answer from' "a body that is cut"
hostile "^/certZ/ huge" 'larger than 262144 bytes' "300 MiB"
: >"$LAB/rules"
ks_is 0 "an honest answer: the order that gave 300 MiB is brought to its end" renew payments
first=$(live_fingerprint payments)
is "$(served payments.example)" "$first" "and is served"
printf '{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates (5) already issued"}' >"$LAB/limit.json"
hostile "^/order-plz status 429 $LAB/limit.json" 'too many certificates .*rateLimited' "a rate limit"
ks_is 7 "is waited for, also when asked again" renew payments --due
ks status --json
is "$(jq -r '.certificates[0].attempt.error.kind' <<<"$OUT")" busy "and status tells"
printf '{"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"no","status":400,"subproblems":[{"type":"urn:ietf:params:acme:error:caa","detail":"CAA forbids","identifier":{"type":"dns","value":"www.payments.example"}}]}' >"$LAB/sub.json"
: >"$LAB/rules"
ks renew payments --force
# The limit's hour is not over: the stored moment is respected even then.
is "$STATUS" 7 "the authority's own moment is respected"
sed -i "s,name: pebble,name: second," "$CONFIG"
sed -i "s,authority: pebble,authority: second," "$CONFIG"
hostile "^/order-plz status 400 $LAB/sub.json" "no \(rejectedIdentifier\); www.payments.example: CAA forbids \(caa\)" "subproblems are shown"
printf '%s\n' "^/finalize-order/ drop" >"$LAB/rules"
ks renew payments --force
is "$STATUS" 5 "the answer to finalize is lost"
: >"$LAB/rules"
ks_is 0 "an honest CA: the same order is brought to its end" renew payments
is "$(served payments.example)" "$(live_fingerprint payments)" "and is served"
is "$(grep -o 'Order [^ ]* is fully authorized' "$LAB/log/pebble" | sort | uniq -d | wc -l)" 0 "no order was finalized twice"
is "$(token_ids web web)" "$(known_ids web)" "keys in the token are the keys in the database"

# An order that becomes invalid: nobody shows the challenge.
sed -i "s,webroot: $LAB/webroot,webroot: $LAB/nowhere," "$CONFIG"
ks_is 5 "an order that becomes invalid" renew payments --force
like "$OUT" "the order became invalid: .*payments.example.*(unauthorized|connection|incorrectResponse)" "shows the CA's problem and the name"
is "$(find "$LAB/nowhere" -type f | wc -l)" 0 "and takes the challenge files away"
done_testing
