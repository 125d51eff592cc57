#!/usr/bin/env bash
# The program as such: how it is built, its options and usage errors, and whom it becomes.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_begin

# --- hardened
like "$(readelf -h "$KEYSTAY")" 'Type: +DYN' "position independent"
like "$(readelf -lW "$KEYSTAY")" 'GNU_RELRO' "relocations read-only"
like "$(readelf -dW "$KEYSTAY")" 'BIND_NOW|FLAGS.*NOW' "bound at start"
like "$(readelf -sW --dyn-syms "$KEYSTAY")" '__stack_chk_fail' "stack protector"
like "$(readelf -sW --dyn-syms "$KEYSTAY")" '__(mem|str|v?snprintf|read)[a-z]*_chk' "fortified"

# --- options
ks --help
is "$STATUS" 0 "--help"
help=$OUT
for command in check issue renew add remove adopt status history keys policy server-config token; do
	like "$help" "^  $command " "--help names $command"
	ks "$command" --help
	like "$OUT" "^usage: keystay $command" "$command --help"
done
ks --version
like "$OUT" '^keystay [0-9]' "--version"
ks
is "$STATUS" 2 "no command"
for bad in "issue" "issue a --all" "renew --due --force" "renew --key old" "history a b" "keys" "policy" \
	"token" "token init web" "server-config nginx" "status --colour" "check now" "add" "add a b --names x.example" "add --all" "remove" "remove --soon a" "adopt" "adopt --colour x.pem"; do
	# shellcheck disable=SC2086
	ks_is 2 "usage: $bad" $bad
done
ks frobnicate --json
is "$(jq -r .error.kind <<<"$OUT")" usage "an error as JSON"

# --- which configuration
echo 'nonsense: 1' | tee "$LAB/one.yaml" >"$LAB/two.yaml"
said() { OUT=$(KEYSTAY_CONFIG=$1 "${@:2}" 2>&1); }
said "$LAB/one.yaml" "$KEYSTAY" status
like "$OUT" "one.yaml:1:1: " "KEYSTAY_CONFIG names it"
said "$LAB/one.yaml" "$KEYSTAY" --config "$LAB/two.yaml" status
like "$OUT" "two.yaml:1:1: " "--config does before that"
said "" "$KEYSTAY" status
like "$OUT" "'/etc/keystay/keystay.yaml'" "an empty one names nothing"
install -m 4755 -o daemon "$KEYSTAY" "$LAB/set-uid"
said "$LAB/one.yaml" setpriv --reuid nobody --clear-groups "$LAB/set-uid" status
like "$OUT" "'/etc/keystay/keystay.yaml'" "nor does it for a program with another's rights"

# --- state folder of another user: root becomes that user
lab_pebble || exit 2
lab_config
lab_own_listener
lab_certificate one one.example ""
sed -i '/share:/d' "$CONFIG"
install -d -m 711 -o daemon -g daemon "$LAB/state"
chown daemon: "$LAB"/*.pin "$LAB/tokens" "$CONFIG"
lab_tokens >/dev/null || exit 2
is "$(find "$LAB/tokens" ! -user daemon | wc -l)" 0 "the token is made as the owner of the state"
ks_is 0 "issue as root, state of another user" issue one
is "$(find "$LAB/state" "$LAB/tokens" ! -user daemon | wc -l)" 0 "all that it wrote is that user's"
ks_is 0 "token list" token list --json
is "$(jq -r '[.tokens[] | select(.initialized) | .label] | sort | join(" ")' <<<"$OUT")" "agent web" "shows both tokens"
ks_is 4 "token init of a token that is there" token init web --so-pin "file:$LAB/so.pin"
like "$OUT" 'initialised already' "is refused"
ks_is 0 "policy list" policy list
like "$OUT" '^web-public +shipped' "names the shipped ones"
done_testing
