#!/usr/bin/env bash
# Every thing a token must do, on softhsm, by both roads.
. "$(dirname "$0")/token_suite.sh"
token_suite softhsm provider
token_suite softhsm-fork libp11
SUITE_TYPES=$'ec-p256\nrsa-2048'
token_suite softhsm-fork provider
done_testing
