#!/usr/bin/env bash
# Measures the reading and writing of JSON tensors beside what others do; prints a table for bench/RESULTS.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo run --quiet --release --manifest-path bench/json/Cargo.toml
