#!/usr/bin/env bash
# The EST server of the tests (tests/tools/est-server.c): it is fair by default, by the judgement of
# curl, openssl and strongSwan's pki, and misbehaves as it is told.
. "$(dirname "$0")/tap.sh"
lab_begin
lab_tls || exit 2
cd "$LAB" || exit 2

# ca NAME: a CA; csr NAME SUBJECT [openssl-arguments...]: a key and a request for it in base64 lines.
ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" \
		-keyout "$1.key" -out "$1.pem" -addext 'basicConstraints=critical,CA:TRUE' 2>/dev/null
}
csr() {
	local name=$1 subject=$2
	shift 2
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$subject" \
		-keyout "$name.key" -out "$name.csr" "$@" 2>/dev/null
	sed '/^-/d' "$name.csr" >"$name.b64"
}
ca est-ca
ca other-ca
csr dev /O=Lab/CN=dev.example -addext 'subjectAltName=DNS:dev.example,IP:192.0.2.1'
csr small /CN=small.example -addext 'subjectAltName=DNS:small.example' \
	-addext 'keyUsage=critical,keyAgreement' -addext 'extendedKeyUsage=emailProtection'
printf 'estuser:estpwd\n:nobody\nquo"te:a:b\n' >users
: >rules

# server options...: starts one on $EST, its requests in $SAID, and stops the one before.
SERVER=
server() {
	[ -z "$SERVER" ] || kill "$SERVER"
	lab_port EST
	SAID=$LAB/log/est-$EST
	"$BIN/tools/est-server" "$EST" lab.pem lab.key est-ca.pem est-ca.key rules "$@" >"$SAID" &
	SERVER=$!
	LAB_PIDS+=("$SERVER")
	lab_wait_port "$EST"
	URL=https://127.0.0.1:$EST/.well-known/est
}

# est PATH curl-arguments...: $CODE, $HEAD, the body in the file body; $CURL is curl's exit status.
est() {
	local path=$1
	shift
	: >body
	: >headers
	CODE=$(curl -sS --max-time 10 --cacert lab-ca.pem -o body -D headers -w '%{http_code}' "$@" "$URL/$path" 2>said)
	CURL=$?
	HEAD=$(tr -d '\r' <headers)
}
post=(-H 'Content-Type: application/pkcs10' --data-binary)
basic=(-u estuser:estpwd)
enroll() {
	est "${path:-simpleenroll}" "${post[@]}" "@${csr:-dev}.b64" "$@"
}

# What a body holds, as PEM in certs; certificates of it, and one text of them.
bag() {
	base64 -d <body 2>/dev/null | openssl pkcs7 -inform DER -print_certs -out certs 2>/dev/null
}
count() { bag && grep -c BEGIN certs; }
text() { openssl x509 -in certs -noout "$@" 2>/dev/null; }
of_key() { [ "$(text -pubkey)" = "$(openssl pkey -in "$1.key" -pubout)" ]; }

# --- the plain one, with passwords
server --users users --csrattrs attrs --retry-after ""
printf '\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07' >attrs
est cacerts
is "$CODE $(count)" "200 1" "cacerts"
is "$(text -fingerprint)" "$(openssl x509 -in est-ca.pem -noout -fingerprint)" "is the CA"
like "$HEAD" '^Content-Type: application/pkcs7-mime$' "with its type"
is "$(awk '{ print length }' body | sort -rn | head -n 1)" 64 "in lines of 64"
est csrattrs
is "$CODE $(base64 -d <body | sha256sum)" "200 $(sha256sum <attrs)" "csrattrs"
like "$HEAD" '^Content-Type: application/csrattrs$' "with their type"
enroll
is "$CODE" 401 "nobody gets no certificate"
like "$HEAD" '^WWW-Authenticate: Basic realm="est"$' "but a question"
enroll -u estuser:wrong
is "$CODE" 401 "a wrong password"
enroll -u estuser:estpwd2
is "$CODE" 401 "one that is longer"
enroll "${basic[@]}"
is "$CODE $(count)" "200 1" "a right one"
like "$HEAD" '^Content-Type: application/pkcs7-mime; smime-type=certs-only$' "its type"
openssl verify -CAfile est-ca.pem certs >/dev/null 2>&1
tap $? "the certificate verifies"
of_key dev
tap $? "is for the key"
like "$(text -subject -ext subjectAltName)" 'O ?= ?Lab, CN ?= ?dev.example' "has the subject"
like "$(text -ext subjectAltName)" 'DNS:dev.example, IP Address:192.0.2.1' "and the SAN"
like "$(text -ext basicConstraints)" 'CA:FALSE' "is no CA"
like "$(text -ext extendedKeyUsage)" 'Server Authentication, TLS Web Client' "is for servers and clients"
text -ext subjectKeyIdentifier,authorityKeyIdentifier >ids
is "$(grep -c 'X509v3' ids)" 2 "has both key identifiers"
text -checkend $((89 * 86400)) >/dev/null && ! text -checkend $((90 * 86400)) >/dev/null
tap $? "for 90 days"
serial=$(text -serial)
cp certs dev.pem
path=simplereenroll enroll "${basic[@]}"
bag
is "$CODE" 200 "simplereenroll"
isnt "$(text -serial)" "$serial" "another serial"
csr=small enroll "${basic[@]}"
bag
like "$(text -ext keyUsage,extendedKeyUsage)" 'Key Agreement' "key usage as asked for"
like "$(text -ext keyUsage,extendedKeyUsage)" 'E-mail Protection' "extended key usage too"
enroll -u :nobody
is "$CODE" 200 "an empty user name"
enroll -u 'quo"te:a:b'
is "$CODE" 200 "a password with a colon"
enroll "${basic[@]}" -H 'Transfer-Encoding: chunked'
is "$CODE" 200 "a chunked request"
enroll "${basic[@]}" -H 'Expect: 100-continue'
is "$CODE $(grep -c 'HTTP/1.1 100' headers)" "200 1" "100-continue"
tr -d '\n' <dev.b64 >line.b64
csr=line enroll "${basic[@]}"
is "$CODE" 200 "base64 in one line"
est simpleenroll "${post[@]}" @dev.csr "${basic[@]}"
is "$CODE" 400 "PEM is not base64"
openssl req -in dev.csr -outform DER -out dev.der
est simpleenroll "${post[@]}" @dev.der "${basic[@]}"
is "$CODE" 400 "DER neither"
base64 -d dev.b64 | perl -0pe 's/dev\.example/dew.example/' | base64 >spoilt.b64
csr=spoilt enroll "${basic[@]}"
is "$CODE" 400 "a signature that is wrong"
est simpleenroll --data-binary @dev.b64 "${basic[@]}"
is "$CODE" 415 "another type"
est simpleenroll "${basic[@]}"
is "$CODE $(grep -i '^allow' headers | tr -d '\r')" "405 Allow: POST" "another method"
est fullcmc
is "$CODE" 404 "what there is not"
est dev1/cacerts
is "$CODE" 404 "a label that there is not"
head -c 1100000 /dev/zero | tr '\0' A >large.b64
csr=large enroll "${basic[@]}"
is "$CODE" 400 "more than 1 MiB"
est cacerts "$URL/cacerts" -o /dev/null
is "$(grep -c '200 X' headers)" 2 "two requests"
is "$(curl -sv --cacert lab-ca.pem "$URL/cacerts" "$URL/cacerts" 2>&1 | grep -c 'Re-using existing')" 1 "keep-alive"
is "$(tail -n 1 "$SAID")" "GET /.well-known/est/cacerts auth=none cert=- tls=1.3 pop=none len=0" "requests are told"
is "$(grep -c "simpleenroll auth=basic cert=- tls=1.3 pop=none len=$(wc -c <dev.b64)\$" "$SAID")" 8 "with who asks, and how much"

# --- what it does when it is told
rule() { printf '%s\n' "/never status 500" "${rule_path:-/simpleenroll} $1" >rules; }
# told RULE CODE NAME [COUNT]: enrolls under a rule; the code and how many certificates come.
told() {
	rule "$1"
	enroll "${basic[@]}"
	is "$CODE ${4:+$(count)}" "$2 ${4:-}" "$3"
}
printf 'No more.\n' >no-more
told "status 403 $LAB/no-more" 403 "status"
is "$(cat body)" "No more." "with a body"
told "status 500" 500 "status without one"
told "redirect 307 $URL/simplereenroll" 307 "redirect"
like "$HEAD" "^Location: $URL/simplereenroll$" "where to"
enroll "${basic[@]}" -L
is "$CODE $(count)" "200 1" "curl follows"
told "body $LAB/no-more text/x; y=z" 200 "body"
like "$HEAD" '^Content-Type: text/x; y=z$' "with its type"
told oneline 200 "oneline" 1
is "$(wc -l <body)" 0 "in one line"
told crlf 200 "crlf"
is "$(grep -c $'\r$' body)" "$(wc -l <body)" "CR before each LF"
told pem 200 "pem"
is "$(openssl pkcs7 -in body -print_certs | grep -c BEGIN)" 1 "openssl reads PEM"
told der 200 "der"
is "$(openssl pkcs7 -in body -inform DER -print_certs | grep -c BEGIN)" 1 "openssl reads DER"
told ber 200 "ber" 1
is "$(base64 -d <body | od -An -tx1 -N 2)" " 30 80" "indefinite length"
told garbage 200 "garbage"
base64 -d <body >/dev/null 2>&1
isnt $? 0 "is no base64"
told html 200 "html"
like "$HEAD" '^Content-Type: text/html$' "says so"
told empty 200 "empty"
is "$(wc -c <body)" 0 "has no body"
told no-cert 200 "no-cert" 0
told "extra $LAB/other-ca.pem" 200 "extra" 2
like "$(text -subject)" 'other-ca' "comes first"
told two 200 "two" 2
is "$(openssl crl2pkcs7 -nocrl -certfile certs | openssl pkcs7 -print_certs -text -noout | grep -A1 'Serial Number' | sort -u | grep -c :..:)" 2 "serials differ"
told other-key 200 "other-key" 1
! of_key dev
tap $? "is for another key"
told "other-ca $LAB/other-ca.pem $LAB/other-ca.key" 200 "other-ca" 1
openssl verify -CAfile other-ca.pem certs >/dev/null 2>&1
tap $? "is issued by that"
told drop-san 200 "drop-san" 1
is "$(text -ext subjectAltName)" "" "has no SAN"
told other-subject 200 "other-subject" 1
like "$(text -subject)" 'other.example' "has it"
told expired 200 "expired" 1
! text -checkend 0 >/dev/null
tap $? "is past"
told not-yet 200 "not-yet" 1
like "$(text -startdate)" "$(date -u -d tomorrow '+%b %e')" "begins tomorrow"
told is-ca 200 "is-ca" 1
like "$(text -ext basicConstraints)" 'CA:TRUE' "is one"
told "is-ca critical,keyCertSign" 200 "is-ca with a key usage" 1
like "$(text -ext keyUsage)" 'Certificate Sign' "has it"
told "more-san evil.example" 200 "more-san" 1
like "$(text -ext subjectAltName)" 'DNS:dev.example, IP Address:192.0.2.1, DNS:evil.example' "has a name more"
told "eku emailProtection" 200 "eku" 1
unlike "$(text -ext extendedKeyUsage)" 'TLS Web' "is for that alone"
told "only $LAB/other-ca.pem" 200 "only" 1
like "$(text -subject)" 'other-ca' "is that one"
told "type text/x; y=z" 200 "type" 1
like "$HEAD" '^Content-Type: text/x; y=z$' "is that one"
printf 'HTTP/1.1 418 Teapot\r\nX-Y: z\r\nContent-Length: 3\r\n\r\nno\n' >teapot
told "raw $LAB/teapot" 418 "raw"
is "$(cat headers body | sha256sum)" "$(sha256sum <teapot)" "is the file"
told cut 200 "cut"
like "$CURL" '^(18|56)$' "curl gets a part"
told close-early 000 "close-early"
told alert 000 "alert"
like "$(cat said)" 'alert' "curl sees an alert"
told "busy 7" 503 "busy"
like "$HEAD" '^Retry-After: 7$' "for how long"
told "pending Fri, 31 Dec 2049 23:59:59 GMT" 202 "pending"
like "$HEAD" '^Retry-After: Fri, 31 Dec 2049 23:59:59 GMT$' "until when"
told "pending -" 202 "pending without a time"
unlike "$HEAD" '^Retry-After' "has none"
told cmc 400 "cmc"
like "$HEAD" 'smime-type=CMC-response' "its type"
like "$(base64 -d <body | openssl cms -cmsout -print -inform DER)" 'eContentType: .*(1.3.6.1.5.5.7.12.3)' "openssl reads CMC"
told 'auth Negotiate realm="x"' 401 "auth"
like "$HEAD" '^WWW-Authenticate: Negotiate realm="x"$' "of this kind"
told "no-such-thing" 500 "an action that there is not"
rule "stall 1"
began=$(date +%s%N)
enroll "${basic[@]}"
[ $((($(date +%s%N) - began) / 1000000)) -ge 1000 ]
is "$CODE $?" "200 0" "stall"
rule huge
is "$(curl -s --cacert lab-ca.pem "${post[@]}" @dev.b64 "$URL/simpleenroll" | head -c 33554433 | wc -c)" 33554433 "huge is more than 32 MiB"
est cacerts
is "$CODE $(count)" "200 1" "other paths as ever"
rule_path=/cacerts rule no-cert
est cacerts
is "$CODE $(count)" "200 0" "rules are read anew"
: >rules

server --anybody
enroll
is "$CODE $(count)" "200 1" "anybody"

# --- waiting
server --users users --pending 2 --retry-after 3 --seconds 3600 --profile server --chunked
enroll "${basic[@]}"
like "$CODE $HEAD" '^Retry-After: 3$' "a first try waits"
enroll "${basic[@]}"
is "$CODE" 202 "a second one too"
csr=small enroll "${basic[@]}"
is "$CODE" 202 "each key by itself"
enroll "${basic[@]}"
is "$CODE $(count)" "200 1" "then there is a certificate"
like "$HEAD" '^Transfer-Encoding: chunked$' "answers in chunks"
text -checkend 3500 >/dev/null && ! text -checkend 3601 >/dev/null
tap $? "for an hour"
unlike "$(text -ext extendedKeyUsage)" 'Client' "for servers"
est csrattrs
is "$CODE" 204 "no csrattrs"

# --- Digest, labels, many CAs, HTTP/1.0
cat est-ca.pem other-ca.pem >both.pem
server --users users --digest --label dev1 --label ca:2 --only-labels --cacerts both.pem --http10 --profile client
path=dev1/simpleenroll enroll --digest "${basic[@]}"
is "$CODE $(count)" "200 1" "Digest"
unlike "$(text -ext extendedKeyUsage)" 'Server' "for clients"
like "$(cat headers)" '^HTTP/1.0 200' "HTTP/1.0"
like "$(grep -i '^www-authenticate' headers | head -n 1)" 'SHA-256' "SHA-256 comes first"
path=dev1/simpleenroll enroll --digest -u estuser:wrong
is "$CODE" 401 "a wrong password by Digest"
path=dev1/simpleenroll enroll "${basic[@]}"
is "$CODE" 401 "Basic is not taken"
est ca%3a2/cacerts
is "$CODE $(count)" "200 2" "a label with a colon; both CAs"
est cacerts
is "$CODE" 404 "only labels"
est dev1/dev1/cacerts
is "$CODE" 404 "one label"
server --users users --digest-md5 --close
enroll --digest "${basic[@]}"
is "$CODE" 200 "Digest with MD5"
like "$HEAD" '^Connection: close$' "close"
is "$(cut -d" " -f3 "$SAID" | xargs)" "auth=none auth=digest" "curl asks twice"

# --- client certificates
mine=(--cert dev.pem --key dev.key)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=x -keyout x.key -out x.pem 2>/dev/null
for v in 1.2 1.3; do
	server --clients est-ca.pem --users users --tls $v --strict-reenroll --days 1
	path=simplereenroll enroll "${mine[@]}"
	is "$CODE $(count)" "200 1" "TLS $v: a client certificate"
	is "$(tail -n 1 "$SAID" | cut -d' ' -f3-6)" "auth=cert cert=CN=dev.example,O=Lab tls=$v pop=none" "TLS $v: is told"
	enroll
	is "$CODE" 401 "TLS $v: none"
	csr=small path=simplereenroll enroll "${mine[@]}"
	is "$CODE" 403 "TLS $v: another name"
	csr=small enroll "${mine[@]}"
	is "$CODE" 200 "TLS $v: for simpleenroll it does"
	path=simplereenroll enroll "${basic[@]}"
	is "$CODE" 403 "TLS $v: a password is no certificate"
	enroll --cert x.pem --key x.key
	like "$CODE $CURL $(cat said)" '^000 .*unknown ca' "TLS $v: of an unknown CA"
done
text -checkend 80000 >/dev/null && ! text -checkend 86401 >/dev/null
tap $? "for a day"
est cacerts --tls-max 1.2
is "$CODE" 000 "no TLS 1.2 with a server of 1.3"
server --clients est-ca.pem --require-client
est cacerts
is "$CODE" 000 "no connection without one"
est cacerts "${mine[@]}"
is "$CODE" 200 "with one there is"

# --- the request names its connection
pop() {
	timeout 10 "$BIN/tools/est-server" --client "$EST" lab-ca.pem /.well-known/est/simpleenroll "$@" estuser:estpwd >body 2>said
	CODE=$(head -n 1 body)
	sed -i 1d body
}
server --users users --pop
for v in 1.2:unique 1.3:exporter; do
	pop ${v%:*} own
	is "$CODE $(count) $(tail -n 1 "$SAID" | cut -d' ' -f5,6)" "200 1 tls=${v%:*} pop=${v#*:}" "TLS $v"
	pop ${v%:*} again
	is "$CODE $(count)" "200 1" "TLS $v: on a resumed session"
	pop ${v%:*} none
	is "$CODE $(cat body)" "401 Proof of Possession Mismatch." "TLS $v: without"
	pop ${v%:*} wrong
	is "$CODE $(tail -n 1 "$SAID" | cut -d' ' -f6)" "401 pop=wrong" "TLS $v: of another connection"
done
enroll "${basic[@]}"
is "$CODE $(grep -ci www-authenticate headers)" "401 0" "no question with it"
est csrattrs
is "$CODE $(base64 -d <body | openssl asn1parse -inform DER | grep -c challengePassword)" "200 1" "csrattrs say so"
server --users users
pop 1.3 wrong
is "$CODE" 401 "looked at also where it is not demanded"
pop 1.3 none
is "$CODE" 200 "but not missed"

# --- strongSwan's client, which speaks TLS of its own and wants base64 in one line
server --users users --pending 1 --clients est-ca.pem --strict-reenroll
echo '. oneline' >rules
# It takes the first address of a name, and no other.
echo '127.0.0.1 localhost' >hosts
mount --bind hosts /etc/hosts
URL=https://localhost:$EST
timeout 10 pki --estca --url "$URL" --cacert lab-ca.pem --caout pki-ca.der >said 2>&1
is "$(openssl x509 -in pki-ca.der -noout -fingerprint 2>&1)" "$(openssl x509 -in est-ca.pem -noout -fingerprint)" "strongSwan gets the CA"
by_pki() {
	timeout 20 pki --est --url "$URL" --cacert lab-ca.pem --cacert est-ca.pem --in dev.der --interval 1 --outform pem "$@" >certs 2>said
	tap $? "strongSwan: ${name:-simpleenroll}"
	of_key dev && openssl verify -CAfile est-ca.pem certs >/dev/null 2>&1
	tap $? "strongSwan: ${name:-simpleenroll}: the certificate"
}
by_pki --userpass estuser:estpwd
name=simplereenroll by_pki --cert dev.pem --key dev.key
is "$(sed 's,.*/,,; s/ tls=.*//' "$SAID" | paste -sd,)" "cacerts auth=none cert=-,simpleenroll auth=basic cert=-,simpleenroll auth=basic cert=-,simplereenroll auth=cert cert=CN=dev.example,O=Lab" "strongSwan: came back, and then with its certificate"

done_testing
