# shellcheck shell=sh
# debian.sh - the release of Debian that this is, and where its packages come from: what scripts/deps
# and scripts/test-servers have in common. Sourced by them.

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

. /etc/os-release
suite=${VERSION_CODENAME:-}

root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "not root and no sudo: run 'make deps' as root once"
	fi
}

# apt names its sources only once it has their lists.
need_lists() {
	[ -z "$(apt-get indextargets 'Created-By: Packages')" ] || return 0
	say "will fetch apt's package lists from the machine's own sources"
	root apt-get -q update
}

# The mirror and keyring of the machine's own first source of this suite.
mirror() {
	m=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		awk -v s="$suite" '$2 == s { print $1; exit }')
	[ -n "$m" ] || die "no apt source for '$suite' found: put Debian's mirror into /etc/apt/sources.list"
	printf '%s' "$m"
}
keyring() {
	k=$(apt-get indextargets --format '$(RELEASE) $(SIGNED_BY)' 'Created-By: Packages' |
		awk -v s="$suite" '$1 == s { print $2; exit }')
	[ -n "$k" ] && [ -r "$k" ] || k=/usr/share/keyrings/debian-archive-keyring.gpg
	printf '%s' "$k"
}
