#!/usr/bin/env bash
# What people see at a terminal of 80 columns: the real program in tmux, compared with golden files
# (UPDATE_GOLDEN=1 writes them anew).
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/terminal.sh"
lab_begin

# The authority looks at names after months: it is asked after 1, 2, 4, 8 s, and between that the
# screen stands still.
export PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=100000000 PEBBLE_WFE_NONCEREJECT=0
lab_pebble || exit 2
lab_config
lab_certificate shop shop.example ""
lab_tokens >/dev/null || exit 2
terminal_begin 80 24

# --- errors: what and why, and how to mend it
says 'keystay renwe'
golden terminal-unknown-command.txt "$SAID" "an unknown command"
says 'keystay renew --forse'
golden terminal-unknown-option.txt "$SAID" "an unknown option"
cp "$CONFIG" "$LAB/good.yaml"
sed -i 's/^    policy: lab/    polcy: lab/' "$CONFIG"
says 'keystay check'
golden terminal-configuration.txt "$SAID" "a wrong configuration"
cp "$LAB/good.yaml" "$CONFIG"
lab_pin web "not the PIN"
says 'keystay issue shop'
golden terminal-pin.txt "$SAID" "a refused PIN"

# --- 72 certificates on 24 lines: three cannot be ordered, the others wait for the authority
lab_config
sed -i "s,^certificates:,  - {name: closed\, protocol: acme\, url: 'https://127.0.0.1:1/dir'\, agree_terms: true\, account_key: {token: agent}}\n&," "$CONFIG"
for i in $(seq -w 72); do
	lab_certificate "site$i" "site$i.example" ""
done
for i in 07 40 71; do
	sed -i "/name: site$i\$/,/authority:/s/authority: pebble/authority: closed/" "$CONFIG"
done
type_line 'keystay issue --all'
until_seen '; all wait for authority .pebble., [5-8] s'
tap $? "all that can be ordered is"
golden terminal-progress.txt "$(screen | sed '$s/, [0-9]* s$/, N s/')" "progress of 72 on a terminal of 24 lines"
until_seen '; all wait for authority .pebble., [34] s'
tap $? "and seconds are seen to pass"
is "$(tm display-message -p '#{cursor_flag} #{cursor_x}')" "1 0" "the cursor is shown, at the begin of a line"

# Another size: what was drawn stays, and it is drawn anew below, in the new width.
tm resize-window -x 60 -y 12
until_small() {
	for _ in $(seq 200); do
		screen | tail -11 | tr '\n' '|' | grep -qE '^(site[0-9]*  order: waits for validation\|){10}0 of 72 done, 3 failed, 69 under way; all wait for authorit\|$' && return 0
		sleep 0.1
	done
	note "$(screen)"
	return 1
}
until_small
tap $? "a smaller terminal has fewer and shorter lines"
tm resize-window -x 80 -y 24

# Whatever ends it, the terminal is as it was.
tm send-keys C-c
prompt_comes
tap $? "the shell comes back at an interrupt"
is "$(tm display-message -p '#{cursor_flag}')" 1 "the cursor is shown"
says 'echo "seen"'
is "$SAID" seen "and what comes then stands where it should"
type_line 'keystay issue site01'
until_seen '^site01  order: waits for validation, [0-9]+ s'
tap $? "of one certificate its line says how long"
kill -TERM "$(pgrep -f "^$KEYSTAY --config keystay.yaml issue site01")"
prompt_comes
says 'echo "seen"'
is "$SAID" seen "the terminal is as it was after SIGTERM, too"

# --- a question
type_line 'keystay account deactivate pebble'
until_seen 'ends for ever, .* \[y/N\]|\[y/N\]$'
tap $? "a question is asked on a terminal"
tm send-keys n Enter
prompt_comes
like "$(screen)" "^keystay: nothing was done$" "and a no is taken"
like "$(screen)" "^keystay: hint: answer y, or say --yes$" "in two lines"

# --- where nothing can be drawn anew, there are plain lines; and with --quiet nothing
for i in 1 2 3 4 5 6 7; do
	lab_certificate "plain$i" "plain$i.example" ""
done
sed -i "/name: plain7\$/,/authority:/s/authority: pebble/authority: closed/" "$CONFIG"
said_on() {
	local term=$1
	shift
	TERM=$term NO_COLOR=1 timeout 60 script -qec "$KEYSTAY --config $CONFIG $*" /dev/null </dev/null | tr -d '\r'
}
ESC=$(printf '\033')
said=$(said_on xterm issue plain1 --wait 1s)
like "$said" "$ESC\[1A" "on a terminal lines are drawn anew"
unlike "$said" "$ESC\[[0-9;]*m|$ESC\[\?" "without colours, and the cursor is not hidden"
for term in dumb:plain2 :plain3; do
	said=$(said_on "${term%:*}" issue "${term#*:}" --wait 1s)
	unlike "$said" "$ESC" "no escape code with TERM='${term%:*}'"
	like "$said" "^${term#*:}: order: waits for validation$" "but a line"
done
is "$(said_on xterm issue plain4 --wait 1s --quiet)" "" "nothing with --quiet"
said=$(said_on xterm issue plain5 --wait 1s -v)
unlike "$said" "$ESC" "no escape code with -v"
like "$said" '^plain5: csr$' "but each step"
ks_is 5 "in a pipe" issue plain6 plain7 --wait 1s
unlike "$OUT" "$ESC" "there are no escape codes"
is "$(grep -c '^plain6: order: waits for validation$' <<<"$OUT")" 1 "one line says what it waits for"
unlike "$OUT" '^plain6: csr$' "and none each step"
is "$(grep -c "keystay: certificate 'plain7'" <<<"$OUT") $(grep -c '^plain6: waiting' <<<"$OUT")" "1 1" "each result is told once"
done_testing
