# shellcheck shell=bash
# lab-est.sh - an EST server on a library that is not ours, libest. Sourced after scripts/lab.sh. The
# server is built by `make libest-server`, and by `make e2e` for tests that name lab_libest.
#
#   lab_est_ca             makes a CA ($LAB/est-ca.pem, est-ca.key) and the server's certificate for
#                          127.0.0.1 and localhost ($LAB/est-server.pem, est-server.key)
#   lab_libest [OPTION...] starts the server with these options of tests/libest/est-libest.c, and
#                          sets:
#     LAB_EST              its URL
#     LAB_EST_TRUST        the CA that its certificate and what it issues are from
#     LAB_EST_LOGIN        NAME:PASSWORD that may enroll
#     LAB_EST_PORT, LAB_EST_PID
#   lab_libest_end         stops the one that was started last
#   lab_config_est NAME [LINE...]  the server as an authority of keystay.yaml, with these lines
#
# What came to its CA is in $LAB/log/libest, what libest says in $LAB/log/libest.error.

# LAB_TLS_DAYS and LAB_TLS_ENV as for lab_tls. id-kp-cmcRA (RFC 7030 3.6.1) is in the server's
# certificate as most servers have it.
lab_est_ca() {
	local days=${LAB_TLS_DAYS:-30}
	local openssl=(env "${LAB_TLS_ENV[@]}" openssl)
	"${openssl[@]}" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" \
		-subj '/CN=lab EST' -keyout "$LAB/est-ca.key" -out "$LAB/est-ca.pem" \
		-addext 'basicConstraints=critical,CA:TRUE' \
		-addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null || return 1
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=127.0.0.1' \
		-keyout "$LAB/est-server.key" -out "$LAB/est-server.csr" 2>/dev/null || return 1
	printf '%s\n' 'subjectAltName=IP:127.0.0.1,DNS:localhost' 'basicConstraints=CA:FALSE' \
		'extendedKeyUsage=serverAuth,1.3.6.1.5.5.7.3.28' >"$LAB/est-server.ext"
	"${openssl[@]}" x509 -req -in "$LAB/est-server.csr" -CA "$LAB/est-ca.pem" -CAkey "$LAB/est-ca.key" \
		-days "$days" -CAcreateserial -extfile "$LAB/est-server.ext" -out "$LAB/est-server.pem" 2>/dev/null
}

lab_libest() {
	[ -x "$BIN/tools/est-libest" ] || {
		echo "lab: there is no $BIN/tools/est-libest: run 'make libest-server'" >&2
		return 1
	}
	[ -s "$LAB/est-server.pem" ] || lab_est_ca || return 1
	LAB_EST_LOGIN=${LAB_EST_LOGIN:-estuser:estpwd}
	(umask 077 && printf '%s\n' "$LAB_EST_LOGIN" >"$LAB/est-login")
	lab_port LAB_EST_PORT
	"$BIN/tools/est-libest" --port "$LAB_EST_PORT" --ca "$LAB/est-ca.pem" --ca-key "$LAB/est-ca.key" \
		--cert "$LAB/est-server.pem" --key "$LAB/est-server.key" --login "$LAB/est-login" "$@" \
		>>"$LAB/log/libest" 2>>"$LAB/log/libest.error" &
	LAB_EST_PID=$!
	LAB_PIDS+=("$LAB_EST_PID")
	LAB_EST=https://127.0.0.1:$LAB_EST_PORT/.well-known/est
	LAB_EST_TRUST=$LAB/est-ca.pem
	export LAB_EST LAB_EST_TRUST LAB_EST_PORT
	lab_wait_port "$LAB_EST_PORT"
}

lab_libest_end() {
	local i
	for i in "${!LAB_PIDS[@]}"; do
		[ "${LAB_PIDS[i]}" != "$LAB_EST_PID" ] || unset "LAB_PIDS[i]"
	done
	kill "$LAB_EST_PID" && wait "$LAB_EST_PID" 2>/dev/null
}

lab_config_est() {
	printf '  - name: %s\n' "$1"
	printf '    %s\n' "protocol: est" "url: $LAB_EST" "${@:2}"
}
