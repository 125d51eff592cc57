#!/usr/bin/env bash
# Who asks an EST server, and whom the agent believes: certificates that cannot be shown, an identity
# of its own in a token, certificates that the server refuses; CA files, fingerprints, anchors.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
. "$ROOT/scripts/lab-est.sh" # lab_libest
. "$(dirname "$0")/est.sh"
est_begin
BY_LOGIN="enroll login=estuser certificate=no EST_ERR_NONE"
BY_IDENTITY="enroll login=- certificate=yes EST_ERR_NONE"
AGAIN="reenroll login=- certificate=yes EST_ERR_NONE"

# --- what is live has expired
est_libest --valid 3600
est_config "${LOGIN[@]}"
est_certificate shop shop.example
lab_tokens >/dev/null || exit 2
ks_is 0 "a certificate of an hour" issue shop
est_libest --valid 8000
est_config
later 4000
mark
ks_is 5 "it has expired, and there is no login" renew shop --force
like "$OUT" "certificate that is renewed \('/CN=shop.example'\) expired at 20" "which is said"
like "$OUT" "write 'username:' and 'password:'|hint: .*login" "and what would help"
is "$(came)" "" "nothing came to the CA"
is "$(connections)" 0 "nor to its server"
est_config "${LOGIN[@]}"
ks_is 0 "with a login" renew shop --force
is "$(came)" "$BY_LOGIN" "that is used"
like "$(last_note shop)" "^authority 'internal': the certificate that is renewed \('/CN=shop.example'\) expired at 20.*; asked with the login$" "and the journal says why"
now

# --- what is live is not for clients
est_libest --server-only
est_config "${LOGIN[@]}"
ks_is 0 "a certificate for servers" renew shop --force
est_config
mark
ks_is 5 "it cannot be shown, and there is no login" renew shop --force
like "$OUT" "certificate that is renewed \('/CN=shop.example'\) is not for TLS clients \(it lacks clientAuth\)" "which is said"
is "$(came)" "" "nothing came to the CA"
is "$(connections)" 0 "nor to its server"
est_config "${LOGIN[@]}"
mark
ks_is 0 "with a login" renew shop --force
is "$(came)" "$BY_LOGIN" "that is used"
like "$(last_note shop)" "lacks clientAuth\); asked with the login$" "and the journal says why"
est_libest
ks_is 0 "a certificate for clients, too" renew shop --force
mark
ks_is 0 "renewed" renew shop --force
is "$(came)" "$AGAIN" "is shown again"

# --- its key is switched off
ks keys disable shop --yes
ks_is 0 "the key of what is live is disabled" renew shop --force
like "$(last_note shop)" "what is live cannot be shown: its key '.*' is disabled; asked with the login" "the login is used, and the journal says why"

ks keys compromise shop --yes
mark
ks_is 0 "it is compromised" renew --due
is "$(came)" "$BY_LOGIN" "the login is used"
like "$(last_note shop)" "what is live cannot be shown: its key '.*' is compromised; asked with the login" "and the journal says why"

# --- the server refuses what is live
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=others' -days 30 \
	-keyout "$LAB/others.key" -out "$LAB/others.pem" 2>/dev/null
est_libest --trust "$LAB/others.pem"
est_config
ks_is 5 "a server that does not take what it issued" renew shop --force
like "$OUT" "'$LAB_EST/simplereenroll' refused our client certificate '/CN=shop.example': alert 'unknown CA'" "refused ours, and that is said"
unlike "$OUT" "HTTPS certificate is not trusted|trust:" "and has a good one itself"
est_config "${LOGIN[@]}"
mark
ks_is 0 "with a login" renew shop --force
is "$(came)" "$BY_LOGIN" "that is used, and simpleenroll"
like "$(last_note shop)" "^authority 'internal': '$LAB_EST/[a-z]*' refused our client certificate '/CN=shop.example': alert 'unknown CA'; asked with the login$" "and the journal says why"

# Our own server renews nothing by login.
for tls in 1.2 1.3; do
	for pop in off require; do
		est_own --tls $tls --clients "$LAB/others.pem" --users "$LAB/users" --strict-reenroll
		est_config "pop: $pop"
		ks_is 5 "TLS $tls, pop: $pop: what is live is refused" renew shop --force
		like "$OUT" "refused our client certificate '/CN=shop.example': alert 'unknown CA'" "TLS $tls, pop: $pop: which is said"
		like "$OUT" "hint: it takes certificates of '/CN=others' and ours is of another issuer" "TLS $tls, pop: $pop: and whose it takes"
		est_config "${LOGIN[@]}" "pop: $pop"
		mark
		ks_is 0 "TLS $tls, pop: $pop: with a login" renew shop --force
		like "$(own_posts)" "^simpleenroll auth=basic cert=- tls=$tls" "TLS $tls, pop: $pop: that is used, and simpleenroll"
	done
done
est_own --clients "$LAB/est-ca.pem" --require-client
est_config
ks_is 0 "a server that wants a certificate at every connection" renew shop --force
est_certificate new new.example
ks_is 5 "but there is none" issue new
like "$OUT" "'$LAB_EST/[a-z]*' wants a client certificate, and there is none \(alert 'certificate required'\)" "which is said"
like "$OUT" "hint: name one in 'identity:' of the authority" "and what would help"
est_no_certificates
est_certificate shop shop.example

# --- the server does not take the curve of what is live
est_libest
est_config "${LOGIN[@]}"
est_certificate curve curve.example "keys: [ec-p384]"
ks_is 0 "a key on another curve than the server's" issue curve
est_config
ks_is 5 "it is refused in the handshake" renew curve --force
like "$OUT" "refused our client certificate '/CN=curve.example': alert 'illegal parameter'" "which is said"
est_config "${LOGIN[@]}"
mark
ks_is 0 "with a login" renew curve --force
is "$(came)" "$BY_LOGIN" "that is used, and simpleenroll"

# --- an identity: a key that pkcs11-tool made
p11() { pkcs11-tool --module "$SOFTHSM_MODULE" --token-label agent --login --pin "ag3nt pin" "$@" 2>&1; }
# identity NAME SUBJECT CA [DAYS] [EXTENSION]: a certificate for that key
identity() {
	printf '%s\n' "${5:-extendedKeyUsage=clientAuth}" >"$LAB/identity.ext"
	openssl x509 -new -force_pubkey "$LAB/identity.pub" -subj "$2" -CA "$LAB/$3.pem" -CAkey "$LAB/$3.key" \
		-days "${4:-90}" -extfile "$LAB/identity.ext" -out "$LAB/$1.pem" 2>/dev/null
}
p11 --keypairgen --key-type EC:prime256v1 --id 01 --label est-id >/dev/null &&
	p11 --read-object --type pubkey --id 01 -o "$LAB/identity.der" >/dev/null &&
	openssl pkey -pubin -inform DER -in "$LAB/identity.der" -out "$LAB/identity.pub"
identity identity /CN=host-7 est-ca
identity foreign /CN=stranger others
identity server-only /CN=host-7 est-ca 90 extendedKeyUsage=serverAuth
identity short /CN=host-7 est-ca 1
est_libest
est_config "identity: {token: agent, certificate: $LAB/identity.pem}"
est_certificate first first.example
ks_is 0 "check of an identity" check
like "$OUT" "^ok +authority 'internal': its identity is valid until 20" "tells of it"
like "$OUT" "1 private keys in it are not keystay's" "and that its key is another's"
mark
ks_is 0 "the first one by an identity" issue first
is "$(came)" "$BY_IDENTITY" "it is shown"
like "$(leaf first -subject)" "CN ?= ?first.example" "but the subject is another"
est_config "identity: {token: agent, key: est-id, certificate: $LAB/identity.pem}"
mark
est_certificate labelled labelled.example
ks_is 0 "with its label" issue labelled
is "$(came)" "$BY_IDENTITY" "it is shown"
mark
ks_is 0 "a renewal" renew first --force
is "$(came)" "$AGAIN" "is asked for by the certificate that is renewed"
est_libest --server-only
ks_is 0 "one that is not for clients" renew first --force
mark
ks_is 0 "and its renewal" renew first --force
is "$(came)" "$BY_IDENTITY" "is asked for by the identity"
like "$(last_note first)" "the certificate that is renewed \('/CN=first.example'\) is not for TLS clients \(it lacks clientAuth\)$" "and the journal says why"
is "$(p11 --list-objects --type privkey | grep -c 'label: *est-id')" 1 "its key stays"
est_libest --auth login
est_config "identity: {token: agent, certificate: $LAB/identity.pem}" "${LOGIN[@]}"
est_certificate both both.example
ks_is 0 "identity and login" issue both
is "$(came)" "enroll login=estuser certificate=yes EST_ERR_NONE" "both are sent"
est_libest --pop
est_config "identity: {token: agent, certificate: $LAB/identity.pem}"
est_certificate bound bound.example
ks_is 0 "the request names its connection" issue bound
is "$(came)" "$BY_IDENTITY" "which the identity opened"
est_libest
est_config "identity: {token: agent, key: other, certificate: $LAB/identity.pem}"
ks_is 4 "a label that is not in the token" renew first --force
like "$OUT" "authority 'internal': identity: token 'agent' holds no key 'other' of that certificate" "is told"
est_config "identity: {token: web, certificate: $LAB/identity.pem}"
ks_is 4 "a key that is in another token" renew first --force
like "$OUT" "authority 'internal': identity: token 'web' holds no key of that certificate" "is told"
is "$(came)" "" "and nobody is asked"
ks check --online
like "$OUT" "^warn +authority 'internal': its identity is in the token 'web' of web servers' keys" "check says that it has no place there"

# --- an identity that is refused, or cannot be shown
est_config "identity: {token: agent, certificate: $LAB/foreign.pem}"
mark
est_certificate strange strange.example
ks_is 5 "an identity of another CA" issue strange
like "$OUT" "'$LAB_EST/simpleenroll' refused our client certificate '/CN=stranger': alert 'unknown CA'" "ours is refused, and that is said"
unlike "$OUT" "HTTPS certificate is not trusted|trust:" "and not the server's"
is "$(came)" "" "nothing came to the CA"
est_config "identity: {token: agent, certificate: $LAB/foreign.pem}" "${LOGIN[@]}"
ks_is 0 "with a login" issue strange
is "$(came)" "$BY_LOGIN" "that is used"
like "$(last_note strange)" "refused our client certificate '/CN=stranger': alert 'unknown CA'; asked with the login$" "and the journal says why"
est_config "identity: {token: agent, certificate: $LAB/server-only.pem}"
ks_is 5 "check of an identity for servers" check
like "$OUT" "^fail +authority 'internal': its identity is not for TLS clients" "says so"
est_config "identity: {token: agent, certificate: $LAB/missing.pem}"
ks_is 5 "check of an identity that is missing" check
like "$OUT" "^fail +authority 'internal': its identity: cannot open '$LAB/missing.pem'" "says so"
est_certificate second second.example
mark
ks_is 5 "it is missing, and there is no login" issue second
like "$OUT" "'identity:', '$LAB/missing.pem', is not there" "which is said"
est_config "identity: {token: agent, certificate: $LAB/missing.pem}" "${LOGIN[@]}"
ks_is 0 "check of one that is missing, where there is a login" check
like "$OUT" "^warn +authority 'internal': its identity: cannot open '$LAB/missing.pem'" "is a warning"
mark
ks_is 0 "with a login" issue second
is "$(came)" "$BY_LOGIN" "that is used"
like "$(last_note second)" "'identity:', '$LAB/missing.pem', is not there; asked with the login$" "and the journal says why"
est_config "identity: {token: agent, certificate: $LAB/short.pem}" "${LOGIN[@]}"
later $((17 * 3600))
ks_is 0 "check of one that lives for a day, in its last third" check
like "$OUT" "^warn +authority 'internal': its identity ends at 20" "says so"
later $((2 * 86400))
ks check
like "$STATUS $OUT" "^fail +authority 'internal': its identity expired at 20" "and of one that has"
est_libest --valid $((10 * 86400))
est_certificate third third.example
ks_is 0 "an identity that has expired, and a login" issue third
is "$(came)" "$BY_LOGIN" "that is used"
like "$(last_note third)" "the certificate of 'identity:' \('/CN=host-7'\) expired at 20.*; asked with the login$" "and the journal says why"
now

# --- a password that cannot be had
cp "$LAB/password" "$LAB/open" && chmod 644 "$LAB/open"
est_config "username: estuser" "password: file:$LAB/open"
ks_is 5 "check of a password that all can read" check
like "$OUT" "^fail +authority 'internal': its login: '$LAB/open', the file of the password, is open to everybody" "says so"
unlike "$OUT" estpwd "without the password"
est_config "username: estuser" "password: file:$LAB/none"
ks_is 5 "check of a password file that is not there" check

# --- whom the agent believes
est_config "${LOGIN[@]}"
later $((100 * 86400))
ks_is 5 "check when the anchor has ended" check
like "$OUT" "^fail +authority 'internal': none of its anchors is valid any more" "says so"
now
TRUST=$LAB/others.pem est_config "${LOGIN[@]}"
ks_is 0 "check of one that soon ends" check
like "$OUT" "^warn +authority 'internal': its anchor '/CN=others' ends at 20" "says so"
est_certificate fourth fourth.example
mark
ks_is 5 "the server is of another CA" issue fourth
like "$OUT" "no answer from '$LAB_EST/cacerts': .*certificate" "is not believed"
like "$OUT" "hint: its HTTPS certificate is not trusted: name its CA in 'trust:'" "the hint says what to do"
is "$(came)" "" "nothing came to the CA"
ks_is 5 "check --online" check --online
like "$OUT" "^fail +authority 'internal': .*no answer from '$LAB_EST/cacerts'" "says it, too"
TRUST=$LAB/not-there.pem est_config "${LOGIN[@]}"
ks_is 2 "a CA file that is not there" issue fourth
like "$OUT" "not-there.pem" "is named"
TRUST=system est_config "${LOGIN[@]}"
ks_is 5 "the system's CAs do not know it" issue fourth

# --- a CA by its fingerprint
TRUST=""
# The own server's log has all requests.
est_own --users "$LAB/users"
anchors() { db "SELECT count(*) FROM anchor"; }
PRINT=$(openssl x509 -in "$LAB/est-ca.pem" -noout -fingerprint -sha256 | cut -d= -f2)
plain=${PRINT//:/}
plain=${plain,,}
other=$(printf '%064d' 7)
est_config "${LOGIN[@]}" "bootstrap: sha256:$other"
ks_is 0 "check before the first answer" check
like "$OUT" "^ok +authority 'internal': no anchors yet; the first answer is held against 'bootstrap:'" "says that there is none"
mark
ks_is 5 "a fingerprint of something else" issue fourth
like "$OUT" "authority 'internal': none of the 1 certificates of its cacerts has the fingerprint of 'bootstrap:'" "is said"
is "$(anchors) $(own_came)" "0 GET cacerts auth=none cert=- tls=1.3 pop=none" "nothing is stored, and only cacerts were asked for"
ks_is 5 "check --online" check --online
is "$(anchors)" 0 "stores nothing, either"
est_config "${LOGIN[@]}" "bootstrap: sha256:$plain"
mark
ks_is 0 "the right fingerprint" issue fourth
is "$(own_came | cut -d' ' -f1-3 | paste -sd,)" \
	"GET cacerts auth=none,GET cacerts auth=none,GET csrattrs auth=none,POST simpleenroll auth=basic" "cacerts, and once more"
is "$(connections)" 2 "the first time on a connection of its own"
is "$(anchors)" 1 "an anchor is stored"
is "$(cat "$LAB/state/anchors/internal.pem")" "$(openssl x509 -in "$LAB/est-ca.pem")" "and written"
like "$(journal_of "")" "anchor +authority 'internal': the CA '/CN=lab EST' \(SHA-256 $plain\) is an anchor now, by the word of bootstrap:$plain" "the journal tells"
mark
est_config "${LOGIN[@]}" "bootstrap: \"sha256:$PRINT\""
ks_is 0 "with colons and capitals it is the same" renew fourth --force
is "$(anchors) $(own_came | grep -c cacerts)" "1 1" "and stands"
ks_is 0 "check" check
like "$OUT" "^ok +authority 'internal': trusts '/CN=lab EST'" "trusts it"
est_libest
ks_is 0 "libest is known by it, too" renew fourth --force
is "$(came)" "$AGAIN" "and shown what is live"
est_config "${LOGIN[@]}" "bootstrap: sha256:$other"
ks_is 5 "another fingerprint in the configuration" renew fourth --force
like "$OUT" "none of the 1 certificates of its cacerts has the fingerprint" "is not met by what the one before was"
est_config "${LOGIN[@]}" "bootstrap: sha256:12"
ks_is 2 "half a fingerprint" check
like "$OUT" "'bootstrap:' is 'sha256:' and the 64 hex digits" "is none"
TRUST=$LAB/est-ca.pem est_config "${LOGIN[@]}" "bootstrap: sha256:$plain"
ks_is 2 "a fingerprint and a CA file" check
like "$OUT" "'bootstrap:' is for servers of which nothing is known" "are one too many"
est_config
is "$(token_ids web web)" "$(known_ids web)" "the token holds what is known, and no more"
done_testing
