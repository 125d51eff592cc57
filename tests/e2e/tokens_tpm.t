#!/usr/bin/env bash
# Every thing a token must do, on tpm, by both roads.
. "$(dirname "$0")/token_suite.sh"
token_suite tpm provider
token_suite tpm libp11
done_testing
