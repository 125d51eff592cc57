# shellcheck shell=bash
# estate.sh - the council's 72 certificates (tests/estate/72.csv) on the servers of the lab: Pebble is
# "public", libest "internal", people with `openssl ca` are "portal", and one nginx shows them all. Sourced behind tap.sh and
# scripts/lab-est.sh; scripts/lab-portal.sh is for the portal.
#
#   estate_rows            the rows, a line each, with '|' between the columns
#   estate_each COMMAND... calls it with the columns of each row
#   estate_begin           the lab, both authorities, the tokens, keystay.yaml without certificates
#   estate_old             what is there before keystay: $LAB/old/NAME.pem and NAME.key, from a CA of
#                          its own ($LAB/old/ca.pem), with as many days left as the list says
#   estate_list FILE       the list as it is read today: dates moved to where they are from ESTATE_DAY,
#                          every endpoint the lab's nginx
#   estate_site NAME "a.example b.example" CERTIFICATE KEY   nginx shows this one, after a reload
#   estate_nginx           starts it, with old certificates for all
#   estate_install NAME    nginx as a target: these lines of its drop-in are a person's

ESTATE=$ROOT/tests/estate/72.csv
# The list says until when; it is read as if it were this day.
ESTATE_DAY=2026-12-01

estate_rows() {
	tail -n +2 "${1:-$ESTATE}" | perl -ne '
		s/\r?\n//;
		my @row;
		while (/\G(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/g) {
			push @row, ($1 // $2) =~ s/""/"/gr;
			last if $3 eq "";
		}
		print join("|", @row), "\n"'
}

estate_each() {
	local line row
	while read -r line; do
		IFS='|' read -r -a row <<<"$line|"
		"$@" "${row[@]}" || return 1
	done < <(estate_rows)
}

estate_list() {
	# shellcheck disable=SC2016
	MOVED=$(($(date +%s) / 86400 - $(date -ud "$ESTATE_DAY" +%s) / 86400)) PLACE=127.0.0.1:$LAB_TLS perl -MTime::Local -MPOSIX -pe '
		s/(?:[a-z0-9.-]+:443 ?)+/$ENV{PLACE}/;
		s/\b(\d{4})-(\d\d)-(\d\d)\b/strftime("%F", gmtime(timegm(0, 0, 0, $3, $2 - 1, $1) + 86400 * $ENV{MOVED}))/e' \
		"$ESTATE" >"$1"
}

estate_begin() {
	lab_begin
	LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
	LAB_TLS_DAYS=397
	lab_port LAB_TLS
	lab_pebble || exit 2
	lab_libest --valid 7776000 || exit 2
	(umask 077 && echo "${LAB_EST_LOGIN#*:}" >"$LAB/est.password")
	mkdir "$LAB/certificates.d" "$LAB/sites" "$LAB/old"
	{
		lab_config_tokens
		echo authorities:
		lab_config_acme public
		lab_config_est internal "trust: $LAB_EST_TRUST" "username: ${LAB_EST_LOGIN%:*}" \
			"password: file:$LAB/est.password"
		echo "  - {name: portal, protocol: manual, url: https://portal.example/orders}"
		echo certificates:
	} >"$CONFIG"
	lab_tokens >/dev/null || exit 2
}

# One certificate of before. Its key is a file, as it was then.
estate_old_one() {
	local name=$1 names=$2 subject=$3 key=$8 days
	days=$((($(date -ud "$9" +%s) - $(date -ud "$ESTATE_DAY" +%s)) / 86400))
	case $key in
	ec-*) key="ec -pkeyopt ec_paramgen_curve:P-256" ;;
	rsa-*) key="rsa:${key#rsa-}" ;;
	esac
	[ -z "$subject" ] || subject="/${subject//,//}"
	# shellcheck disable=SC2086
	openssl req -x509 -CA "$LAB/old/ca.pem" -CAkey "$LAB/old/ca.key" -newkey $key -nodes -days "$days" \
		-subj "${subject:-/}" -addext "subjectAltName=DNS:${names// /,DNS:}" -addext extendedKeyUsage=serverAuth \
		-addext basicConstraints=CA:FALSE -out "$LAB/old/$name.pem" -keyout "$LAB/old/$name.key" 2>>"$LAB/log/old"
}

estate_old() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1000 -subj '/O=Northbridge Council/CN=Old CA' \
		-addext basicConstraints=critical,CA:TRUE -keyout "$LAB/old/ca.key" -out "$LAB/old/ca.pem" 2>>"$LAB/log/old" &&
		estate_each estate_old_one
}

estate_site() {
	lab_nginx_server "${@:2}" >"$LAB/sites/$1.conf"
}

estate_site_old() { estate_site "$1" "$2" "$LAB/old/$1.pem" "$LAB/old/$1.key"; }
estate_site_live() { estate_site "$1" "$2" "$LAB/state/live/$1/fullchain.pem" "$LAB/state/live/$1/key.pem"; }

# Servers sign in the token from the beginning; what they show then needs no token.
estate_nginx() {
	lab_reload_script
	estate_each estate_site_old
	lab_nginx_conf
	lab_server_openssl "$1" && lab_nginx_start
}

estate_install() {
	lab_on_nginx >>"$LAB/certificates.d/$1.yaml"
}
