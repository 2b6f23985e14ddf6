#!/usr/bin/env bash
# Writes a model for every operator case, with the answers of ONNX Runtime, and has the program check them all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

generate() {
    local python
    python=$(python_with tests/operators/requirements.txt) && "$python" tests/operators/generate.py "$1"
}

# The cases are those of the generator's sources, of its packages and of the engine's tables of operators.
tables=(crates/engines/src/tabular/ops/{ml,onnx}_table.rs)
key=$(find tests/operators -name '*.py' -print0 | sort -z | xargs -0 cat tests/operators/requirements.txt "${tables[@]}")
cases=$(cached operators "$key" generate)

models=$(find "$cases" -name model.onnx | wc -l)
samples=$(find "$cases" -path '*/samples/*.json' | wc -l)
((models > 0 && samples > 0)) || fail "no case was generated in $cases"

# One line for each model is too much to read where all is well.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "$LOADONCE" check "$cases" --time 0s >"$log"; then
    grep -v ' samples right' "$log" >&2 || true
    fail "the check of the operator cases failed"
fi
verdict=$(tail -n 1 "$log")
expected="ok: $models models loaded, $samples samples answered rightly"
[[ $verdict == "$expected" ]] || fail "expected '$expected', got '$verdict'"
printf '%s\n' "$verdict"
