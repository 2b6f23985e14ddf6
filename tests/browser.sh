#!/usr/bin/env bash
# Uses the server's page with Debian's chromium and runs the commands that it shows. Arguments go to page.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

debian chromium chromium
debian curl curl
PYTHONPATH=tests "$PYTHON" tests/browser/page.py "$@"
