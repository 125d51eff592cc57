# shellcheck shell=bash
# token_suite.sh - what every kind of token must do, by each signing road. Sourced by tokens_*.t:
#
#   token_suite KIND ROAD
#
# For each type of key that the probe says the token makes: generated, its request verified, issued
# by Pebble, served by nginx, proven, rotated, switched off and on, compromised, destroyed. What
# the token cannot do is told by the probe and stands in docs/TOKENS.md; nothing is skipped. With
# TOKEN_TABLE=FILE a row per type is added there, for scripts/tokens-table.
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lab-tokens.sh"

# The id of a certificate's live key.
live_key() { "$KEYSTAY" --config "$CONFIG" keys show "$1" --json | jq -r '.keys[0].id'; }

# How many objects of any class have an id, by the module itself in a process of its own.
objects_of() {
	"$BIN/tools/token-ids" "$KIND_MODULE" "$KIND_LABEL" "$LAB/web.pin" "$KIND_INIT_ARGS" "$1"
}

# True when a handshake is brought to its end: s_client shows a certificate even where the server
# could not sign with its key.
handshake() {
	timeout 20 openssl s_client -connect "127.0.0.1:$LAB_TLS" -servername "$1" </dev/null >/dev/null 2>&1
}

# A server that was restarted or whose key was switched may need a moment.
handshake_soon() {
	for _ in 1 2 3 4 5 6; do
		handshake "$1" && return 0
		sleep 0.5
	done
	return 1
}

# The key is switched off: 0 when the next handshake fails; 2 when running workers go on with a copy
# of the key until the server is reloaded; 1 when it works even then.
handshake_ends() {
	handshake "$1" || return 0
	note "a handshake after the key was switched off still worked"
	for _ in 1 2 3 4 5 6; do
		sleep 0.5
		handshake "$1" || return 0
	done
	"$LAB/reload-nginx"
	for _ in 1 2 3 4 5 6 7 8; do
		sleep 0.5
		handshake "$1" || return 2
	done
	return 1
}

# A row of the table: what was seen of one type of key.
row() { # TYPE COLUMN VALUE
	[ -n "${TOKEN_TABLE:-}" ] || return 0
	jq -nc --arg kind "$KIND" --arg road "$ROAD" --arg type "$1" --arg column "$2" --arg value "$3" \
		'{kind: $kind, road: $road, type: $type, column: $column, value: $value}' >>"$TOKEN_TABLE"
}

# seen STATUS TYPE COLUMN NAME: a test and its cell.
seen() {
	local value=no
	[ "$1" = 0 ] && value=yes
	row "$2" "$3" "$value"
	tap "$1" "$KIND, $ROAD, $2: $4"
}

# The lab of one kind and road: tokens, Pebble, nginx, a certificate for every type that is made.
suite_begin() {
	lab_begin
	lab_kind "$KIND" || exit 2
	lab_pebble || exit 2
	lab_port LAB_TLS
	LAB_NGINX_STYLE=$(lab_kind_nginx_style)
	LAB_ROAD=$ROAD LAB_POLICY=suite
	lab_config
	mkdir -p "$LAB/policies"
	printf 'policy: suite\nextends: lab\nrules: {drain: 0s, disable: 0s, successor: none}\n' \
		>"$LAB/policies/suite.yaml"
	lab_kind_reload_script
	lab_tokens >/dev/null || exit 2
	ks_is 0 "$KIND, $ROAD: its capabilities are found out" token probe web
	note "$OUT"
	ks check --json
	CAPABILITIES=$(printf '%s' "$OUT" | jq -c '.tokens[] | select(.token.label != "agent")')
	like "$CAPABILITIES" '"library_sha256":"[0-9a-f]{64}"' "$KIND, $ROAD: check prints them"
	TYPES=$(printf '%s' "$CAPABILITIES" | jq -r '.types | to_entries[] | select(.value == "yes") | .key')
	NO_TYPES=$(printf '%s' "$CAPABILITIES" | jq -r '.types | to_entries[] | select(.value == "no") | .key')
	# Of a whole host and not of a token: a few types will do.
	[ -z "${SUITE_TYPES:-}" ] || TYPES=$SUITE_TYPES
	# Made, but this road does not sign with them.
	MUTE_TYPES=""
	local type
	for type in $TYPES; do
		[ "$(printf '%s' "$CAPABILITIES" | jq -r --arg f "${type%%-*}" '.[$f].road_signs')" = true ] ||
			MUTE_TYPES="$MUTE_TYPES $type"
	done
	for type in $MUTE_TYPES; do TYPES=$(grep -vx "$type" <<<"$TYPES"); done
	[ -z "${TOKEN_TABLE:-}" ] || printf '%s' "$CAPABILITIES" |
		jq -c --arg kind "$KIND" --arg road "$ROAD" '{kind: $kind, road: $road, probe: .}' >>"$TOKEN_TABLE"
	isnt "$TYPES$MUTE_TYPES" "" "$KIND, $ROAD: it makes keys"
	for type in $TYPES $MUTE_TYPES; do
		lab_certificate "$type" "$type.example" "    keys: [$type]
$(lab_on_nginx)"
	done
	lab_nginx_conf
	# shellcheck disable=SC2086
	set -- $TYPES $MUTE_TYPES
	lab_kind_server_openssl "$1"
	lab_nginx_start || exit 2
}

# The proof says what the probe found. Where a key can be taken out all the same, it says so and fails.
suite_prove() {
	local stays
	stays=$(printf '%s' "$CAPABILITIES" | jq -r --arg f "${1%%-*}" '.[$f].stays')
	ks keys prove "$1" --json
	OUT=$(printf '%s' "$OUT" | jq -r '.keys[0].evidence | "\(.stays),\(.class),\(.read.worked),\(.wrap.worked)"')
	if [ "$stays" = true ]; then
		[ "$STATUS,$OUT" = "0,true,$CLASS,false,false" ]
		seen $? "$1" proven "proven to stay, by what can be tried ($OUT)"
	else
		is "$STATUS,$OUT" "3,false,$CLASS,false,true" "$KIND, $ROAD, $1: it can be taken out, and the proof says so"
		row "$1" proven "no: the module wraps it though CKA_EXTRACTABLE is false"
	fi
}

suite_issue() {
	local type servers=()
	for type in $TYPES; do
		servers+=("$type" "$type.example")
		lab_nginx_conf "${servers[@]}"
		ks issue "$type"
		[ "$STATUS" = 0 ] || note "$OUT"
		seen "$STATUS" "$type" issued "generated, its request verified, issued, installed"
		handshake_soon "$type.example"
		seen $? "$type" served "a handshake"
		is "$(served "$type.example")" "$(live_fingerprint "$type")" "$KIND, $ROAD, $type: what is live is served"
		suite_prove "$type"
	done
	for type in $NO_TYPES; do
		row "$type" issued "no: $(printf '%s' "$CAPABILITIES" | jq -r --arg t "$type" '.why_not[$t]')"
	done
}

# A wrong signature is caught before it leaves the host: nothing is ordered with it.
suite_mute() {
	local type
	for type in $MUTE_TYPES; do
		ks issue "$type"
		is "$STATUS" 4 "$KIND, $ROAD, $type: this road does not sign, and that is caught"
		like "$OUT" "signature of the request does not verify|the token did not sign" "$KIND, $ROAD, $type: in words"
		is "$(ls "$LAB/state/live/$type" 2>/dev/null)" "" "$KIND, $ROAD, $type: nothing is installed"
		row "$type" issued "no: signatures of this road are wrong or refused"
	done
}

# To a new key; the old one is switched off and destroyed in the same run, its policy says so.
suite_rotate() {
	local type old
	for type in $TYPES; do
		old=$(live_key "$type")
		ks renew "$type" --force --key new
		[ "$STATUS" = 0 ] || note "$OUT"
		[ "$STATUS" = 0 ] && handshake_soon "$type.example"
		seen $? "$type" rotated "to a new key, which is served"
		is "$(served "$type.example")" "$(live_fingerprint "$type")" "$KIND, $ROAD, $type: and its certificate"
		is "$("$KEYSTAY" --config "$CONFIG" keys list --all --json | jq -r --arg i "$old" '.keys[] | select(.id == $i) | .state')" \
			destroyed "$KIND, $ROAD, $type: the old key is destroyed"
		[ "$(objects_of "$old")" = 0 ]
		seen $? "$type" destroyed "C_FindObjects finds none of it"
	done
}

# The live key is switched off: the next handshake fails. Where the module goes on signing, that is
# said, by exit status and text.
suite_switch() {
	local type family off
	for type in $TYPES; do
		family=${type%%-*}
		off=$(printf '%s' "$CAPABILITIES" | jq -r --arg f "$family" '.[$f].switch_off')
		# Every worker has used it by now: none is asked for the first time afterwards.
		for _ in 1 2 3 4 5 6; do handshake "$type.example"; done
		ks keys disable "$type" --yes
		if [ "$off" = works ]; then
			is "$STATUS" 0 "$KIND, $ROAD, $type: switched off"
			handshake_ends "$type.example"
			case $KIND/$type/$? in
			opencryptoki/*/2)
				tap 0 "$KIND, $ROAD, $type: handshakes fail when the server was reloaded"
				row "$type" disabled "only when the server is reloaded: workers do not notice it of the key made last"
				;;
			*/0) seen 0 "$type" disabled "the next handshake fails" ;;
			*) seen 1 "$type" disabled "the next handshake fails" ;;
			esac
		else
			row "$type" disabled "no: the module signs though CKA_SIGN is false"
			is "$STATUS" 4 "$KIND, $ROAD, $type: it cannot be switched off, and that is said"
			like "$OUT" "the module signs all the same.*" "$KIND, $ROAD, $type: in words"
		fi
		ks_is 0 "$KIND, $ROAD, $type: switched on again" keys enable "$type"
		handshake_soon "$type.example"
		tap $? "$KIND, $ROAD, $type: and it is served"
	done
}

# A compromised key: its certificate is due, a new key is ready, the old one goes.
suite_compromise() {
	local type=${TYPES%%$'\n'*} old hash
	old=$(live_key "$type")
	hash=$("$KEYSTAY" --config "$CONFIG" keys show "$type" --json | jq -r '.keys[0].public_key_sha256')
	ks_is 0 "$KIND, $ROAD: a key is compromised" keys compromise "$type" --yes
	like "$OUT" "due now, with a new key ready: $type" "$KIND, $ROAD: its certificate is due, a new key is staged"
	ks_is 0 "$KIND, $ROAD: what is due is renewed" renew "$type" --due
	handshake_soon "$type.example"
	tap $? "$KIND, $ROAD: by the new key"
	is "$(objects_of "$old")" 0 "$KIND, $ROAD: the compromised key is destroyed"
	like "$("$KEYSTAY" --config "$CONFIG" keys show "${old:0:12}")" "COMPROMISED" "$KIND, $ROAD: and never forgotten"
	like "$("$KEYSTAY" --config "$CONFIG" history --json)" "$hash" "$KIND, $ROAD: its hash is in the journal"
}

suite_end() {
	is "$("$BIN/tools/token-ids" "$KIND_MODULE" "$KIND_LABEL" "$LAB/web.pin" "$KIND_INIT_ARGS" | grep . | sort)" \
		"$(known_ids web)" "$KIND, $ROAD: token and database know the same keys"
	lab_end
}

token_suite() {
	KIND=$1 ROAD=$2 LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
	case $KIND in tpm*) CLASS=tpm ;; *) CLASS=software ;; esac
	suite_begin
	suite_mute
	if [ -n "$TYPES" ]; then
		suite_issue
		suite_rotate
		suite_switch
		suite_compromise
	fi
	suite_end
}
