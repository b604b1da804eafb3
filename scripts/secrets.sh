#!/usr/bin/env bash
# Makes the secrets of the compose deployment, in secrets/; what is there already stays as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Nobody else may look into the folder. The files themselves can be read by all, because the users inside the containers,
# to whom each file is given without its folder, are none of this machine's.
[[ -d secrets ]] || mkdir -m 700 secrets

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

make() {
    [[ ! -s secrets/$1 ]] || return 0
    printf '%s\n' "$2" >"secrets/$1"
    chmod 644 "secrets/$1"
    echo "Made secrets/$1"
}

make secret_key "$(random)"
make postgres_password "$(random)"
make database_url "postgres://chat:$(<secrets/postgres_password)@db/chat"
