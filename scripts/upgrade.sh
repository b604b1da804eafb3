#!/usr/bin/env bash
# Upgrades the running deployment to the version that is checked out, without downtime: new web processes start beside
# the old ones, which then take no more questions, get time to finish their running replies, and stop.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

docker compose build
mapfile -t old < <(docker compose ps --quiet web)
count=${#old[@]}
((count)) || exec docker compose up -d --wait

# First upgrade what the web processes depend on, and the tables: Docker also recreates whatever depends on a recreated
# container.
mapfile -t others < <(docker compose config --services | grep -vxE 'web|caddy')
docker compose up -d "${others[@]}"
if ! docker compose up -d --wait --no-recreate --scale web=$((2 * count)) web; then
    echo "The new version does not start; the old one keeps running." >&2
    mapfile -t new < <(docker compose ps --all --quiet web | grep -vxF "$(printf '%s\n' "${old[@]}")")
    docker compose logs --tail 20 migrate >&2
    for container in "${new[@]}"; do docker logs --tail 20 "$container" >&2; done
    ((${#new[@]} == 0)) || docker rm --force "${new[@]}" >/dev/null
    exit 1
fi
docker stop "${old[@]}" >/dev/null
# Docker deletes a container's log with it.
mkdir -p -m 700 logs
for container in "${old[@]}"; do
    docker logs --timestamps "$container" >"logs/$(date -u +%Y-%m-%dT%H-%M-%S)-${container:0:12}.log" 2>&1
done
docker rm "${old[@]}" >/dev/null
# Nobody can connect while a changed Caddy is replaced, so it waits for no other container.
docker compose up -d --wait --no-deps caddy
