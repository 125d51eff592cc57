#!/usr/bin/env bash
# The guard under everything that loads a PKCS#11 module: the OpenSSL provider, the libp11 engine,
# p11-kit's proxy, pkcs11-tool; with the init string or with a file, and with several of them in one
# process. What it needs from the system is libc.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
GUARD=$BIN/keystay-guard.so
ks_is 0 "a certificate" issue payments
INIT="module=$SOFTHSM_MODULE ledger=$LAB/state/ledger role=server unknown=count"
URI=$("$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r '.keys[0].uri')
ID=$("$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r '.keys[0].id')
PIN=$(cat "$LAB/web.pin")
signatures() { "$KEYSTAY" --config "$CONFIG" keys show payments --json | jq -r '.keys[0].signatures'; }
printf text >"$LAB/text"
openssl dgst -sha256 -binary "$LAB/text" >"$LAB/digest"
openssl x509 -in "$LAB/state/live/payments/cert.pem" -noout -pubkey >"$LAB/public.pem"
# Signs by a way, and looks at the signature and at the count.
by() { # NAME COMMAND...
	local name=$1 before after said
	shift
	before=$(signatures)
	rm -f "$LAB/signature"
	said=$(timeout 30 "$@" 2>&1)
	after=$(signatures)
	openssl dgst -sha256 -verify "$LAB/public.pem" -signature "$LAB/signature" "$LAB/text" >/dev/null 2>&1
	is "$?,$((after - before))" "0,1" "$name: it signs, and one signature is counted"
	[ "$((after - before))" = 1 ] || note "$said"
}

is "$(readelf -d "$GUARD" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')" libc.so.6 "it needs libc and nothing else"
is "$(nm -D --defined-only "$GUARD" | awk '{ print $3 }')" C_GetFunctionList "and shows one function"

by "the provider" env OPENSSL_CONF="$LAB/server-openssl.cnf" \
	openssl dgst -sha256 -sign "$LAB/state/live/payments/key.pem" -out "$LAB/signature" "$LAB/text"

cat >"$LAB/engine.cnf" <<-CNF
	openssl_conf = openssl_init
	[openssl_init]
	engines = engines
	[engines]
	pkcs11 = pkcs11
	[pkcs11]
	engine_id = pkcs11
	MODULE_PATH = $GUARD
	INIT_ARGS = $INIT
	PIN = "$PIN"
	init = 1
CNF
by "the libp11 engine" env OPENSSL_CONF="$LAB/engine.cnf" \
	openssl dgst -sha256 -engine pkcs11 -keyform engine -sign "$URI" -out "$LAB/signature" "$LAB/text"

mkdir -p "$LAB/home/.config/pkcs11/modules"
echo 'user-config: only' >"$LAB/home/.config/pkcs11/pkcs11.conf"
printf 'module: %s\nx-init-reserved: %s\n' "$GUARD" "$INIT" >"$LAB/home/.config/pkcs11/modules/guard.module"
mkdir -p /etc/pkcs11
mount -t tmpfs none /etc/pkcs11
mkdir /etc/pkcs11/modules
cp "$LAB/home/.config/pkcs11/modules/guard.module" /etc/pkcs11/modules/
PROXY=$(ls /usr/lib/*/p11-kit-proxy.so)
by "p11-kit's proxy" pkcs11-tool --module "$PROXY" --token-label web --pin "$PIN" --sign --mechanism ECDSA \
	--signature-format openssl --id "$ID" --input-file "$LAB/digest" --output-file "$LAB/signature"

printf 'module=%s\nledger=%s\n' "$SOFTHSM_MODULE" "$LAB/state/ledger" >"$LAB/guard.conf"
export KEYSTAY_GUARD=$LAB/guard.conf
by "pkcs11-tool, with the file" pkcs11-tool --module "$GUARD" --token-label web --pin "$PIN" --sign --mechanism ECDSA \
	--signature-format openssl --id "$ID" --input-file "$LAB/digest" --output-file "$LAB/signature"

# Two users of one guard in a process: each ends its own use.
sed "s|^\[openssl_init\]|&\nengines = engines|" "$LAB/server-openssl.cnf" >"$LAB/both.cnf"
sed -n '/^\[engines\]/,$p' "$LAB/engine.cnf" >>"$LAB/both.cnf"
by "provider and engine in one process" env OPENSSL_CONF="$LAB/both.cnf" \
	openssl dgst -sha256 -engine pkcs11 -keyform engine -sign "$URI" -out "$LAB/signature" "$LAB/text"

# What it says when it cannot.
p11() { pkcs11-tool --module "$GUARD" --list-slots 2>&1; }
like "$(KEYSTAY_GUARD=$LAB/none p11)" "^keystay-guard: there is no init string: cannot read '$LAB/none': No such file or directory$" "no settings"
echo "modul=/x" >"$LAB/guard.conf"
like "$(p11)" "^keystay-guard: there is no init string: in '$LAB/guard.conf': this key is not known: 'modul'$" "a key that is not known"
printf 'module=%s\n' "$GUARD" >"$LAB/guard.conf"
like "$(p11)" "^keystay-guard: module= leads to the guard itself" "itself"
printf 'module=%s\n' "$LAB/text" >"$LAB/guard.conf"
like "$(p11)" "^keystay-guard: cannot load the module '$LAB/text': .*(too short|invalid ELF)" "a file that is no module"
printf 'custodian=%s\n' "$LAB/socket" >"$LAB/guard.conf"
like "$(p11)" "^keystay-guard: custodian= is not in this version" "the custodian"
printf 'module=%s\nledger=%s\nno_ledger=refuse\n' "$SOFTHSM_MODULE" "$LAB/none" >"$LAB/guard.conf"
like "$(p11)" "^keystay-guard: the ledger '$LAB/none' is not there, and no_ledger=refuse is said$" "no ledger, where one must be"
printf 'module=%s\nledger=%s\n' "$SOFTHSM_MODULE" "$LAB/none" >"$LAB/guard.conf"
before=$(signatures)
said=$(pkcs11-tool --module "$GUARD" --token-label web --pin "$PIN" --sign --mechanism ECDSA --id "$ID" \
	--input-file "$LAB/digest" --output-file "$LAB/signature" 2>&1)
like "$said" "^keystay-guard: the ledger '$LAB/none' is not there; signatures are counted in memory only and no limit is kept$" "no ledger: it says so, and signs"
is "$(stat -c %s "$LAB/signature"),$(signatures)" "64,$before" "the server goes on"
umount /etc/pkcs11
done_testing
