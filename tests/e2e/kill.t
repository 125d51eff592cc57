#!/usr/bin/env bash
# kill -9 at the system calls of one renewal over ACME.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/kills.sh"
LAB_RETRY_AUTHZ=1 LAB_RETRY_ORDER=1
export PEBBLE_WFE_NONCEREJECT=0
lab_usual
ks_is 0 "the first certificate" issue payments
kills
done_testing
