#!/usr/bin/env bash
# Compares loadonce with a hand-written floor and with what people use today, and says which bars are met. Arguments go to
# side.py: `--only iris --quick` for a look at one work.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

debian wrk wrk
debian h2load nghttp2-client
debian curl curl

python=$(python_with tests/conformance/requirements.txt)
packages=$(packages_data "$python")
generate() {
    "$python" -W ignore bench/side/models.py "$1" "$packages" &&
        "$python" -W ignore bench/side/estimators.py "$1"
}
sources=(bench/side/{models,estimators}.py bench/side/served/*/model.py)
sources+=(tests/conformance/minilm.py tests/conformance/{requirements,data}.txt)
data=$(cached bench-side "$(cat "${sources[@]}")" generate)

# What LOADONCE names is used as it is.
[[ $LOADONCE != "$TESTS/../target/release/loadonce" ]] || cargo build --quiet --release --locked -p loadonce
cargo build --quiet --release --locked --workspace --manifest-path bench/floor/Cargo.toml

"$python" bench/side/side.py --data "$data" --loadonce "$LOADONCE" --library "$(onnxruntime_of "$python")" \
    --results "${CARGO_TARGET_DIR:-target}/side.json" "$@"
