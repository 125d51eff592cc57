# shellcheck shell=bash disable=SC2154
# Part of scale.t with CERTBOT=1: certbot's own pass over as many lineages, in the same run.
BOT=$LAB/certbot
mkdir -p "$BOT/renewal"
openssl ecparam -genkey -name prime256v1 -noout -out "$LAB/bot-key.pem"
openssl req -x509 -key "$LAB/bot-key.pem" -subj "/CN=c1.example" -addext "subjectAltName=DNS:c1.example" -days 90 -out "$LAB/bot-cert.pem" 2>/dev/null
perl -e 'my ($bot, $n, $key, $cert, $server) = @ARGV;
	mkdir "$bot/$_" for "live", "archive";
	for my $i (1 .. $n) {
		mkdir "$bot/live/c$i";
		mkdir "$bot/archive/c$i";
		for (["cert", $cert], ["chain", $cert], ["fullchain", $cert], ["privkey", $key]) {
			link $_->[1], "$bot/archive/c$i/$_->[0]1.pem" or die $!;
			symlink "../../archive/c$i/$_->[0]1.pem", "$bot/live/c$i/$_->[0].pem";
		}
		open my $f, ">", "$bot/renewal/c$i.conf" or die $!;
		print $f "version = 2.1.0\narchive_dir = $bot/archive/c$i\n",
			map({ "$_ = $bot/live/c$i/$_.pem\n" } "cert", "privkey", "chain", "fullchain"),
			"[renewalparams]\naccount = none\nauthenticator = webroot\nserver = $server\nwebroot_path = $bot,\n[[webroot_map]]\nc$i.example = $bot\n";
	}' "$BOT" "$SCALE" "$LAB/bot-key.pem" "$LAB/bot-cert.pem" "$LAB_ACME"
TIMEFORMAT='%U %S'
bot() {
	{ time certbot renew --non-interactive --config-dir "$BOT" --work-dir "$BOT/work" --logs-dir "$BOT/log" >"$LAB/bot-said" 2>&1; } 2>&1 |
		awk '{ printf "%d\n", ($1 + $2) * 1000 }'
}
bot_times=$(for _ in 1 2 3; do bot; done)
is "$(grep -c 'expires on' "$LAB/bot-said")" "$SCALE" "certbot looks at as many, and finds none due"
bot_median=$(spread <<<"$bot_times" | cut -d' ' -f1)
note "certbot $(certbot --version 2>/dev/null | cut -d' ' -f2): $(spread <<<"$bot_times") ms CPU; $((bot_median / (median + 1))) times as much"
tap "$([ "$bot_median" -gt "$median" ]; echo $?)" "which takes it longer"
