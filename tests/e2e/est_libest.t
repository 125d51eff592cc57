#!/usr/bin/env bash
# The lab's EST server on libest, seen by curl: what the agent's own tests count on.
. "$(dirname "$0")/tap.sh"
. "$ROOT/scripts/lab-est.sh"
lab_begin
lab_est_ca || exit 2

# A key and a request, in lines of 64 characters: request NAME SUBJECT [SAN]
request() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" \
		${3:+-addext "subjectAltName=$3"} -keyout "$LAB/$1.key" -out "$LAB/$1.csr" 2>/dev/null
	sed '/^---/d' "$LAB/$1.csr" >"$LAB/$1.b64"
}
# $STATUS and $LAB/answer, $LAB/head: est OPERATION [curl option...]
est() {
	local operation=$1
	shift
	STATUS=$(curl -sS --max-time 20 --cacert "$LAB_EST_TRUST" -o "$LAB/answer" -D "$LAB/head" \
		-w '%{http_code}' "$@" "$LAB_EST/$operation" 2>"$LAB/curl")
}
post() {
	local operation=$1 body=$2
	shift 2
	est "$operation" -H 'Content-Type: application/pkcs10' -H 'Content-Transfer-Encoding: base64' \
		-H 'Expect:' --data-binary "@$LAB/$body.b64" "$@"
}
# The certificates of the answer, as PEM.
certificates() { base64 -di "$LAB/answer" | openssl pkcs7 -inform DER -print_certs; }
head_has() { like "$(tr -d '\r' <"$LAB/head")" "$1" "$2"; }
pem_to() { certificates | openssl x509 >"$LAB/$1.pem"; }
AS_A=(--cert "$LAB/a.pem" --key "$LAB/a.key")
# The status of an enrollment whose request has the connection's tls-unique (RFC 5929 3.1) as its
# challengePassword (RFC 7030 3.5).
bound() {
	perl -MIO::Socket::SSL -MMIME::Base64 -e '
		my ($port, $ca, $login, $lab) = @ARGV;
		my $s = IO::Socket::SSL->new(PeerAddr => "127.0.0.1", PeerPort => $port, Timeout => 20,
			SSL_ca_file => $ca, SSL_version => "TLSv1_2") or die $SSL_ERROR;
		Net::SSLeay::get_finished($s->_get_ssl_object, my $unique);
		open my $f, ">", "$lab/bound.cnf" or die $!;
		print $f "[req]\nprompt=no\ndistinguished_name=d\nattributes=a\n[d]\nCN=bound.example\n",
			"[a]\nchallengePassword=", encode_base64($unique, ""), "\n";
		close $f;
		my $body = `openssl req -new -config $lab/bound.cnf -key $lab/a.key | sed "/^---/d"`;
		print $s "POST /.well-known/est/simpleenroll HTTP/1.0\r\nContent-Type: application/pkcs10\r\n",
			"Authorization: Basic ", encode_base64($login, ""), "\r\n",
			"Content-Length: ", length $body, "\r\n\r\n", $body;
		my (undef, $status) = split " ", <$s>;
		print $status' "$LAB_EST_PORT" "$LAB_EST_TRUST" "$LAB_EST_LOGIN" "$LAB"
}
request a /CN=a.example DNS:a.example,DNS:b.example
request other /CN=other.example DNS:other.example
request bare /CN=a.example

# --- a client certificate or a login
lab_libest || exit 2
est cacerts
is "$STATUS" 200 "cacerts: 200"
head_has '^Content-Type: application/pkcs7-mime' "cacerts: its media type"
is "$(certificates | openssl x509 -noout -fingerprint)" \
	"$(openssl x509 -in "$LAB/est-ca.pem" -noout -fingerprint)" "cacerts: the CA"
post simpleenroll a
is "$STATUS" 401 "simpleenroll without a login: 401"
head_has '^WWW-Authenticate: Basic ' "and asks for one"
post simpleenroll a -u estuser:wrong
is "$STATUS" 401 "with a wrong one: 401"
post simpleenroll a -u "$LAB_EST_LOGIN"
is "$STATUS" 200 "with the right one: 200"
pem_to a
is "$(openssl verify -CAfile "$LAB/est-ca.pem" "$LAB/a.pem" 2>&1)" "$LAB/a.pem: OK" "what is issued is the CA's"
like "$(openssl x509 -in "$LAB/a.pem" -noout -ext subjectAltName)" 'DNS:a.example, DNS:b.example' "with the names"
is "$(openssl x509 -in "$LAB/a.pem" -noout -pubkey)" "$(openssl pkey -in "$LAB/a.key" -pubout)" "and the key"
post simplereenroll a "${AS_A[@]}"
is "$STATUS" 200 "simplereenroll with the certificate: 200"
est csrattrs
is "$STATUS" 204 "csrattrs that nobody set: 204"
tr -d '\n' <"$LAB/a.b64" >"$LAB/line.b64"
post simpleenroll line -u "$LAB_EST_LOGIN"
is "$STATUS" 400 "base64 in one line: 400, as libest is"
is "$(grep -c '^enroll login=estuser certificate=no .*a\.example.*: EST_ERR_NONE$' "$LAB/log/libest")" 1 "the log tells who enrolled"
like "$(grep ^reenroll "$LAB/log/libest")" '^reenroll login=- certificate=yes ' "and who renewed"
lab_libest_end

# --- Digest, with attributes
ATTRIBUTES=MAsGCSqGSIb3DQEJBw== # challengePassword
lab_libest --digest --attributes "$ATTRIBUTES" --valid 0 || exit 2
post simpleenroll a -u "$LAB_EST_LOGIN"
is "$STATUS" 401 "Basic where Digest is asked for: 401"
post simpleenroll a --digest -u "$LAB_EST_LOGIN"
is "$STATUS" 200 "Digest: 200"
pem_to ended
is "$(openssl x509 -in "$LAB/ended.pem" -noout -checkend 1 >/dev/null; echo $?)" 1 "--valid 0: has ended"
post simpleenroll a --digest -u estuser:wrong
is "$STATUS" 401 "Digest of a wrong password: 401"
est csrattrs
is "$STATUS $(tr -d '\r\n' <"$LAB/answer")" "200 $ATTRIBUTES" "csrattrs that are set"
lab_libest_end

# --- only certificates; a renewal is for the same names
lab_libest --auth certificate --same-names || exit 2
post simpleenroll a -u "$LAB_EST_LOGIN"
is "$STATUS" 401 "--auth certificate: a login does not help"
unlike "$(cat "$LAB/head")" '^WWW-Authenticate' "and is not asked for"
post simplereenroll a "${AS_A[@]}"
is "$STATUS" 200 "--same-names: the same names are renewed"
post simplereenroll other "${AS_A[@]}"
is "$STATUS" 500 "others are not"
post simplereenroll bare "${AS_A[@]}"
is "$STATUS" 500 "nor fewer"
lab_libest_end

# --- a certificate is not enough; wait; prove that the connection is yours
lab_libest --auth login --wait 60:1 || exit 2
post simplereenroll a "${AS_A[@]}"
is "$STATUS" 401 "--auth login: also with a certificate"
post simplereenroll a "${AS_A[@]}" -u "$LAB_EST_LOGIN"
is "$STATUS" 202 "--wait: 202 the first time"
head_has '^Retry-After: 60' "with Retry-After"
post simplereenroll a "${AS_A[@]}" -u "$LAB_EST_LOGIN"
is "$STATUS" 200 "and 200 the second time"
lab_libest_end
lab_libest --pop || exit 2
post simpleenroll a -u "$LAB_EST_LOGIN"
is "$STATUS" 401 "--pop: a request that is not bound to its connection is refused"
est csrattrs
is "$STATUS" 200 "and csrattrs says so"
is "$(bound)" 200 "one that is bound is granted"
lab_libest_end

# --- an attribute that must be there (macAddress)
lab_libest --attributes MAkGBysGAQEBARY= --enforce-attributes || exit 2
post simpleenroll a -u "$LAB_EST_LOGIN"
is "$STATUS" 400 "--enforce-attributes: a request without the attribute is refused"
printf '%s\n' '[req]' prompt=no distinguished_name=d attributes=a '[d]' CN=a.example \
	'[a]' 1.3.6.1.1.1.1.22=abc >"$LAB/mac.cnf"
openssl req -new -config "$LAB/mac.cnf" -key "$LAB/a.key" | sed '/^---/d' >"$LAB/mac.b64"
post simpleenroll mac -u "$LAB_EST_LOGIN"
is "$STATUS" 200 "one that has it is not"
lab_libest_end

# --- what is shown, and who is trusted
cat "$LAB/est-ca.pem" "$LAB/a.pem" >"$LAB/two.pem"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=others' -days 30 \
	-keyout "$LAB/others.key" -out "$LAB/others.pem" 2>/dev/null
lab_libest --cacerts "$LAB/two.pem" --trust "$LAB/others.pem" || exit 2
est cacerts
is "$(certificates | grep -c BEGIN)" 2 "--cacerts: another answer of cacerts"
post simplereenroll a "${AS_A[@]}"
is "$STATUS" 000 "--trust: a certificate of another CA ends the handshake"
like "$(cat "$LAB/curl")" 'unknown ca' "with its alert"
lab_libest_end
done_testing
