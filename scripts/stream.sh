#!/usr/bin/env bash
# Asks the model server with nothing but curl, and prints the text as it arrives.
#   scripts/stream.sh [--raw] "question"
# Without jq, or with --raw, it prints the lines of the stream unchanged.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/settings.sh

fail() { echo "stream.sh: $*" >&2; exit 1; }

# Escape a text for a JSON string (which also suits the quoted strings of a curl config).
escaped() {
    local LC_ALL=C text=$1 code char
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    for code in {1..31}; do
        printf -v char '%b' "\\x$(printf '%02x' "$code")"
        [[ $text == *"$char"* ]] && text=${text//"$char"/"\\u$(printf '%04x' "$code")"}
    done
    printf '%s' "$text"
}

# Pass the key and the question through a pipe: command lines are visible to every user of the machine.
request() { # URL [JSON body]
    {
        if [[ -n $key ]]; then printf 'header = "Authorization: Bearer %s"\n' "$(escaped "$key")"; fi
        if [[ $# -gt 1 ]]; then printf 'data-binary = "%s"\n' "$(escaped "$2")"; fi
    } | curl -q --config - --silent --show-error --no-buffer --connect-timeout 5 --include --suppress-connect-headers \
        -H 'Accept: text/event-stream' -H 'Content-Type: application/json' -H 'Expect:' "$1"
}

# Pass the body to a command if the status is 200.
body() {
    local status line
    read -r _ status _ || exit 1 # curl has printed the reason
    while IFS= read -r line && [[ -n ${line%$'\r'} ]]; do :; done
    [[ ${status%$'\r'} == 200 ]] || fail "the server answered ${status%$'\r'}: $(cat)"
    "$@"
}

# Print the JSON of each event.
events() {
    local line seen=
    while IFS= read -r line || [[ -n $line ]]; do
        [[ $line == data:* ]] || continue
        line=${line#data:} line=${line%$'\r'} seen=yes
        [[ ${line# } == '[DONE]' ]] || printf '%s\n' "$line"
    done
    [[ -n $seen ]] || fail "the answer is not an event stream"
}

answer_text() {
    jq --unbuffered --raw-output --join-output '
        if .error then "\nstream.sh: the server reported an error: \(.error.message? // .error)\n" | halt_error(1)
        else .choices[]?.delta?.content? // empty | strings end'
}

raw=
if [[ ${1-} == --raw ]]; then raw=yes; shift; fi
[[ $# == 1 && -n $1 ]] || fail 'usage: scripts/stream.sh [--raw] "question"'
base=$(setting LLM_BASE_URL) key=$(setting LLM_API_KEY) model=$(escaped "$(setting LLM_MODEL)")
base=${base%/}
[[ -n $base ]] || fail "LLM_BASE_URL is not set, in the environment or in .env (such as http://127.0.0.1:8080/v1)"
if [[ -z $model ]]; then
    list=$(request "$base/models" | body cat) || exit 1
    first_id='"id"[[:space:]]*:[[:space:]]*"(([^"\]|\\.)+)"'
    [[ $list =~ $first_id ]] || fail "$base/models names no model; set LLM_MODEL"
    model=${BASH_REMATCH[1]} # still escaped for JSON
fi
question="{\"model\":\"$model\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"$(escaped "$1")\"}]}"
if [[ -n $raw ]] || ! command -v jq >/dev/null; then
    request "$base/chat/completions" "$question" | body cat || exit 1
else
    request "$base/chat/completions" "$question" | body events | answer_text || exit 1
    echo
fi
