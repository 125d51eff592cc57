#!/usr/bin/env bash
# Rules, waivers and chains that are refused, in an attempt and in `check` and `policy explain`.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
sed -i '/^    owner:/d' "$CONFIG"
ks_is 0 "the first certificate" issue payments
first=$(live_fingerprint payments)
mkdir "$LAB/policies"
cp "$CONFIG" "$LAB/lab.yaml"
sed -i 's/policy: lab/policy: ours/' "$CONFIG"
tomorrow=$(date -u -d tomorrow +%F)
yesterday=$(date -u -d yesterday +%F)

# Writes the policy `ours`, web-public and these rules, and, on standard input, its waivers.
ours() {
	printf 'policy: ours\nextends: web-public\nrules:\n%s\n' "$1" >"$LAB/policies/ours.yaml"
	[ -t 0 ] || cat >>"$LAB/policies/ours.yaml"
}

# refused REGEX NAME: a renewal ends with status 3 and says why; the old certificate is served.
refused() {
	ks_is 3 "$2" renew payments --force
	like "$OUT" "$1" "$2: says why"
	is "$(served payments.example)" "$first" "$2: the old certificate is served"
}
renewed() {
	ks_is 0 "$1" renew payments --force
	first=$(live_fingerprint payments)
	is "$(served payments.example)" "$first" "$1: it is served"
}

# --- all broken rules are told at once, before anything is ordered
ours '  names: {allow: ["*.payments.example"], max: 2}
  subject: {organization: required}' </dev/null
refused "names \(allow .*, at most 2\): there are 3 names, 'payments.example' is not among .*; subject \(organization: required\): it has no 'organization'" "names and subject"
like "$OUT" "hint: see 'keystay policy explain payments'" "and where to look"

# --- a waiver holds, and then is past
names='  names: {allow: ["*.payments.example"]}'
waiver() {
	printf 'waivers:\n  - {rule: names, certificate: %s, owner: A. Person, reason: it moves, until: %s}\n' "$1" "$2"
}
ours "$names" < <(waiver payments "$tomorrow")
renewed "a waiver holds, and web-public takes what Pebble gives"
ks history payments
like "$OUT" "policy 'ours', names .*waived by A. Person until $tomorrow: it moves" "and is in the journal"
ks_is 0 "check is content" check
like "$OUT" "ok +certificate 'payments': policy 'ours', names .*waived by A. Person" "and says who answers"
ks policy explain payments --json
is "$(jq -r '.rules[] | select(.rule == "names") | .verdict' <<<"$OUT")" waived "policy explain: waived"
ours "$names" < <(waiver payments "$yesterday")
refused "'payments.example' is not among the names that are allowed \(the waiver of A. Person ended: $yesterday\)" "a waiver that is past"
ours "$names" < <(waiver payment "$tomorrow")
ks_is 3 "a waiver for another certificate" check
like "$OUT" "warn +policy 'ours': a waiver for 'names' is for the certificate 'payment', which is not configured" "is told"
printf 'policy: ours\nrules:\n  owner: required\n' >"$LAB/policies/ours.yaml"
waiver payments "$tomorrow" >>"$LAB/policies/ours.yaml"
ks_is 2 "a waiver for a rule that is not set" check
like "$OUT" "ours.yaml:5:5: a waiver for 'names', which policy 'ours' does not set" "has its place"

# --- an orphan does not pass check
ours '  owner: required' </dev/null
ks_is 3 "a certificate without an owner" check
like "$OUT" "fail +certificate 'payments': policy 'ours', owner \(required\): it has no 'owner'" "check says it"
sed -i 's/^    policy: ours/    policy: ours\n    owner: web team/' "$CONFIG"
ks_is 0 "with an owner" check

# --- a key that the policy refuses signs no request
ours '  token_class: hardware' </dev/null
refused "token_class \(hardware\): the key is in a token of the class 'software'" "a software token"
ks keys list --json
is "$(jq -c '[.keys[] | select(.state == "staged") | .signatures // 0]' <<<"$OUT")" "[0]" "its key signed nothing"

# --- a chain is refused after it was issued, and the next try orders anew
ours '  max_validity: 89d' </dev/null
refused "the authority 'pebble' gave a certificate that is refused: .*max_validity \(89d\): it was issued on .* for 90 days .*, and 89d is the limit" "a chain that lives too long"
ks status --json
is "$(jq -r '.certificates[0].attempt | .step + " " + .error.kind' <<<"$OUT")" "order policy" "the next try orders anew"

ours '  key_origin: [local, sensitive, always_sensitive, not_extractable, never_extractable]
  max_validity: 90d' </dev/null
renewed "a limit that fits, and SoftHSM says all that is asked of a key"

# --- distrust: what the authority used last, before an order; the next authority where there is one
issuer=$(openssl x509 -in "$LAB/state/live/payments/cert.pem" -noout -issuer -nameopt multiline | sed -n 's/.*commonName *= //p')
ours "  distrust: [{issuer: \"$issuer\", after: 2024-11-11}]" </dev/null
orders=$(grep -c 'orders in the db' "$LAB/log/pebble")
refused "distrust \($issuer after 2024-11-11\): the authority 'pebble' issues by '$issuer'" "an issuer that is distrusted"
is "$(grep -c 'orders in the db' "$LAB/log/pebble")" "${orders/#0/none}" "nothing was ordered"
ks_is 3 "check finds it before" check
perl -0pi -e 's/(  - name: pebble\n(    .*\n)*)/my $a = $1; $a . ($a =~ s,pebble,other,r)/e; s/authority: pebble\n/authority: [pebble, other]\n/' "$CONFIG"
ours '  authorities: [other]' </dev/null
renewed "an authority that the policy does not allow is passed over"
ks history payments
like "$OUT" "from authority 'pebble' to 'other': policy 'ours' refuses the first" "which is journaled"

# --- what a person sees
ks_is 0 "policy explain" policy explain payments
like "$OUT" "key ec-p256: made .* in a token of the class 'software' \(local, sensitive" "the key's evidence"
like "$OUT" "chain ec-p256: issued .* \([0-9]+ SCTs\), 90 days up to" "the live chain"
like "$OUT" "signed (ecdsa|rsa)-sha256; for serverAuth" "how it is signed, and what for"
like "$OUT" "ok +max_validity 60 months from 2012-07-01, 39 months .* 47d from 2029-03-15  \[BR 6.3.2\]" "a rule with value and source"
like "$OUT" "not set +freeze +-" "and one that is not set"
ks policy explain payments --json
is "$(jq -r '[.rules[] | select(.rule == "authorities" or .rule == "weak_keys") | .verdict] | join(" ")' <<<"$OUT")" "ok ok" "as JSON too"
is "$(jq -r '.facts[0] | .token_class + " " + .chain.signature_algorithms[0]' <<<"$OUT")" "software ecdsa-sha256" "with the facts"
done_testing
