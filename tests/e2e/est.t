#!/usr/bin/env bash
# Certificates over EST, against libest: each operation, who may ask, attributes, proof that the
# connection is ours, waiting; and authorities of both protocols for one certificate.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
. "$ROOT/scripts/lab-est.sh" # lab_libest
. "$(dirname "$0")/est.sh"
est_begin
BY_LOGIN="login=estuser certificate=no EST_ERR_NONE"
BY_CERTIFICATE="login=- certificate=yes EST_ERR_NONE"

# renewed NAME REGEX [OPTION...]: a renewal by --force is granted, and how it was asked for.
renewed() {
	local name=$1 wanted=$2
	shift 2
	mark
	ks renew shop --force "$@"
	is "$STATUS $(came)" "0 $wanted" "$name"
	[ "$STATUS" = 0 ] || note "$OUT"
}

# --- by login, and what it leaves
est_libest
est_config "${LOGIN[@]}"
est_certificate shop "shop.example, www.shop.example" \
	"install: [{target: files, paths: {anchors: $LAB/copy-anchors.pem, fullchain: $LAB/copy.pem}}]"
lab_tokens >/dev/null || exit 2
ks_is 0 "check" check
like "$OUT" "^ok +authority 'internal': trusts '/CN=lab EST' \(SHA-256 $(openssl x509 -in "$LAB/est-ca.pem" -outform DER | sha256sum | cut -c1-64)\) until 20" "tells whom it trusts"
is "$(connections)" 0 "and asks nobody"
ks_is 0 "check --online" check --online
like "$OUT" "^ok +authority 'internal': answers at '$LAB_EST'" "says that it answers"
mark
ks_is 0 "issue" issue shop
is "$(came)" "enroll $BY_LOGIN" "by simpleenroll and the login"
is "$(cat "$LAB/state/anchors/internal.pem")" "$(openssl x509 -in "$LAB/est-ca.pem")" "the anchors are there"
is "$(readlink -f "$LAB/state/live/shop/anchors.pem")" "$LAB/state/anchors/internal.pem" "the live certificate leads to them"
is "$(cat "$LAB/copy-anchors.pem")" "$(cat "$LAB/state/anchors/internal.pem")" "a target of files gets a copy of them"
is "$(cat "$LAB/copy.pem")" "$(cat "$LAB/state/live/shop/fullchain.pem")" "and of the chain"
is "$(openssl verify -CAfile "$LAB/state/anchors/internal.pem" "$LAB/state/live/shop/cert.pem")" "$LAB/state/live/shop/cert.pem: OK" "which ends at them"
like "$(leaf shop -ext subjectAltName)" 'DNS:shop.example, DNS:www.shop.example' "with the names"
like "$(leaf shop -subject)" 'CN ?= ?shop.example' "the first one in the subject"
live_pair_whole shop
tap $? "key and certificate are a pair"
is "$(token_ids web web)" "$(known_ids web)" "the token holds that key and no other"

# --- by the certificate that is renewed
subject=$(subject_of shop) key=$(key_of shop) serial=$(serial_of shop)
renewed "renewed with the same key: by simplereenroll and the certificate" "reenroll $BY_CERTIFICATE" --key same
is "$(key_of shop)" "$key" "it is the same key"
isnt "$(serial_of shop)" "$serial" "another certificate"
is "$(subject_of shop)" "$subject" "the same subject and names"
renewed "with a new key" "reenroll $BY_CERTIFICATE" --key new
isnt "$(key_of shop)" "$key" "it is another key"
is "$(subject_of shop)" "$subject" "the same subject and names"
live_pair_whole shop
tap $? "key and certificate are a pair again"
est_libest --same-names
renewed "where only the same names are renewed" "reenroll $BY_CERTIFICATE"
sed -i 's/www.shop.example\]/www.shop.example, new.shop.example]/' "$CONFIG" "$LAB/certificates"
mark
ks renew --due
is "$STATUS $(came)" "0 enroll $BY_CERTIFICATE" "other names: by simpleenroll and the certificate"
like "$(leaf shop -ext subjectAltName)" 'DNS:shop.example, DNS:www.shop.example, DNS:new.shop.example' "it has them"
sed -i 's/names: \[shop.example, www/names: [www.shop.example, shop.example, www/; s/, www.shop.example, new/, new/' "$CONFIG" "$LAB/certificates"
renewed "the same names in another order" "reenroll $BY_CERTIFICATE"

# --- who may ask
est_libest --auth certificate
renewed "only certificates may ask" "reenroll $BY_CERTIFICATE"
est_certificate late late.example
ks_is 5 "a first one may not, by a login alone" issue late
est_libest --auth login
renewed "a certificate and a login: both are sent" "reenroll login=estuser certificate=yes EST_ERR_NONE"
is "$(connections)" 4 "the login only when it is asked for"
ks_is 0 "a login may" issue late
est_config
mark
ks_is 5 "without a login it is refused" renew shop --force
like "$OUT" "hint: .*asks for a login: write 'username:' and 'password:'" "the hint says what is missing"
est_libest
est_config "username: estuser" "password: file:$LAB/wrong"
est_certificate wrong wrong.example
ks_is 5 "a wrong password" issue wrong
like "$OUT" "internal.*simpleenroll: HTTP status 401" "is refused by the authority"
like "$OUT" "hint: .*'username:' and the password in 'file:$LAB/wrong'" "the hint names where it is"
SEEN=$OUT
ks --verbose issue wrong
SEEN="$SEEN $OUT $(journal_of wrong) $("$KEYSTAY" --config "$CONFIG" status --json)"
unlike "$SEEN" "wr0ng-one|$(printf 'estuser:wr0ng-one' | base64)" "the password is shown nowhere"
grep -rqF wr0ng-one "$LAB/state"
is $? 1 "nor stored"
est_config "username: estuser" "password: file:$LAB/not-there"
ks_is 2 "a password that is not there" issue wrong
like "$OUT" "cannot open '$LAB/not-there', the file of the password of authority 'internal'" "is told"
est_config "username: estuser" "password: wr0ng-one"
ks_is 2 "a password in the configuration itself" check
unlike "$OUT" wr0ng-one "is refused and not shown"
est_config "username: estuser" "password: env:EST_PASSWORD"
EST_PASSWORD=estpwd ks_is 0 "a password from the environment" issue wrong
ks_is 2 "the daemon does not take that" run
like "$OUT" "authority 'internal': 'run' cannot take its password from 'env:EST_PASSWORD'" "and says so"
like "$OUT" "hint: use 'file:PATH' or 'credential:NAME'" "and what it takes"

# --- Digest
est_libest --digest
est_certificate digest digest.example
est_config "${LOGIN[@]}"
ks_is 5 "Basic where Digest is wanted" issue digest
like "$OUT" "hint: .*'?auth: digest" "the hint says so"
est_config "${LOGIN[@]}" "auth: digest"
mark
ks_is 0 "Digest" issue digest
is "$(came)" "enroll $BY_LOGIN" "by the login"
est_config "username: estuser" "password: file:$LAB/wrong" "auth: digest"
est_certificate digest2 digest2.example
ks_is 5 "a wrong password by Digest" issue digest2
like "$OUT" "hint: .*'username:' and the password in 'file:$LAB/wrong'" "the hint names where it is"

est_libest --digest --pop --auth login
est_config "${LOGIN[@]}" "auth: digest"
ks_is 0 "Digest, and a request that names its connection" issue digest2
is "$(came)" "enroll $BY_LOGIN" "also on the second connection"
renewed "and a certificate" "reenroll login=estuser certificate=yes EST_ERR_NONE"

# --- a server that says what it takes, also to whom it refuses
est_config "username: estuser" "password: file:$LAB/wrong"
est_certificate said said.example
est_own --users "$LAB/users"
ks_is 5 "a wrong password" issue said
like "$OUT" "hint: are 'username:' and the password in 'file:$LAB/wrong' right" "the hint names where it is"
est_config "${LOGIN[@]}" "auth: digest"
ks_is 5 "Digest where Basic is wanted" issue said
like "$OUT" "hint: it asks for Basic: write 'auth: basic'" "the hint says so"
est_config "${LOGIN[@]}"
est_own --users "$LAB/users" --digest
ks_is 5 "Basic where Digest is wanted" issue said
like "$OUT" "hint: it asks for Digest: write 'auth: digest'" "the hint says so"
est_config "${LOGIN[@]}" "auth: digest"
ks_is 0 "Digest" issue said

# --- what a request must say
est_config "${LOGIN[@]}"
# A file of openssl's asn1parse(1), in base64.
attributes() {
	printf '%s\n' "$@" >"$LAB/attributes.cnf"
	openssl asn1parse -genconf "$LAB/attributes.cnf" -out "$LAB/attributes" -noout && base64 -w0 "$LAB/attributes"
}
PASSWORD=MAsGCSqGSIb3DQEJBw== # challengePassword
KEY=$(attributes asn1=SEQUENCE:all '[all]' key=SEQUENCE:key '[key]' type=OID:id-ecPublicKey values=SET:values '[values]' curve=OID:secp384r1)
EXTENSIONS=$(attributes asn1=SEQUENCE:all '[all]' a=OID:extReq)
est_libest --attributes "$EXTENSIONS" --enforce-attributes
renewed "attributes that it has" "reenroll $BY_CERTIFICATE"
est_libest --attributes MAkGBysGAQEBARY= --enforce-attributes # macAddress
ks_is 5 "one that it has not, and that is enforced" renew shop --force
like "$OUT" "simplereenroll: HTTP status 400" "is refused"
est_libest --attributes MAkGBysGAQEBARY=
renewed "one that it has not, and that is not enforced" "reenroll $BY_CERTIFICATE"
est_libest --attributes "$KEY"
ks_is 3 "a key of another kind is wanted" renew shop --force
like "$OUT" "wants a key of another kind \(secp384r1\), and this one is (prime256v1|P-256)" "and that is said"
is "$(came)" "" "before it is asked for"
est_certificate big big.example "keys: [ec-p384]"
ks_is 0 "a key of this kind" issue big
est_libest --attributes "$PASSWORD"
renewed "the request is to name its connection" "reenroll $BY_CERTIFICATE"
est_libest
renewed "there are no attributes" "reenroll $BY_CERTIFICATE"

# --- a request that names its connection (TLS 1.2: tls-unique)
est_libest --pop
renewed "its csrattrs say so" "reenroll $BY_CERTIFICATE"
est_certificate bound bound.example
mark
ks_is 0 "the first one, by login" issue bound
is "$(came)" "enroll $BY_LOGIN" "names it, too"
est_config "${LOGIN[@]}" "pop: off"
ks_is 5 "a request that does not name it" renew shop --force
like "$OUT" "HTTP status 401.*Proof of Possession Mismatch" "is refused"
like "$OUT" "hint: .*'pop: (auto|require)'" "the hint says what to write"
unlike "$OUT" "hint: .*password in" "and has no doubt of the login, which was not sent"
est_config "${LOGIN[@]}" "pop: require"
renewed "it is configured" "reenroll $BY_CERTIFICATE"
est_libest
renewed "it is configured, and the server does not ask for it" "reenroll $BY_CERTIFICATE"

# --- waiting
key_waiting() { db "SELECT key_id FROM part WHERE certificate = 'shop'"; }
minute_ahead() {
	local left
	left=$(($(date -d "$("$KEYSTAY" --config "$CONFIG" status shop --json | jq -r '.certificates[0].attempt.not_before')" +%s) - $(date +%s)))
	[ "$left" -gt 50 ] && [ "$left" -le 65 ]
	tap $? "$1 ($left s)"
}
RETRY="login=- certificate=yes EST_ERR_CA_ENROLL_RETRY"
est_config "${LOGIN[@]}"
est_libest --wait 60:2
before=$(key_of shop)
ks_is 7 "it is to wait" renew shop --force --key new --wait 1s
like "$OUT" "waits for authority 'internal' to grant it" "and says so"
is "$("$KEYSTAY" --config "$CONFIG" status shop --json | jq -r '.certificates[0] | .state, .attempt.step, .attempt.error' | paste -sd' ')" "waiting order null" "the status: it waits, and nothing is wrong"
minute_ahead "for a minute"
waiting=$(key_waiting)
is "$(key_of shop)" "$before" "the certificate of before is live"
mark
ks_is 7 "too early" renew shop --force --wait 1s
is "$(came)" "" "nobody is asked"
unpark
ks_is 7 "the second time" renew shop --wait 1s
minute_ahead "for another minute"
is "$(key_waiting)" "$waiting" "the key is kept"
unpark
ks_is 0 "the third time" renew shop --wait 1s
MARK_LIBEST=$((MARK_LIBEST - 1))
is "$(came)" "reenroll $RETRY,reenroll $RETRY,reenroll $BY_CERTIFICATE" "then it is granted"
is "$(came_with key | sort -u | wc -l)" 1 "to one key"
is "$(came_with request | sort -u | wc -l)" 1 "and one request"
is "$("$KEYSTAY" --config "$CONFIG" keys show shop --json | jq -r '.keys[0].id')" "$waiting" "the one that waited"
est_libest --wait 60:1 --pop
est_certificate slow slow.example
ks_is 7 "it is to wait, and the request names its connection" issue slow --wait 1s
unpark
ks_is 0 "the second time it is granted" issue slow --wait 1s
is "$(came)" "enroll ${BY_LOGIN/NONE/CA_ENROLL_RETRY},enroll $BY_LOGIN" "by the login, both times"
is "$(came_with key | sort -u | wc -l)" 1 "to one key"
is "$(came_with request | sort -u | wc -l)" 2 "by a request that is signed anew"
is "$(token_ids web web)" "$(known_ids web)" "the token holds what is known, and no more"

# It wants other names meanwhile, or patience is over.
est_libest --wait 60:1
est_certificate first first.example
ks_is 7 "the first one is to wait" issue first --wait 1s
sed -i 's/\[first.example\]/[first.example, more.example]/' "$CONFIG" "$LAB/certificates"
unpark
ks_is 0 "other names meanwhile" issue first --wait 1s
like "$(leaf first -ext subjectAltName)" 'DNS:first.example, DNS:more.example' "are in what is granted"
is "$(came)" "enroll ${BY_LOGIN/NONE/CA_ENROLL_RETRY},enroll $BY_LOGIN" "by another request"
is "$(came_with request | sort -u | wc -l) $(came_with key | sort -u | wc -l)" "2 1" "for the same key"
mark
ks_is 7 "a renewal is to wait" renew first --force --wait 1s
sed -i 's/, more.example\]/, most.example]/' "$CONFIG" "$LAB/certificates"
unpark
ks_is 0 "other names meanwhile" renew first --wait 1s
like "$(leaf first -ext subjectAltName)" 'DNS:first.example, DNS:most.example' "are in what is granted"
is "$(came)" "reenroll $RETRY,enroll $BY_CERTIFICATE" "which is no renewal any more"
est_libest --wait 60:9
est_config "${LOGIN[@]}" "pending_limit: 1h"
ks_is 7 "an hour of patience" renew first --force --wait 1s
unpark
later 4000
ks_is 5 "and no more" renew first --wait 1s
now
like "$OUT" "authority 'internal': it has let us wait for .*, and gives nothing" "is said"
unlike "$OUT" "for 0 days" "with how long it was"
like "$OUT" "hint: .*'pending_limit:'" "the hint says what patience is"

# --- keys of two types
est_libest
est_config "${LOGIN[@]}"
est_certificate two two.example "keys: [ec-p256, rsa-2048]"
ks_is 0 "keys of two types" issue two
is "$(came)" "enroll $BY_LOGIN,enroll $BY_LOGIN" "a request for each"
mark
ks_is 0 "renewed" renew two --force
is "$(came)" "reenroll $BY_CERTIFICATE,reenroll $BY_CERTIFICATE" "each by its own certificate"
is "$(openssl x509 -in "$LAB/state/live/two/cert.rsa-2048.pem" -noout -text | grep -c 'rsaEncryption')" 1 "the second is of RSA"

# --- what it has not, and what is not there
ks_is 5 "EST has no revocation" revoke two --reason superseded --yes
like "$OUT" "hint: .*serial [0-9a-f]{32}, issuer CN ?= ?lab EST" "a person is told what to say"
ks_is 2 "nor accounts" account show internal
est_config "${LOGIN[@]}" "label: dev1"
ks_is 5 "a label that libest does not know" renew two --force
like "$OUT" "cacerts: HTTP status 404" "is not found"
like "$OUT" "hint: is 'url:' \($LAB_EST\) right, and the 'label:'?" "the hint says where to look"
est_stop
ks_is 5 "a server that is down" renew two --force
like "$OUT" "no answer from '$LAB_EST/dev1/cacerts'" "is told"
like "$OUT" "hint: is it up" "and the hint asks for it"

# --- the database is lost
est_libest
est_config "${LOGIN[@]}"
rm "$LAB"/state/keystay.db*
ks renew --due
mark
ks_is 0 "the database was lost" renew shop --force
is "$(came)" "reenroll $BY_CERTIFICATE" "what is live is known again, and shown"

# --- the daemon
waits() { db "SELECT count(*) FROM part WHERE certificate = 'alone' AND cookie IS NOT NULL"; }
# Longer than a pass waits, so that it is over.
est_libest --wait 3600:1
est_no_certificates
est_certificate alone alone.example
agent_start
agent_heard '^STATUS=1 certificates; next: '
is "$(waits)" 1 "the daemon: the first one is to wait"
agent_mark
unpark
wait_for '[ "$(journaled alone issued)" = 1 ]'
is "$(came)" "enroll ${BY_LOGIN/NONE/CA_ENROLL_RETRY},enroll $BY_LOGIN" "and is granted"
agent_heard '^STATUS=1 certificates; next: '
agent_mark
make_due alone
agent_heard '^STATUS=1 certificates; next: '
is "$(waits)" 1 "a renewal is to wait"
unpark
wait_for '[ "$(journaled alone renewed)" = 1 ]'
is "$(came | cut -d, -f3-)" "reenroll $RETRY,reenroll $BY_CERTIFICATE" "and is granted to the certificate"
agent_stop
is "$STATUS" 0 "and goes when it is told"

# --- two protocols for one certificate
lab_pebble || exit 2
MORE="  - name: pebble
    protocol: acme
    url: $LAB_ACME
    contact: [mailto:ops@example.org]
    agree_terms: true
    trust: $LAB_TRUST
    account_key: {token: agent, type: ec-p256}"
est_no_certificates
est_config "${LOGIN[@]}"
AUTHORITY="[internal, pebble]" est_certificate both both.example "challenge: {type: http-01, listen: \"127.0.0.1:$LAB_HTTP\"}"
# Debian 12's openssl has blanks around the sign, 13's has none.
issuer_of() { leaf both -issuer | sed 's, = ,=,g'; }
est_stop
ks_is 0 "EST is down: ACME has its turn" issue both
like "$(issuer_of)" 'Pebble' "it is from there"
like "$(journal_of both)" "authority-next from authority 'internal' to 'pebble'" "the journal tells"
is "$(ls "$LAB/state/live/both/anchors.pem" 2>/dev/null)" "" "which has no anchors"
est_libest
ks_is 0 "EST is there again" renew both --force
is "$(issuer_of) $(came)" "issuer=CN=lab EST enroll $BY_LOGIN" "by login: what is live is not its own"
like "$(last_note both)" "what is live is from authority 'pebble'" "which the journal says"
sed -i 's,\[internal\, pebble\],[pebble\, internal],; s,'"$LAB_ACME"',https://127.0.0.1:1/dir,' "$CONFIG"
mark
ks_is 5 "ACME is first and down: there is patience" renew both --force
ks_is 5 "twice" renew both
is "$(came)" "" "EST is not asked"
ks_is 0 "then it has its turn" renew both
is "$(issuer_of) $(came)" "issuer=CN=lab EST reenroll $BY_CERTIFICATE" "and renews its own by certificate"
like "$(journal_of both)" "authority-next from authority 'pebble' to 'internal'" "the journal tells"
done_testing
