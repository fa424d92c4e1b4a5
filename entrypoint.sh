#!/usr/bin/env bash
# Entry point of the image.
#
#   no argument        the GitHub Action: `sip-ci analyze` with the action's inputs
#   sip-ci …           and sip-ci-server, sh, bash, or an absolute path: that command
#   anything else      arguments of sip-ci: `docker run IMAGE analyze calls.pcap`
#
# bash, because dash removes variables such as INPUT_FAIL-ON from the environment.
set -euo pipefail

fail() {
    printf 'sip-ci: %s\n' "$1" >&2
    exit 2
}

# Prints an input of the action, without the blanks and line ends around it that YAML block scalars bring.
input() {
    local name="SIP_CI_INPUT_$1"
    local value="${!name:-}"
    value="${value#"${value%%[![:space:]]*}"}"
    value="${value%"${value##*[![:space:]]}"}"
    printf '%s' "$value"
}

# Prints the path for a report: the input's, or the default.
report_path() {
    local path
    path="$(input "$1")"
    if [[ $path == *$'\n'* ]]; then
        fail "the input ${2} must be one path, but has several lines"
    fi
    printf '%s' "${path:-$3}"
}

# Turns the inputs, which action.yml hands over as SIP_CI_INPUT_<NAME>, into the settings that the command line
# reads. They have names of their own because a variable of the workflow would otherwise win over an input:
# the runner sets `runs.env` only where the job's environment does not have that name.
settings_from_inputs() {
    local name value outputs
    for name in PATHS CONFIG SERVER API_KEY ALLOW_HTTP TIMEOUT FAIL_ON ISSUE ENDPOINTS CATEGORY ANCHOR TLS_KEYLOG \
        ANNOTATIONS JOB_SUMMARY; do
        value="$(input "$name")"
        if [[ -n $value ]]; then
            export "SIP_CI_$name=$value"
        fi
    done
    outputs="text=-"
    outputs+=$'\n'"sarif=$(report_path SARIF_FILE sarif-file sip-ci-results/sip-ci.sarif)" || exit
    outputs+=$'\n'"junit=$(report_path JUNIT_FILE junit-file sip-ci-results/junit.xml)" || exit
    outputs+=$'\n'"json=$(report_path JSON_FILE json-file sip-ci-results/report.json)" || exit
    value="$(report_path MARKDOWN_FILE markdown-file '')" || exit
    if [[ -n $value ]]; then
        outputs+=$'\n'"markdown=$value"
    fi
    export SIP_CI_OUTPUT="$outputs"
}

# Asks the runner to blot the key out of the log, wherever it came from and whoever prints it.
mask_key() {
    local key="${SIP_CI_API_KEY:-}"
    key="${key//%/%25}"
    key="${key//$'\r'/%0D}"
    key="${key//$'\n'/%0A}"
    # Of what is this short, blotting out would only disfigure the log.
    if [[ ${#key} -ge 4 ]]; then
        printf '::add-mask::%s\n' "$key"
    fi
}

if [[ $# -eq 0 ]]; then
    if [[ ${GITHUB_ACTIONS:-} == true ]]; then
        settings_from_inputs
        mask_key
    fi
    set -- analyze
fi

# The inputs (the key is among them) go no further.
for name in "${!SIP_CI_INPUT_@}"; do
    unset "$name"
done

case "$1" in
    sip-ci | sip-ci-server | sh | bash | /*) ;;
    *) set -- sip-ci "$@" ;;
esac

# GitHub starts container actions as root. Files that root leaves in the workspace of a self-hosted runner break
# the next checkout, and root could reach the Docker socket that the runner mounts: so become the owner.
if [[ ${GITHUB_ACTIONS:-} == true && $(id -u) -eq 0 ]]; then
    workspace="${GITHUB_WORKSPACE:-$PWD}"
    uid="$(stat -c %u -- "$workspace")" || fail "the workspace $workspace cannot be read"
    gid="$(stat -c %g -- "$workspace")"
    if [[ $uid -ne 0 ]]; then
        exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs -- "$@"
    fi
fi
exec "$@"
