#!/usr/bin/env bash
# Every thing a token must do, on nss, by both roads.
. "$(dirname "$0")/token_suite.sh"
token_suite nss provider
token_suite nss libp11
done_testing
