#!/usr/bin/env bash
# Brings the running deployment to the version that is checked out, without a gap: new web processes start beside the
# old ones, which then take no more questions, have time for their running replies, and end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

docker compose build
mapfile -t old < <(docker compose ps --quiet web)
count=${#old[@]}
((count)) || exec docker compose up -d --wait

# The old processes work with the new tables from here on, until they end.
docker compose run --rm migrate
if ! docker compose up -d --wait --no-recreate --scale web=$((2 * count)) web; then
    echo "The new version does not start: the old one goes on. Its log:" >&2
    mapfile -t new < <(docker compose ps --all --quiet web | grep -vxF "$(printf '%s\n' "${old[@]}")")
    for container in "${new[@]}"; do docker logs --tail 20 "$container" >&2; done
    docker rm --force "${new[@]}" >/dev/null
    exit 1
fi
docker stop "${old[@]}" >/dev/null
docker rm "${old[@]}" >/dev/null
# Whatever else has changed.
docker compose up -d --wait --scale web="$count"
