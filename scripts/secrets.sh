#!/usr/bin/env bash
# Creates the secrets of the compose deployment in secrets/, and keeps those that exist already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Only its owner may look into the folder. The files themselves are readable by all: they are mounted into containers
# one by one, and the users there don't exist on this machine.
[[ -d secrets ]] || mkdir -m 700 secrets

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

make() {
    [[ ! -s secrets/$1 ]] || return 0
    printf '%s\n' "$2" >"secrets/$1"
    chmod 644 "secrets/$1"
    echo "Created secrets/$1"
}

make secret_key "$(random)"
make postgres_password "$(random)"
make database_url "postgres://chat:$(<secrets/postgres_password)@db/chat"
