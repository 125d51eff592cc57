#!/usr/bin/env bash
# A host without the OpenSSL provider: libp11 signs, and all of the suite passes. The provider is
# hidden from the agent and its children by OPENSSL_MODULES; nginx names its own by path.
. "$(dirname "$0")/token_suite.sh"
export OPENSSL_MODULES=/nonexistent
SUITE_TYPES=$'ec-p256\nrsa-2048'
token_suite softhsm auto
is "$(printf '%s' "$CAPABILITIES" | jq -r .road)" libp11 "without the provider, 'auto' is libp11"

# Where the configuration insists on the provider, that is said.
lab_begin
lab_kind softhsm || exit 2
LAB_ROAD=provider LAB_POLICY=lab
lab_config
lab_certificate one one.example
lab_tokens >/dev/null || exit 2
ks_is 2 "road: provider without a provider" issue one
like "$OUT" "the OpenSSL provider 'pkcs11' does not load" "is told"
like "$OUT" "install the package pkcs11-provider" "with what to do"
lab_end
done_testing
