#!/usr/bin/env bash
# Trains the example models again, has the program check the new ones and the committed ones, and compares both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

python=$(python_with examples/requirements.txt)
trained=$(mktemp -d)
trap 'rm -rf "$trained"' EXIT
"$python" examples/train.py --out "$trained"

"$LOADONCE" check "$trained"
"$LOADONCE" check examples/models

if diff -rq examples/models "$trained" >/dev/null; then
    printf 'examples/models is what examples/train.py writes, byte for byte\n'
elif "$PYTHON" tests/same_examples.py examples/models "$trained"; then
    printf 'examples/models is what examples/train.py writes, but for the last bits of expected answers:\n'
    printf 'this processor has other instructions than the one that they were written on\n'
else
    fail "training the examples gives something else than examples/models has.
Both pass 'loadonce check'. If examples/train.py or its requirements changed, run it and commit what it writes. If
nothing changed, this processor rounds some weights differently: then both are right, and the committed ones stay."
fi
