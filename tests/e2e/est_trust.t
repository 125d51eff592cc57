#!/usr/bin/env bash
# Whom keystay believes over EST, and what may be issued by whom: implicit and explicit anchors, a new
# root with a link and without, what is learned and forgotten; labels and URLs.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
. "$ROOT/scripts/lab-est.sh"
. "$(dirname "$0")/est.sh"
est_begin
lab_tls || exit 2
cd "$LAB" || exit 2
ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 60 -subj "/CN=$2" \
		-keyout "$1.key" -out "$1.pem" -addext basicConstraints=critical,CA:TRUE 2>/dev/null
}
# link NAME OF BY: the root OF, signed by the root BY.
link() {
	openssl x509 -in "$2.pem" -signkey "$2.key" -x509toreq 2>/dev/null |
		openssl x509 -req -CA "$3.pem" -CAkey "$3.key" -days 20 -out "$1.pem" \
			-extfile <(printf 'basicConstraints=critical,CA:TRUE\n') 2>/dev/null
}
ca next "lab EST G2"
ca stranger stranger
link next-with-old next est-ca
cat est-ca.pem next.pem next-with-old.pem >linked.pem
cat est-ca.pem next.pem >unlinked.pem
cat est-ca.pem stranger.pem >strange.pem
anchors() { grep -c BEGIN state/anchors/internal.pem; }
by() { db "SELECT vouched_by FROM anchor ORDER BY rowid DESC LIMIT 1"; }
print_of() { openssl x509 -in "$1.pem" -outform DER | sha256sum | cut -d' ' -f1; }
rule() { printf '%s\n' "$1" >rules; }

# --- labels, and URLs of all kinds
est_config "${LOGIN[@]}"
lab_tokens >/dev/null || exit 2
est_own --users users --label 'ca:2' --only-labels
est_config "${LOGIN[@]}" 'label: "ca:2"'
est_certificate first first.example
mark
ks_is 0 "a label with a colon" issue first
is "$(own_posts | cut -d' ' -f1)" "ca:2/simpleenroll" "is a part of the path"
for url in "https://127.0.0.1:$OWN_PORT" "https://127.0.0.1:$OWN_PORT/" "$LAB_EST/"; do
	est_config "${LOGIN[@]}" 'label: "ca:2"'
	sed -i "s,url: .*,url: $url," "$CONFIG"
	ks_is 0 "the URL '${url#https://127.0.0.1:*[0-9]}'" renew first --force
done
est_config "${LOGIN[@]}"
sed -i "s,url: .*,url: $LAB_EST/ca:2," "$CONFIG"
ks_is 0 "the label in the URL" renew first --force
est_config "${LOGIN[@]}" "label: cacerts"
ks_is 2 "a label that is an operation" check
like "$OUT" "'cacerts' is an operation of EST and no label" "is refused"

# --- implicit anchors: the system's CAs vouch for the server, and it names its own CA
cp /etc/ssl/certs/ca-certificates.crt bundle.crt && cat lab-ca.pem >>bundle.crt
mount --bind bundle.crt /etc/ssl/certs/ca-certificates.crt
rm -rf state
TRUST=system
OWN_CERT=lab est_own --users users
est_config "${LOGIN[@]}"
ks_is 0 "trust: system" issue first
is "$(anchors) $(by)" "1 system $LAB_EST" "the CA that it names is an anchor, by the system's word"
is "$(cat state/anchors/internal.pem)" "$(openssl x509 -in est-ca.pem)" "and no other"
before=$(live_fingerprint first)
rule "simple.*enroll other-ca $LAB/lab-ca.pem $LAB/lab-ca.key"
ks_is 5 "a certificate of a CA of the system" renew first --force
like "$OUT" "the chain does not end at '$LAB/state/anchors/internal.pem'" "is none that it may issue"
is "$(live_fingerprint first)" "$before" "the old one stays"
OWN_SAME=1 OWN_CERT=lab est_own --users users --cacerts strange.pem
ks_is 0 "another root, later" renew first --force
like "$OUT" "authority 'internal' names a CA that no anchor vouches for: '/CN=stranger'" "is told of"
like "$OUT" "put it into a file and name that in 'issuer:'" "with what to do"
is "$(anchors)" 1 "and not trusted"
OWN_SAME=1 OWN_CERT=lab est_own --users users --cacerts linked.pem
ks_is 0 "a new root with a link" renew first --force
is "$(anchors) $(by)" "2 $(print_of est-ca)" "is an anchor by the old one's word"
OWN_CERT=lab est_own --users users
ks_is 0 "the same from another URL" renew first --force
is "$(anchors) $(db "SELECT vouched_by FROM anchor ORDER BY rowid LIMIT 1")" "2 system $LAB_EST" "stands by that"
est_config "${LOGIN[@]}" "issuer: $LAB/stranger.pem"
ks_is 5 "issuer: another CA" renew first --force
like "$OUT" "the chain does not end at" "what was learned does not stand by it"
is "$(cat state/anchors/internal.pem)" "$(openssl x509 -in stranger.pem)" "the bundle follows"
est_config "${LOGIN[@]}" "issuer: $LAB/est-ca.pem"
ks_is 0 "issuer: the CA" renew first --force
is "$(anchors)" 2 "and what stands by it, too"

# --- explicit anchors, and another CA for the HTTPS connection
TRUST=$LAB/lab-ca.pem
est_config "${LOGIN[@]}" "issuer: $LAB/est-ca.pem"
ks_is 0 "trust: and issuer: of two CAs" renew first --force
rule "simple.*enroll other-ca $LAB/lab-ca.pem $LAB/lab-ca.key"
ks_is 5 "the CA of the connection" renew first --force
like "$OUT" "the chain does not end at" "issues nothing"
ks check
like "$OUT" "^ok +authority 'internal': trusts '/CN=lab EST'" "check says whom it trusts"
unlike "$OUT" "trusts '/CN=lab'" "and the other is none of them"

# --- a new root without a link
rm -rf state
TRUST=$LAB/both.pem
cat est-ca.pem >both.pem
est_own --users users
est_config "${LOGIN[@]}"
ks_is 0 "the old root" issue first
before=$(live_fingerprint first)
OWN_CA=next est_own --users users --cacerts unlinked.pem
ks_is 5 "a new root that nothing vouches for" renew first --force
like "$OUT" "names a CA that no anchor vouches for: '/CN=lab EST G2'" "is told of"
like "$OUT" "add it to '$LAB/both.pem'" "with where it would go"
like "$OUT" "the chain does not end at" "and issues nothing"
is "$(live_fingerprint first) $(anchors)" "$before 1" "the old one stays"
cat next.pem >>both.pem
ks_is 0 "somebody adds it" renew first --force
is "$(anchors)" 2 "both are anchors"
sed -n '1,/END/p' both.pem >old-only.pem
openssl x509 -in next.pem >both.pem
TRUST=$LAB/both.pem
OWN_CA=next est_own --users users --cacerts next.pem
est_config "${LOGIN[@]}" "issuer: $LAB/next.pem"
cat est-ca.pem >both.pem
ks_is 0 "somebody takes the old one away" renew first --force
is "$(cat state/anchors/internal.pem)" "$(openssl x509 -in next.pem)" "then it is no anchor any more"

# --- the database is lost: the bundle is believed, as long as its basis is configured
rm -rf state
TRUST=$LAB/est-ca.pem
est_own --users users --cacerts linked.pem
est_config "${LOGIN[@]}"
ks_is 0 "a new root with a link" issue first
is "$(anchors)" 2 "is learned"
rm -f state/keystay.db*
est_own --users users
ks_is 0 "the database is lost" renew --due
ks_is 0 "and the server names the old root alone" renew first --force
is "$(anchors)" 2 "both are anchors still"
TRUST=$LAB/lab-ca.pem
est_config "${LOGIN[@]}"
ks_is 5 "another CA in the configuration" renew first --force
is "$(cat state/anchors/internal.pem)" "$(openssl x509 -in lab-ca.pem)" "takes both away"

# --- all anchors go between the order and the look at what it gave
rm -rf state
TRUST=""
est_own --users users
est_no_certificates
est_config "${LOGIN[@]}" "bootstrap: sha256:$(print_of est-ca)"
est_certificate first first.example "install: [{target: files, paths: {cert: $LAB/first.pem}, test: [\"false\"]}]"
ks_is 1 "a certificate that its target does not take" issue first
is "$(db "SELECT count(*) FROM part WHERE chain IS NOT NULL")" 1 "is kept"
db "UPDATE attempt SET step = 'verify', not_before = 0"
est_config "${LOGIN[@]}" "bootstrap: sha256:$(print_of stranger)"
ks_is 5 "another fingerprint in the configuration" issue first
like "$OUT" "authority 'internal': no CA is known any more that it may issue by" "what was issued is not taken without an anchor"
TRUST=$LAB/est-ca.pem

# --- a dozen at once: two questions for all of them, then a request and a connection each
rm -rf state
TRUST=$LAB/est-ca.pem
est_no_certificates
est_own --users users --clients est-ca.pem
est_config "${LOGIN[@]}"
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do est_certificate c$n c$n.example; done
mark
ks_is 0 "twelve certificates by login" issue --all
is "$(own_came | wc -l) $(connections)" "14 1" "14 requests on one connection"
mark
ks_is 0 "renewed, each by its certificate" renew --force
is "$(own_came | wc -l) $(connections)" "14 13" "14 requests on 13 connections"
is "$(own_came | grep -c '^POST simplereenroll auth=cert')" 12 "all as renewals"
est_no_certificates
est_certificate first first.example

# --- a look each week, though nothing is due
rm -rf state
TRUST=$LAB/est-ca.pem
est_own --users users --days 90
est_config "${LOGIN[@]}"
ks_is 0 "a certificate of 90 days" issue first
echo 0 >clock
est_stop
for day in 0 2 4 6 8; do
	later $((day * 86000))
	est_stop
	lab_port OWN_PORT
	LD_PRELOAD=$(moving) KEYSTAY_TEST_CLOCK=$LAB/clock "$BIN/tools/est-server" "$OWN_PORT" \
		est-server.pem est-server.key est-ca.pem est-ca.key rules --users users --cacerts linked.pem >>log/own &
	SERVER_PID=$!
	LAB_PIDS+=("$SERVER_PID")
	lab_wait_port "$OWN_PORT"
	LAB_EST=https://127.0.0.1:$OWN_PORT/.well-known/est
	est_config "${LOGIN[@]}"
	ks renew --due
	is "$STATUS $(anchors)" "0 $((day < 8 ? 1 : 2))" "day $day: nothing is due$([ $day != 8 ] || echo ', but the new root is learned')"
done
is "$(db "SELECT count(*) FROM version")" 1 "without a renewal"
now
done_testing
