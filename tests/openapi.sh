#!/usr/bin/env bash
# Validates the server's OpenAPI document, and holds what the server does against it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

python=$(python_with tests/openapi/requirements.txt)
PYTHONPATH=tests "$python" tests/openapi/check.py
