#!/usr/bin/env bash
# Every key type for certificates and accounts; two certificates in one live set; the files target.
. "$(dirname "$0")/tap.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
lab_usual
for type in ec-p256 ec-p384 rsa-2048 rsa-3072; do
	name=all-$type
	lab_certificate "$name" "$type.example" "    keys: [$type]"
	ks_is 0 "issue with $type" issue "$name"
	tap "$(live_pair_whole "$name"; echo $?)" "$type: the pair is whole"
done
lab_certificate two "two.example" "$(printf '    keys: [ec-p256, rsa-2048]\n    install:\n      - target: files\n        paths: {fullchain: %s, key: %s}\n        group: www-data\n        mode: 0640\n        reload: [touch, %s]\n' "$LAB/out.pem" "$LAB/out.key" "$LAB/reloaded")"
ks_is 0 "issue with two key types" issue two
for f in cert chain fullchain key combined cert.rsa-2048 fullchain.rsa-2048 key.rsa-2048; do
	tap "$([ -s "$LAB/state/live/two/$f.pem" ]; echo $?)" "live/two/$f.pem is there"
done
is "$(stat -c '%a %G' "$LAB/out.key")" "640 www-data" "the files target set mode and group"
tap "$(cmp -s "$LAB/out.pem" "$LAB/state/live/two/fullchain.pem"; echo $?)" "and copied the chain"
tap "$([ -e "$LAB/reloaded" ]; echo $?)" "and ran its reload"

# Accounts with every type of key.
for type in ec-p384 rsa-2048; do
	export type
	perl -pi -e 's/type: .*\}/type: $ENV{type}}/ if /account_key/; s/- name: (pebble|acct-\S+)/- name: acct-$ENV{type}/' "$CONFIG"
	lab_certificate "by-$type" "by-$type.example" ""
	perl -pi -e 's/authority: \S+/authority: acct-$ENV{type}/' "$CONFIG"
	ks_is 0 "issue with an $type account key" issue "by-$type"
done
done_testing
