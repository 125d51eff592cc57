#!/usr/bin/env bash
# Rotations to new keys in one process, as the agent makes them: old keys are destroyed as it goes,
# the token does not fill up and the process does not grow. ROTATIONS_SOFTHSM=200 ROTATIONS_TPM=50
# for the proof (make proof-tokens); a few otherwise.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/../../scripts/lab-tokens.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1 LAB_POLICY=swift PEBBLE_WFE_NONCEREJECT=0

# rotations KIND ROAD COUNT EVERY
rotations() {
	local kind=$1 road=$2 count=$3 every=$4 lines first last objects
	lab_begin
	lab_kind "$kind" || exit 2
	lab_pebble || exit 2
	LAB_ROAD=$road lab_config
	mkdir -p "$LAB/policies"
	printf 'policy: swift\nextends: lab\nrules: {drain: 0s, disable: 0s, successor: keep}\n' >"$LAB/policies/swift.yaml"
	lab_certificate one one.example
	# Something must answer the challenge.
	lab_port LAB_TLS
	lab_nginx_conf
	OPENSSL_CONF=/dev/null
	LAB_NGINX_STYLE=workers nginx -c "$LAB/nginx.conf" -e "$LAB/log/nginx.error" || exit 2
	LAB_PIDS+=("$(cat "$LAB/nginx.pid")")
	lab_tokens >/dev/null || exit 2
	ks_is 0 "$kind, $road: the first certificate" issue one
	# Growth is looked for between the first third, when everything was used once, and the end.
	timeout 3000 "$BIN/tools/rotations" "$CONFIG" one "$count" "$every" >"$LAB/rotations" 2>"$LAB/rotations.err"
	is "$?" 0 "$kind, $road: $count rotations in one process"
	[ ! -s "$LAB/rotations.err" ] || note "$(grep -v '^ERROR' "$LAB/rotations.err" | tail -5)"
	lines=$(cat "$LAB/rotations")
	note "$lines"
	objects=$(awk '{ print $6 }' <<<"$lines" | sort -u | wc -l)
	is "$objects" 1 "$kind, $road: always the same number of objects"
	first=$(awk -v n="$count" '$2 >= n / 3 { print $4; exit }' <<<"$lines")
	last=$(awk 'END { print $4 }' <<<"$lines")
	# The allocator moves by a few pages. A leaked library context is a megabyte, a key some
	# kilobytes: both are more than this for the many rotations of the proof.
	[ $((last - first)) -le 128 ]
	tap $? "$kind, $road: the process does not grow ($first KiB, then $last KiB)"
	is "$("$BIN/tools/token-ids" "$KIND_MODULE" "$KIND_LABEL" "$LAB/web.pin" "$KIND_INIT_ARGS" | grep . | sort)" \
		"$(known_ids web)" "$kind, $road: token and database know the same keys"
	lab_end
}

rotations softhsm provider "${ROTATIONS_SOFTHSM:-12}" "${ROTATIONS_EVERY:-2}"
rotations softhsm libp11 "${ROTATIONS_LIBP11:-6}" "${ROTATIONS_EVERY:-2}"
rotations tpm provider "${ROTATIONS_TPM:-6}" "${ROTATIONS_EVERY:-2}"
done_testing
