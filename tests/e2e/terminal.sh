# shellcheck shell=bash
# terminal.sh - what people see: the real program in a terminal of tmux, whose shell knows it by its
# name. Sourced behind tap.sh.
#
#   terminal_begin COLUMNS LINES
#   type_line LINE       each prompt has its number, so that prompt_comes knows when it is over
#   until_seen REGEX     until the screen has it, for up to 60 s
#   says LINE            types it; $SAID is what is said
#   golden FILE TEXT NAME   compared with tests/golden/FILE (UPDATE_GOLDEN=1 writes it anew)

export LC_ALL=C.UTF-8
GOLDEN=$ROOT/tests/golden

tm() { TMUX_TMPDIR=$LAB tmux -L lab "$@"; }
LINES_TYPED=0
terminal_begin() {
	cat >"$LAB/rc" <<-RC
		PS1='\#\$ '
		unset PROMPT_COMMAND NO_COLOR
		keystay() { "$KEYSTAY" --config keystay.yaml "\$@"; }
		cd "$LAB"
	RC
	tm -f /dev/null new-session -d -x "$1" -y "$2" "exec bash --noprofile --rcfile $LAB/rc -i" || exit 2
	LAB_PIDS+=("$(tm display-message -p '#{pid}')")
	tm set-option -g window-size manual
	prompt_comes
}
screen() { tm capture-pane -p | sed -e "s,$LAB,LAB,g" -e 's/[ ]*$//' | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'; }
# What is seen then begins at the top of the terminal.
type_line() {
	LINES_TYPED=$((LINES_TYPED + 1))
	tm send-keys -l "clear; $1"
	tm send-keys Enter
}
prompt_comes() { until_seen "^$((LINES_TYPED + 1))[#\$] *\$"; }
# Until the screen has it, for up to 60 s.
until_seen() {
	for _ in $(seq 600); do
		screen | grep -qE -- "$1" && return 0
		sleep 0.1
	done
	note "not seen: /$1/ in:" "$(screen)"
	return 1
}
# golden FILE TEXT NAME
golden() {
	[ -z "${UPDATE_GOLDEN:-}" ] || printf '%s\n' "$2" >"$GOLDEN/$1"
	is "$2" "$(cat "$GOLDEN/$1")" "$3"
}
says() {
	type_line "$1"
	prompt_comes
	SAID=$(screen | sed '$d')
}
