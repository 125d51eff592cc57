#!/usr/bin/env bash
# A CA's portal, played by `openssl ca`: the request is taken there by a person, weeks go by, the
# answer comes back in whatever form, and wrong answers are refused.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
. "$ROOT/scripts/lab-portal.sh"
lab_begin
lab_port LAB_HTTP
lab_port LAB_TLS
lab_config
lab_reload_script
LAB_PORTAL_AIA=http://127.0.0.1:$LAB_HTTP/.well-known/acme-challenge/issuing.der
lab_portal || exit 2
DB=$LAB/state/keystay.db
UC="mail.example.org autodiscover.example.org lyncdiscover.example.org sip.example.org meet.example.org dialin.example.org"
for i in $(seq 17); do UC="$UC pool$i.example.org"; done
UC_MORE='192.0.2.7 sip:pool@example.org'
mkdir "$LAB/policies"
cat >"$LAB/policies/lab.yaml" <<-YAML
	policy: lab
	rules: {rotate: every_renewal, renew_at: 33%, drain: 1d, disable: 1d, max_validity: 120d}
YAML
sed -i '/name: pebble/,/account_key/d' "$CONFIG"
sed -i "s,^certificates:,  - {name: portal\, protocol: manual\, url: https://portal.example/orders}\n&," "$CONFIG"

# portal_certificate NAME "names" [more lines]
portal_certificate() {
	cat >>"$CONFIG" <<-YAML
		  - name: $1
		    names: [$(sed 's/[^ ][^ ]*/"&"/g; s/ /, /g' <<<"$2")]
		    token: web
		    authority: portal
		    policy: lab
		    owner: mail-team@example.org
		${3:-}
	YAML
}
portal_certificate uc "$UC $UC_MORE" '    keys: [ec-p256, rsa-3072]
    subject: {organization: Example Council, unit: ICT, locality: Leeds, state: Yorkshire, country: GB, serial_number: LA-42}'
portal_certificate web "web.example.org www.web.example.org" "    subject: {organization: Example Council, country: GB}
$(lab_on_nginx)"
lab_nginx_conf
lab_server_openssl web
lab_nginx_start || exit 2
lab_tokens >/dev/null || exit 2
lab_nginx_conf web "web.example.org www.web.example.org"

# A clock that is moved by hand, for keystay and for the portal's dates.
cat >"$LAB/keystay" <<-SH
	#!/bin/sh
	LD_PRELOAD=$BIN/doubles/clock.so KEYSTAY_TEST_CLOCK=$LAB/clock exec $BIN/keystay "\$@"
SH
chmod 755 "$LAB/keystay"
KEYSTAY=$LAB/keystay
DAYS=0
days_on() {
	DAYS=$((DAYS + $1))
	echo $((DAYS * 86400)) >"$LAB/clock"
	LAB_PORTAL_NOW=$(($(date +%s) + DAYS * 86400))
}
days_on 0
sql() { "$BIN/tools/db-run" "$DB" "$1"; }
csr() { "$KEYSTAY" --config "$CONFIG" csr "$@" 2>"$LAB/summary"; }
waiting() { sql "SELECT step || ' ' || hex(csr) || ' ' || cookie || ' ' || (chain IS NULL) FROM attempt JOIN part ON part.certificate = attempt.certificate WHERE attempt.certificate = '$1'"; }
leaf() { openssl x509 -in "$1" -noout -fingerprint -sha256; }

# --- before anything
ks_is 0 "check" check --online
like "$OUT" "authority 'portal': is asked by people, at 'https://portal.example/orders'" "nobody asks a portal"
ks_is 2 "import before there is a request" import web "$LAB/portal/root.pem"
like "$OUT" "no request of it waits" "is told what is missing"
like "$OUT" "hint: 'keystay csr web' makes one" "and what to do"
ks_is 2 "csr of what is not configured" csr nowhere
ks_is 7 "issue of what people must get" issue web
like "$OUT" "waits for a person to take it to 'https://portal.example/orders'" "says who is waited for"
like "$OUT" "hint: 'keystay csr web' shows the request; then 'keystay import web FILE'" "and what to do"
ks status web
like "$OUT" "'keystay import web FILE' takes the answer" "status says what is next"

# --- the request
csr web >"$LAB/web.csr"
is $? 0 "csr"
like "$(openssl req -in "$LAB/web.csr" -noout -verify 2>&1)" "OK" "signed by its own key"
like "$(openssl req -in "$LAB/web.csr" -noout -subject)" "C ?= ?GB, O ?= ?Example Council$" "its subject"
like "$(cat "$LAB/summary")" "^names 2 +web.example.org" "the summary has the names"
like "$(cat "$LAB/summary")" "^key +ec-p256 in token 'web'" "and the key"
csr web | cmp -s - "$LAB/web.csr"
is $? 0 "the same request again, byte for byte"
ks_is 0 "into a file" csr web --out "$LAB/out.csr"
cmp -s "$LAB/out.csr" "$LAB/web.csr"
is $? 0 "the same there"
ks_is 0 "as JSON" csr web --json
is "$(jq -r '.requests[0].csr' <<<"$OUT")" "$(cat "$LAB/web.csr")" "and there"
ks_is 2 "another key than that of a request that waits needs a yes" csr web --key same
like "$OUT" "an answer to it would be refused" "and says why"
csr uc >"$LAB/uc.both"
is "$(grep -c BEGIN "$LAB/uc.both")" 2 "a request for each key type"
ks_is 0 "into two files" csr uc --out "$LAB/uc.csr"
is "$(openssl req -in "$LAB/uc.csr" -noout -text | grep -o 'DNS:\|IP Address:\|URI:' | sort | uniq -c | tr -s ' \n' ' ')" " 23 DNS: 1 IP Address: 1 URI: " "25 names of three kinds"
like "$(openssl req -in "$LAB/uc.csr.rsa-3072" -noout -text)" "Public-Key: \(3072 bit\)" "the second is for the other key"
like "$(openssl req -in "$LAB/uc.csr" -noout -subject)" "C ?= ?GB, ST ?= ?Yorkshire, L ?= ?Leeds, O ?= ?Example Council, OU ?= ?ICT, serialNumber ?= ?LA-42" "the whole subject"

# --- weeks go by
agent_alerts
is_waiting=$(waiting web)
for day in 1 2 6 8 20 24; do
	days_on $((day - DAYS))
	ks renew --due </dev/null 2>&1
	[ "$STATUS" = 7 ] || note "day $day: $STATUS $OUT"
done
is "$(waiting web)" "$is_waiting" "24 days later it waits as it did"
csr web | cmp -s - "$LAB/web.csr"
is $? 0 "and is shown as it was"
like "$(cat "$LAB/summary")" "^waits since +$(date -u +%Y-%m-%d)" "since when it waits"
told=$(grep -c '"by-hand"' "$LAB/told")
tap "$([ "$told" -ge 4 ] && [ "$told" -le 8 ]; echo $?)" "people were told weekly of each of the two: $told times"
like "$(grep '"by-hand"' "$LAB/told" | head -1)" "keystay csr" "with what to do"

# --- wrong answers: each is refused, and it waits on
wrong() {
	local name=$1 status=$2 words=$3
	shift 3
	ks_is "$status" "refused: $name" import web "$@"
	like "$OUT" "$words" "  $words"
	[ "$(waiting web)" = "$is_waiting" ] || tap 1 "it does not wait any more"
	[ ! -e "$LAB/state/live/web" ] || tap 1 "something is live"
}
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB/stolen.key" -out "$LAB/stolen.csr" \
	-subj '/C=GB/O=Example Council/CN=web.example.org' -addext 'subjectAltName=DNS:web.example.org,DNS:www.web.example.org' 2>/dev/null
portal_issue "$LAB/stolen.csr" "$LAB/stolen.pem" || note "$(cat "$LAB/log/portal")"
portal_bundle full "$LAB/stolen.pem" "$LAB/stolen.full"
wrong "for a key of somebody else" 5 "for a key that keystay did not make" "$LAB/stolen.full"
portal_issue "$LAB/uc.csr" "$LAB/uc.pem" 90
portal_bundle full "$LAB/uc.pem" "$LAB/uc.full"
wrong "for the key of another certificate" 5 "is for the key 'uc-.*' of 'uc'" "$LAB/uc.full"
# signed_with CSR OUT "extensions": with other names than the request has.
signed_with() {
	sed 's/copy_extensions = copy/copy_extensions = none/' "$LAB/portal/openssl.cnf" >"$LAB/portal/other.cnf"
	printf '[server2]\nkeyUsage=critical,digitalSignature\n%s\n' "$3" >>"$LAB/portal/other.cnf"
	local days=${4:-90}
	openssl ca -batch -notext -config "$LAB/portal/other.cnf" -extensions server2 -in "$1" -out "$LAB/other.leaf" \
		-startdate "$(date -u -d "@$((LAB_PORTAL_NOW - 172800))" +%Y%m%d%H%M%SZ)" \
		-enddate "$(date -u -d "@$((LAB_PORTAL_NOW - 172800 + days * 86400 - 1))" +%Y%m%d%H%M%SZ)" "${@:5}" >>"$LAB/log/portal" 2>&1 ||
		note "$(tail -5 "$LAB/log/portal")"
	cat "$LAB/other.leaf" "$LAB/portal/issuing.pem" >"$2"
}
BOTH='subjectAltName=DNS:web.example.org,DNS:www.web.example.org'
SERVER='basicConstraints=critical,CA:FALSE
extendedKeyUsage=serverAuth'
signed_with "$LAB/web.csr" "$LAB/fewer" "$SERVER
subjectAltName=DNS:web.example.org"
wrong "fewer names" 5 "lacks 1 of 2 names: 'www.web.example.org'" "$LAB/fewer"
like "$OUT" "hint: have it issued again; or take it as it is: 'keystay import web FILE --waive names" "what can be done"
signed_with "$LAB/web.csr" "$LAB/more" "$SERVER
$BOTH,DNS:evil.example"
wrong "more names" 5 "has 1 that was not asked for: 'evil.example'" "$LAB/more"
signed_with "$LAB/web.csr" "$LAB/nonames" "$SERVER"
wrong "no names" 5 "no list of names that can be read" "$LAB/nonames"
signed_with "$LAB/web.csr" "$LAB/ca" "basicConstraints=critical,CA:TRUE
$BOTH"
wrong "a CA" 5 "is a CA's" "$LAB/ca"
signed_with "$LAB/web.csr" "$LAB/client" "basicConstraints=critical,CA:FALSE
extendedKeyUsage=clientAuth
$BOTH"
wrong "for clients" 5 "not for TLS servers" "$LAB/client"
signed_with "$LAB/web.csr" "$LAB/long" "$SERVER
$BOTH" 200
wrong "longer than the policy allows" 3 "max_validity" "$LAB/long"
signed_with "$LAB/web.csr" "$LAB/other-org" "$SERVER
$BOTH" 90 -subj '/C=GB/O=Somebody Else'
wrong "another organisation" 5 "has the organization 'Somebody Else', asked for was 'Example Council'" "$LAB/other-org"
LAB_PORTAL_NOW=$((LAB_PORTAL_NOW - 200 * 86400)) signed_with "$LAB/web.csr" "$LAB/expired" "$SERVER
$BOTH"
wrong "expired" 5 "expired at" "$LAB/expired"
LAB_PORTAL_NOW=$((LAB_PORTAL_NOW + 20 * 86400)) signed_with "$LAB/web.csr" "$LAB/early" "$SERVER
$BOTH"
wrong "not valid yet" 5 "is not valid before" "$LAB/early"
portal_issue "$LAB/web.csr" "$LAB/web.pem" 90
portal_bundle pem "$LAB/web.pem" "$LAB/web.alone"
wrong "without its chain" 5 "comes without the one of its issuer, which is at '$LAB_PORTAL_AIA'" "$LAB/web.alone"
like "$OUT" "hint: put the CA's certificates into the file, name them as 'issuer:' of the authority, or allow 'aia: true'" "what can be done"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -days 10 \
	-subj '/O=Example Trust/CN=Example Trust OV CA 7' -out "$LAB/impostor.pem" 2>/dev/null
wrong "with a CA of the same name" 5 "comes without the one of its issuer" "$LAB/web.pem" "$LAB/impostor.pem"
portal_issue "$LAB/web.csr" "$LAB/web2.pem" 90
wrong "two of them" 5 "several certificates for the key" "$LAB/web.pem" "$LAB/web2.pem" "$LAB/portal/issuing.pem"
: >"$LAB/empty"
wrong "an empty file" 5 "the answer is empty" "$LAB/empty"
wrong "the request" 5 "no certs-only message|holds no certificate" "$LAB/web.csr"
wrong "a private key" 5 "no certs-only message" "$LAB/stolen.key"
unlike "$OUT" "$(sed -n 2p "$LAB/stolen.key" | cut -c1-20)" "no letter of it is shown"
openssl pkcs12 -export -in "$LAB/stolen.pem" -inkey "$LAB/stolen.key" -passout pass:x -out "$LAB/stolen.p12"
wrong "a PKCS#12 file" 5 "hint: PEM, DER and PKCS#7" "$LAB/stolen.p12"
head -c 3000000 /dev/zero >"$LAB/large"
wrong "3 MB" 1 "larger" "$LAB/large"
wrong "the CA's alone" 5 "no certificate for the key of the request" "$LAB/portal/issuing.pem"
wrong "no file" 1 "nowhere.pem" "$LAB/nowhere.pem"
wrong "a waiver without a reason" 2 "with a reason" "$LAB/fewer" --waive names
wrong "a waiver of something else" 2 "is one of names, subject" "$LAB/fewer" --waive key --reason x
wrong "a waiver does not cover another fault" 5 "lacks" "$LAB/fewer" --waive subject --reason x
is "$(sql "SELECT count(*) FROM attempt WHERE certificate = 'web' AND tries > 0")" 0 "none of them is a failure of the attempt"

# --- the right one, in every form
fine() {
	local form=$1
	shift
	csr web >"$LAB/web.csr"
	is_waiting=$(waiting web)
	portal_issue "$LAB/web.csr" "$LAB/web.pem" 90
	portal_bundle "$form" "$LAB/web.pem" "$LAB/answer.$form"
	ks_is 0 "import: $form" import web "$LAB/answer.$form" "$@"
	is "$(live_fingerprint web)" "$(leaf "$LAB/web.pem")" "  it is live"
	is "$(served www.web.example.org)" "$(leaf "$LAB/web.pem")" "  and served"
	tap "$(live_pair_whole web; echo $?)" "  with its key"
	is "$(grep -c BEGIN "$LAB/state/live/web/fullchain.pem")" "${CHAIN:-2}" "  and its chain, without the root"
	ks_is 0 "  once more: nothing to do" import web "$LAB/answer.$form"
	like "$OUT" "this certificate is in place" "  it is in place"
}
fine full
like "$(grep '"by-hand"' "$LAB/told" | tail -1)" '"over": ?true.*"web"|"web".*"over": ?true' "people were told that it is over"
fine reversed
fine p7b
fine p7b-der
fine text
sed -i "s,url: https://portal.example/orders,&\, issuer: $LAB/portal/issuing.pem," "$CONFIG"
fine pem
fine der
fine root
sed -i "s,\, issuer: $LAB/portal/issuing.pem,\, aia: true," "$CONFIG"
openssl x509 -in "$LAB/portal/issuing.pem" -outform DER -out "$LAB/x.der"
mkdir -p "$LAB/webroot/.well-known/acme-challenge"
cp "$LAB/x.der" "$LAB/webroot/.well-known/acme-challenge/issuing.der"
fine pem
openssl crl2pkcs7 -nocrl -certfile "$LAB/portal/issuing.pem" -outform DER -out "$LAB/webroot/.well-known/acme-challenge/issuing.der"
fine der
# What is fetched proves itself, or is left.
cp "$LAB/impostor.pem" "$LAB/webroot/.well-known/acme-challenge/issuing.der"
csr web >"$LAB/web.csr"
is_waiting=$(waiting web)
portal_issue "$LAB/web.csr" "$LAB/web.pem" 90
ks_is 5 "refused: a place that gives something else" import web "$LAB/web.pem"
like "$OUT" "did not sign the certificate" "and that is said"
rm "$LAB/webroot/.well-known/acme-challenge/issuing.der"
ks_is 5 "refused: a place that has nothing" import web "$LAB/web.pem"
like "$OUT" "answers 404" "and that is said"
is "$(waiting web)" "$is_waiting" "it waits on"
sed -i "s,\, aia: true,," "$CONFIG"

# --- waived by name, journaled
signed_with "$LAB/web.csr" "$LAB/fewer" "$SERVER
subjectAltName=DNS:web.example.org" 30
ks_is 0 "fewer names, waived" import web "$LAB/fewer" --waive names --reason "the portal lost one; ticket 4711"
like "$OUT" "warning: certificate 'web': the certificate lives 30 days; the one before lived 90" "another lifetime than before is told"
is "$(live_fingerprint web)" "$(leaf "$LAB/fewer")" "it is live"
ks history web
like "$OUT" "waived +names: the certificate lacks 1 of 2 names: 'www.web.example.org'; waived by hand: the portal lost one; ticket 4711" "the journal has what, and why"
like "$OUT" "noted +the certificate lives 30 days" "and what was told"
csr web >"$LAB/web.csr"
signed_with "$LAB/web.csr" "$LAB/long" "$SERVER
$BOTH" 200
ks_is 3 "longer than the policy allows" import web "$LAB/long"
ks_is 0 "the same, waived by the rule's name" import web "$LAB/long" --waive max_validity --reason "bought before the policy"
like "$("$KEYSTAY" --config "$CONFIG" history web)" "max_validity .*waived by hand: bought before the policy" "journaled"
sed -i 's,^    subject: {organization: Example Council\, country: GB},&\n    lifetime: 90d,' "$CONFIG"
csr web >"$LAB/web.csr"
portal_issue "$LAB/web.csr" "$LAB/web.pem" 60
ks_is 5 "another lifetime than is bought" import web "$LAB/web.pem" "$LAB/portal/issuing.pem"
like "$OUT" "lives 60 days, and its 'lifetime:' is 90d" "is refused"
ks_is 0 "waived" import web "$LAB/web.pem" "$LAB/portal/issuing.pem" --waive lifetime --reason "a trial"

# --- two key types: two requests, answers that come apart
days_on 1
csr uc >"$LAB/uc.both"
ks_is 0 "the requests of two key types" csr uc --out "$LAB/uc.csr"
portal_issue "$LAB/uc.csr" "$LAB/uc.pem" 90
portal_issue "$LAB/uc.csr.rsa-3072" "$LAB/uc.rsa.pem" 90
portal_bundle full "$LAB/uc.rsa.pem" "$LAB/uc.rsa.full"
ks_is 7 "the first of two answers" import uc "$LAB/uc.rsa.full"
like "$OUT" "for the key ec-p256 is still missing" "says which is missing"
ks csr uc
is "$(grep -c BEGIN <<<"$OUT")" 1 "the other request waits alone"
ks_is 7 "renew does not hurry it" renew uc
ks_is 0 "the second" import uc - <<<"$(cat "$LAB/uc.pem" "$LAB/portal/issuing.pem")"
is "$(live_fingerprint uc)" "$(leaf "$LAB/uc.pem")" "both are live"
is "$(leaf "$LAB/state/live/uc/cert.rsa-3072.pem")" "$(leaf "$LAB/uc.rsa.pem")" "each with its own file"

# --- the order elsewhere fails, and people take it on
sed -i "s,^alert:,  - {name: dead\, protocol: est\, url: https://127.0.0.1:1\, trust: $LAB/portal/root.pem}\n&," "$CONFIG"
portal_certificate both "both.example.org"
sed -i '/name: both/,$s/authority: portal/authority: [dead, portal]/' "$CONFIG"
ks_is 7 "an authority that does not answer: people are next" issue both
ks_is 0 "the request" csr both --out "$LAB/both.csr"
portal_issue "$LAB/both.csr" "$LAB/both.pem" 90
portal_bundle full "$LAB/both.pem" "$LAB/both.full"
ks_is 0 "and import installs it" import both "$LAB/both.full"
ks_is 2 "csr where nobody is asked by hand" csr --out x
sed -i '/name: both/,$s/authority: \[dead, portal\]/authority: dead/' "$CONFIG"
ks_is 2 "none of its authorities is asked by people" csr both
like "$OUT" "protocol: manual" "and that is said"

# --- kill -9 while an answer is taken. Not at write: that is SoftHSM's, at each login, in the file
# of the token itself (docs/TOKENS.md).
answer() {
	csr web >"$LAB/web.csr"
	portal_issue "$LAB/web.csr" "$LAB/web.pem" 90
	portal_bundle full "$LAB/web.pem" "$LAB/web.full"
}
answer
strace -f -qq -E LD_PRELOAD="$BIN/doubles/clock.so" -E KEYSTAY_TEST_CLOCK="$LAB/clock" -o "$LAB/trace" -e trace=pwrite64,fdatasync,fsync,rename "$BIN/keystay" --config "$CONFIG" import web "$LAB/web.full" >/dev/null 2>&1
is $? 0 "an import under strace"
is_whole=0 is_served=0 goes_on=0 kills=0 points=0
for call in pwrite64 fdatasync fsync rename; do
	all=$(grep -c " $call(" "$LAB/trace")
	for n in $((1 + all / 8)) $((1 + all / 2)) $((all - all / 8)); do
		answer
		points=$((points + 1))
		(
			strace -f -qq -E LD_PRELOAD="$BIN/doubles/clock.so" -E KEYSTAY_TEST_CLOCK="$LAB/clock" -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$n" \
				"$BIN/keystay" --config "$CONFIG" import web "$LAB/web.full" >/dev/null 2>&1
			exit $?
		) 2>/dev/null
		[ $? != 137 ] || kills=$((kills + 1))
		live_pair_whole web && is_whole=$((is_whole + 1))
		[ -n "$(served web.example.org)" ] && is_served=$((is_served + 1))
		ks import web "$LAB/web.full"
		[ "$STATUS" = 0 ] || ks renew web
		if [ "$(live_fingerprint web)" = "$(leaf "$LAB/web.pem")" ]; then
			goes_on=$((goes_on + 1))
		else
			note "after $call $n of $all: $OUT"
		fi
	done
done
tap "$([ $kills -ge $((points - 2)) ]; echo $?)" "$kills kills at $points points"
is "$is_whole $is_served $goes_on" "12 12 12" "never a broken pair, always served, and it goes on"
is "$(token_ids web web)" "$(known_ids web)" "keys in the token are the keys in the database"

# --- root at the shell, the state another user's: root's own files are root's business
portal_certificate plain "plain.example.org"
sed -i 's,group: www-data,group: daemon,' "$CONFIG"
chown -R daemon: "$LAB/state" "$LAB/tokens" "$LAB/web.pin" "$LAB/agent.pin"
mkdir -m 700 "$LAB/root"
# That user may not come to where this was built.
install -D -m 755 -t "$LAB/bin" "$BIN/keystay" "$BIN/keystay-guard.so"
sed -i "s,exec $BIN/,exec $LAB/bin/," "$LAB/keystay"
ks_is 0 "csr into a folder of root's" csr plain --out "$LAB/root/plain.csr"
is "$(stat -c '%U %a' "$LAB/root/plain.csr")" "root 644" "the file is root's"
portal_issue "$LAB/root/plain.csr" "$LAB/root/plain.pem" 90
portal_bundle full "$LAB/root/plain.pem" "$LAB/root/plain.full"
chmod 600 "$LAB/root/plain.full"
ks_is 0 "and its answer is read from there" import plain "$LAB/root/plain.full"
is "$(find "$LAB/state" ! -user daemon | tr '\n' ' ')" "" "all of the state is that user's"
ks_is 1 "csr into a folder that is not there" csr plain --out "$LAB/nowhere/plain.csr"
like "$OUT" "cannot write '$LAB/nowhere/plain.csr'" "says which file"
done_testing
