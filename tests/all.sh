#!/usr/bin/env bash
# Runs the steps named, each a target of the Makefile, until one fails, and says how long each took.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

times=()
began=$SECONDS

summary() {
    printf '\n== all\n'
    printf '%s\n' "${times[@]}"
    printf '  %-15s %4d s\n' total "$((SECONDS - began))"
}

for step in "$@"; do
    printf '\n== %s\n' "$step"
    started=$SECONDS
    if ! make --no-print-directory "$step"; then
        times+=("$(printf '  %-15s %4d s  FAILED' "$step" "$((SECONDS - started))")")
        summary
        printf 'FAILED in %s; what stands after it did not run. Again: make %s\n' "$step" "$step" >&2
        exit 1
    fi
    times+=("$(printf '  %-15s %4d s' "$step" "$((SECONDS - started))")")
done

summary
printf '%d passed, 0 failed\n' "$#"
