#!/usr/bin/env bash
# A large estate of which nothing is due: what a pass of `renew --due` costs, and what the daemon
# keeps in memory. SCALE certificates (1,000 in `make test`; `make proof-scale` takes 10,000 and
# certbot's own pass over as many beside it). One certificate is real; the others are its files, and
# rows of the database with keys of their own in the ledger.
. "$(dirname "$0")/tap.sh"
SCALE=${SCALE:-1000}
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
STATE=$LAB/state DB=$LAB/state/keystay.db
ks_is 0 "one real certificate" issue payments

# The estate: an entry each in the configuration, files, rows.
{
	echo "certificates:"
	for i in $(seq "$SCALE"); do
		echo "  - {name: c$i, names: [c$i.example, www.c$i.example], token: web, authority: pebble, policy: web-public, challenge: {type: http-01, webroot: $LAB/webroot}}"
	done
} >"$LAB/certificates.yaml"
mkdir -p "$LAB/certificates.d" && mv "$LAB/certificates.yaml" "$LAB/certificates.d/many.yaml"
perl -e 'my ($state, $n) = @ARGV;
	my @files = map { s{.*/}{}r } glob "$state/versions/payments/0001/*";
	for my $i (1 .. $n) {
		mkdir "$state/versions/c$i";
		mkdir "$state/versions/c$i/0001";
		link "$state/versions/payments/0001/$_", "$state/versions/c$i/0001/$_" or die $! for @files;
		symlink "../versions/c$i/0001", "$state/live/c$i" or die $!;
	}' "$STATE" "$SCALE"
"$BIN/tools/db-run" "$DB" "
	CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $SCALE)
		SELECT i, lower(hex(randomblob(16))) AS id, lower(hex(randomblob(32))) AS hash, '04' || lower(hex(randomblob(64))) AS raw FROM n;
	INSERT INTO key (id, label, token, type, purpose, owner, state, public_hash, uri, evidence, created_at, state_at)
		SELECT n.id, 'c' || i || '-2026-11-22-' || substr(n.id, 1, 8), 'web', 'ec-p256', 'certificate', 'c' || i, 'active', hash, 'pkcs11:id=%00', '{}', unixepoch(), unixepoch() FROM n;
	INSERT INTO certificate (name, live_version, last_version, renew_at, renew_reason) SELECT 'c' || i, 1, 1, 0, '' FROM n;
	INSERT INTO version (certificate, number, key_type, key_id, authority, serial, issuer, not_before, not_after, fingerprint, anchored, installed_at, ari_id, account)
		SELECT 'c' || i, 1, 'ec-p256', n.id, 'pebble', v.serial, v.issuer, v.not_before, v.not_after, v.fingerprint, 0, unixepoch(), 'a' || i, v.account FROM n, version AS v WHERE v.certificate = 'payments';
	INSERT INTO renewal_info (ari_id, authority, window_start, window_end, chosen_at, ask_at)
		SELECT 'a' || i, 'pebble', unixepoch() + 4000000, unixepoch() + 4100000, unixepoch() + 4050000 + i, unixepoch() + 20000 FROM n;
	INSERT INTO use_count (public_hash, rsa, raw, params, label, serial, counts, last_use, alarmed_hour, token_count, token_ahead, token_hard, closed, at)
		SELECT hash, 0, raw, '06082a8648ce3d030107', 'c' || i, '', '{\"uses\": 1}', unixepoch(), 0, -1, 0, 0, 0, unixepoch() FROM n;
	INSERT OR REPLACE INTO memory (word, value) VALUES ('token:web', unixepoch()), ('token:agent', unixepoch())"
# The first pass gives the keys their places in the ledger, and asks for the real one's window.
ks_is 0 "the first pass" renew --due
ks_is 0 "the second" renew --due
like "$OUT" "^nothing to do; next: [a-z0-9]+ at 20" "finds nothing to do, and says what comes next"

# cost COMMAND...: CPU milliseconds (user and system) and the most of RssAnon in KiB.
cost() {
	local most=0 now pid
	"$@" >/dev/null 2>&1 &
	pid=$!
	while now=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
		[ "$now" -gt "$most" ] && most=$now
		sleep 0.005
	done
	wait "$pid"
	echo "$most"
}
cpu() {
	local TIMEFORMAT='%U %S'
	{ time "$@" >/dev/null 2>&1; } 2>&1 | awk '{ printf "%d\n", ($1 + $2) * 1000 }'
}
spread() { sort -n | awk '{ v[NR] = $1 } END { printf "%d [%d-%d]", v[int((NR + 1) / 2)], v[1], v[NR] }'; }

times=$(for _ in 1 2 3 4 5; do cpu "$KEYSTAY" --config "$CONFIG" renew --due; done)
anon=$(for _ in 1 2 3; do cost "$KEYSTAY" --config "$CONFIG" renew --due; done)
requests=$(strace -f -qq -e trace=connect "$KEYSTAY" --config "$CONFIG" renew --due 2>&1 | grep -c 'AF_INET')
note "$SCALE certificates, none due: $(spread <<<"$times") ms CPU, at most $(spread <<<"$anon") KiB RssAnon, $requests requests"
is "$requests" 0 "no request is made"
median=$(spread <<<"$times" | cut -d" " -f1) most=$(sort -n <<<"$anon" | tail -n 1)
# The budget is for 10,000: 1 s CPU on a machine of its own and 15 MiB. A busy one takes longer.
tap "$([ "$most" -lt $((15 * 1024)) ]; echo $?)" "under 15 MiB of memory of its own"

# The daemon, idle.
"$KEYSTAY" --config "$CONFIG" run >"$LAB/agent" 2>&1 &
agent=$!
LAB_PIDS+=("$agent")
for _ in $(seq 600); do
	[ "$(awk '{ print $3 }' "/proc/$agent/stat")" = S ] && grep -q do_sys_poll "/proc/$agent/wchan" && break
	sleep 0.1
done
sleep 2
ticks() { awk '{ print $14 + $15 }' "/proc/$agent/stat"; }
before=$(ticks)
sleep 5
idle=$(($(ticks) - before))
rss=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$agent/status")
note "the daemon with $SCALE certificates, idle: $rss KiB RssAnon, $idle ticks of CPU in 5 s"
is "$idle" 0 "the daemon takes no CPU"
tap "$([ "$rss" -lt $((${RSS_MAX:-15} * 1024)) ]; echo $?)" "and has under ${RSS_MAX:-15} MiB of memory of its own"
kill "$agent"
wait "$agent"
is $? 0 "it ends when it is told to"
[ -z "${CERTBOT:-}" ] || . "$(dirname "$0")/scale_certbot.sh"
done_testing
