#!/usr/bin/env bash
# Measures the memory of 1, 2, 4 and 8 workers of large models, beside FastAPI's. `--write` writes RESULTS.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

python=$(python_with tests/conformance/requirements.txt)
sources=(bench/side/{models,estimators,large}.py tests/conformance/requirements.txt)
data=$(cached bench-memory "$(cat "${sources[@]}")" "$python" -W ignore bench/side/large.py)

# What LOADONCE names is used as it is.
[[ $LOADONCE != "$TESTS/../target/release/loadonce" ]] || cargo build --quiet --release --locked -p loadonce

"$python" bench/side/run_memory.py --data "$data" --loadonce "$LOADONCE" --library "$(onnxruntime_of "$python")" "$@"
