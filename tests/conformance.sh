#!/usr/bin/env bash
# Makes the conformance cases, has every engine answer them, and holds the README's table to what came of it.
# `--update` writes the table instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

requirements=tests/conformance/requirements.txt
results=${CARGO_TARGET_DIR:-target}/conformance.json
mkdir -p "$(dirname "$results")"
python=$(python_with "$requirements")

generate() {
    "$python" -W ignore tests/conformance/generate.py "$1" "$data"
}

data=$(packages_data "$python")
key=$(find tests/conformance -name '*.py' -print0 | sort -z | xargs -0 cat "$requirements" tests/conformance/data.txt)
LOADONCE_CONFORMANCE=$(cached conformance "$key" generate)
LOADONCE_CONFORMANCE_RESULTS=$(realpath "$results")
LOADONCE_ONNXRUNTIME=$(onnxruntime_of "$python")
export LOADONCE_CONFORMANCE LOADONCE_CONFORMANCE_RESULTS LOADONCE_ONNXRUNTIME

# The whole workspace, for the features of the step `unit`, whose build is used again.
ORT_DISABLE_TELEMETRY=1 cargo test --quiet --locked --workspace --test conformance -- \
    --nocapture --exact every_engine_answers_rightly_or_says_that_it_cannot
if [[ -z ${LOADONCE_CONFORMANCE_ONLY-} ]]; then
    "$python" tests/engine_table.py "$results" "$@"
fi
