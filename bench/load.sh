#!/usr/bin/env bash
# Measures how fast a network of 403 MB loads, cold and warm: in one file, and as `loadonce optimize` writes it. `--write`
# writes RESULTS.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

python=$(python_with tests/conformance/requirements.txt)
sources=(bench/side/{models,large,network}.py tests/conformance/requirements.txt)
data=$(cached bench-load "$(cat "${sources[@]}")" "$python" -W ignore bench/side/network.py)

# What LOADONCE names is used as it is.
[[ $LOADONCE != "$TESTS/../target/release/loadonce" ]] || cargo build --quiet --release --locked -p loadonce

"$python" bench/side/run_loads.py --data "$data" --loadonce "$LOADONCE" --library "$(onnxruntime_of "$python")" "$@"
