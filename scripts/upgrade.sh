#!/usr/bin/env bash
# Brings the running deployment to the version that is checked out, without a gap: new web processes start beside the
# old ones, which then take no more questions, have time for running replies, and end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

docker compose build
mapfile -t old < <(docker compose ps --quiet web)
count=${#old[@]}
((count)) || exec docker compose up -d --wait

# The old processes go on while this changes the tables, and until they end.
docker compose run --rm migrate
docker compose up -d --wait --no-deps --no-recreate --scale web=$((2 * count)) web
docker stop "${old[@]}" >/dev/null
docker rm "${old[@]}" >/dev/null
# All that has changed besides.
docker compose up -d --wait --scale web="$count"
