#!/usr/bin/env bash
# What only the ONNX Runtime library can show: the engine's own tests, what the program does with it, and that a server with
# it connects to nobody.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

python=$(python_with tests/conformance/requirements.txt)
LOADONCE_ONNXRUNTIME=$(onnxruntime_of "$python")
export LOADONCE_ONNXRUNTIME

features=onnxruntime,isolation
# Tests have threads before the first one could set it.
ORT_DISABLE_TELEMETRY=1 cargo test --quiet --locked -p loadonce-engines --no-default-features --features "$features" \
    onnxruntime::tests -- --ignored
ORT_DISABLE_TELEMETRY=1 cargo test --quiet --locked -p loadonce-engines --no-default-features --features "$features" \
    --test isolated onnxruntime:: -- --ignored
cargo test --quiet --locked -p loadonce --test main -- --ignored
env -u ORT_DISABLE_TELEMETRY "$python" tests/outbound.py
