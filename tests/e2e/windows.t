#!/usr/bin/env bash
# Renewal windows (RFC 9773) by the daemon: asked for when their time has come and no sooner, one
# moment chosen in each and kept; moved windows, windows that are over, and answers that are none;
# which certificate an order replaces.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/daemon.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
export PEBBLE_WFE_NONCEREJECT=0
DAY=86400
lab_begin
lab_pebble || exit 2
lab_port HOSTILE
: >"$LAB/rules"
"$ROOT/tests/doubles/hostile-ca" "$HOSTILE" "$LAB_PEBBLE_PORT" "$LAB/lab.pem" "$LAB/lab.key" "$LAB_TRUST" \
	"$LAB/rules" >"$LAB/log/requests" 2>"$LAB/log/hostile" &
LAB_PIDS+=($!)
lab_wait_port "$HOSTILE"
LAB_ACME=https://127.0.0.1:$HOSTILE/dir
lab_config
agent_alerts
lab_certificate payments payments.example
lab_tokens >/dev/null || exit 2
lab_nginx_conf
OPENSSL_CONF=/dev/null lab_nginx_start || exit 2

asked() { grep -c '^GET .*/renewalInfo/' "$LAB/log/requests"; }
rule() {
	printf '%s\n' "$@" >"$LAB/rules.new"
	mv "$LAB/rules.new" "$LAB/rules"
}
column() { db "SELECT $1 FROM renewal_info"; }
# The daemon has a pass.
look() {
	agent_mark
	agent_wake
	agent_heard '^STATUS=1 certificates; next: '
}
# Its time has come to be asked for.
ask() {
	db "UPDATE renewal_info SET ask_at = 0"
	look
}
# A problem document, for the rules that send one.
problem() { printf '{"type": "urn:ietf:params:acme:error:%s", "detail": "%s"}' "$1" "$2" >"$LAB/problem"; }
moment() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
# A window of seconds from now, as an answer in a file.
window() {
	local now
	now=$(date +%s)
	printf '{"suggestedWindow": {"start": "%s", "end": "%s"}, "explanationURL": "%s"}' \
		"$(moment $((now + $1)))" "$(moment $((now + $2)))" "${3:-}" >"$LAB/window"
}
# ask_at is so many seconds from now, give or take a slow machine: in LEAST MOST NAME
in_seconds() {
	local left=$(($(column ask_at) - $(date +%s)))
	tap "$([ $left -ge "$1" ] && [ $left -le "$2" ]; echo $?)" "$3 ($left s)"
}

agent_start
wait_for '[ "$(column chosen_at)" -gt 0 ] 2>/dev/null'
chosen=$(column chosen_at)
is "$(column "chosen_at BETWEEN window_start AND window_end")" 1 "a moment of the authority's window is chosen"
look && look && look
is "$(asked) $(column chosen_at)" "1 $chosen" "three passes later it was asked for once, and the moment is the same"
in_seconds 21000 21601 "it is asked for again when the authority said so"
like "$(agent_says | grep next:)" "next: payments at $(moment "$(column chosen_at)")|share of lifetime" "the status knows"

# --- what is no window leaves that of before
kept() {
	local was
	was=$(asked)
	ask
	is "$(($(asked) - was)) $(column chosen_at)" "1 $chosen" "$1: that of before stays"
	look
	is "$(($(asked) - was))" 1 "$1: it is not asked for again at once"
}
window $((20 * DAY)) $((19 * DAY))
rule "renewalInfo/ json 100 $LAB/window"
kept "an end before its start"
rule "renewalInfo/ html"
kept "an HTML page"
rule "renewalInfo/ huge"
kept "300 MiB"
rule "renewalInfo/ status 500 /dev/null"
kept "a fault of the server"
rule "renewalInfo/ busy 200000"
kept "told to come back in more than two days"
in_seconds 80000 86401 "told to come back in more than two days: tomorrow"
mv "$LAB_TRUST" "$LAB_TRUST.away"
was=$(asked)
ask
sleep 2
is "$(grep -c "warning: .*lab-ca.pem" "$LAB/log/agent") $(($(asked) - was))" "1 0" "a trust file that is gone: one try, and no storm"
mv "$LAB_TRUST.away" "$LAB_TRUST"

# --- how soon, how late
window $((40 * DAY)) $((41 * DAY))
rule "renewalInfo/ json 7 $LAB/window"
ask
in_seconds 30 60 "Retry-After 7: not within a minute"
rule "renewalInfo/ json 999999 $LAB/window"
ask
in_seconds 80000 86400 "Retry-After 999999: within a day"
is "$(journaled payments renewal-window)" 1 "a window that was moved is journaled"

# --- moved, with the reason for people
window $((20 * DAY)) $((21 * DAY)) https://ca.example/why
rule "renewalInfo/ json 21600 $LAB/window"
ask
is "$(column "chosen_at BETWEEN window_start AND window_end AND window_start > $(($(date +%s) + 19 * DAY))")" 1 "moved: another moment, in it"
like "$(db "SELECT text FROM journal WHERE kind = 'renewal-window' ORDER BY rowid DESC LIMIT 1")" "authority 'pebble' wants it renewed between .* and .*: https://ca.example/why" "journaled with the authority's explanation"
chosen=$(column chosen_at)
ask
is "$(column chosen_at) $(journaled payments renewal-window)" "$chosen 2" "the same window again: the same moment, no news"

# --- over (S12), by Pebble's own word
older() { db "UPDATE version SET installed_at = installed_at - $DAY"; }
rule ""
older
window -7200 -3600 https://ca.example/incident
jq -n --rawfile pem "$LAB/state/live/payments/cert.pem" --rawfile answer "$LAB/window" '{Certificate: $pem, ARIResponse: $answer}' >"$LAB/set.json"
perl -MIO::Socket::SSL -e '
	my ($port) = $ARGV[0] =~ /:(\d+)$/; local $/; open my $f, "<", $ARGV[2]; my $body = <$f>;
	my $s = IO::Socket::SSL->new(PeerHost => "127.0.0.1", PeerPort => $port, SSL_ca_file => $ARGV[1], SSL_verifycn_scheme => "none") or die;
	print $s "POST /set-renewal-info/ HTTP/1.0\r\nUser-Agent: test\r\nContent-Length: " . length($body) . "\r\n\r\n$body"; print scalar <$s>;
' "$LAB_ACME_MANAGE" "$LAB_TRUST" "$LAB/set.json" >"$LAB/set.answer"
like "$(cat "$LAB/set.answer")" ' 200 ' "Pebble is told that the window is over"
replaced=$(db "SELECT ari_id FROM version WHERE number = 1")
ask
wait_for '[ "$(journaled payments renewed)" = 1 ]'
like "$(db "SELECT text FROM journal WHERE kind = 'renewed'")" 'due: renewal window of the authority' "it is renewed for that reason"
like "$(db "SELECT text FROM journal WHERE kind = 'renewal-window' ORDER BY rowid DESC LIMIT 1")" 'https://ca.example/incident' "which is journaled"
is "$(grep '^POST /order-plz' "$LAB/log/requests" | tail -n 1 | sed 's/^[^{]*//' | jq -r .replaces)" "$replaced" "the order says which certificate it replaces"

# --- replaced already: an order that was finalized, whose certificate was lost
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=other' -keyout "$LAB/other.key" -out "$LAB/other.pem" 2>/dev/null
agent_heard '^STATUS=1 certificates; next: '
rule "^/certZ/ file $LAB/other.pem"
agent_mark
make_due payments
agent_heard 'is tried again'
rule ""
before=$(grep -c '^POST /order-plz' "$LAB/log/requests")
unpark
wait_for '[ "$(journaled payments renewed)" = 2 ]'
is "$(journaled payments renewed)" 2 "another order for a certificate that is replaced already: it succeeds"
is "$(grep '^POST /order-plz' "$LAB/log/requests" | tail -n +$((before + 1)) | sed 's/^[^{]*//' | jq -r 'has("replaces")' | tr '\n' ' ')" "true false " "the second time without 'replaces'"

# --- an authority that only talks nonsense does not let it lapse
wait_for '[ "$(db "SELECT count(*) FROM renewal_info WHERE chosen_at > 0 AND ari_id = (SELECT ari_id FROM version ORDER BY number DESC LIMIT 1)")" = 1 ]'
agent_heard '^STATUS=1 certificates; next: '
rule "renewalInfo/ html"
db "UPDATE version SET not_before = not_before - 85 * $DAY, not_after = not_after - 85 * $DAY, installed_at = installed_at - 85 * $DAY"
db "UPDATE renewal_info SET window_start = window_start + 90 * $DAY, window_end = window_end + 90 * $DAY, chosen_at = chosen_at + 90 * $DAY"
ask
wait_for '[ "$(journaled payments renewed)" = 3 ]'
like "$(db "SELECT text FROM journal WHERE kind = 'renewed' ORDER BY rowid DESC LIMIT 1")" 'due: share of lifetime' "without a window that can be: by the share of its lifetime"
agent_stop
is "$STATUS" 0 "it ends"

# --- a fault of the server about 'replaces' (Pebble has one for an order it has not noted)
problem serverInternal 'could not find order resulting in the given certificate serial number'
rule "order-plz.*replaces status 500 $LAB/problem"
before=$(grep -c '^POST /order-plz' "$LAB/log/requests")
ks_is 0 "a server that fails at every 'replaces'" renew payments --force
is "$(grep '^POST /order-plz' "$LAB/log/requests" | tail -n +$((before + 1)) | sed 's/^[^{]*//' | jq -r 'has("replaces")' | tr '\n' ' ')" "true false " "the second time without"
rule ""
done_testing
