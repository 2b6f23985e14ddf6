#!/usr/bin/env bash
# Checks the types of the worker package, has templates and workers do and suffer all that they may, and the server serve
# models of libraries with pools of threads.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

python=$(python_with python/requirements-test.txt)
"$python" -m mypy --config-file python/mypy.ini --cache-dir "$CACHE/mypy" python/loadonce_worker
"$python" -m pytest --quiet -p no:cacheprovider python/tests
PYTHONPATH=tests "$python" tests/python_libraries.py
