#!/usr/bin/env bash
# Has foreign clients, unmodified, ask a server; prints a table of what worked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

builder=$(python_with tests/conformance/requirements.txt)
python=$(python_with tests/interop/requirements.txt)
models=$(mktemp -d)
trap 'rm -rf "$models"' EXIT
"$builder" tests/interop/models.py "$models"
LOADONCE_ONNXRUNTIME=$(onnxruntime_of "$builder") "$python" tests/interop/run.py "$models"
