#!/usr/bin/env bash
# Sets up and runs the whole chat on one machine; Ctrl-C stops everything.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/settings.sh
port=${PORT:-8000}
model_log=data/model.log
web='' model=''

# Is a local port in use?
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Does a port answer a path with 200? (without curl, which may not be installed)
answers() {
    local line
    exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3 &&
        IFS= read -r -t 5 line <&3 && [[ $line == *' 200 '* ]]
} 2>/dev/null

# Wait until a path answers; fail if the process ends. $1: process, $2: port, $3: path
wait_for() {
    until (answers "$2" "$3"); do
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.2
    done
}

# Stop the web server first, so that it can tell its readers how their replies ended.
end_all() {
    trap '' INT TERM HUP # once is enough
    for process in $web $model; do
        kill -TERM "$process" 2>/dev/null || continue
        wait "$process" || true
    done
}
trap end_all EXIT
trap 'echo; echo "Stopping"; exit 130' INT
trap 'exit 143' TERM HUP

if taken "$port"; then
    echo "Port $port is in use by another program. Choose another port: PORT=$((port + 1)) make run" >&2
    exit 1
fi

demo=
is_set LLM_BASE_URL || demo=yes
scripts/venv.sh requirements.txt ${demo:+requirements-model.txt}

mkdir -p data
if ! is_set SECRET_KEY; then
    export SECRET_KEY_FILE=data/secret_key
    if [[ ! -s $SECRET_KEY_FILE ]]; then
        echo "Creating a secret key in $SECRET_KEY_FILE"
        (umask 077 && .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(50))' >"$SECRET_KEY_FILE")
    fi
fi

if [[ -n $demo ]]; then
    model_port=$(.venv/bin/python -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export LLM_BASE_URL="http://127.0.0.1:$model_port/v1" LLM_DEMO=1
    echo "LLM_BASE_URL is not set: starting the small demonstration model at $LLM_BASE_URL (log: $model_log)"
    .venv/bin/python manage.py serve_model --port "$model_port" >"$model_log" 2>&1 &
    model=$!
fi

echo "Migrating the database"
.venv/bin/python manage.py migrate --verbosity 0
# Compressing the static files takes seconds, so do it only if something has changed since their manifest was written.
if [[ -n $(find static requirements.txt -cnewer staticfiles/staticfiles.json 2>&1) ]]; then
    echo "Collecting the static files"
    .venv/bin/python manage.py collectstatic --no-input --verbosity 0
fi

if [[ -n $model ]]; then
    echo "Waiting for the model"
    if ! wait_for "$model" "$model_port" /health; then
        echo "The model did not start. The last lines of $model_log:" >&2
        tail -n 20 "$model_log" >&2
        exit 1
    fi
fi

echo "Starting the web server"
.venv/bin/python manage.py serve --host 127.0.0.1 --port "$port" &
web=$!
if wait_for "$web" "$port" /healthz; then
    echo "The chat is at http://127.0.0.1:$port/ (Ctrl-C stops it)"
fi
code=0
wait "$web" || code=$?
web=
exit "$code"
