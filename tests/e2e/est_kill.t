#!/usr/bin/env bash
# kill -9 at the system calls of one renewal over EST, by the certificate that is renewed; the server
# lets each request wait for a second.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
. "$ROOT/scripts/lab-est.sh"
. "$(dirname "$0")/est.sh"
. "$(dirname "$0")/kills.sh"
POINTS=${KILL_POINTS:-12}
est_begin
lab_port LAB_HTTP
lab_port LAB_TLS
lab_reload_script
printf 'estuser:estpwd\n' >"$LAB/users"
est_own --users "$LAB/users" --clients "$LAB/est-ca.pem" --pending 1 --retry-after 1
est_config "${LOGIN[@]}"
sed -i "s,^    road: auto,    road: auto\n    share: {path: $LAB/tokens\, group: www-data}," "$CONFIG"
est_certificate payments payments.example "install: [{target: nginx, conf: $LAB/nginx.conf, test: [\"true\"], reload: [$LAB/reload-nginx], endpoints: [\"127.0.0.1:$LAB_TLS\"]}]"
lab_tokens >/dev/null || exit 2
lab_nginx_conf
lab_server_openssl payments
lab_nginx_start || exit 2
lab_nginx_conf payments payments.example
ks_is 0 "the first certificate" issue payments
kills
is "$(grep -c 'simplereenroll auth=cert' "$LAB/log/own")" "$(grep -c ' /.*simple.*enroll' "$LAB/log/own" | awk '{ print $1 - 2 }')" "all were renewed by certificate but the first"
done_testing
