#!/usr/bin/env bash
# Serves the example models in Python, and holds docs/from-fastapi.md to what it says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

models=$(python_with examples/python/requirements.txt)
services=$(python_with docs/from-fastapi/requirements.txt)
for tests in fastapi loadonce; do
    "$services" -m pytest --quiet -p no:cacheprovider "docs/from-fastapi/$tests"
done
"$LOADONCE" check docs/from-fastapi/loadonce --python "$services"
"$PYTHON" tests/examples_python.py "$models" "$services"
