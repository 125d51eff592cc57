# shellcheck shell=bash
# lab.sh - real parts in a scratch folder: SoftHSM, Pebble with its DNS, nginx with workers as
# www-data. Sourced by scripts/demo, by scripts/ci-keystay and by the end-to-end tests. All that is
# started is stopped by process id, and nothing outside the folder is written.
#
#   lab_begin            makes $LAB and stops everything at exit
#   lab_token NAME PIN   a PIN file and its path in $LAB/NAME.pin
#   lab_pebble           starts the ACME server; $LAB_ACME is its directory URL, $LAB_TRUST its CA
#   lab_nginx NAME...    writes nginx.conf for these certificates and starts it
#
# Ports are chosen free, all on 127.0.0.1.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BIN=${BIN:-$ROOT/build/release}
KEYSTAY=${KEYSTAY:-$BIN/keystay}
SOFTHSM_MODULE=/usr/lib/softhsm/libsofthsm2.so
export KEYSTAY SOFTHSM_MODULE
LAB_PIDS=() LAB_TLS_ENV=()

# When a process was started, in the kernel's ticks. Fails for one that is gone, also where nobody
# has asked for its exit status.
lab_started() {
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	read -r -a stat <<<"${stat##*) }"
	[ "${stat[0]}" != Z ] && echo "${stat[19]}"
}

lab_end() {
	local pid
	# A reload that is a restart left another one.
	[ ! -s "$LAB/nginx.pid" ] || LAB_PIDS+=("$(cat "$LAB/nginx.pid")")
	for pid in "${LAB_PIDS[@]}"; do
		kill "$pid" 2>/dev/null
	done
	for pid in "${LAB_PIDS[@]}"; do
		for _ in $(seq 50); do
			lab_started "$pid" >/dev/null || break
			sleep 0.1
		done
		# A worker that hangs in its token would stay behind, with the port.
		pkill -9 -P "$pid" 2>/dev/null
		kill -9 "$pid" 2>/dev/null
	done
	LAB_PIDS=()
	# What a test mounted in its own namespace.
	awk -v lab="$LAB/" 'index($2, lab) == 1 { print $2 }' /proc/mounts | sort -r |
		xargs -r -n 1 umount -l
	[ -n "${LAB_KEEP:-}" ] || rm -rf "$LAB"
}

lab_begin() {
	LAB=$(mktemp -d /tmp/keystay-lab-XXXXXX) || exit 2
	trap lab_end EXIT
	trap 'exit 130' INT TERM
	lab_folder
}

# What is in $LAB from the beginning.
lab_folder() {
	chmod 711 "$LAB"
	mkdir -m 755 "$LAB/tokens" "$LAB/log" "$LAB/webroot" "$LAB/webroot/.well-known"
	printf '%s\n' "directories.tokendir = $LAB/tokens" 'objectstore.backend = file' \
		'log.level = ERROR' 'slots.removable = false' >"$LAB/softhsm2.conf"
	export SOFTHSM2_CONF=$LAB/softhsm2.conf
	unset OPENSSL_CONF
	CONFIG=$LAB/keystay.yaml
	export LAB CONFIG
}

# A port on 127.0.0.1 that nobody listens on and that was not handed out before.
LAB_PORTS=" "
lab_port() {
	local port
	while :; do
		port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
		case $LAB_PORTS in
		*" $port "*) ;;
		*) break ;;
		esac
	done
	LAB_PORTS="$LAB_PORTS$port "
	printf -v "$1" %s "$port"
}

# Waits until something listens on a port of 127.0.0.1.
lab_wait_port() {
	for _ in $(seq 150); do
		(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
		sleep 0.1
	done
	echo "lab: nothing listens on port $1" >&2
	return 1
}

lab_pin() {
	(umask 077 && printf '%s\n' "$2" >"$LAB/$1.pin")
}

# A CA and a certificate for 127.0.0.1, for servers of the lab itself (not for what is issued), valid
# for LAB_TLS_DAYS. LAB_TLS_ENV holds words VAR=VALUE for the program that makes them.
lab_tls() {
	local days=${LAB_TLS_DAYS:-30}
	local openssl=(env "${LAB_TLS_ENV[@]}" openssl)
	"${openssl[@]}" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" -subj '/CN=lab' \
		-keyout "$LAB/lab-ca.key" -out "$LAB/lab-ca.pem" \
		-addext 'basicConstraints=critical,CA:TRUE' 2>/dev/null || return 1
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=127.0.0.1' \
		-keyout "$LAB/lab.key" -out "$LAB/lab.csr" 2>/dev/null || return 1
	printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >"$LAB/lab.ext"
	"${openssl[@]}" x509 -req -in "$LAB/lab.csr" -CA "$LAB/lab-ca.pem" -CAkey "$LAB/lab-ca.key" -days "$days" \
		-CAcreateserial -extfile "$LAB/lab.ext" -out "$LAB/lab.pem" 2>/dev/null
}

# Every name resolves to 127.0.0.1; what is issued is valid for LAB_VALIDITY seconds. PEBBLE_* variables of the caller apply.
lab_pebble() {
	local port_acme port_manage port_dns port_dns_manage
	lab_port port_acme
	lab_port port_manage
	lab_port port_dns
	lab_port port_dns_manage
	lab_port LAB_HTTP
	lab_port LAB_HTTPS
	lab_tls || return 1
	cat >"$LAB/pebble.json" <<-JSON
		{"pebble": {
		  "listenAddress": "127.0.0.1:$port_acme",
		  "managementListenAddress": "127.0.0.1:$port_manage",
		  "certificate": "$LAB/lab.pem", "privateKey": "$LAB/lab.key",
		  "httpPort": $LAB_HTTP, "tlsPort": $LAB_HTTPS, "ocspResponderURL": "",
		  "externalAccountBindingRequired": false, "keyAlgorithm": "ecdsa",
		  "retryAfter": {"authz": ${LAB_RETRY_AUTHZ:-3}, "order": ${LAB_RETRY_ORDER:-5}},
		  "profiles": {"default": {"description": "the lab's", "validityPeriod": ${LAB_VALIDITY:-7776000}}}
		}}
	JSON
	"$ROOT/build/pebble/pebble-challtestsrv" -management "127.0.0.1:$port_dns_manage" \
		-dnsserver "127.0.0.1:$port_dns" -defaultIPv4 127.0.0.1 -defaultIPv6 "" \
		-http01 "" -https01 "" -tlsalpn01 "" -doh "" >"$LAB/log/dns" 2>&1 &
	LAB_PIDS+=($!)
	lab_wait_port "$port_dns_manage" || return 1
	LAB_PEBBLE_PORT=$port_acme LAB_PEBBLE_DNS=$port_dns
	lab_pebble_again || return 1
	LAB_ACME=https://127.0.0.1:$port_acme/dir
	LAB_ACME_MANAGE=https://127.0.0.1:$port_manage
	LAB_DNS_MANAGE=http://127.0.0.1:$port_dns_manage
	LAB_TRUST=$LAB/lab-ca.pem
	export LAB_ACME LAB_ACME_MANAGE LAB_DNS_MANAGE LAB_TRUST LAB_HTTP LAB_HTTPS
}

# Starts Pebble at its port: the first time, or anew, when it remembers nothing.
lab_pebble_again() {
	PEBBLE_VA_NOSLEEP=${PEBBLE_VA_NOSLEEP:-1} PEBBLE_WFE_NONCEREJECT=${PEBBLE_WFE_NONCEREJECT:-5} \
		PEBBLE_AUTHZREUSE=${PEBBLE_AUTHZREUSE:-0} "$ROOT/build/pebble/pebble" \
		-config "$LAB/pebble.json" -dnsserver "127.0.0.1:$LAB_PEBBLE_DNS" -strict \
		>>"$LAB/log/pebble" 2>&1 &
	LAB_PIDS+=($!)
	lab_wait_port "$LAB_PEBBLE_PORT"
}

# The root that Pebble issues from (new at each start), on standard output.
lab_pebble_root() {
	perl -MIO::Socket::SSL -e '
		my ($host, $port) = $ARGV[0] =~ m{https://([^:]+):(\d+)} or exit 1;
		my $s = IO::Socket::SSL->new(PeerHost => $host, PeerPort => $port,
			SSL_ca_file => $ARGV[1], SSL_verifycn_scheme => "none") or exit 1;
		print $s "GET $ARGV[2] HTTP/1.0\r\nHost: $host\r\n\r\n";
		local $/; my $r = <$s>; $r =~ s/.*?\r\n\r\n//s; print $r;
	' "$LAB_ACME_MANAGE" "$LAB_TRUST" "${1:-/roots/0}"
}

# The openssl.cnf for servers, from keystay's own answer.
lab_server_openssl() {
	"$KEYSTAY" --config "$CONFIG" server-config nginx "$1" |
		awk '/^# --- for the nginx unit/ { exit } !/^# ---/' >"$LAB/server-openssl.cnf"
}

# A server of nginx: lab_nginx_server "name1 name2" CERTIFICATE KEY
lab_nginx_server() {
	cat <<-CONF
		server {
			listen 127.0.0.1:$LAB_TLS ssl;
			server_name $1;
			ssl_certificate $2;
			ssl_certificate_key $3;
			location / { return 200 "keystay\n"; }
		}
	CONF
}

# nginx on $LAB_TLS: port 80's part shows the webroot; each certificate has its server. A server
# for a certificate that is not there yet is written after the start: the agent's reload takes it.
# LAB_NGINX_USER is nginx's `user`; LAB_NGINX_STYLE=single has one process do everything, for tokens
# that do not survive a fork; KIND_ENV names variables that the token's module needs. More servers
# may stand in $LAB/sites/*.conf.
#   lab_nginx_conf NAME "name1 name2" [NAME "names"]...
lab_nginx_conf() {
	[ -n "${LAB_TLS:-}" ] || lab_port LAB_TLS
	export LAB_TLS
	{
		[ "${LAB_NGINX_STYLE:-workers}" = workers ] || echo 'master_process off; daemon off;'
		[ -z "${KIND_ENV[*]-}" ] || printf 'env %s;\n' "${KIND_ENV[@]}"
		cat <<-CONF
			user ${LAB_NGINX_USER:-www-data};
			worker_processes ${LAB_WORKERS:-2};
			pid $LAB/nginx.pid;
			error_log $LAB/log/nginx.error info;
			env SOFTHSM2_CONF;
			env OPENSSL_CONF;
			worker_shutdown_timeout 5s;
			events { worker_connections 512; }
			http {
				access_log off;
				client_body_temp_path $LAB/nginx-tmp;
				proxy_temp_path $LAB/nginx-tmp;
				fastcgi_temp_path $LAB/nginx-tmp;
				uwsgi_temp_path $LAB/nginx-tmp;
				scgi_temp_path $LAB/nginx-tmp;
				server_names_hash_bucket_size 128;
				server_names_hash_max_size 4096;
				include $LAB/sites/*.conf;
				server {
					listen 127.0.0.1:$LAB_HTTP;
					location /.well-known/acme-challenge/ { root $LAB/webroot; }
				}
		CONF
		while [ $# -gt 0 ]; do
			lab_nginx_server "$2" "$LAB/state/live/$1/fullchain.pem" "$LAB/state/live/$1/key.pem"
			shift 2
		done
		echo '}'
	} >"$LAB/nginx.conf"
}

lab_nginx_start() {
	if [ "${LAB_NGINX_STYLE:-workers}" = workers ]; then
		OPENSSL_CONF=$LAB/server-openssl.cnf nginx -c "$LAB/nginx.conf" -e "$LAB/log/nginx.error" || return 1
		LAB_PIDS+=("$(cat "$LAB/nginx.pid")")
	else
		OPENSSL_CONF=$LAB/server-openssl.cnf nginx -c "$LAB/nginx.conf" -e "$LAB/log/nginx.error" &
		LAB_PIDS+=($!)
	fi
	lab_wait_port "$LAB_HTTP"
}

# Stops nginx at once, and waits until it is gone.
lab_nginx_stop() {
	local pid
	pid=$(cat "$LAB/nginx.pid" 2>/dev/null) || return 0
	kill "$pid" 2>/dev/null
	for _ in $(seq 100); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	pkill -9 -P "$pid" 2>/dev/null
	kill -9 "$pid" 2>/dev/null
}

# The master process as it is now (a test may have restarted it).
lab_nginx_pid() {
	cat "$LAB/nginx.pid"
}

# Writes keystay.yaml: a token "web" for servers, one "agent" for the account key, one authority.
# Certificates are appended by lab_certificate. LAB_TOKENS are the tokens' names, "web" first;
# LAB_GROUP is the group of servers' workers ("" = the token is shared with nobody).
lab_config() {
	{
		lab_config_tokens
		echo authorities:
		lab_config_acme pebble
		echo certificates:
	} >"$CONFIG"
}

# The lines of keystay.yaml about tokens, and the files of their PINs.
lab_config_tokens() {
	local token share="" tokens=${LAB_TOKENS:-web agent}
	[ -z "${LAB_GROUP-www-data}" ] ||
		share="share: {path: ${KIND_SHARE:-$LAB/tokens}, group: ${LAB_GROUP-www-data}}"
	lab_pin web "${LAB_WEB_PIN:-w3b # pin}"
	lab_pin so "${LAB_SO_PIN:-12345678}"
	cat <<-YAML
		state: $LAB/state
		tokens:
		  - name: web
		    module: ${KIND_MODULE:-$SOFTHSM_MODULE}
		    label: ${KIND_LABEL:-web}
		    pin: file:$LAB/web.pin
		    $share
		    road: ${LAB_ROAD:-auto}
		    ${KIND_INIT_ARGS:+init_args: "$KIND_INIT_ARGS"}
	YAML
	for token in ${tokens#web}; do
		lab_pin "$token" "${LAB_AGENT_PIN:-ag3nt pin}"
		echo "  - {name: $token, module: $SOFTHSM_MODULE, label: $token, pin: \"file:$LAB/$token.pin\"}"
	done
}

# Pebble as an authority: its name. The account key is in the last token.
lab_config_acme() {
	local tokens=${LAB_TOKENS:-web agent}
	cat <<-YAML
		  - name: $1
		    protocol: acme
		    url: ${LAB_ACME:-https://127.0.0.1:1/dir}
		    contact: [mailto:ops@example.org]
		    agree_terms: true
		    trust: ${LAB_TRUST:-$LAB/none.pem}
		    account_key: {token: ${tokens##* }, type: ec-p256}
	YAML
}

# lab_certificate NAME "a.example, b.example" [more YAML lines for the certificate]
# LAB_AUTHORITY is the authority, LAB_CHALLENGE how names are proven ("" = there is nothing to prove).
lab_certificate() {
	local challenge=${LAB_CHALLENGE-webroot: $LAB/webroot}
	cat >>"$CONFIG" <<-YAML
		  - name: $1
		    names: [$2]
		    token: web
		    authority: ${LAB_AUTHORITY:-pebble}
		    policy: ${LAB_POLICY:-lab}
		    ${challenge:+challenge: {type: http-01, $challenge\}}
		${3:-}
	YAML
}

# Certificates from here on are proven by the agent's own listener, where Pebble looks.
lab_own_listener() {
	LAB_CHALLENGE="listen: \"127.0.0.1:$LAB_HTTP\""
}

# The install: lines of a certificate on the lab's nginx, for lab_certificate's third argument.
lab_on_nginx() {
	cat <<-YAML
		    install:
		      - target: nginx
		        conf: $LAB/nginx.conf
		        test: [env, OPENSSL_CONF=$LAB/server-openssl.cnf, nginx, -t, -q, -c, $LAB/nginx.conf, -e, $LAB/log/nginx.error]
		        reload: [$LAB/reload-nginx]
		        endpoints: ["127.0.0.1:$LAB_TLS"]
	YAML
}

# A reload by the master's process id, as `nginx -s reload` does it.
lab_reload_script() {
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nexec kill -HUP "$(cat %s/nginx.pid)"\n' "$LAB" >"$LAB/reload-nginx"
	chmod 755 "$LAB/reload-nginx"
}

# With lab_kind "web" is there already.
lab_tokens() {
	local token
	for token in ${LAB_TOKENS:-web agent}; do
		[ "$token" = web ] && [ -n "${KIND_MODULE:-}" ] && continue
		"$KEYSTAY" --config "$CONFIG" token init "$token" --so-pin "file:$LAB/so.pin" || return 1
	done
}
