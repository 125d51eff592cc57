#!/usr/bin/env bash
# Certificates over EST by each road and type of key, of SoftHSM and of a TPM: by login, and renewed by
# certificate, whose key opens the connection in the token. All requests name their connection: to
# libest by tls-unique (TLS 1.2), to the tests' own server by tls-exporter (TLS 1.3).
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
. "$ROOT/scripts/lab-tokens.sh"
. "$ROOT/scripts/lab-est.sh" # lab_libest
. "$(dirname "$0")/est.sh"

# whole NAME ON: what is live is the CA's, and a pair with the key in the token.
whole() {
	live_pair_whole "$1" && openssl verify -CAfile "$LAB/est-ca.pem" "$LAB/state/live/$1/cert.pem" >/dev/null
	tap $? "$2: key and certificate are a pair"
}

# tls12 TYPE, tls13 TYPE: one that is new, renewed to a new key
tls12() {
	local on="$KIND, $ROAD, $1, TLS 1.2" key
	# libest takes clients' keys of one curve only.
	case $1 in
	ec-p384) est_libest --pop --curve secp384r1 ;;
	*) est_libest --pop ;;
	esac
	ks_is 0 "$on: issued" issue "$1"
	is "$(came)" "enroll login=estuser certificate=no EST_ERR_NONE" "$on: by login"
	whole "$1" "$on"
	key=$(key_of "$1")
	mark
	ks_is 0 "$on: renewed" renew "$1" --force --key new
	is "$(came)" "reenroll login=- certificate=yes EST_ERR_NONE" "$on: by certificate"
	isnt "$(key_of "$1")" "$key" "$on: with a new key"
	whole "$1" "$on"
}
tls13() {
	local on="$KIND, $ROAD, $1, TLS 1.3" name=$1-13 key
	mark
	ks_is 0 "$on: issued" issue "$name"
	is "$(own_posts)" "simpleenroll auth=basic cert=- tls=1.3 pop=exporter" "$on: by login"
	whole "$name" "$on"
	key=$(key_of "$name")
	mark
	ks_is 0 "$on: renewed" renew "$name" --force --key new
	is "$(own_posts)" "simplereenroll auth=cert cert=CN=$name.example tls=1.3 pop=exporter" "$on: by certificate"
	isnt "$(key_of "$name")" "$key" "$on: with a new key"
	whole "$name" "$on"
	mark
	ks_is 0 "$on: what libest issued is renewed" renew "$1" --force --key new
	is "$(own_posts)" "simplereenroll auth=cert cert=CN=$1.example tls=1.3 pop=exporter" "$on: by certificate"
}

# matrix KIND ROAD TYPE...
matrix() {
	local type
	ROAD=$2 LAB_ROAD=$2
	est_begin
	lab_kind "$1" || exit 2
	est_config "${LOGIN[@]}"
	"$KEYSTAY" --config "$CONFIG" token init agent --so-pin "file:$LAB/so.pin" >/dev/null || exit 2
	for type in "${@:3}"; do
		est_certificate "$type" "$type.example" "keys: [$type]"
		est_certificate "$type-13" "$type-13.example" "keys: [$type]"
	done
	for type in "${@:3}"; do tls12 "$type"; done
	est_own --tls 1.3 --clients "$LAB/est-ca.pem" --users "$LAB/users" --pop --strict-reenroll
	for type in "${@:3}"; do tls13 "$type"; done
	is "$("$BIN/tools/token-ids" "$KIND_MODULE" "$KIND_LABEL" "$LAB/web.pin" "$KIND_INIT_ARGS" | grep . | sort)" \
		"$(known_ids web)" "$KIND, $ROAD: token and database know the same keys"
	lab_end
}

matrix softhsm provider ec-p256 ec-p384 rsa-2048
matrix softhsm libp11 ec-p256 ec-p384 rsa-2048
matrix tpm provider ec-p256 rsa-2048
# By this road it does not sign with RSA keys (docs/TOKENS.md).
matrix tpm libp11 ec-p256 ec-p384
done_testing
