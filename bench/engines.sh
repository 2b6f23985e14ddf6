#!/usr/bin/env bash
# Measures the engines side by side on the same models; prints a table for bench/RESULTS.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

python=$(python_with tests/conformance/requirements.txt)
generate() {
    "$python" bench/engines/models.py "$1"
}
LOADONCE_BENCH=$(cached bench-engines "$(cat bench/engines/models.py tests/conformance/requirements.txt)" generate)
LOADONCE_ONNXRUNTIME=$(onnxruntime_of "$python")
export LOADONCE_BENCH LOADONCE_ONNXRUNTIME
ORT_DISABLE_TELEMETRY=1 cargo bench --quiet --locked -p loadonce-engines --bench engines
