# Sourced by the scripts beside it: the Python environment of a checkout.
#
#   PYTHON        the interpreter to use; without it, the newest of python3, python3.14 … python3.11 that will do
#   SIP_CI_VENV   where the environment lies; without it, .venv in the checkout
#   PIP_*         pip's own settings hold, as everywhere
# shellcheck shell=bash

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${SIP_CI_VENV:-$root/.venv}"

say() {
    printf '%s\n' "$*" >&2
}

# Prints the first interpreter that is new enough.
find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
        if [[ -n ${PYTHON:-} ]]; then
            break
        fi
    done
    if [[ -n ${PYTHON:-} ]]; then
        say "error: PYTHON=$PYTHON is not Python 3.11 or newer."
    elif command -v python3 >/dev/null; then
        say "error: sip-ci needs Python 3.11 or newer, but python3 here is $(python3 -V 2>&1 | cut -d' ' -f2)."
        say "Install a newer one, or name it: PYTHON=/path/to/python3.11 ${0##*/}"
    else
        say "error: there is no python3 here. sip-ci needs Python 3.11 or newer."
    fi
    return 1
}

# prepare_environment GROUP…: an environment that holds sip-ci with its server, as an editable installation, and
# the named dependency groups of pyproject.toml. Does nothing when that is there already.
prepare_environment() {
    local python wanted stamp group
    local -a groups=()
    if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python="$(find_python)" || exit 2
        if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
            say "error: $python cannot make virtual environments: its venv or ensurepip module is missing."
            say "On Debian and Ubuntu: apt-get install python3-venv"
            exit 2
        fi
        say "Making a Python environment in $venv"
        rm -rf "$venv"
        "$python" -m venv "$venv" || exit 2
    fi
    # What is installed depends on the project's metadata and on the place of the checkout.
    stamp="$venv/.installed-$(printf '%s-' server "$@")"
    wanted="$root $("$venv/bin/python" -V) $(cksum <"$root/pyproject.toml")"
    if [[ -f $stamp && "$(<"$stamp")" == "$wanted" ]]; then
        return
    fi
    say "Installing sip-ci and what it needs (only the first time)"
    if [[ $# -gt 0 ]]; then
        # Dependency groups came with pip 25.1.
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' || exit 2
    fi
    for group in "$@"; do
        groups+=(--group "$root/pyproject.toml:$group")
    done
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "${root}[server]" "${groups[@]}" \
        || exit 2
    printf '%s' "$wanted" >"$stamp"
}
