#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS (600), or the targets that are named. What is found lies in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

# A file of 64 KiB is no reason for an allocation of 64 MiB, nor for ten seconds of work.
most=65536
limits=(-max_len="$most" -malloc_limit_mb=64 -rss_limit_mb=2048 -timeout=10)

# seeds TARGET: prints the folders and files to begin from.
seeds() {
    case $1 in
    onnx) printf '%s\n' examples/models/*/model.onnx "$CACHE"/{operators-*,conformance-*/*}/*/model.onnx ;;
    xgboost) printf '%s\n' {examples/models,"$CACHE"/conformance-*/*}/*/model.{json,ubj} ;;
    v1 | v2 | v2_binary | grpc) printf '%s\n' "fuzz/seeds/$1"/* ;;
    lightgbm) printf '%s\n' {examples/models,"$CACHE"/conformance-*/*}/*/model.txt ;;
    esac
}

# plant TARGET: copies the seeds to the corpus, each under a name made from its path.
plant() {
    local seed
    mkdir -p "fuzz/corpus/$1"
    while read -r seed; do
        [[ ! -f $seed || $(stat -c %s "$seed") -gt $most ]] || cp "$seed" "fuzz/corpus/$1/seed-${seed//\//-}"
    done < <(seeds "$1")
}

command -v cargo-fuzz >/dev/null || fail "'cargo-fuzz' is missing; run: cargo install cargo-fuzz --locked"
if (($#)); then targets=("$@"); else mapfile -t targets < <(cargo fuzz list); fi
for target in "${targets[@]}"; do
    plant "$target"
    rustup run nightly cargo fuzz run --fuzz-dir fuzz "$target" -- \
        -max_total_time="${FUZZ_SECONDS:-600}" "${limits[@]}"
done
