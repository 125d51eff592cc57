#!/usr/bin/env bash
# What `make install` puts in place, and the units: they name what is there, they are closed, and
# under a real systemd the agent does its job inside them.
. "$(dirname "$0")/tap.sh"
. "$ROOT/scripts/lab-systemd.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_begin
lab_root || exit 2
PREFIX=/usr/local
UNITS=$PREFIX/lib/systemd/system

# --- what is installed
# As by hand: what an outer make was told is not meant for this one.
make_as_by_hand() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s --no-print-directory -C "$ROOT" "$@" 2>&1
}
is "$(make_as_by_hand install DESTDIR="$LAB_ROOT" PREFIX=$PREFIX)" "" "make install is silent"
is "$(cd "$LAB_ROOT$PREFIX" && find . -type f | LC_ALL=C sort | sed 's,^\./,,')" "lib/keystay/keystay-guard.so
lib/systemd/system/keystay-reload.path
lib/systemd/system/keystay-reload.service
lib/systemd/system/keystay-renew.service
lib/systemd/system/keystay-renew.timer
lib/systemd/system/keystay.service
lib/sysusers.d/keystay.conf
sbin/keystay
share/bash-completion/completions/keystay
share/doc/keystay/keystay.service.d/pin.conf
share/doc/keystay/keystay.service.d/port-80.conf
share/doc/keystay/keystay.service.d/tpm.conf
share/doc/keystay/keystay.service.d/webroot.conf
share/man/man5/keystay.yaml.5
share/man/man7/keystay-guard.7
share/man/man7/keystay-policy.7
$(cd "$ROOT/docs" && printf 'share/man/man8/%s\n' *.8 | LC_ALL=C sort)
share/zsh/site-functions/_keystay" "all that belongs to it"
is "$(grep -rl @PREFIX@ "$LAB_ROOT$PREFIX")" "" "with the prefix filled in"
like "$("$LAB_ROOT$PREFIX/sbin/keystay" --version)" '^keystay ' "the program runs from there"
make_as_by_hand install DESTDIR="$LAB/other" PREFIX=/opt/x >/dev/null
is "$(make_as_by_hand uninstall DESTDIR="$LAB/other" PREFIX=/opt/x; find "$LAB/other" -type f)" "" \
	"make uninstall leaves no file"

# --- the units, as systemd reads them, in the root where they are installed
in_root() { chroot "$LAB_ROOT" env SYSTEMD_LOG_COLOR=0 LANG=C.UTF-8 "$@" 2>&1; }
verify() { in_root systemd-analyze verify --man=no "$@"; }
# shellcheck disable=SC2046
is "$(verify $(find "$LAB_ROOT$UNITS" -type f -printf "$UNITS/%f\n"))" "" "systemd-analyze verify finds nothing"
# An empty answer must mean something.
sed 's,/sbin/keystay,/sbin/keystray,; s,^UMask=,UMasq=,' "$LAB_ROOT$UNITS/keystay-renew.service" \
	>"$LAB_ROOT/etc/systemd/system/wrong.service"
like "$(verify wrong.service)" 'sbin/keystray' "it sees a program that is not there"
like "$(verify wrong.service)" "'UMasq'" "and a word that is none"
rm "$LAB_ROOT/etc/systemd/system/wrong.service"

# exposed UNIT NAME: the figure is 0 to 10; the option takes ten times as much.
exposed() {
	local figure status
	figure=$(in_root systemd-analyze security --offline=yes --threshold=20 --no-pager "$1.service")
	status=$?
	figure=$(sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p' <<<"$figure")
	is "$status" 0 "$2 is exposed by $figure, at most 2.0"
}
for unit in keystay keystay-renew keystay-reload; do
	exposed $unit $unit.service
done
for file in "$LAB_ROOT$PREFIX"/share/doc/keystay/keystay.service.d/*.conf; do
	install -D -m 644 -t "$LAB_ROOT/etc/systemd/system/keystay.service.d" "$file"
	is "$(verify keystay.service)" "" "nothing is found with ${file##*/}"
	exposed keystay "with it keystay.service"
	rm -r "$LAB_ROOT/etc/systemd/system/keystay.service.d"
done
closed() { sed -n '/^User=/,/^TasksMax=/{/^#/d;p}' "$LAB_ROOT$UNITS/$1"; }
is "$(closed keystay.service)" "$(closed keystay-renew.service)" "agent and timer are closed in the same way"

# --- users
is "$(in_root systemd-sysusers $PREFIX/lib/sysusers.d/keystay.conf | grep -v '^Creating')" "" "systemd-sysusers makes the user"
like "$(grep ^keystay: "$LAB_ROOT/etc/passwd")" ':/var/lib/keystay:.*/nologin$' "who has a home and no shell"
is "$(grep ^keystay-web: "$LAB_ROOT/etc/group" | cut -d: -f4)" keystay "and is in the servers' group"
for user in keystay www-data; do
	in_root usermod -aG softhsm $user
done

# --- a web server as Debian has it, and the agent as the documentation has it
lab_pebble || exit 2
lab_port LAB_TLS
etc=$LAB_ROOT/etc
install -d "$etc/keystay" "$etc/credstore.encrypted" "$etc/systemd/system/nginx.service.d"
in_root install -d -m 711 -o keystay -g keystay /var/lib/keystay
in_root install -d -o keystay /var/www/html/.well-known/acme-challenge
(umask 077 && echo 'ag3nt pin' >"$etc/keystay/agent.pin" && echo 12345678 >"$etc/keystay/so.pin")
in_root chown keystay /etc/keystay/agent.pin /etc/keystay/so.pin
cp "$LAB_TRUST" "$etc/keystay/ca.pem"
printf '[Service]\nEnvironment=OPENSSL_CONF=/etc/keystay/openssl.cnf\n' >"$etc/systemd/system/nginx.service.d/keystay.conf"
# nginx's own configuration of this machine may be anything.
rm -rf "$etc/nginx" && mkdir -p "$etc/nginx/sites"
cat >"$etc/nginx/nginx.conf" <<-CONF
	user www-data;
	worker_processes 2;
	pid /run/nginx.pid;
	error_log /var/log/nginx/error.log info;
	env OPENSSL_CONF;
	events {}
	http {
		access_log off;
		server { listen 127.0.0.1:$LAB_HTTP; root /var/www/html; }
		include sites/*;
	}
CONF
cat >"$etc/keystay/keystay.yaml" <<-YAML
	tokens:
	  - {name: web, module: $SOFTHSM_MODULE, label: web, pin: "credential:web-pin", share: {path: /var/lib/softhsm/tokens, group: softhsm}}
	  - {name: agent, module: $SOFTHSM_MODULE, label: agent, pin: "file:/etc/keystay/agent.pin"}
	authorities:
	  - {name: pebble, protocol: acme, url: "$LAB_ACME", agree_terms: true, trust: /etc/keystay/ca.pem, account_key: {token: agent}}
	certificates:
	  - name: shop
	    names: [shop.example]
	    token: web
	    authority: pebble
	    policy: lab
	    challenge: {type: http-01, webroot: /var/www/html}
	    install:
	      - target: nginx
	        test: [cp, --remove-destination, /proc/self/status, /var/lib/keystay/test-status]
	        reload: []
	        endpoints: ["127.0.0.1:$LAB_TLS"]
YAML
lab_boot || exit 2
lab_in sh -c 'printf "w3b pin" >/root/web-pin && systemd-creds encrypt --with-key=host --name=web-pin /root/web-pin \
	/etc/credstore.encrypted/keystay.web-pin' 2>"$LAB/log/creds" || note "$(cat "$LAB/log/creds")"
# At a shell there are no credentials of a unit, so they are put where one would have them.
lab_in install -m 600 -o keystay /root/web-pin /run/web-pin
for token in web agent; do
	lab_in env CREDENTIALS_DIRECTORY=/run keystay token init $token --so-pin file:/etc/keystay/so.pin >"$LAB/log/init" 2>&1 ||
		note "$(cat "$LAB/log/init")"
done
lab_in keystay server-config nginx shop | awk '/^# --- for the nginx unit/ { exit } !/^# ---/' >"$etc/keystay/openssl.cnf"
lab_in cp /root/web-pin /etc/keystay/server.pin
lab_in rm /root/web-pin /run/web-pin
for part in pin webroot; do
	install -D -m 644 "$LAB_ROOT$PREFIX/share/doc/keystay/keystay.service.d/$part.conf" \
		"$etc/systemd/system/keystay-renew.service.d/$part.conf"
done
lab_in systemctl daemon-reload

# --- one look at what is due, with all that the unit forbids
lab_in systemctl start keystay-reload.path nginx || note "$(lab_journal nginx)"
cat >"$etc/nginx/sites/shop" <<-CONF
	server {
		listen 127.0.0.1:$LAB_TLS ssl;
		server_name shop.example;
		ssl_certificate /var/lib/keystay/live/shop/fullchain.pem;
		ssl_certificate_key /var/lib/keystay/live/shop/key.pem;
	}
CONF
live() { openssl x509 -in "$LAB_ROOT/var/lib/keystay/live/shop/cert.pem" -noout -fingerprint -sha256; }
# renews NAME: a run of the unit ends well, and another certificate is served. A reload is root's,
# so it comes when the agent has asked for it; the agent waits until it sees it.
LAST=""
renews() {
	lab_in systemctl start keystay-renew.service
	is $? 0 "$1"
	[ "$(lab_in systemctl is-failed keystay-renew.service)" = inactive ] || note "$(lab_journal keystay-renew)"
	isnt "$(live)" "$LAST" "a new certificate is live"
	LAST=$(live)
	is "$(served shop.example)" "$LAST" "and is served"
}
renews "keystay-renew.service gets the first certificate"
[ ! -e "$LAB_ROOT/var/lib/keystay/.deployed" ]
is $? 0 "keystay-reload.service has taken its file away"
state=$LAB_ROOT/var/lib/keystay
is "$(in_root stat -c '%U %a' /var/lib/keystay /var/lib/keystay/keystay.db | tr '\n' ' ')" "keystay 711 keystay 600 " \
	"the state is the agent's"
is "$(in_root find /var/lib/keystay ! -user keystay)" "" "all of it"
is "$(awk '/^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):/ { print $1 $2 }' "$state/test-status" | tr '\n' ' ')" \
	"Uid:$(in_root id -u keystay) CapEff:0000000000000000 CapBnd:0000000000000000 NoNewPrivs:1 Seccomp:2 " \
	"what it starts is closed in, too"

# --- where one call that the filter forbids is the end
# only COMMAND: that is what the unit runs from now on.
only() {
	printf '%s\n' '[Service]' 'SystemCallErrorNumber=kill' 'ExecStart=' "ExecStart=$1" \
		>"$etc/systemd/system/keystay-renew.service.d/test.conf"
	lab_in systemctl daemon-reload
}
cp "$LAB_ROOT$PREFIX/share/doc/keystay/keystay.service.d/port-80.conf" "$etc/systemd/system/keystay-renew.service.d/"
only "/usr/local/sbin/keystay renew --force --key new"
renews "a renewal makes no forbidden call"
like "$(cat "$state/test-status")" 'CapEff:.0000000000000400' "with port-80.conf it has one capability"
only "nice -n 1 true"
lab_in systemctl start keystay-renew.service 2>/dev/null
like "$(lab_in systemctl show -P ExecMainStatus keystay-renew.service)" '^31$' "a forbidden call is the end"
rm "$etc/systemd/system/keystay-renew.service.d/test.conf" "$etc/systemd/system/keystay-renew.service.d/port-80.conf"

# --- no reload is lost: the file comes back while a reload is under way
cat >"$etc/systemd/system/slow.service" <<-UNIT
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=true
	ExecReload=sh -c 'echo begun >>/root/reloads; sleep 0.5; echo ended >>/root/reloads'
UNIT
install -d "$etc/systemd/system/keystay-reload.service.d"
printf '[Service]\nEnvironment="SERVERS=slow.service absent.servic[e]"\n' >"$etc/systemd/system/keystay-reload.service.d/test.conf"
lab_in systemctl daemon-reload
lab_in systemctl start slow.service
reloads() { grep -c "$1" "$LAB_ROOT/root/reloads" 2>/dev/null; }
asks_for_reload() {
	lab_in setpriv --reuid keystay --regid keystay --clear-groups touch /var/lib/keystay/.deployed
}
# until_reloads WORD COUNT
until_reloads() {
	for _ in $(seq 600); do
		[ "$(reloads "$1")" = "$2" ] && return 0
		sleep 0.05
	done
	return 1
}
asks_for_reload
until_reloads begun 1
asks_for_reload
until_reloads ended 2
is $? 0 "a file that comes during a reload means another"
sleep 0.3
is "$(reloads begun)" 2 "and no more"
is "$(lab_in systemctl is-failed keystay-reload.service)" inactive "a server that is not there is no failure"

# --- the timer
lab_in systemctl start keystay-renew.timer
next=$(lab_in systemctl show -P NextElapseUSecRealtime keystay-renew.timer)
left=$(($(date -d "$next" +%s) - $(date +%s)))
[ "$left" -gt 0 ] && [ "$left" -le 32400 ]
is $? 0 "the timer's next look is within nine hours"
like "$(lab_in systemctl show -P Conflicts keystay-renew.timer)" '\bkeystay.service\b' "it is there instead of the daemon"

# --- the daemon
drop_ins=$etc/systemd/system/keystay.service.d
mkdir "$drop_ins"
cp "$etc/systemd/system/keystay-renew.service.d"/*.conf "$drop_ins/"
printf '[Service]\nSystemCallErrorNumber=kill\n' >"$drop_ins/test.conf"
lab_in systemctl daemon-reload
lab_in systemctl start keystay.service
is $? 0 "keystay.service says that it is ready"
is "$(lab_in systemctl is-active keystay-renew.timer)" inactive "and the timer is stopped"
isnt "$(lab_in systemctl show -P StatusText keystay.service)" "" "it says what it does"
before=$(lab_in systemctl show -P MainPID keystay.service)
cat >>"$etc/keystay/keystay.yaml" <<-YAML
	  - name: second
	    names: [second.example]
	    token: web
	    authority: pebble
	    policy: lab
	    challenge: {type: http-01, webroot: /var/www/html}
YAML
lab_in systemctl reload keystay.service
is $? 0 "it is told to read its configuration"
is "$(lab_in systemctl is-active keystay.service)" active "and goes on"
is "$(lab_in systemctl show -P MainPID keystay.service)" "$before" "as the same process"
for _ in $(seq 100); do
	[ -e "$state/live/second" ] && break
	sleep 0.1
done
[ -e "$state/live/second" ]
is $? 0 "with the certificate that is new"
lab_in systemctl stop keystay.service
is "$(lab_in systemctl show -P Result keystay.service)" success "it ends when it is told to"
[ "$TAP_FAILED" = 0 ] || note "$(lab_journal keystay)"
done_testing
