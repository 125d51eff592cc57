#!/usr/bin/env bash
# Every thing a token must do, on softhsm, by both roads.
. "$(dirname "$0")/token_suite.sh"
token_suite softhsm provider
token_suite softhsm-fork libp11
done_testing
