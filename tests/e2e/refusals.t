#!/usr/bin/env bash
# What must be refused with a clear error, with nothing lost: configuration, PINs, tokens, network.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
ks_is 0 "the first certificate" issue payments
first=$(live_fingerprint payments)
cp "$CONFIG" "$LAB/good.yaml"

# refused STATUS REGEX NAME arguments...: it says so, and the old certificate is still served.
refused() {
	local status=$1 regex=$2 name=$3
	shift 3
	ks_is "$status" "$name" "$@"
	like "$OUT" "$regex" "$name: says what"
	is "$(served payments.example)" "$first" "$name: the old certificate is served"
}
mend() {
	cp "$LAB/good.yaml" "$CONFIG"
}

# --- configuration
sed -i 's/^    owner:.*//; s/    policy: lab/    polcy: lab/' "$CONFIG"
refused 2 "keystay.yaml:[0-9]+:5: unknown key 'polcy' in a certificate" "an unknown key" check
like "$OUT" '^ +polcy: lab' "shows the line"
like "$OUT" '^ +\^' "with a caret"
like "$OUT" 'hint: did you mean .policy.\? the keys of a certificate are: name, names' "and the known keys"
mend
echo "state: $LAB/other" >>"$CONFIG"
refused 2 "the key 'state' stands twice" "a duplicate key" status
mend
sed -i 's,https://,http://,' "$CONFIG"
refused 2 'over https only' "an http URL" check
mend
ks --config "$LAB/absent.yaml" check
is "$STATUS" 2 "a missing configuration"
like "$OUT" "cannot open '.*absent.yaml': No such file" "names it"
sed -i 's/pin: file:.*/pin: 12345678/' "$CONFIG"
refused 2 "pin:' says where the PIN is" "a PIN in the configuration" check
unlike "$OUT" 12345678 "is not repeated"
mend

# --- PINs
chmod 644 "$LAB/web.pin"
refused 4 'open to everybody' "a PIN file that others can read" renew payments --force
chmod 600 "$LAB/web.pin"
cp -p "$LAB/web.pin" "$LAB/web.pin.good"
printf 'wrong\n' >"$LAB/web.pin"
refused 4 "token 'web': login refused \(CKR_PIN_INCORRECT\)" "a wrong PIN" renew payments --force
refused 4 'was refused on .* and is not tried again' "the same wrong PIN" renew payments --force
refused 4 'is not tried again' "check does not try it either" check
ks status --json
is "$(jq -r '.certificates[0] | .state + " " + .attempt.error.kind' <<<"$OUT")" "failed pin" "status tells"
cat "$LAB/web.pin.good" >"$LAB/web.pin"
ks_is 0 "the right PIN is tried at once" renew payments --force
first=$(live_fingerprint payments)
printf 'wrong\n' >"$LAB/web.pin"
ks_is 4 "wrong again" renew payments --force
ks_is 0 "a person says: try again" token pin web --retry
refused 4 'CKR_PIN_INCORRECT' "and it is tried" renew payments --force
cat "$LAB/web.pin.good" >"$LAB/web.pin"

# --- tokens and modules
sed -i 's/label: web/label: elsewhere/' "$CONFIG"
refused 4 "no token with label 'elsewhere'" "an absent token" renew payments --force
mend
sed -i "s,module: .*libsofthsm2.so,module: $LAB/absent.so," "$CONFIG"
refused 2 "cannot load the PKCS#11 module '.*absent.so': No such file" "a module that is not there" renew payments --force
mend
sed -i "s,$SOFTHSM_MODULE,$LAB/good.yaml," "$CONFIG"
refused 2 "cannot load the PKCS#11 module" "a module that is none" check
mend

# A full token: the folder of its files has no room left.
mkdir "$LAB/small"
mount -t tmpfs -o "size=1m,mode=755" tmpfs "$LAB/small"
cp -a "$LAB/tokens/." "$LAB/small/"
mount --bind "$LAB/small" "$LAB/tokens"
dd if=/dev/zero of="$LAB/small/filler" bs=1k 2>/dev/null
refused 4 "token 'web': cannot make an ec-p256 key" "a full token" renew payments --force --key new
rm "$LAB/small/filler"
ks_is 0 "room was made: it goes on" renew payments --force
is "$(token_ids web web)" "$(known_ids web)" "keys in the token are the keys in the database"
cp -a "$LAB/small/." "$LAB/good-tokens" 2>/dev/null || cp -a "$LAB/small" "$LAB/good-tokens"
umount "$LAB/tokens"
rm -rf "${LAB:?}/tokens"/*
cp -a "$LAB/good-tokens/." "$LAB/tokens/"
first=$(live_fingerprint payments)

# --- policies
mkdir -p "$LAB/policies"
printf 'policy: ours\nextends: web-public\nrules:\n  key_types: [rsa-3072]\n' >"$LAB/policies/ours.yaml"
sed -i 's/policy: lab/policy: ours/' "$CONFIG"
refused 3 "policy 'ours' refuses it: key_types \(rsa-3072\): a key of type ec-p256 is wanted" "a key type that the policy does not allow" renew payments --force
refused 3 "fail +certificate 'payments': policy 'ours', key_types" "check says so before" check
refused 3 'refused +key_types' "and policy explain" policy explain payments
printf 'policy: ours\nrules:\n  key_type: [rsa-3072]\n' >"$LAB/policies/ours.yaml"
refused 2 "ours.yaml:3:3: unknown rule 'key_type'" "an unknown rule" check
rm -r "$LAB/policies"
mend

# --- the network
ks_is 0 "the authority answers" check --online
like "$OUT" "authority 'pebble': answers at" "and check --online says so"
sed -i 's,url: https://127.0.0.1:[0-9]*,url: https://127.0.0.1:1,' "$CONFIG"
refused 5 "no answer from 'https://127.0.0.1:1/dir'" "an authority that is not there" renew payments --force
refused 5 "no answer from" "check --online says so" check --online
mend
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other \
	-keyout "$LAB/other.key" -out "$LAB/other.pem" 2>/dev/null
sed -i "s,trust: .*,trust: $LAB/other.pem," "$CONFIG"
refused 5 'certificate' "an HTTPS certificate that is not trusted" renew payments --force
like "$OUT" "trust:" "the hint names trust"
mend

# --- a full disk under the state
mkdir "$LAB/disk"
mount -t tmpfs -o size=4m,mode=711 tmpfs "$LAB/disk"
cp -a "$LAB/state/." "$LAB/disk/"
mount --bind "$LAB/disk" "$LAB/state"
dd if=/dev/zero of="$LAB/disk/filler" bs=1k 2>/dev/null
refused 1 'disk is full|No space left' "a full disk" renew payments --force
rm "$LAB/disk/filler"
ks_is 0 "room was made: it goes on" renew payments --force
first=$(live_fingerprint payments)
is "$(served payments.example)" "$first" "and is served"

# --- the server
sed -i 's/http {/http { nonsense;/' "$LAB/nginx.conf"
refused 1 'nginx refuses the configuration.*unknown directive' "nginx test failing" renew payments --force
like "$OUT" 'rolled back to version' "it was rolled back"
refused 1 "fail +certificate 'payments': nginx refuses" "check finds it too" check
sed -i 's/ nonsense;//' "$LAB/nginx.conf"
ks_is 0 "and is content when it is mended" check
like "$OUT" "certificate 'payments': its target 'nginx' passes its test" "which it says"
is "$(live_fingerprint payments)" "$first" "live is the old one"
cp "$LAB/nginx.conf" "$LAB/nginx.good"
cp -L "$LAB/state/live/payments/fullchain.pem" "$LAB/pinned.pem"
cp -L "$LAB/state/live/payments/key.pem" "$LAB/pinned.key"
sed -i "s,ssl_certificate .*,ssl_certificate $LAB/pinned.pem;,; s,ssl_certificate_key .*,ssl_certificate_key $LAB/pinned.key;," "$LAB/nginx.conf"
refused 6 "shows another certificate for" "a server that shows another leaf" renew payments --force
like "$OUT" 'rolled back to version' "it was rolled back"
is "$(live_fingerprint payments)" "$first" "live is the old one"
cp "$LAB/nginx.good" "$LAB/nginx.conf"
ks_is 0 "the server mended, the same certificate goes in" renew payments
is "$(served payments.example)" "$(live_fingerprint payments)" "and is served"
tap "$([ "$first" != "$(live_fingerprint payments)" ]; echo $?)" "it is the new one"

# --- two at once
"$KEYSTAY" --config "$CONFIG" renew payments --force >"$LAB/one" 2>&1 &
one=$!
ks renew payments --force
two=$STATUS
wait "$one"
is "$? $two" "0 0" "two runs at once both end well"
is "$(token_ids web web)" "$(known_ids web)" "keys in the token are the keys in the database"
(flock 9 && printf 'keystay renew, process 1' >"$LAB/state/lock" && sleep 3) 9>>"$LAB/state/lock" &
sleep 0.3
ks renew payments --force
is "$STATUS" 0 "a held lock is waited for"
like "$OUT" 'waiting for the lock: keystay renew, process 1' "and its holder is named"
done_testing
