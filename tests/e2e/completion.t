#!/usr/bin/env bash
# What the shells complete: the scripts that the program writes, in a real bash and a real zsh.
. "$(dirname "$0")/tap.sh"
lab_begin
lab_config
lab_certificate shop shop.example ""
lab_certificate shop-intra shop-intra.example ""
lab_certificate mail mail.example ""
mkdir "$LAB/bin" "$LAB/folder" "$LAB/zsh"
ln -s "$KEYSTAY" "$LAB/bin/keystay"
touch "$LAB/folder/one file" "$LAB/folder/other"
PATH=$LAB/bin:$PATH

# --- the names, quickly and without a word of what is wrong
is "$(keystay --config "$CONFIG" completion --names certificate | xargs)" "shop shop-intra mail" "names of certificates"
is "$(keystay --config "$CONFIG" completion --names authority | xargs)" pebble "of authorities"
is "$(keystay --config "$CONFIG" completion --names token | xargs)" "web agent" "of tokens"
like "$(keystay --config "$CONFIG" completion --names policy)" '^web-public$' "of policies"
is "$(keystay --config "$CONFIG" completion --names nothing)" "" "of what is nothing, none"
is "$(keystay --config "$LAB/none.yaml" completion --names certificate 2>&1)" "" "without a configuration nothing is said"
[ ! -e "$LAB/state" ]
tap $? "and no state is made"
ks_is 2 "a shell that it does not know" completion fihs
ks_is 0 "the script as JSON" completion bash --json
like "$(jq -r '.lines[0]' <<<"$OUT")" '^complete -F _keystay keystay$' "is whole"

# --- bash
keystay completion bash >"$LAB/keystay.bash"
# bash_says LINE: what it offers at the end of the line.
bash_says() {
	bash --noprofile --norc -c '
		. "$1"
		complete -p keystay | grep -q _keystay || exit 1
		COMP_LINE=$2 COMP_POINT=${#2}
		_keystay keystay "" ""
		printf "%s\n" "${COMPREPLY[@]}"
	' bash "$LAB/keystay.bash" "$1" 2>&1 | sort | paste -sd' '
}
# The function is loaded by `complete`, and with the rest of the commands in the table.
commands=$(keystay --help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' | sort | paste -sd' ')
is "$(bash_says 'keystay ')" "$(printf '%s\n' $commands help | sort | paste -sd' ')" "bash: commands"
is "$(bash_says 'keystay re')" "remove renew revoke" "bash: commands that begin so"
is "$(bash_says "keystay --config $CONFIG re")" "remove renew revoke" "bash: behind an option of all commands"
is "$(bash_says 'keystay renew --')" "--config --dry-run --due --force --help --json --key --quiet --verbose --wait --yes" "bash: options"
is "$(bash_says 'keystay renew --d')" "--dry-run --due" "bash: options that begin so"
is "$(bash_says 'keystay renew --key ')" "auto new same" "bash: values"
is "$(bash_says 'keystay renew --key=s')" "same" "bash: values behind ="
is "$(bash_says 'keystay renew --wait ')" "" "bash: nothing where nobody can know"
is "$(bash_says "keystay renew --config $CONFIG ")" "mail shop shop-intra" "bash: names"
is "$(bash_says "keystay --config=$CONFIG renew shop --due sho")" "shop shop-intra" "bash: more names"
is "$(bash_says "keystay --config $CONFIG install shop ")" "" "bash: one name only, where one is taken"
is "$(bash_says "keystay --config $CONFIG keys ")" "compromise destroy disable enable list prove show" "bash: actions"
is "$(bash_says "keystay --config $CONFIG keys show ma")" "mail" "bash: names behind actions"
is "$(bash_says "keystay --config $CONFIG account show ")" "pebble" "bash: authorities"
is "$(bash_says "keystay --config $CONFIG token pin ")" "agent web" "bash: tokens"
is "$(bash_says "keystay --config $CONFIG server-config nginx sh")" "shop shop-intra" "bash: behind a server"
is "$(bash_says "keystay revoke --reason key")" "keyCompromise" "bash: reasons"
is "$(bash_says "keystay help ren")" "renew" "bash: help of commands"
is "$(bash_says "keystay --config $LAB/folder/o")" "$LAB/folder/one file $LAB/folder/other" "bash: files"
is "$(bash_says "keystay token init web --so-pin ")" "credential: file: prompt" "bash: where a PIN comes from"
is "$(bash_says "keystay token init web --so-pin file:$LAB/folder/ot")" "$LAB/folder/other" "bash: and its file"
is "$(bash_says "keystay --config $LAB/none.yaml renew ")" "" "bash: without a configuration nothing"
is "$(bash_says 'keystay frob ')" "" "bash: nothing behind no command"

# --- zsh, at a terminal of its own that zpty makes
keystay completion zsh >"$LAB/zsh/_keystay"
zsh -n "$LAB/zsh/_keystay"
tap $? "zsh: the script can be read"
cat >"$LAB/zsh/ask" <<'ZSH'
# ask FOLDER LINE: what zsh's completion adds, as compadd is told it, a word a line.
zmodload zsh/zpty
zpty zsh 'zsh -f -i'
zpty -w zsh "PS1= PS2= RPS1= fpath=($1 \$fpath); autoload -U compinit; compinit -u -d $1/dump; bindkey '^I' complete-word; bindkey '^X' accept-line"
zpty -w zsh 'zstyle ":completion:*" list-prompt ""; LISTMAX=0; compadd () {
	local -a found
	if [[ ${@[(i)-O]} -le $# || ${@[(i)-D]} -le $# || ${@[(i)-A]} -le $# ]]; then builtin compadd "$@"; return; fi
	builtin compadd -O found "$@"
	(( $#found )) && print -rl -- "FOUND:"${^found} >>'"$1/found"'
	builtin compadd "$@"
}'
zpty -w zsh "print -r READ''Y"
while zpty -r zsh line; do [[ $line = *READY* ]] && break; done
zpty -w -n zsh "$2"$'\t'
integer n
while (( n++ < 100 )) && ! [[ -s $1/found ]]; do sleep 0.05; zpty -rt zsh line >/dev/null 2>&1; done
sleep 0.2
zpty -d zsh
ZSH
zsh_says() {
	rm -f "$LAB/zsh/found"
	timeout 30 zsh -f "$LAB/zsh/ask" "$LAB/zsh" "$1" >"$LAB/zsh/said" 2>&1 </dev/null
	[ ! -e "$LAB/zsh/found" ] || sed -n 's/^FOUND://p' "$LAB/zsh/found" | sort -u | paste -sd' '
}
is "$(zsh_says 'keystay re')" "remove renew revoke" "zsh: commands"
is "$(zsh_says 'keystay renew --d')" "--dry-run --due" "zsh: options"
is "$(zsh_says 'keystay renew --key ')" "auto new same" "zsh: values"
is "$(zsh_says "keystay --config $CONFIG renew sho")" "shop shop-intra" "zsh: names"
is "$(zsh_says "keystay --config $CONFIG renew mail sho")" "shop shop-intra" "zsh: more names"
is "$(zsh_says "keystay keys --config $CONFIG show sho")" "shop shop-intra" "zsh: names behind actions"
is "$(zsh_says 'keystay keys d')" "destroy disable" "zsh: actions"
is "$(zsh_says "keystay --config $CONFIG token pin ")" "agent web" "zsh: tokens"
is "$(zsh_says "keystay --config $CONFIG account show ")" "pebble" "zsh: authorities"
is "$(zsh_says 'keystay revoke --reason u')" "unspecified" "zsh: reasons"
done_testing
