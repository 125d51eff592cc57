#!/usr/bin/env bash
# keystay for pipelines: scripts/ci-keystay, and every example of docs/ci.md, by root and by somebody
# who is not.
. "$(dirname "$0")/tap.sh"
. "$ROOT/scripts/lab-est.sh" # make e2e builds its server: lab_libest
lab_begin
CI=$ROOT/scripts/ci-keystay
export TMPDIR=$LAB/tmp
mkdir -m 1777 "$TMPDIR"

# Runs a script by dash as pipelines do, which stops at what fails; $OUT and $STATUS as of ks.
job() {
	OUT=$(cd "$LAB" && timeout 120 env -u KEYSTAY -u SOFTHSM2_CONF -u CONFIG -u LAB sh -e -c "$1" job "$CI" "${@:2}" 2>&1)
	STATUS=$?
}
job_is() {
	local wanted=$1 name=$2
	shift 2
	job "$@"
	is "$STATUS" "$wanted" "$name"
	[ "$STATUS" = "$wanted" ] || note "$OUT"
}
# Processes of this test alone: its network is its own.
ours() { pgrep --ns $$ --nslist net -f "$1"; }
servers() { ours "/build/pebble/pebble|/tools/est-libest|^nginx" | wc -l; }
nothing_left() { is "$(servers) $(ls "$TMPDIR")" "0 " "$1"; }

# --- start and stop
job_is 0 "start, with both authorities" '
	eval "$("$1" start --acme --est)"
	keystay check
	keystay issue --all
	for name in web inside; do
		openssl verify -CAfile "$KEYSTAY_CI_TRUST" -untrusted "$KEYSTAY_CI_FOLDER/state/live/$name/fullchain.pem" \
			"$KEYSTAY_CI_FOLDER/state/live/$name/cert.pem"
	done
	stat -c "mode %a of %n" "$KEYSTAY_CI_FOLDER"/*.p* "$KEYSTAY_CI_FOLDER"/est-login
	for secret in web agent so; do cat "$KEYSTAY_CI_FOLDER/$secret.pin"; done >secrets
	cat "$KEYSTAY_CI_FOLDER/est.password" >>secrets
	while read -r pid started; do
		tr "\0" "\n" <"/proc/$pid/environ"
		tr "\0" "\n" <"/proc/$pid/cmdline"
	done <"$KEYSTAY_CI_FOLDER/processes" >told
	env >>told
	wc -l <"$KEYSTAY_CI_FOLDER/processes"
	"$1" stop
	"$1" stop
	[ ! -e "$KEYSTAY_CI_FOLDER" ]'
unlike "$OUT" '^(warn|fail)' "check has nothing to say against it"
like "$OUT" '/web/cert.pem: OK' "the certificate of the one"
like "$OUT" '/inside/cert.pem: OK' "and of the other leads to the bundle"
is "$(grep -c '^mode 600 .*\(pin\|password\|login\)$' <<<"$OUT")" 5 "secrets are closed to others"
is "$(sort -u "$LAB/secrets" | grep -c '^[0-9a-f]\{24\}$')" 4 "and each is another"
like "$OUT" '^3$' "three servers were started"
is "$(grep -c KEYSTAY_CI "$LAB/told"; grep -cFf "$LAB/secrets" "$LAB/told")" "$(grep -c KEYSTAY_CI "$LAB/told")
0" "no secret is in the environment or in a command line"
nothing_left "nothing is left behind"

job_is 0 "two at once, in folders of their own" '
	"$1" start --folder one >/dev/null &
	"$1" start --folder "$PWD/two" --est --tokens 1 >/dev/null
	wait $!
	(. ./one/environment && keystay issue web) &
	(. ./two/environment && keystay issue web && keystay token list)
	wait $!
	"$1" stop --folder one
	(. ./two/environment && keystay renew web --force && "$1" stop)'
is "$(grep -c '^web: done' <<<"$OUT")" 3 "the second goes on when the first has ended"
tap "$([ ! -e "$LAB/one" ] && [ ! -e "$LAB/two" ]; echo $?)" "both folders are gone"
nothing_left "and all servers"
job_is 0 "four tokens" 'eval "$("$1" start --tokens 4)"; keystay --json token list; "$1" stop'
is "$(jq -r '[.tokens[] | select(.initialized) | .label] | sort | join(" ")' <<<"$OUT")" "agent web web2 web3" "have their names"

job_is 0 "what the pipeline has open" '
	exec 8>lock
	eval "$("$1" start)"
	while read -r pid started; do readlink "/proc/$pid/fd"/*; done <"$KEYSTAY_CI_FOLDER/processes"
	"$1" stop'
like "$OUT" "/log/pebble$" "the servers have files of their own"
unlike "$OUT" "$LAB/lock" "and hold none of the pipeline's"

# A number that is another's by now is left alone.
sleep 300 &
stranger=$!
job_is 0 "stop, where a number was given to another process" '
	eval "$("$1" start)"
	echo "$2 1" >>"$KEYSTAY_CI_FOLDER/processes"
	"$1" stop' "$stranger"
kill "$stranger"
is $? 0 "does not end that"
wait "$stranger" 2>/dev/null

# --- run
job_is 7 "run has the status of its command" '"$1" run -- sh -c "keystay issue web && cat && exit 7" <secrets'
like "$OUT" '^web: done' "which knows keystay"
like "$OUT" "^$(head -n 1 "$LAB/secrets")" "and reads what is said to it"
nothing_left "nothing is left behind"
job_is 127 "a command that is not there" '"$1" run /nowhere/at-all'
nothing_left "leaves nothing either"
for signal in TERM INT HUP; do
	# A shell whose own children would stay.
	(cd "$LAB" && exec perl -e '$SIG{INT} = $SIG{HUP} = "DEFAULT"; exec @ARGV' \
		"$CI" run sh -c 'sleep 271 & echo ready >ready; sleep 272; true' >"$LAB/said" 2>&1) &
	job=$!
	for _ in $(seq 100); do [ -s "$LAB/ready" ] && break; sleep 0.1; done
	is "$(cat "$LAB/ready") $(servers) $(ours '^sleep 27[12]$' | wc -l)" "ready 2 2" "run, until SIG$signal"
	kill -$signal "$job"
	wait "$job"
	is $? $((128 + $(kill -l $signal))) "tells the signal"
	is "$(ours '^sleep 27[12]$' | wc -l)" 0 "what the command began is ended"
	nothing_left "nothing is left behind"
	rm "$LAB/ready"
done
# Nobody hears a SIGKILL; what it leaves can be taken away.
"$CI" run --folder "$LAB/killed" sleep 273 &
job=$!
for _ in $(seq 100); do [ -e "$LAB/killed/environment" ] && [ -n "$(ours '^sleep 273$')" ] && break; sleep 0.1; done
kill -9 "$job"
wait "$job" 2>/dev/null
is "$(servers)" 2 "after SIGKILL the servers are there"
kill "$(ours '^sleep 273$')"
job_is 0 "stop takes them away" '"$1" stop --folder killed && [ ! -e killed ]'
nothing_left "all of them"

# --- what goes wrong
refused() {
	local name=$1 regex=$2
	shift 2
	job_is 2 "$name" "$@"
	like "$OUT" "$regex" "which is said"
	unlike "$OUT" "went on" "and a job does not go on"
}
refused "an option that is none" "unknown option '--fast'" 'eval "$("$1" start --fast)"; echo went on'
refused "a word too much" "'web' is too much" 'eval "$("$1" start web)"; echo went on'
refused "no tokens" "'0' is no number of tokens" 'eval "$("$1" start --tokens 0)"; echo went on'
refused "run without a command" "run what" '"$1" run --est; echo went on'
refused "stop of nothing" "which folder" '"$1" stop; echo went on'
refused "a folder with something in it" "there is something in '.*/used'" \
	'mkdir -p used && echo mine >used/mine; eval "$("$1" start --folder used)"; echo went on'
refused "stop of a folder that is none of ours" "is not a folder that" '"$1" stop --folder used; echo went on'
is "$(cat "$LAB/used/mine")" mine "which is left as it was"
refused "a folder that some program could not name" "letters, digits" 'eval "$("$1" start --folder "a b")"; echo went on'
refused "no program yet" "hint: run 'make' in .*, or give --install" 'eval "$(BIN=/nowhere "$1" start)"; echo went on'
refused "no SoftHSM" "apt-get install softhsm2" \
	'sed "s,^SOFTHSM_MODULE=.*,SOFTHSM_MODULE=/nowhere.so," "$2/scripts/lab.sh" >used/lab.sh
	cp "$1" "$2/scripts/lab-est.sh" used; mkdir -p sources && mv used sources/scripts
	eval "$(BIN=$2/build/release sources/scripts/ci-keystay start)"; echo went on' "$ROOT"
job '"$1" --help'
like "$OUT" '^ +--tokens N' "--help"
mkdir -p "$LAB/sources/build/pebble"
cp "$ROOT"/scripts/lab*.sh "$LAB/sources/scripts"
printf '#!/bin/sh\necho "no room here"\nexit 1\n' >"$LAB/sources/build/pebble/pebble"
cp "$ROOT/build/pebble/pebble-challtestsrv" "$LAB/sources/build/pebble"
chmod 755 "$LAB/sources/build/pebble/pebble"
job_is 1 "a server that does not start" 'eval "$(BIN=$2/build/release sources/scripts/ci-keystay start)"; echo went on' "$ROOT"
like "$OUT" '^no room here' "has said why"
like "$OUT" 'Pebble did not start' "is named"
unlike "$OUT" "went on" "and the job does not go on"
nothing_left "nothing is left behind"

# --- docs/ci.md, each block of sh in a folder beside keystay's sources
blocks() { awk -v type="$1" '/^```/ { inside = $0 == "```" type; if (inside) n++; next } inside { print > sprintf("%s/block-%02d", folder, n) }' folder="$2" "$ROOT/docs/ci.md"; }
mkdir "$LAB/blocks" "$LAB/yaml"
blocks sh "$LAB/blocks"
blocks yaml "$LAB/yaml"
is "$(find "$LAB/blocks" "$LAB/yaml" -type f | wc -l)" 7 "examples in docs/ci.md"
ln -s "$ROOT" "$LAB/keystay"
for block in "$LAB"/blocks/*; do
	job_is 0 "docs/ci.md, sh: $(sed -n 's/^keystay \([a-z]* [a-z]*\).*/\1/p' "$block" | paste -sd,)" "$(cat "$block")"
	nothing_left "leaves nothing behind"
done
# The steps of a pipeline, but for those that build.
steps() { sed -n 's/^ *- run: //p; s/^ *- \(eval .*\)/\1/p; s/^ *- \(keystay.*\)/\1/p' "$1" | grep -v 'make -C'; }
export RUNNER_TEMP=$LAB CI_BUILDS_DIR=$LAB/tmp
mkdir "$LAB/github"
export RUNNER_TEMP=$LAB/github
while read -r step; do
	job_is 0 "GitHub: $step" "$step"
done < <(steps "$LAB/yaml/block-01")
nothing_left "leaves nothing behind"
job_is 0 "GitLab, in one shell" "$(steps "$LAB/yaml/block-02")"
nothing_left "leaves nothing behind"

# --- by somebody who is not root, from sources of which nothing is his
tree=$LAB/tree
mkdir -p "$tree/build/release"
cp -r "$ROOT/scripts" "$tree" && cp -r "$ROOT/build/pebble" "$tree/build" &&
	cp "$BIN/keystay" "$BIN/keystay-guard.so" "$tree/build/release"
chmod -R go+rX "$tree"
rm "$LAB/keystay" && ln -s tree "$LAB/keystay"
install -d -o nobody "$LAB/nobody"
ln -s ../tree "$LAB/nobody/keystay"
for block in "$LAB"/blocks/*; do
	job_is 0 "as nobody: $(sed -n 's/^keystay \([a-z]* [a-z]*\).*/\1/p' "$block" | paste -sd,)" \
		'cd nobody && BIN="" exec setpriv --reuid nobody --regid nogroup --clear-groups env -u BIN sh -e -c "$2"' "$(cat "$block")"
	is "$(ls "$TMPDIR")" "" "leaves nothing behind"
done
done_testing
