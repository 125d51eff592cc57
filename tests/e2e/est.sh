# shellcheck shell=bash
# est.sh - keystay against EST servers of the lab. Sourced behind tap.sh, daemon.sh and
# scripts/lab-est.sh.
#
#   est_begin              the lab with its CA and, in $LOGIN, the lines of the right login
#   est_config [LINE...]   writes keystay.yaml: token "web" for servers (lab_kind's, if that was
#                          called), "agent" for an identity, the authority "internal" with these
#                          lines and `trust: $TRUST` ("" = none), authorities of $MORE
#   est_certificate NAME "a.example, b.example" [LINE...]   one more, from $AUTHORITY
#   est_no_certificates    and none of before
#   est_libest [OPTION...] another libest server in the place of the one before; the configuration
#                          follows to its port. `mark` is done, too
#   est_own [OPTION...]    the tests' own server likewise (tests/tools/est-server.c), with the HTTPS
#                          certificate $OWN_CERT and the CA $OWN_CA, if those are set;
#                          with OWN_SAME=1 on the port that it had
#   mark                   what came until now is of the past
#   came                   what came to the CA of libest: "enroll login=estuser certificate=no
#                          EST_ERR_NONE", more of them with commas between
#   came_with WORD         the value of WORD (key, request) of each
#   own_came               requests to the own server, a line each: path and words
#   own_posts              those that were POSTed, with commas between
#   connections            how many connections there were since the mark
#   later SECONDS, now     the clock of keystay, not of servers, is moved; and is right again
#   leaf NAME OPTION...    openssl x509 of what is live

TRUST="" AUTHORITY=internal MORE=""
LAB_GROUP="" # no server shows what is got here

est_begin() {
	lab_begin
	SERVER_PID="" LAB_EST=https://127.0.0.1:1/.well-known/est
	LAB_TLS_DAYS=90 lab_est_ca || exit 2
	TRUST=$LAB/est-ca.pem
	(umask 077 && echo estpwd >"$LAB/password" && echo wr0ng-one >"$LAB/wrong")
	LOGIN=("username: estuser" "password: file:$LAB/password")
	: >"$LAB/log/libest"
	: >"$LAB/log/own"
	: >"$LAB/certificates"
}

est_config() {
	{
		lab_config_tokens
		echo authorities:
		lab_config_est internal ${TRUST:+"trust: $TRUST"} "$@"
		[ -z "$MORE" ] || printf '%s\n' "$MORE"
		echo certificates:
		cat "$LAB/certificates"
	} >"$CONFIG"
}

est_certificate() {
	{
		printf '  - name: %s\n    names: [%s]\n' "$1" "$2"
		printf '    %s\n' "token: web" "authority: $AUTHORITY" "policy: lab" "${@:3}"
	} | tee -a "$LAB/certificates" >>"$CONFIG"
}

est_no_certificates() {
	: >"$LAB/certificates"
	sed -i '/^certificates:/,$d' "$CONFIG"
	echo certificates: >>"$CONFIG"
}

est_stop() {
	[ -z "$SERVER_PID" ] || { LAB_EST_PID=$SERVER_PID && lab_libest_end; }
	SERVER_PID=""
}

est_follow() {
	[ ! -e "$CONFIG" ] || sed -i "s,url: $1\$,url: $LAB_EST," "$CONFIG"
	mark
}

est_libest() {
	local was=$LAB_EST
	est_stop
	lab_libest "$@" || exit 2
	SERVER_PID=$LAB_EST_PID
	est_follow "$was"
}

est_own() {
	local was=$LAB_EST
	est_stop
	[ -n "${OWN_SAME:-}" ] || lab_port OWN_PORT
	: >"$LAB/rules"
	echo estuser:estpwd >"$LAB/users"
	"$BIN/tools/est-server" "$OWN_PORT" "$LAB/${OWN_CERT:-est-server}.pem" \
		"$LAB/${OWN_CERT:-est-server}.key" "$LAB/${OWN_CA:-est-ca}.pem" "$LAB/${OWN_CA:-est-ca}.key" \
		"$LAB/rules" "$@" >>"$LAB/log/own" &
	SERVER_PID=$!
	LAB_PIDS+=("$SERVER_PID")
	lab_wait_port "$OWN_PORT" || exit 2
	LAB_EST=https://127.0.0.1:$OWN_PORT/.well-known/est
	est_follow "$was"
}

# The kernel's count of connections that were taken, of this namespace.
taken() { awk '/^Tcp: [0-9]/ { print $7 }' /proc/net/snmp; }

mark() {
	MARK_LIBEST=$(wc -l <"$LAB/log/libest")
	MARK_OWN=$(wc -l <"$LAB/log/own")
	MARK_TAKEN=$(taken)
}
since() { tail -n +$((MARK_LIBEST + 1)) "$LAB/log/libest"; }
came() { since | sed 's/ key=.*: / /' | paste -sd,; }
came_with() { since | grep -o " $1=[^ ]*" | cut -d= -f2; }
own_came() { tail -n +$((MARK_OWN + 1)) "$LAB/log/own" | sed 's, /.well-known/est/, ,; s, len=.*,,'; }
own_posts() { own_came | sed -n 's/^POST //p' | paste -sd,; }
connections() { echo $(($(taken) - MARK_TAKEN)); }

# What moves the clock of a program; AddressSanitizer wants to be the first of what is loaded.
moving() { echo "$(ldd "$BIN/keystay" | awk '/libasan/ { print $3 }') $BIN/doubles/clock.so"; }

later() {
	echo "$1" >"$LAB/clock"
	cat >"$LAB/keystay-later" <<-SH
		#!/bin/sh
		LD_PRELOAD="$(moving)" KEYSTAY_TEST_CLOCK=$LAB/clock exec $BIN/keystay "\$@"
	SH
	chmod 755 "$LAB/keystay-later"
	KEYSTAY=$LAB/keystay-later
}
now() { KEYSTAY=$BIN/keystay; }

leaf() {
	local name=$1
	shift
	openssl x509 -in "$LAB/state/live/$name/cert.pem" -noout "$@"
}
subject_of() { leaf "$1" -subject -ext subjectAltName; }
key_of() { leaf "$1" -pubkey; }
serial_of() { leaf "$1" -serial; }
journal_of() { "$KEYSTAY" --config "$CONFIG" history "$1"; }
last_note() { db "SELECT text FROM journal WHERE certificate = '$1' AND kind = 'authority-note' ORDER BY rowid DESC LIMIT 1"; }
