#!/usr/bin/env bash
# Runs the test suite, or only what the arguments name:  scripts/test.sh tests/test_sse.py -k cursor
# With QUICK=1, runs the tests that need no browser, no services and no process of their own, on several cores.
# With SERVICES=1, runs the tests that use the database on a PostgreSQL and a Redis started for them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# If no test may be skipped, the model is tested too.
scripts/venv.sh requirements-dev.txt ${REQUIRE_SERVICES:+requirements-model.txt}
pytest() { .venv/bin/python -m ${SERVICES:+tests.support.with_services} pytest "$@"; }

# Run tests in the background, and keep their output for the end.
beside() { pytest -m "$1" >"$logs/$1" 2>&1 & }

if [[ $# -gt 0 ]]; then
    pytest "$@"
elif [[ -n ${QUICK:-} ]]; then
    pytest -m "not browser and not services and not process" --numprocesses auto --maxprocesses 4 --dist worksteal
elif [[ -n ${SERVICES:-} ]]; then
    # The rest of the suite starts its own servers, or uses its own SQLite file.
    pytest -m "not browser and not services"
else
    logs=$(mktemp -d)
    trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$logs"' EXIT
    # Tests with several servers mostly wait, and the browser's driver runs an event loop in the tests' thread.
    beside services
    servers=$!
    beside browser
    browser=$!
    status=0
    pytest -m "not browser and not services" || status=$?
    wait "$servers" || status=$?
    wait "$browser" || status=$?
    tail -n +1 "$logs"/*
    exit "$status"
fi
