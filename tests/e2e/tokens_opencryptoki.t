#!/usr/bin/env bash
# Every thing a token must do, on opencryptoki, by both roads.
. "$(dirname "$0")/token_suite.sh"
token_suite opencryptoki provider
token_suite opencryptoki libp11
done_testing
