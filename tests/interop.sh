#!/usr/bin/env bash
# Has foreign clients, unmodified, ask a server, holds the README's table to what came of it, and runs the example
# clients. `--update` writes the table instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

debian curl curl
debian jq jq
debian h2load nghttp2-client
debian promtool prometheus
debian slowhttptest slowhttptest
debian node nodejs

results=${CARGO_TARGET_DIR:-target}/interop.json
mkdir -p "$(dirname "$results")"
builder=$(python_with tests/conformance/requirements.txt)
triton=$(python_with tests/interop/requirements.txt)
kserve=$(python_with tests/interop/kserve.txt)
schemathesis=$(python_with tests/interop/schemathesis.txt)
models=$(mktemp -d)
trap 'rm -rf "$models"' EXIT
"$builder" tests/interop/models.py "$models"

LOADONCE_ONNXRUNTIME=$(onnxruntime_of "$builder") "$PYTHON" tests/interop/run.py "$models" "$results" \
    "triton=$triton" "kserve=$kserve" "schemathesis=$schemathesis" "debian=$PYTHON"
"$PYTHON" tests/client_table.py "$results" "$@"

"$PYTHON" tests/example_clients.py "$(python_with examples/clients/requirements.txt)"
