# Sourced by the other scripts, from the project's folder: reads a setting as config/settings.py does.

# Print $1 from the environment, or otherwise from its first line in .env, without quotes
_value() {
    if [[ -n ${!1+set} ]]; then
        printf '%s' "${!1}"
    elif [[ -f .env ]]; then
        local line value
        while IFS= read -r line || [[ -n $line ]]; do
            line=${line%$'\r'} line=${line#export }
            [[ $line == "$1="* ]] || continue
            value=${line#*=}
            [[ $value =~ ^\'(.*)\'$ || $value =~ ^\"(.*)\"$ ]] && value=${BASH_REMATCH[1]}
            printf '%s' "$value"
            return
        done <.env
    fi
}

setting() {
    local file
    file=$(_value "$1_FILE")
    if [[ -n $file ]]; then cat -- "$file"; else _value "$1"; fi
}

is_set() { [[ -n $(_value "$1")$(_value "$1_FILE") ]]; }
