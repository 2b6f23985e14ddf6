#!/usr/bin/env bash
# Trains the example models again, has the program check the new ones and the committed ones, and compares both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

trained=$(mktemp -d)
trap 'rm -rf "$trained"' EXIT

# answer MODELS SAMPLES OPTION...: the models of one folder answer the samples of the other.
answer() {
    local crossed models=$1 samples=$2 model
    crossed=$(mktemp -d -p "$trained")
    shift 2
    cp -r "$models/." "$crossed"
    for model in "$samples"/*/samples; do
        rm -r "$crossed/$(basename "$(dirname "$model")")/samples"
        cp -r "$model" "$crossed/$(basename "$(dirname "$model")")"
    done
    "$LOADONCE" check "$crossed" --time 0s "$@"
}

# hold FOLDER SCRIPT OPTION...: FOLDER is what SCRIPT wrote into that of the same name in $trained, and both pass.
hold() {
    local committed=$1 script=$2 new
    new=$trained/$(basename "$1")
    shift 2
    "$LOADONCE" check "$new" --time 0s "$@"
    "$LOADONCE" check "$committed" --time 2s "$@"

    if diff -rq --exclude=__pycache__ "$committed" "$new" >/dev/null; then
        printf '%s is what %s writes, byte for byte\n' "$committed" "$script"
    elif "$PYTHON" tests/same_examples.py "$committed" "$new"; then
        answer "$committed" "$new" "$@"
        answer "$new" "$committed" "$@"
        printf '%s is what %s writes, but for the last bits of weights and answers:\n' "$committed" "$script"
        printf 'this processor has other instructions than the one that they were written on\n'
    else
        fail "training the examples gives something else than $committed has.
Both pass 'loadonce check'. If $script or its requirements changed, run it and commit what it writes."
    fi
}

python=$(python_with examples/requirements.txt)
"$python" examples/train.py --out "$trained/models"
hold examples/models examples/train.py

# Code and requirements are written by hand.
python=$(python_with examples/python/requirements.txt)
mkdir "$trained/python"
(cd examples/python && cp --parents requirements.txt */model.py "$trained/python")
"$python" examples/train_python.py --out "$trained/python"
hold examples/python examples/train_python.py --allow-pickle --python "$python"
