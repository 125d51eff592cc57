#!/usr/bin/env bash
# An EST server that misbehaves (tests/tools/est-server.c): whatever it answers, the old certificate
# stays whole and nothing becomes an anchor, the error says who did what, and when it is fair again
# the next renewal succeeds. EST_TABLE=FILE: all cases as a table in markdown.
. "$(dirname "$0")/tap.sh"
. "$ROOT/scripts/lab-est.sh"
lab_begin
lab_est_ca || exit 2
cd "$LAB" || exit 2
PASSWORD='hostile:Tr0ub4dor & 3'
(umask 077 && printf '%s\n' "$PASSWORD" >est.pw && printf 'estuser:%s\n' "$PASSWORD" >users)
: >rules
: >rules-two
: >said

# What /csrattrs answers when no rule says otherwise: nothing is asked for.
attrs() { printf '%b' "$1" >attrs; }
attrs '\x30\x00'

# ca NAME SUBJECT
ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -utf8 -subj "$2" \
		-keyout "$1.key" -out "$1.pem" -addext 'basicConstraints=critical,CA:TRUE' 2>/dev/null
}
# signed NAME CA EXTENSION: a certificate and its key
signed() {
	[ -s "$1.key" ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 >"$1.key" 2>/dev/null
	openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
	openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 30 \
		-extfile <(echo "$3") -out "$1.pem" 2>/dev/null
}
ca stranger /CN=stranger
signed strange stranger subjectAltName=IP:127.0.0.1
signed elsewhere est-ca subjectAltName=DNS:elsewhere.example

# Whose key the CA signed, as if it were a root.
root() {
	openssl req -x509 -key "$1.key" -days 30 -subj "/CN=$1" -addext 'basicConstraints=critical,CA:TRUE' 2>/dev/null
}
signed leaf est-ca basicConstraints=CA:FALSE
signed below est-ca basicConstraints=critical,CA:TRUE,pathlen:0
for name in leaf below; do
	{ cat "$name.pem" && root "$name"; } >"$name-root.pem"
done

# Two CAs that signed each other.
ca left /CN=left
signed right left basicConstraints=critical,CA:TRUE
signed left right basicConstraints=critical,CA:TRUE
cat left.pem right.pem >ring.pem

# server options...: the authority on port $EST, showing $SHOWS; the one before ends.
SERVER='' SHOWS=est-server
server() {
	[ -z "$SERVER" ] || { kill "$SERVER" && wait "$SERVER" 2>/dev/null; }
	"$BIN/tools/est-server" "$EST" "$SHOWS.pem" "$SHOWS.key" est-ca.pem est-ca.key rules \
		--users users --csrattrs attrs --label dev1 "$@" >>log/est 2>&1 &
	SERVER=$!
	LAB_PIDS+=("$SERVER")
	lab_wait_port "$EST"
}
lab_port EST
URL=https://127.0.0.1:$EST/.well-known/est
server

# Another origin, which gives certificates of the same CA to whoever asks.
lab_port TWO
URL_TWO=https://127.0.0.1:$TWO/.well-known/est
"$BIN/tools/est-server" "$TWO" est-server.pem est-server.key est-ca.pem est-ca.key rules-two \
	--anybody >log/two 2>&1 &
LAB_PIDS+=($!)
lab_wait_port "$TWO"

lab_config
perl -0pi -e 's,authorities:.*certificates:\n,,s' "$CONFIG"
cat >>"$CONFIG" <<-YAML
	authorities:
	  - name: internal
	    protocol: est
	    url: $URL
	    trust: $LAB/est-ca.pem
	    username: estuser
	    password: file:$LAB/est.pw
	certificates:
	  - {name: dev, names: [dev.example, www.dev.example], token: web, authority: internal, policy: lab}
YAML
lab_tokens >/dev/null || exit 2

# tell keystay-arguments...: as ks, and what it says is kept for the end.
tell() {
	ks "$@"
	printf '%s\n' "$OUT" >>said
}
tell issue dev
is "$STATUS" 0 "the first certificate"
first=$(live_fingerprint dev)
same_anchors() { cmp -s state/anchors/internal.pem anchors && [ "$(echo state/anchors/*)" = state/anchors/internal.pem ]; }
cp state/anchors/internal.pem anchors
is "$(openssl x509 -in anchors -noout -fingerprint)" "$(openssl x509 -in est-ca.pem -noout -fingerprint)" "its anchor"
is "$(grep -c BEGIN anchors)" 1 "is the only one"

# row NAME KEPT: a line of the table.
row() {
	[ -n "${EST_TABLE:-}" ] || return 0
	printf '| %s | %s | %s | %s |\n' "$1" "$STATUS" "$(sed 's,|,\\|,g' <<<"$OUT" | grep . | paste -sd' ')" "$2" |
		LC_ALL=C sed "s,$LAB,LAB,g; s,:$EST,:PORT,g; s,:$TWO,:OTHER,g; s,\xc2\x9b,<U+009B>,g" >>"$EST_TABLE"
}
[ -z "${EST_TABLE:-}" ] ||
	printf '%s\n' '| case | exit status | what keystay prints | what is live |' '|---|---|---|---|' >"$EST_TABLE"

# hostile RULE STATUS REGEX NAME: a renewal under a rule for the paths $at, and the line $also
# before it. What is said names $who and then has the regex.
at='/simple(re)?enroll' who="authority 'internal'"
hostile() {
	local rule=$1 wanted=$2 regex=$3 name=$4 now="the old one"
	printf '%s\n' "${also:-}" "$at $rule" >rules
	tell renew dev --force --wait 1s ${key:+--key "$key"}
	is "$STATUS" "$wanted" "$name"
	like "$(tr '\n' ' ' <<<"$OUT")" "$who.*($regex)" "$name: says who did what"
	[ "$(live_fingerprint dev)" = "$first" ] && live_pair_whole dev || now="ANOTHER ONE"
	same_anchors || now="$now; ANOTHER ANCHOR"
	is "$now" "the old one" "$name: the old certificate stays, and no new anchor"
	row "$name" "$now"
	first=$(live_fingerprint dev)
}

# good NAME [RULE]: a renewal that succeeds.
good() {
	local now="the new one"
	printf '%s\n' "${2:+$at $2}" >rules
	tell renew dev --force
	is "$STATUS" 0 "$1"
	[ "$STATUS" = 0 ] || note "$OUT"
	[ "$(live_fingerprint dev)" != "$first" ] && live_pair_whole dev || now="THE OLD ONE"
	same_anchors || now="$now; ANOTHER ANCHOR"
	is "$now" "the new one" "$1: the new certificate is live"
	row "$1" "$now"
	first=$(live_fingerprint dev)
}
attempt() { "$KEYSTAY" --config "$CONFIG" status --json | jq -r ".certificates[0].attempt | $1"; }

# --- statuses
printf 'No,  \x1b[31mnever\x1b]0;owned\x07\x08\x7f\xff \xc2\x9b31m\r\nno\n' >never
hostile "status 400 $LAB/never" 5 'HTTP status 400: No, .*never' "400 with escape sequences"
tell --json status
is "$(jq -r '.certificates[0].attempt.error.kind' <<<"$OUT")" authority "400 with escape sequences: JSON"
hostile "status 401" 5 'HTTP status 401' "401 that asks for nothing"
hostile 'auth Digest realm="x", nonce="y"' 5 "HTTP status 401.*asks for Digest: write 'auth: digest'" "401 that asks for Digest"
hostile "auth Negotiate" 5 "HTTP status 401.*asks for (Negotiate|another|neither|no login)" "401 that asks for Negotiate"
: >log/est
hostile 'auth Basic realm="x"' 5 "HTTP status 401.*are 'username:' and the password in 'file:[^']*' right" "401 to the right password"
is "$(grep -c auth=basic log/est)" 1 "401 to the right password: it is sent once"
hostile "status 403" 5 'HTTP status 403' "403"
hostile "status 404" 5 "HTTP status 404.*is 'url:' .* right" "404"
hostile "status 405" 5 'HTTP status 405' "405"
hostile "status 415" 5 'HTTP status 415' "415"
hostile "status 500" 5 'HTTP status 500' "500"
hostile "status 501" 5 'HTTP status 501' "501"
printf 'HTTP/1.1 429 X\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n' >many
hostile "raw $LAB/many" 5 'HTTP status 429' "429 with Retry-After"
is "$(attempt .error.kind)" busy "429 with Retry-After: the kind"
tell renew dev --force
is "$STATUS" 7 "429 with Retry-After: not asked before its time"
sleep 5.1
hostile "busy 2" 5 'HTTP status 503: Too much to do' "503 with Retry-After"
is "$(attempt .error.kind)" busy "503 with Retry-After: the kind"
sleep 2.1
good "after statuses"

# --- bodies under status 200, and under none
type=application/pkcs7-mime
hostile "status 204" 5 'HTTP status 204' "204"
hostile empty 5 'the answer is empty' "an empty body"
hostile html 5 "no certs-only message.*<html>" "html"
hostile garbage 5 'no certs-only message' "garbage"
printf '{"error":"\x1b[2Jno"}' >json
hostile "body $LAB/json application/json" 5 'no certs-only message.*"error"' "json"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 >key.pem 2>/dev/null
hostile "body $LAB/key.pem $type" 5 "no certs-only message.*BEGIN PRIVATE KEY" "PEM of a private key"
unlike "$OUT" "$(sed -n 2p key.pem | cut -c 37-60)" "PEM of a private key: it is not shown"
head -c 4096 /dev/zero >zeros
hostile "body $LAB/zeros $type" 5 'no certs-only message' "binary zeros"
echo 'This is base64 of something else.' | base64 >else
hostile "body $LAB/else $type" 5 'no certs-only message' "base64 of something else"
openssl req -new -key key.pem -subj /CN=x -outform DER | base64 >request
hostile "body $LAB/request $type" 5 'no certs-only message' "base64 of a request"
openssl crl2pkcs7 -nocrl -certfile est-ca.pem -outform DER | head -c 200 | base64 >half
hostile "body $LAB/half $type" 5 'no certs-only message' "half a bag"
hostile no-cert 5 'the answer holds no certificate' "an empty bag"
hostile cmc 5 'HTTP status 400 \(application/pkcs7-mime\)' "a CMC error"
echo 'SSH-2.0-OpenSSH_9.2' >ssh
hostile "raw $LAB/ssh" 5 'no answer from' "no HTTP"
{
	printf 'HTTP/1.1 200 X\r\n'
	for i in $(seq 70); do printf 'X-%s: %01000d\r\n' "$i" 0; done
	printf 'Content-Length: 0\r\n\r\n'
} >heads
hostile "raw $LAB/heads" 5 'head.* larger than' "a head of 70 KB"
good "after bodies"

# --- certificates
hostile other-key 5 'no certificate for the key of the request' "for another key"
hostile "other-ca $LAB/stranger.pem $LAB/stranger.key" 5 "the chain does not end at '$LAB/state/anchors/internal.pem'" "of another CA"
hostile drop-san 5 'has no list of names' "without SAN"
hostile "more-san evil.example" 5 "a name that was not asked for: 'evil.example'" "a name too many"
hostile "more-san *.dev.example" 5 "a name that was not asked for: '\*.dev.example'" "a wildcard too many"
hostile $'more-san \x1b[31mevil.example' 5 "not asked for|has no list of names" "a name with an escape sequence"
hostile expired 5 'the certificate expired at' "expired"
hostile not-yet 5 'is not valid before' "not yet valid"
hostile "is-ca critical,digitalSignature,keyCertSign" 5 "the certificate is a CA's" "a CA"
good "after these"
hostile is-ca 5 "the certificate is a CA's" "a CA without keyCertSign"
hostile "eku clientAuth" 5 'is not for TLS servers' "for clients alone"
hostile two 5 'several certificates for our key' "two leaves"
for _ in $(seq 70); do cat stranger.pem; done >seventy.pem
hostile "extra $LAB/seventy.pem" 5 'more than 64 certificates' "70 certificates beside it"
hostile "only $LAB/est-ca.pem" 5 'no certificate for the key of the request' "the CA in its place"
good "after certificates"
cp state/live/dev/cert.pem old.pem
key=same hostile "only $LAB/old.pem" 5 'the certificate that is to be renewed once more' "the old one again"
good "after the old one"

# --- connections
hostile cut 5 'no answer from .*(closed|unexpected eof)' "cut"
began=$(date +%s)
hostile huge 5 'larger than 1048576 bytes' "300 MiB"
[ $(($(date +%s) - began)) -lt 10 ]
tap $? "300 MiB: ends quickly"
printf 'HTTP/1.1 200 X\r\nContent-Length: 99999999999\r\n\r\n' >length
hostile "raw $LAB/length" 5 'larger than 1048576 bytes' "a length of 100 GB"
hostile close-early 5 'no answer from' "closed early"
hostile alert 5 'no answer from .*alert' "an alert"
began=$(date +%s)
hostile "stall 40" 5 'no answer from .*timed out after 30' "a stall"
[ $(($(date +%s) - began)) -lt 36 ]
tap $? "a stall: ends at the limit"
SHOWS=strange server
hostile x 5 "no answer from .*certificate.*is not trusted" "HTTPS by a strange CA"
SHOWS=elsewhere server
hostile x 5 "no answer from .*(127.0.0.1|host name)" "HTTPS of another host"
unlike "$OUT" "name its CA in 'trust:'" "HTTPS of another host: its CA is not to blame"
server
good "after connections"

# --- redirects
hostile "redirect 307 http://127.0.0.1:$EST/" 5 "redirects to 'http://[^ ]*', which is no plain https URL" "to http"
hostile $'redirect 307 http://\x1b[31m\xc2\x9b31m/' 5 "redirects to 'http:.*no plain https URL" "to an escape sequence"
hostile "redirect 307 https://estuser:x@127.0.0.1:$EST/" 5 "redirects to 'https://estuser:x@" "to an URL with a login"
hostile "redirect 307" 5 "redirects to ''" "to nowhere"
hostile "redirect 308 https://other.example/x" 5 "redirects to another server, 'https://other.example:443', and was not followed" "to another host"
hostile "redirect 307 $URL_TWO/simpleenroll" 5 "redirects to another server, 'https://127.0.0.1:$TWO', and was not followed" "to another port"
hostile "redirect 307 $URL/simplereenroll" 5 "redirects more than 3 times" "to itself"
for code in 301 302 303; do
	hostile "redirect $code $URL/cacerts" 5 "HTTP status $code" "$code"
done
is "$(tail -n 1 log/est | sed 's/ tls.*//')" "POST /.well-known/est/simplereenroll auth=none cert=-" "a POST does not follow it"
at=/cacerts hostile "redirect 302 $URL_TWO/cacerts" 5 "cacerts: it redirects to another server" "cacerts elsewhere"
is "$(cat log/two)" "" "nothing came there"
at=est/simplereenroll good "within the server" "redirect 307 /.well-known/est/dev1/simplereenroll"
at=est/cacerts good "cacerts within the server" "redirect 301 dev1/cacerts"
sed -i "s,^    username:,    redirects: [\"https://127.0.0.1:$TWO\"]\n&," "$CONFIG"
good "to one that is allowed" "redirect 307 $URL_TWO/simpleenroll"
echo '/simpleenroll auth Basic realm="two"' >rules-two
hostile "redirect 308 $URL_TWO/simpleenroll" 5 "HTTP status 401.*(redirect|another server|:$TWO)" "a login is asked for there"
is "$(sed 's/ tls.*//' log/two | sort | uniq -c | xargs)" "3 POST /.well-known/est/simpleenroll auth=none cert=-" "no login came there"
good "after redirects"

# --- 202: it is said who is waited for; parked for a sane time, then given up
parked() {
	local least=$1 most=$2 from
	from=$(($(date -d "$(attempt .not_before)" +%s) - $(date +%s)))
	[ "$from" -ge "$least" ] && [ "$from" -le "$most" ]
	tap $? "$3: parked for $least to $most s"
	"$BIN/tools/db-run" state/keystay.db "DELETE FROM attempt"
}
who='waits for (the )?authority.* to grant it'
unsaid='it does not say how long'
hostile "pending -" 7 "$unsaid" "202 without Retry-After"
parked 50 70 "202 without Retry-After"
hostile "pending soon" 7 "$unsaid" "202 with garbage"
parked 50 70 "202 with garbage"
hostile "pending -5" 7 "$unsaid" "202 with less than nothing"
parked 50 70 "202 with less than nothing"
hostile "pending 1000000000000" 7 "" "202 with 10^12 seconds"
parked 86300 $((86400 + 4320 + 1)) "202 with 10^12 seconds"
hostile "pending Fri, 31 Dec 9999 23:59:59 GMT" 7 "" "202 with the year 9999"
parked 86300 $((86400 + 4320 + 1)) "202 with the year 9999"
hostile "pending Fri, 31 Dec 1999 23:59:59 GMT" 7 "" "202 with a date in the past"
who="authority 'internal'"
keys=$(token_ids web web)
good "granted then"
is "$(comm -13 <(echo "$keys") <(token_ids web web))" "" "to the key that was there"

# --- cacerts
at=/cacerts
hostile html 5 'cacerts: .*no certs-only message.*<html>' "cacerts: html"
hostile empty 5 'cacerts: .*empty' "cacerts: an empty body"
hostile garbage 5 'cacerts: .*no certs-only message' "cacerts: garbage"
hostile no-cert 5 'cacerts: .*no certificate' "cacerts: an empty bag"
hostile "status 500" 5 'cacerts: HTTP status 500' "cacerts: 500"
hostile 'auth Basic realm="x"' 5 'cacerts: HTTP status 401' "cacerts: 401"
is "$(tail -n 1 log/est | sed 's/ tls.*//')" "GET /.well-known/est/cacerts auth=none cert=-" "no login goes there"
hostile "pending 1" 5 'cacerts: HTTP status 202' "cacerts: 202"
hostile "extra $LAB/seventy.pem" 5 'cacerts: .*more than 64 certificates' "cacerts: 71 certificates"
hostile huge 5 'larger than 1048576 bytes' "cacerts: 300 MiB"
hostile cut 5 'no answer from .*(closed|unexpected eof)' "cacerts: cut"
ca escape $'/CN=\x1b[31mred\xc2\x9b31m'
good "cacerts: a stranger beside the CA" "extra $LAB/stranger.pem"
like "$OUT" "warning: authority 'internal' names a CA that no anchor vouches for: '/CN=stranger'.*it is not trusted" "is warned of"
good "cacerts: only a stranger, and a certificate of the CA" "only $LAB/stranger.pem"
like "$OUT" "warning: .*'/CN=stranger'.*it is not trusted" "is warned of"
good "cacerts: escape sequences in a stranger's name" "extra $LAB/escape.pem"
also="/cacerts only $LAB/stranger.pem" at='/simple(re)?enroll' \
	hostile "other-ca $LAB/stranger.pem $LAB/stranger.key" 5 "'/CN=stranger'.*not trusted.*the chain does not end at" "cacerts: only a stranger, and its certificate"
for name in leaf below; do
	good "cacerts: who is signed by the CA as a root: $name" "extra $LAB/$name-root.pem"
	like "$OUT" "warning: .*'/CN=$name'.*it is not trusted" "is warned of"
done
also="/cacerts extra $LAB/ring.pem" at='/simple(re)?enroll' \
	hostile "other-ca $LAB/left.pem $LAB/left.key" 5 "the chain does not end at" "cacerts: two CAs that signed each other"
good "after cacerts"

# --- csrattrs
at=/csrattrs
hostile garbage 5 "csrattrs: the answer is no list" "csrattrs: garbage"
hostile html 5 "csrattrs: the answer is no list" "csrattrs: html"
hostile "body $LAB/zeros application/csrattrs" 5 "csrattrs: the answer is no list" "csrattrs: binary zeros"
hostile "status 500" 5 "csrattrs: HTTP status 500" "csrattrs: 500"
hostile "status 403" 5 "csrattrs: HTTP status 403" "csrattrs: 403"
hostile "auth Negotiate" 5 "csrattrs: HTTP status 401" "csrattrs: 401"
hostile "pending 1" 5 "csrattrs: HTTP status 202" "csrattrs: 202"
head -c 65537 /dev/zero | tr '\0' A >large
hostile "body $LAB/large application/csrattrs" 5 "larger than 65536 bytes" "csrattrs: 64 KiB and a byte"
hostile huge 5 "larger than 65536 bytes" "csrattrs: 300 MiB"
good "csrattrs: 404" "status 404"
good "csrattrs: an empty body" empty
# wanted DER STATUS REGEX NAME
wanted() {
	attrs "$1"
	at=/never hostile x "$2" "$3" "csrattrs: $4"
}
ec='\x06\x07\x2a\x86\x48\xce\x3d\x02\x01' rsa='\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01'
p256='\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07' p384='\x06\x05\x2b\x81\x04\x00\x22'
extensions='\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e'
wanted "\x30\x14\x30\x12$ec\x31\x07$p384" 3 'wants a key of another kind \(secp384r1\)' "another curve"
wanted "\x30\x13\x30\x11$rsa\x31\x04\x02\x02\x08\x00" 3 'wants a key of another kind \(RSA of 2048 bits\)' "RSA"
wanted "\x30\x2a\x30\x15$ec\x31\x0a$p256\x30\x11$rsa\x31\x04\x02\x02\x08\x00" 5 "two different keys" "two keys"
wanted '\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a' 3 "wants a signature with SHA1" "SHA-1"
wanted '\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01' 3 "wants a signature with SHA1" "ECDSA with SHA-1"
wanted "\x30\x22\x30\x20$extensions\x31\x13\x30\x11\x30\x0f\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x05\x30\x03\x01\x01\xff" \
	3 "wants the extension basicConstraints as a CA has it" "to be a CA"
wanted "\x30\x1e\x30\x1c$extensions\x31\x0f\x30\x0d\x30\x0b\x06\x03\x55\x1d\x0f\x04\x04\x03\x02\x02\x04" \
	3 "wants the extension keyUsage as a CA has it" "to sign certificates"
wanted '\x30\x02\x06\x7f' 5 "csrattrs: the answer is no list" "cut"
wanted '\x30\x00\x00' 5 "csrattrs: the answer is no list" "a byte too many"
attrs "\x30\x14\x06\x03\x2a\x03\x04\x30\x0d\x06\x03\x2a\x03\x05\x31\x06\x0c\x04what"
good "csrattrs: what nobody knows"
attrs '\x30\x00'
good "after csrattrs"

# --- unusual, and right
at='/(cacerts|simple(re)?enroll)'
for rule in oneline crlf pem der ber; do
	good "$rule" "$rule"
done
at='/simple(re)?enroll'
good "the CA in front" "extra $LAB/est-ca.pem"
good "a stranger in front" "extra $LAB/stranger.pem"
good "a type in capitals" "type APPLICATION/PKCS7-MIME; SMIME-TYPE=Certs-Only"
good "text/plain" "type text/plain; charset=utf-8"
good "another subject" other-subject
tell history dev
like "$OUT" "the subject is '/CN=other.example', and '.*dev.example' was asked for" "is journaled"
for way in --chunked --http10 --close; do
	server "$way"
	good "$way"
done
server

# --- the whole run
tell -v renew dev --force
is "$STATUS" 0 "the last one, with all that it does"
for command in status history check; do
	tell "$command"
done
is "$(token_ids web web)" "$(known_ids web)" "keys in the token are the keys in the database"
is "$(grep -caP '[\x00-\x08\x0b-\x1f\x7f]' said)" 0 "no escape or other control byte was printed"
is "$(LC_ALL=C grep -caP '\xc2[\x80-\x9f]' said)" 0 "nor one of the upper half"
is "$(iconv -f UTF-8 -t UTF-8 said 2>&1 >utf8)" "" "it is UTF-8"
is "$(grep -raFl -e "$PASSWORD" -e "${PASSWORD#*:}" said log state)" "" "the password is nowhere"
is "$(grep -raFl "$(printf 'estuser:%s' "$PASSWORD" | base64)" said log state)" "" "nor as it is sent"
done_testing
