# shellcheck shell=bash
# tap.sh - TAP for the end-to-end tests, and the lab they run in. Sourced first by every test.
# A test runs as root in mount and network namespaces of its own (tests/e2e/in-namespace).

set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lab.sh"

TAP_COUNT=0
TAP_FAILED=0

tap() {
	TAP_COUNT=$((TAP_COUNT + 1))
	if [ "$1" = 0 ]; then
		echo "ok $TAP_COUNT - $2"
	else
		TAP_FAILED=$((TAP_FAILED + 1))
		echo "not ok $TAP_COUNT - $2"
	fi
}

# Shows text as diagnostics.
note() { printf '%s\n' "$*" | sed 's/^/# /' >&2; }

# is GOT WANTED NAME
is() {
	if [ "$1" = "$2" ]; then
		tap 0 "$3"
	else
		tap 1 "$3"
		note "got '$1', wanted '$2'"
	fi
}

# isnt GOT UNWANTED NAME
isnt() {
	[ "$1" != "$2" ]
	tap $? "$3"
}

# like TEXT REGEX NAME (grep -E, over all lines)
like() {
	if printf '%s\n' "$1" | grep -qE -- "$2"; then
		tap 0 "$3"
	else
		tap 1 "$3"
		note "no match for /$2/ in:" "$1"
	fi
}

unlike() {
	if printf '%s\n' "$1" | grep -qE -- "$2"; then
		tap 1 "$3"
		note "matches /$2/:" "$1"
	else
		tap 0 "$3"
	fi
}

# Runs keystay with the lab's configuration; $OUT gets both outputs, $STATUS the exit status.
ks() {
	OUT=$(timeout 300 "$KEYSTAY" --config "$CONFIG" "$@" 2>&1)
	STATUS=$?
}

# ks_is STATUS NAME keystay-arguments...
ks_is() {
	local wanted=$1 name=$2
	shift 2
	ks "$@"
	is "$STATUS" "$wanted" "$name"
	[ "$STATUS" = "$wanted" ] || note "keystay $*:" "$OUT"
}

# The fingerprint of the leaf that is served for a name. s_client shows a certificate even where the
# server could not sign with its key, so only a handshake that came to its end counts.
served() {
	local said
	said=$(timeout 20 openssl s_client -connect "127.0.0.1:$LAB_TLS" -servername "$1" </dev/null 2>/dev/null) || return 1
	openssl x509 -noout -fingerprint -sha256 <<<"$said" 2>/dev/null
}

live_fingerprint() {
	openssl x509 -in "$LAB/state/live/$1/cert.pem" -noout -fingerprint -sha256
}

# Private keys on a token, as the module itself shows them (ids in hex, sorted). An object without
# an id is no key: SoftHSM writes the defaults of an object before its id and value, and a process
# killed between the two leaves it like that.
token_ids() {
	"$BIN/tools/token-ids" "$SOFTHSM_MODULE" "$1" "$LAB/$2.pin" | grep . | sort
}

# The ids that the database knows for a token (sorted), of keys that were or may have been made.
known_ids() {
	"$KEYSTAY" --config "$CONFIG" keys list --json |
		jq -r --arg t "$1" '.keys[] | select(.token == $t and .state != "reserved") | .id' | sort
}

# What is live is a pair: the leaf's key is the key of the URI, by the database's own hash and by
# the certificate's.
live_pair_whole() {
	local spki uri
	spki=$(openssl x509 -in "$LAB/state/live/$1/cert.pem" -noout -pubkey |
		openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1)
	uri=$("$KEYSTAY" --config "$CONFIG" keys list --json |
		jq -r --arg h "$spki" '.keys[] | select(.public_key_sha256 == $h) | .uri')
	[ -n "$uri" ] || return 1
	openssl asn1parse -in "$LAB/state/live/$1/key.pem" 2>/dev/null | grep -qF "$uri" ||
		sed '1d;$d' "$LAB/state/live/$1/key.pem" | base64 -d | grep -qF "$uri"
}

# The usual lab: Pebble, tokens, nginx on two workers, certificate "payments" of three names.
LAB_NAMES="payments.example www.payments.example api.payments.example"
lab_usual() {
	lab_begin
	lab_pebble || exit 2
	lab_port LAB_TLS
	lab_config
	lab_reload_script
	lab_certificate payments "${LAB_NAMES// /, }" "$(lab_on_nginx)"
	lab_nginx_conf
	lab_server_openssl payments
	lab_nginx_start || exit 2
	lab_tokens >/dev/null || exit 2
	lab_nginx_conf payments "$LAB_NAMES"
}

# The lab of a test that needs no server: what a pipeline has.
lab_ci() {
	eval "$("$ROOT/scripts/ci-keystay" start "$@")" || exit 2
	trap '"$ROOT/scripts/ci-keystay" stop' EXIT
	trap 'exit 130' INT TERM
	LAB=$KEYSTAY_CI_FOLDER CONFIG=$KEYSTAY_CONFIG LAB_HTTP=${KEYSTAY_CI_HTTP:-} LAB_AUTHORITY=acme
}

done_testing() {
	echo "1..$TAP_COUNT"
	[ "$TAP_FAILED" = 0 ] || exit 1
	exit 0
}
