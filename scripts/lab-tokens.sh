# shellcheck shell=bash
# lab-tokens.sh - the kinds of token that the lab has beside its plain SoftHSM, each made anew in
# $LAB. Sourced after scripts/lab.sh.
#
#   lab_kind KIND           makes the token; afterwards these are set:
#     KIND_MODULE           path of the PKCS#11 module
#     KIND_INIT_ARGS        the string for C_Initialize ("" for none)
#     KIND_LABEL            label of the token
#     KIND_ENV              names of the variables that the module needs, all exported
#     KIND_KEY_TYPE         a key type that the token can make
#     KIND_SHARE            the token's files, where servers' workers must read them ("" for none)
#     KIND_GROUP            the group whose members may use the token
#   lab_kind_share          gives the files to that group (again, after each new key)
#   lab_kind_nginx_style    prints "workers" or "single": how nginx serves from it
#   lab_kind_reload         prints "reload" or "restart": what makes nginx see a new key
#   lab_kind_pin            prints a PIN that the kind takes
#   lab_kind_server_openssl NAME  as lab_server_openssl, and what else the kind needs
#
# lab_config and lab_nginx_conf of scripts/lab.sh take these variables up, so call lab_kind first.
# The user PIN is what stands in $LAB/web.pin; lab_kind writes the file if it is not there.
#
# kinds: softhsm, softhsm-fork, tpm, tpm-bare, nss, opencryptoki. LAB_TPM_PATIENT=1 has the TPM
# forgive wrong PINs; by itself it locks after three.

LAB_KINDS="softhsm softhsm-fork tpm tpm-bare nss opencryptoki"
TOKEN_SETUP=${TOKEN_SETUP:-$BIN/tools/token-setup}

lab_kind() {
	KIND=$1 KIND_INIT_ARGS="" KIND_LABEL=web KIND_KEY_TYPE=ec-p256 KIND_SHARE="" KIND_GROUP=www-data
	KIND_ENV=() KIND_SO_PIN=12345678
	# lab_config writes the file anew, from the same variable.
	LAB_WEB_PIN=${LAB_WEB_PIN:-$(lab_kind_pin)}
	[ -s "$LAB/web.pin" ] || lab_pin web "$LAB_WEB_PIN"
	case $1 in
	softhsm) lab_kind_softhsm || return 1 ;;
	softhsm-fork) lab_kind_softhsm 'library.reset_on_fork = true' || return 1 ;;
	tpm) lab_kind_tpm tabrmd || return 1 ;;
	tpm-bare) lab_kind_tpm swtpm || return 1 ;;
	nss) lab_kind_nss || return 1 ;;
	opencryptoki) lab_kind_opencryptoki || return 1 ;;
	*) lab_kind_bail "no kind of token is called '$1'" ;;
	esac
	if [ "$1" = tpm ]; then
		lab_kind_ptool || return 1
	else
		"$TOKEN_SETUP" "$KIND_MODULE" "$KIND_INIT_ARGS" init "$KIND_LABEL" "$KIND_SO_PIN" "$LAB/web.pin" ||
			return 1
	fi
	lab_kind_share
}

lab_kind_pin() {
	case $KIND in
	opencryptoki) echo 'w3b #pin' ;; # four to eight characters
	*) echo 'w3b # pin' ;;
	esac
}

# Measured: see docs/TOKENS.md. tpm2-pkcs11 does not survive a fork, so one process does it all.
lab_kind_nginx_style() {
	case $KIND in
	tpm | tpm-bare) echo single ;;
	*) echo workers ;;
	esac
}

# A single nginx never takes a reload well, whatever its keys: it mixes up its ports then. And a
# process that has tpm2-pkcs11 open does not see what another one made.
lab_kind_reload() {
	case $(lab_kind_nginx_style) in
	single) echo restart ;;
	*) echo reload ;;
	esac
}

# The script that keystay calls after it installed: a reload, or a stop and a start.
lab_kind_reload_script() {
	local name
	lab_reload_script
	[ "$(lab_kind_reload)" = restart ] || return 0
	{
		echo '#!/bin/bash'
		for name in "${KIND_ENV[@]}"; do printf 'export %s=%q\n' "$name" "${!name}"; done
		cat <<-SH
			pid=\$(cat $LAB/nginx.pid 2>/dev/null) && kill "\$pid"
			for i in \$(seq 100); do kill -0 "\$pid" 2>/dev/null || break; sleep 0.1; done
			OPENSSL_CONF=$LAB/server-openssl.cnf setsid nginx -c $LAB/nginx.conf -e $LAB/log/nginx.error </dev/null >/dev/null 2>&1 &
			for i in \$(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/$LAB_HTTP) 2>/dev/null && exit 0; sleep 0.1; done
			exit 1
		SH
	} >"$LAB/reload-nginx"
	chmod 755 "$LAB/reload-nginx"
}

# Without a resource manager a server must call C_Finalize at its end, or the few places in the TPM
# stay taken until that is started anew.
lab_kind_server_openssl() {
	local config=$LAB/server-openssl.cnf
	lab_server_openssl "$1" || return 1
	if [ "$KIND" = tpm-bare ]; then
		sed -i '/^pkcs11-module-quirks/s/no-deinit//' "$config" || return 1
	fi
	[ -z "$KIND_INIT_ARGS" ] || grep -q '^pkcs11-module-init-args' "$config" ||
		sed -i "/^pkcs11-module-path/a pkcs11-module-init-args = $KIND_INIT_ARGS" "$config"
}

lab_kind_share() {
	[ -n "$KIND_SHARE" ] || return 0
	chgrp -R "$KIND_GROUP" "$KIND_SHARE" && chmod -R g+rwX "$KIND_SHARE"
}

lab_kind_bail() {
	echo "Bail out! $*"
	echo "lab: $*" >&2
	exit 2
}

# A library by its name: modules lie in folders of their own, under one that differs by architecture.
lab_kind_find() {
	local found
	found=$(find /usr/lib -name "$1" \( -path '*/pkcs11/*' -o -path '*/softhsm/*' -o -name 'libsoftokn3.so' \) |
		sort | head -n 1)
	[ -n "$found" ] || lab_kind_bail "no $1 under /usr/lib: run scripts/deps"
	printf -v "$2" %s "$found"
}

# Waits until a command succeeds, for at most ten seconds.
lab_kind_wait() {
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	echo "lab: '$*' never succeeded" >&2
	return 1
}

lab_kind_softhsm() {
	lab_kind_find libsofthsm2.so KIND_MODULE
	KIND_SHARE=$LAB/tokens KIND_ENV=(SOFTHSM2_CONF)
	[ -z "${1:-}" ] || printf '%s\n' "$1" >>"$LAB/softhsm2.conf"
}

# A software TPM on two ports that lie side by side: the library takes the second for granted. That
# one may still be held by a connection that is gone, so another pair is tried then.
lab_kind_swtpm() {
	local ctrl pid
	mkdir -m 700 "$LAB/tpm/state" || return 1
	for _ in 1 2 3 4 5 6 7 8; do
		lab_port TPM_PORT
		ctrl=$((TPM_PORT + 1))
		case $LAB_PORTS in *" $ctrl "*) continue ;; esac
		LAB_PORTS="$LAB_PORTS$ctrl "
		swtpm socket --tpm2 --tpmstate "dir=$LAB/tpm/state" \
			--server "type=tcp,port=$TPM_PORT,bindaddr=127.0.0.1" \
			--ctrl "type=tcp,port=$ctrl,bindaddr=127.0.0.1" \
			--flags not-need-init,startup-clear >>"$LAB/log/swtpm" 2>&1 &
		pid=$!
		for _ in $(seq 50); do
			kill -0 "$pid" 2>/dev/null || break
			(exec 3<>"/dev/tcp/127.0.0.1/$ctrl") 2>/dev/null && LAB_PIDS+=("$pid") && return 0
			sleep 0.1
		done
		kill "$pid" 2>/dev/null
	done
	echo "lab: swtpm does not start" >&2
	return 1
}

# The session bus of the lab: unlike the system's it starts no services, and it lets another user in,
# since nginx's workers are one.
lab_kind_bus() {
	cat >"$LAB/tpm/bus.conf" <<-XML
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
		  <type>session</type>
		  <listen>unix:path=$LAB/tpm/bus</listen>
		  <auth>EXTERNAL</auth>
		  <policy context="default">
		    <allow user="*"/>
		    <allow own="*"/>
		    <allow send_destination="*" eavesdrop="true"/>
		    <allow eavesdrop="true"/>
		  </policy>
		</busconfig>
	XML
	dbus-daemon --nofork --nopidfile --config-file="$LAB/tpm/bus.conf" >"$LAB/log/dbus" 2>&1 &
	LAB_PIDS+=($!)
	lab_kind_wait test -S "$LAB/tpm/bus" || return 1
	export DBUS_SESSION_BUS_ADDRESS=unix:path=$LAB/tpm/bus
}

lab_kind_abrmd() {
	lab_kind_bus && lab_kind_abrmd_start
}

lab_kind_abrmd_start() {
	tpm2-abrmd --session --allow-root --tcti="swtpm:host=127.0.0.1,port=$TPM_PORT" \
		>>"$LAB/log/abrmd" 2>&1 &
	LAB_PIDS+=($!)
	lab_kind_wait dbus-send --session --print-reply --dest=com.intel.tss2.Tabrmd \
		/com/intel/tss2/Tabrmd/Tcti org.freedesktop.DBus.Peer.Ping
}

# tpm2-pkcs11 over a software TPM: with a resource manager (tabrmd), or alone on it (swtpm).
lab_kind_tpm() {
	lab_kind_find libtpm2_pkcs11.so KIND_MODULE
	mkdir -m 711 "$LAB/tpm" && mkdir -m 2770 "$LAB/tpm/store" || return 1
	export TSS2_LOG=all+NONE TPM2_PKCS11_LOG_LEVEL=0 TPM2_PKCS11_BACKEND=esysdb
	export TPM2_PKCS11_STORE=$LAB/tpm/store
	KIND_SHARE=$TPM2_PKCS11_STORE
	KIND_ENV=(TPM2_PKCS11_STORE TPM2_PKCS11_TCTI TPM2_PKCS11_BACKEND TPM2_PKCS11_LOG_LEVEL TSS2_LOG)
	lab_kind_swtpm || return 1
	# Before the resource manager has the TPM: it serves one connection at a time.
	if [ -n "${LAB_TPM_PATIENT:-}" ]; then
		tpm2_dictionarylockout -T "swtpm:host=127.0.0.1,port=$TPM_PORT" --setup-parameters \
			--max-tries=1000000 --recovery-time=1 --lockout-recovery-time=1 || return 1
	fi
	case $1 in
	tabrmd)
		lab_kind_abrmd || return 1
		KIND_ENV+=(DBUS_SESSION_BUS_ADDRESS)
		export TPM2_PKCS11_TCTI=tabrmd:bus_type=session
		;;
	swtpm) export TPM2_PKCS11_TCTI=swtpm:host=127.0.0.1,port=$TPM_PORT ;;
	esac
}

# As its users make a token, by its own tool: that finds out how the TPM makes RSA-PSS signatures. A
# token made by C_InitToken has no RSA-PSS at all, and TLS 1.3 needs it. The tool cannot do it
# without a resource manager.
lab_kind_ptool() {
	local pin
	pin=$(cat "$LAB/web.pin")
	export TPM2TOOLS_TCTI=$TPM2_PKCS11_TCTI
	tpm2_ptool init --path "$TPM2_PKCS11_STORE" >"$LAB/log/ptool" 2>&1 &&
		tpm2_ptool addtoken --pid 1 --sopin "$KIND_SO_PIN" --userpin "$pin" --label "$KIND_LABEL" \
			--path "$TPM2_PKCS11_STORE" >>"$LAB/log/ptool" 2>&1
}

# NSS softokn, not in FIPS mode. Its label is fixed; a new database has an empty SO PIN. No quotes
# in the string: an openssl.cnf would cut it there.
lab_kind_nss() {
	lab_kind_find libsoftokn3.so KIND_MODULE
	mkdir -m 2770 "$LAB/nss" || return 1
	KIND_INIT_ARGS="configdir=sql:$LAB/nss"
	KIND_LABEL="NSS Certificate DB" KIND_SO_PIN="" KIND_SHARE=$LAB/nss
}

# opencryptoki has one store for the whole machine and fixed paths. It is made only where all of
# them are the test's own: whoever runs this elsewhere would wipe a real token. "Outside" is what
# tests/e2e/in-namespace saw before it left ($LAB_OUTSIDE) and what process 1 is in; in some
# containers even root may not look at that.
lab_kind_own_namespaces() {
	local ns own
	[ -n "${LAB_OUTSIDE:-}" ] || [ -n "$(readlink /proc/1/ns/mnt)" ] ||
		lab_kind_bail "opencryptoki: cannot tell whether namespaces are the test's own (tests/e2e/in-namespace)"
	for ns in mnt ipc; do
		own=$(readlink "/proc/self/ns/$ns")
		case " ${LAB_OUTSIDE:-} $(readlink "/proc/1/ns/$ns") " in
		*" $own "*) lab_kind_bail "opencryptoki: $own is not the test's own (tests/e2e/in-namespace)" ;;
		esac
	done
	! grep -q ' shared:' /proc/self/mountinfo ||
		lab_kind_bail "opencryptoki: mounts made here would be seen outside"
}

# Debian 12's pkcsslotd has it in /run, Debian 13's (a user of its own) in a folder there.
lab_kind_slotd_socket() {
	[ -S /run/pkcsslotd.socket ] || [ -S /run/opencryptoki/pkcsslotd.socket ]
}

lab_kind_opencryptoki() {
	local folder
	lab_kind_own_namespaces
	[ "$(tr -d '\n' <"$LAB/web.pin" | wc -c)" -le 8 ] ||
		lab_kind_bail "opencryptoki takes PINs of four to eight characters: try '$(lab_kind_pin)'"
	lab_kind_find libopencryptoki.so KIND_MODULE
	# /var/lock is a link into /run, which nothing else of the lab uses.
	mount -t tmpfs -o mode=755 tmpfs /run && mkdir -m 1777 /run/lock || return 1
	mkdir -p /var/lib/opencryptoki /var/lock/opencryptoki /var/log/opencryptoki /run/opencryptoki || return 1
	for folder in /var/lib/opencryptoki /var/lock/opencryptoki /var/log/opencryptoki /dev/shm; do
		mount -t tmpfs -o mode=1777 tmpfs "$folder" || return 1
	done
	mkdir -p /var/lib/opencryptoki/swtok/TOK_OBJ /var/lock/opencryptoki/swtok || return 1
	chgrp -R pkcs11 /var/lib/opencryptoki /var/lock/opencryptoki /run/opencryptoki &&
		chmod -R 770 /var/lib/opencryptoki /var/lock/opencryptoki /var/log/opencryptoki /run/opencryptoki || return 1
	# The library asks /etc/group who may come in; what a process's own group is does not count.
	grep -q ' /etc/group ' /proc/mounts && umount /etc/group # of an earlier lab of this test
	sed 's/^\(pkcs11:.*\)$/\1,www-data/; s/:,/:/' /etc/group >"$LAB/group" && chmod 644 "$LAB/group" &&
		mount --bind "$LAB/group" /etc/group || return 1
	pkcsslotd -f >"$LAB/log/pkcsslotd" 2>&1 &
	LAB_PIDS+=($!)
	lab_kind_wait lab_kind_slotd_socket || return 1
	KIND_SO_PIN=87654321 KIND_KEY_TYPE=rsa-2048 KIND_GROUP=pkcs11 # www-data is in it, see above
}
