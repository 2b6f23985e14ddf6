#!/usr/bin/env bash
# Measures the engines side by side on the same models; prints a table for bench/RESULTS.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

python=$(python_with tests/conformance/requirements.txt)
generate() {
    "$python" -W ignore bench/engines/models.py "$1" "$data"
}
data=$(packages_data "$python")
sources=(bench/engines/models.py tests/conformance/{networks,minilm}.py tests/conformance/{requirements,data}.txt)
LOADONCE_BENCH=$(cached bench-engines "$(cat "${sources[@]}")" generate)
LOADONCE_ONNXRUNTIME=$(onnxruntime_of "$python")
export LOADONCE_BENCH LOADONCE_ONNXRUNTIME
ORT_DISABLE_TELEMETRY=1 cargo bench --quiet --locked -p loadonce-engines --bench engines
